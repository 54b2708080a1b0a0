//! What the sidecar does in a running pod once changed variables are in place.

use super::{Refresh, Refusal, refuse};
use crate::annotations;

/// Names of signals (POSIX.1-2024, `<signal.h>`).
const SIGNALS: [&str; 28] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGQUIT",
    "SIGSEGV",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGXCPU",
    "SIGXFSZ",
];

/// The pod's own loopback; another host would let the author of a pod send requests from wherever it runs.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// What the sidecar does in a running pod once changed variables are in place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reaction {
    /// Nothing.
    #[default]
    None,
    /// It sends a signal to each process of a name.
    Signal {
        /// Its POSIX name, such as `SIGHUP`.
        signal: String,
        /// The process' name, without a slash.
        process: String,
    },
    /// It sends a POST to the pod's loopback.
    Http {
        /// Such as `http://127.0.0.1:8080/reload`.
        url: String,
    },
    /// It has kubelet restart all containers of the pod in place (KEP-5532).
    RestartContainers,
}

/// Reads the annotations that belong together; `text` looks one up.
pub(super) fn parse<'a>(
    text: impl Fn(&'static str) -> Option<&'a str>,
    refresh: Refresh,
) -> Result<Reaction, Refusal> {
    let asked = text(annotations::ON_CHANGE);
    alone(
        &text,
        &[annotations::SIGNAL, annotations::SIGNAL_PROCESS],
        "Signal",
    )?;
    alone(&text, &[annotations::ON_CHANGE_URL], "HTTP")?;
    let refuse = |problem: &str| Err(refuse(annotations::ON_CHANGE, problem));
    let on_change = match asked {
        None | Some("None") => return Ok(Reaction::None),
        Some("Signal") => signal(text(annotations::SIGNAL), text(annotations::SIGNAL_PROCESS))?,
        Some("HTTP") => http(text(annotations::ON_CHANGE_URL))?,
        Some("RestartContainers") => Reaction::RestartContainers,
        Some("Restart") => {
            return refuse(
                "is not for a pod: set spec.onChange: Restart in the VaultSecret, which restarts the workloads that \
                 use it one pod after another; or write RestartContainers, which restarts this pod in place",
            );
        }
        Some(_) => return refuse("write None, Signal, HTTP or RestartContainers"),
    };
    if refresh == Refresh::Once {
        return refuse(
            "needs a sidecar that stays: remove splitvault.dev/refresh: \"false\", or remove this",
        );
    }
    Ok(on_change)
}

/// What is set for another way than the one that is asked for would be ignored.
fn alone<'a>(
    text: &impl Fn(&'static str) -> Option<&'a str>,
    of: &[&'static str],
    way: &str,
) -> Result<(), Refusal> {
    let set = of.iter().find(|annotation| text(annotation).is_some());
    match set {
        Some(annotation) if text(annotations::ON_CHANGE) != Some(way) => Err(refuse(
            annotation,
            format!(
                "is for {}: {way}: set that too, or remove this",
                annotations::ON_CHANGE
            ),
        )),
        _ => Ok(()),
    }
}

fn signal(signal: Option<&str>, process: Option<&str>) -> Result<Reaction, Refusal> {
    let signal = signal.unwrap_or("SIGHUP");
    if !SIGNALS.contains(&signal) {
        let problem = "write the POSIX name of a signal, such as SIGHUP, SIGUSR1 or SIGTERM";
        return Err(refuse(annotations::SIGNAL, problem));
    }
    let is_name = |name: &&str| {
        !name.is_empty() && name.len() <= 255 && !name.contains('/') && !name.contains(char::is_control)
    };
    match process.filter(is_name) {
        Some(process) => Ok(Reaction::Signal {
            signal: signal.to_owned(),
            process: process.to_owned(),
        }),
        None => Err(refuse(
            annotations::SIGNAL_PROCESS,
            "write the name of the process that gets the signal, without its directory, such as nginx",
        )),
    }
}

fn http(url: Option<&str>) -> Result<Reaction, Refusal> {
    match url.filter(|url| is_loopback(url)) {
        Some(url) => Ok(Reaction::Http { url: url.to_owned() }),
        None => Err(refuse(
            annotations::ON_CHANGE_URL,
            "write a URL of the pod itself, such as http://127.0.0.1:8080/reload; its host is 127.0.0.1, localhost or \
             [::1], as the sidecar calls nobody else",
        )),
    }
}

/// `http://HOST[:PORT][/PATH][?QUERY]` with one of three hosts; no user, no fragment.
fn is_loopback(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = LOOPBACK.iter().find_map(|host| authority.strip_prefix(host));
    // RFC 3986 has none of these in a path or a query.
    let plain = |byte: u8| byte.is_ascii_graphic() && !br##"#"<>\^`{|}"##.contains(&byte);
    host.is_some_and(is_port) && path.bytes().all(plain) && url.len() <= 1024
}

/// Nothing, or a colon and a number from 1 to 65535.
fn is_port(text: &str) -> bool {
    let number = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
    };
    text.is_empty() || text.strip_prefix(':').is_some_and(number)
}
