//! A signal to each process of a name (`kill(2)`).

use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::{Failed, process};

/// Which signal to send to whom.
#[derive(Debug, Clone)]
pub struct Signalling {
    /// The signal.
    pub signal: Signal,
    /// Its name, for the log.
    pub name: String,
    /// The name of the processes.
    pub process: String,
}

/// The signal of a POSIX name (POSIX.1-2024, `<signal.h>`).
#[must_use]
pub fn signal_named(name: &str) -> Option<Signal> {
    Some(match name {
        "SIGABRT" => Signal::ABORT,
        "SIGALRM" => Signal::ALARM,
        "SIGBUS" => Signal::BUS,
        "SIGCHLD" => Signal::CHILD,
        "SIGCONT" => Signal::CONT,
        "SIGFPE" => Signal::FPE,
        "SIGHUP" => Signal::HUP,
        "SIGILL" => Signal::ILL,
        "SIGINT" => Signal::INT,
        "SIGKILL" => Signal::KILL,
        "SIGPIPE" => Signal::PIPE,
        // Linux has the one for the other (signal(7)).
        "SIGPOLL" => Signal::IO,
        "SIGPROF" => Signal::PROF,
        "SIGQUIT" => Signal::QUIT,
        "SIGSEGV" => Signal::SEGV,
        "SIGSTOP" => Signal::STOP,
        "SIGSYS" => Signal::SYS,
        "SIGTERM" => Signal::TERM,
        "SIGTRAP" => Signal::TRAP,
        "SIGTSTP" => Signal::TSTP,
        "SIGTTIN" => Signal::TTIN,
        "SIGTTOU" => Signal::TTOU,
        "SIGURG" => Signal::URG,
        "SIGUSR1" => Signal::USR1,
        "SIGUSR2" => Signal::USR2,
        "SIGVTALRM" => Signal::VTALARM,
        "SIGXCPU" => Signal::XCPU,
        "SIGXFSZ" => Signal::XFSZ,
        _ => return None,
    })
}

impl Signalling {
    /// Sends it; both answers are for the log.
    pub(super) fn send(&self) -> Result<String, Failed> {
        let Self {
            signal,
            name,
            process,
        } = self;
        let ids = process::named(process, Path::new("/proc"))
            .map_err(|error| Failed::Passing(format!("cannot look for processes in /proc: {error}")))?;
        let sent: Vec<_> = ids.into_iter().map(|id| kill(id, *signal)).collect();
        let count = |outcome: Result<(), Errno>| sent.iter().filter(|one| **one == outcome).count();
        match (count(Ok(())), count(Err(Errno::PERM))) {
            (0, 0) => Err(Failed::Passing(format!(
                "no process is named {process}, so {name} was not sent: see splitvault.dev/signal-process"
            ))),
            (sent, 0) => Ok(format!("sent {name} to {} named {process}", processes(sent))),
            // With another try the others would get it twice.
            (sent, refused) => Err(Failed::Lasting(format!(
                "sent {name} to {} named {process}, and may not send it to {} more (EPERM): they run as another user; \
                 set the same runAsUser, other than 0, for the whole pod in its securityContext",
                processes(sent),
                refused
            ))),
        }
    }
}

fn kill(id: i32, signal: Signal) -> Result<(), Errno> {
    // A process that is gone is as good as none.
    Pid::from_raw(id).map_or(Err(Errno::SRCH), |id| kill_process(id, signal))
}

fn processes(number: usize) -> String {
    match number {
        1 => "1 process".to_owned(),
        number => format!("{number} processes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_by_its_posix_name_alone() {
        assert_eq!(signal_named("SIGHUP").map(Signal::as_raw), Some(1));
        assert_eq!(signal_named("SIGPOLL").map(Signal::as_raw), Some(29));
        for name in ["", "HUP", "sighup", "SIGRTMIN", "1", "SIGHUP "] {
            assert_eq!(signal_named(name), None, "{name}");
        }
    }

    #[test]
    fn nobody_of_that_name_is_told() {
        let signalling = Signalling {
            signal: Signal::KILL,
            name: "SIGKILL".to_owned(),
            process: "no-process-has-this-name".to_owned(),
        };
        let Err(Failed::Passing(sentence)) = signalling.send() else {
            panic!("it may come")
        };
        assert!(sentence.contains("no process is named") && sentence.contains("signal-process"));
    }
}
