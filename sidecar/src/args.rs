//! The command line, parsed by hand.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

/// How long `wait` waits when it is not told.
const WINDOW: Duration = Duration::from_secs(2);

/// What a person sees who got it wrong.
pub(crate) const USAGE: &str = "\
usage: splitvault-sidecar                              fetch the variables and keep them fresh
       splitvault-sidecar wait [--for 2s]              wait for the files; succeeds in any case
       splitvault-sidecar ready                        succeed when the files are there
       splitvault-sidecar exec [--keep NAME...] -- COMMAND [ARGUMENT...]
                                                       start a command with the variables
       splitvault-sidecar copy DESTINATION             copy this binary
       splitvault-sidecar version | help";

/// What a person sees who asks.
pub(crate) const HELP: &str = concat!(
    "\
splitvault-sidecar ", env!("CARGO_PKG_VERSION"), ": fetches a pod's variables and keeps them fresh.
Splitvault's webhook injects it; nobody has to start it by hand. It has no shell, and listens on no port unless
splitvault.dev/health-port asks for one on the pod's 127.0.0.1.

  splitvault-sidecar                    fetch the variables, write them to tmpfs, keep them fresh; the SPLITVAULT_…
                                        variables of the injected container are its settings
  splitvault-sidecar wait [--for 2s]    wait for the files, at most so long (from 0ms to 3600s); the postStart hook
  splitvault-sidecar ready              succeed when the files are there; a startup probe
  splitvault-sidecar exec [--keep NAME...] -- COMMAND [ARGUMENT...]
                                        wait for the variables and become the command that has them; a variable that
                                        --keep or SPLITVAULT_KEEP names keeps the value it has
  splitvault-sidecar copy DESTINATION   copy this binary to a file, or into a directory
  splitvault-sidecar version | help

Examples:
  kubectl logs web-1 -c splitvault                                          why a pod waits
  kubectl exec web-1 -- /splitvault/splitvault-sidecar exec -- env          what a command is started with
  kubectl exec web-1 -- /splitvault/splitvault-sidecar exec -- ./migrate    one more command with the variables

Exit codes:
    0  done: the variables are there and shall not be kept fresh, or it was asked to end (SIGTERM, SIGINT)
    1  cannot start: the directory is not on tmpfs, the certificates cannot be read; or `ready` and nothing is there
    2  the command line or a setting makes no sense
   90  changed variables are in place and splitvault.dev/on-change is RestartContainers: kubelet restarts all containers
  125  exec: cannot read the variables
  126  exec: the command cannot be run
  127  exec: there is no such command
  143  exec: SIGTERM came before the variables
An operator that cannot be reached or refuses is no reason to end: it says why and tries again."
);

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Attend,
    Wait { window: Duration },
    Ready,
    Exec(Exec),
    Copy { destination: PathBuf },
    Version,
    Help,
}

/// What `exec` starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exec {
    /// Names that keep the value they have.
    pub(crate) keep: Vec<String>,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

/// The command line makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("unknown command {0:?}")]
    Unknown(OsString),
    #[error("{0} takes no such argument: {1:?}")]
    Unexpected(&'static str, OsString),
    #[error("{0} needs {1}")]
    Missing(&'static str, &'static str),
    #[error("--for needs a time such as 2s or 500ms, got {0:?}")]
    Time(OsString),
    #[error("--keep needs names of variables, got {0:?}")]
    Name(OsString),
}

pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut arguments = arguments.into_iter();
    let Some(command) = arguments.next() else {
        return Ok(Command::Attend);
    };
    let (name, command) = match command.to_str() {
        Some("wait") => return wait(arguments),
        Some("exec") => return exec(arguments),
        Some("copy") => return copy(arguments),
        Some("ready") => ("ready", Command::Ready),
        Some("version" | "--version" | "-V") => ("version", Command::Version),
        Some("help" | "--help" | "-h") => ("help", Command::Help),
        _ => return Err(UsageError::Unknown(command)),
    };
    end(name, arguments)?;
    Ok(command)
}

fn end(name: &'static str, mut arguments: impl Iterator<Item = OsString>) -> Result<(), UsageError> {
    match arguments.next() {
        None => Ok(()),
        Some(argument) => Err(UsageError::Unexpected(name, argument)),
    }
}

fn wait(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let window = match arguments.next() {
        None => WINDOW,
        Some(option) if option == "--for" => {
            let time = arguments.next().ok_or(UsageError::Missing("--for", "a time"))?;
            duration(&time).ok_or(UsageError::Time(time))?
        }
        Some(argument) => return Err(UsageError::Unexpected("wait", argument)),
    };
    end("wait", arguments)?;
    Ok(Command::Wait { window })
}

/// Whole seconds or milliseconds, up to an hour.
fn duration(text: &OsStr) -> Option<Duration> {
    let text = text.to_str()?;
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number = digits.parse::<u32>().ok()?;
    let duration = match unit {
        "ms" => Duration::from_millis(number.into()),
        "s" => Duration::from_secs(number.into()),
        _ => return None,
    };
    (duration <= Duration::from_secs(3600)).then_some(duration)
}

fn exec(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut keep = Vec::new();
    let mut keeping = false;
    loop {
        let argument = arguments
            .next()
            .ok_or(UsageError::Missing("exec", "-- and a command"))?;
        match argument.to_str() {
            Some("--") => break,
            Some("--keep") => keeping = true,
            Some(names) if keeping && !names.starts_with('-') => keep.extend(list(names)),
            _ if keeping => return Err(UsageError::Name(argument)),
            _ => return Err(UsageError::Unexpected("exec", argument)),
        }
    }
    let program = arguments
        .next()
        .ok_or(UsageError::Missing("exec", "a command after --"))?;
    Ok(Command::Exec(Exec {
        keep,
        program,
        arguments: arguments.collect(),
    }))
}

fn copy(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let destination = arguments
        .next()
        .ok_or(UsageError::Missing("copy", "a destination"))?;
    end("copy", arguments)?;
    Ok(Command::Copy {
        destination: destination.into(),
    })
}

/// The names in a list that is separated by commas.
pub(crate) fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn parsed(line: &[&str]) -> Result<Command, UsageError> {
        parse(line.iter().map(OsString::from))
    }

    #[test]
    fn no_argument_means_to_attend_the_pod() {
        assert_eq!(parsed(&[]), Ok(Command::Attend));
    }

    #[test]
    fn wait_takes_a_bound() {
        let waits = |seconds| {
            Ok(Command::Wait {
                window: Duration::from_millis(seconds),
            })
        };
        assert_eq!(parsed(&["wait"]), waits(2000));
        assert_eq!(parsed(&["wait", "--for", "0s"]), waits(0));
        assert_eq!(parsed(&["wait", "--for", "1500ms"]), waits(1500));
        for time in ["2", "s", "-1s", "2m", "3601s", "99999999999s", "", "2 s", "²s"] {
            assert_eq!(
                parsed(&["wait", "--for", time]),
                Err(UsageError::Time(time.into()))
            );
        }
    }

    #[test]
    fn exec_leaves_the_command_as_it_is() {
        let mut line: Vec<_> = [
            "exec", "--keep", "A", "B", "--keep", "C,D", "--", "run", "--keep", "--",
        ]
        .map(OsString::from)
        .into();
        line.push(OsString::from_vec(vec![0xff]));
        let Ok(Command::Exec(exec)) = parse(line) else {
            panic!("this is an exec")
        };
        assert_eq!(exec.keep, ["A", "B", "C", "D"]);
        assert_eq!(exec.program, "run");
        let expected = [
            OsString::from("--keep"),
            OsString::from("--"),
            OsString::from_vec(vec![0xff]),
        ];
        assert_eq!(exec.arguments, expected);
    }

    #[test]
    fn nonsense_is_refused() {
        let nonsense: [&[&str]; 10] = [
            &["what"],
            &[""],
            &["wait", "2s"],
            &["wait", "--for"],
            &["wait", "--for", "1s", "x"],
            &["exec", "run"],
            &["exec", "--keep", "--all", "--", "run"],
            &["exec", "--"],
            &["copy"],
            &["version", "x"],
        ];
        for line in nonsense {
            assert!(parsed(line).is_err(), "{line:?}");
        }
    }
}
