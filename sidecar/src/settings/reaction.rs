//! What to do once changed variables are in place.

use splitvault_wire::pod;

use super::{InvalidSetting, invalid};
use crate::reaction::{Call, Reaction, Signalling, signal_named};

pub(super) fn read(optional: &impl Fn(&str) -> Option<String>) -> Result<Reaction, InvalidSetting> {
    match optional(pod::ON_CHANGE).as_deref() {
        None => Ok(Reaction::None),
        Some(pod::ON_CHANGE_SIGNAL) => signalling(optional).map(Reaction::Signal),
        Some(pod::ON_CHANGE_HTTP) => {
            let url = optional(pod::ON_CHANGE_URL).ok_or(invalid(pod::ON_CHANGE_URL, "is not set"))?;
            let call = Call::to(&url).ok_or(invalid(
                pod::ON_CHANGE_URL,
                "is not a URL of the form http://127.0.0.1[:port][/path]",
            ))?;
            Ok(Reaction::Http(call))
        }
        Some(pod::ON_CHANGE_RESTART) => Ok(Reaction::RestartContainers),
        Some(_) => Err(invalid(
            pod::ON_CHANGE,
            "is not Signal, HTTP or RestartContainers",
        )),
    }
}

fn signalling(optional: &impl Fn(&str) -> Option<String>) -> Result<Signalling, InvalidSetting> {
    let name = optional(pod::SIGNAL).ok_or(invalid(pod::SIGNAL, "is not set"))?;
    let signal = signal_named(&name).ok_or(invalid(pod::SIGNAL, "is not the POSIX name of a signal"))?;
    let process = optional(pod::SIGNAL_PROCESS).ok_or(invalid(pod::SIGNAL_PROCESS, "is not set"))?;
    Ok(Signalling {
        signal,
        name,
        process,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Reaction, InvalidSetting> {
        read(&|name: &str| {
            let pair = pairs.iter().find(|(variable, _)| *variable == name);
            pair.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_the_webhook_sets_is_understood() {
        assert!(matches!(with(&[]), Ok(Reaction::None)));
        let signal = [
            (pod::ON_CHANGE, "Signal"),
            (pod::SIGNAL, "SIGUSR1"),
            (pod::SIGNAL_PROCESS, "nginx"),
        ];
        let Ok(Reaction::Signal(signalling)) = with(&signal) else {
            panic!("this is a signal")
        };
        assert_eq!((&*signalling.name, &*signalling.process), ("SIGUSR1", "nginx"));
        assert_eq!(Some(signalling.signal), signal_named("SIGUSR1"));
        let call = [
            (pod::ON_CHANGE, "HTTP"),
            (pod::ON_CHANGE_URL, "http://[::1]:8/x?y"),
        ];
        assert!(matches!(with(&call), Ok(Reaction::Http(_))));
        assert!(matches!(
            with(&[(pod::ON_CHANGE, "RestartContainers")]),
            Ok(Reaction::RestartContainers)
        ));
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_refused_by_name() {
        for (pairs, name) in [
            (&[(pod::ON_CHANGE, "Restart")][..], pod::ON_CHANGE),
            (&[(pod::ON_CHANGE, "Signal")], pod::SIGNAL),
            (&[(pod::ON_CHANGE, "Signal"), (pod::SIGNAL, "9")], pod::SIGNAL),
            (
                &[(pod::ON_CHANGE, "Signal"), (pod::SIGNAL, "SIGHUP")],
                pod::SIGNAL_PROCESS,
            ),
            (&[(pod::ON_CHANGE, "HTTP")], pod::ON_CHANGE_URL),
            (
                &[
                    (pod::ON_CHANGE, "HTTP"),
                    (pod::ON_CHANGE_URL, "http://example.com/"),
                ],
                pod::ON_CHANGE_URL,
            ),
        ] {
            assert_eq!(with(pairs).unwrap_err().variable, name);
        }
    }
}
