//! Starts an application with its variables: no file for it to read, no shell in between (`execve(2)`).

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use splitvault_crypto::SecretBytes;
use splitvault_wire::pod::{ENV_BIN, KEEP, RESERVED};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval, interval_at};

use crate::args::{Exec, list};
use crate::log;

/// How often to look for the file.
const LOOK: Duration = Duration::from_millis(50);

/// How often to say what is being waited for.
const SAY: Duration = Duration::from_secs(10);

/// What shells answer for a command that is not there, and for one that cannot be run (POSIX, 2.8.2).
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Our own failures; 125 as in `env(1)` and `timeout(1)`.
const FAILED: u8 = 125;

/// What shells answer for a process that SIGTERM ended.
const TERMINATED: u8 = 128 + 15;

/// Replaces this process by the command. Comes back only when that fails.
pub(crate) fn exec(request: &Exec, directory: &Path) -> ExitCode {
    let content = match read(&directory.join(ENV_BIN)) {
        Ok(Some(content)) => content,
        Ok(None) => match wait(&directory.join(ENV_BIN)) {
            Ok(Some(content)) => content,
            Ok(None) => return TERMINATED.into(),
            Err(error) => return failed(&error),
        },
        Err(error) => return failed(&error),
    };
    let mut keep = request.keep.clone();
    keep.extend(list(&std::env::var(KEEP).unwrap_or_default()));
    let mut command = Command::new(&request.program);
    command.args(&request.arguments).env_remove(KEEP);
    // EXPOSE: this is where the application gets its variables.
    match variables(content.expose()) {
        Some(variables) => {
            let kept = |name: &OsStr| keep.iter().any(|kept| name == kept.as_str());
            command.envs(
                variables
                    .into_iter()
                    .filter(|(name, _)| !kept(name) && !is_reserved(name)),
            )
        }
        None => return failed(&io::ErrorKind::InvalidData.into()),
    };
    let error = command.exec();
    let code = match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    };
    log::say(format_args!("cannot run {:?}: {error}", request.program));
    code.into()
}

fn failed(error: &io::Error) -> ExitCode {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ": this container runs as another user, so set splitvault.dev/file-mode"
        }
        _ => "",
    };
    log::say(format_args!("cannot read the variables: {error}{advice}"));
    FAILED.into()
}

fn read(path: &Path) -> io::Result<Option<SecretBytes>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits for the file; `None` when SIGTERM comes first. As process 1 of a container this process
/// would not notice that signal unless it asked for it.
fn wait(path: &Path) -> io::Result<Option<SecretBytes>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let (mut look, mut say) = (interval(LOOK), interval_at(Instant::now() + SAY, SAY));
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(None),
                _ = look.tick() => if let Some(content) = read(path)? {
                    return Ok(Some(content));
                },
                _ = say.tick() => log::say(format_args!(
                    "waiting for the variables ({} is not there yet): the logs of the injected container say why",
                    path.display(),
                )),
            }
        }
    })
}

/// Kubelet is given no such name either.
fn is_reserved(name: &OsStr) -> bool {
    name.as_bytes().starts_with(RESERVED.as_bytes())
}

/// The variables in the file, or nothing if it is none of ours.
fn variables(content: &[u8]) -> Option<Vec<(&OsStr, &OsStr)>> {
    let Some(items) = content.strip_suffix(b"\0") else {
        return content.is_empty().then(Vec::new);
    };
    let items = items.split(|&byte| byte == 0);
    items.map(pair).collect()
}

fn pair(item: &[u8]) -> Option<(&OsStr, &OsStr)> {
    let equals = item.iter().position(|&byte| byte == b'=').filter(|&at| at > 0)?;
    Some((
        OsStr::from_bytes(&item[..equals]),
        OsStr::from_bytes(&item[equals + 1..]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(content: &[u8]) -> Option<Vec<(&str, &str)>> {
        let pairs = variables(content)?.into_iter();
        Some(
            pairs
                .map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap()))
                .collect(),
        )
    }

    #[test]
    fn values_may_hold_anything_but_nul() {
        assert_eq!(pairs(b""), Some(vec![]));
        assert_eq!(
            pairs(b"A=\0B==x=\n'\"\0C=\xc3\xa9\0"),
            Some(vec![("A", ""), ("B", "=x=\n'\""), ("C", "\u{e9}")])
        );
    }

    #[test]
    fn what_is_no_list_of_variables_is_refused() {
        for content in [b"A=1".as_slice(), b"\0", b"A\0", b"=1\0", b"A=1\0\0", b"A=1\0B"] {
            assert_eq!(variables(content), None, "{}", content.escape_ascii());
        }
    }
}
