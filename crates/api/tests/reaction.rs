//! What a pod may ask its sidecar to do after a change.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use splitvault_api::{Reaction, Refusal, Request, annotations};

fn parse(pairs: &[(&str, &str)]) -> Result<Reaction, Refusal> {
    let with = [("inject", "web")].iter().chain(pairs);
    let all = with.map(|(name, value)| (format!("splitvault.dev/{name}"), (*value).to_owned()));
    Request::parse(&all.collect()).map(|request| request.unwrap().on_change)
}

fn refused(pairs: &[(&str, &str)]) -> Refusal {
    parse(pairs).unwrap_err()
}

const SIGNAL: (&str, &str) = ("on-change", "Signal");
const HTTP: (&str, &str) = ("on-change", "HTTP");

#[test]
fn nothing_happens_unless_asked_for() {
    assert_eq!(parse(&[]), Ok(Reaction::None));
    assert_eq!(parse(&[("on-change", "None")]), Ok(Reaction::None));
    for text in ["", "none", "signal", "Reload", "Signal,HTTP"] {
        assert_eq!(
            refused(&[("on-change", text)]).annotation,
            annotations::ON_CHANGE,
            "{text}"
        );
    }
}

#[test]
fn a_rolling_restart_is_the_vault_secrets_to_ask_for() {
    let sentence = refused(&[("on-change", "Restart")]).to_string();
    assert!(sentence.contains("spec.onChange: Restart"), "{sentence}");
    assert!(sentence.contains("RestartContainers"), "{sentence}");
    assert_eq!(
        parse(&[("on-change", "RestartContainers")]),
        Ok(Reaction::RestartContainers)
    );
}

#[test]
fn a_signal_needs_a_process() {
    let signal = |signal: &str| {
        Ok(Reaction::Signal {
            signal: signal.to_owned(),
            process: "nginx".to_owned(),
        })
    };
    let process = ("signal-process", "nginx");
    assert_eq!(parse(&[SIGNAL, process]), signal("SIGHUP"));
    assert_eq!(
        parse(&[SIGNAL, process, ("signal", "SIGUSR2")]),
        signal("SIGUSR2")
    );
    for text in ["", "HUP", "sighup", "1", "SIGRTMIN", "SIGHUP,SIGUSR1"] {
        assert_eq!(
            refused(&[SIGNAL, process, ("signal", text)]).annotation,
            annotations::SIGNAL,
            "{text}"
        );
    }
    assert_eq!(refused(&[SIGNAL]).annotation, annotations::SIGNAL_PROCESS);
    for text in ["", "/usr/sbin/nginx", "a\nb", "a\0b", &"n".repeat(256)] {
        assert_eq!(
            refused(&[SIGNAL, ("signal-process", text)]).annotation,
            annotations::SIGNAL_PROCESS,
            "{text:?}"
        );
    }
}

#[test]
fn a_call_goes_to_the_pod_itself() {
    for url in [
        "http://127.0.0.1",
        "http://127.0.0.1:8080/reload",
        "http://localhost:1/",
        "http://[::1]:65535/-/reload?now=1",
        "http://localhost?x",
    ] {
        let url = url.to_owned();
        assert_eq!(
            parse(&[HTTP, ("on-change-url", &url)]),
            Ok(Reaction::Http { url })
        );
    }
    assert_eq!(refused(&[HTTP]).annotation, annotations::ON_CHANGE_URL);
    for url in [
        "",
        "127.0.0.1:80",
        "https://127.0.0.1/",
        "HTTP://127.0.0.1/",
        "http://",
        "http://10.0.0.1/",
        "http://127.0.0.2/",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://localhost@example.com/",
        "http://127.0.0.1:80@example.com/",
        "http://user@127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://[::1/",
        "http://[::ffff:10.0.0.1]/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:+80/",
        "http://127.0.0.1\\@example.com/",
        "http://127.0.0.1/#a",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nhost: x",
        "http://127.0.0.1/é",
        &format!("http://127.0.0.1/{}", "a".repeat(1024)),
    ] {
        assert_eq!(
            refused(&[HTTP, ("on-change-url", url)]).annotation,
            annotations::ON_CHANGE_URL,
            "{url}"
        );
    }
}

#[test]
fn what_is_set_for_another_way_is_refused_and_not_ignored() {
    let url = ("on-change-url", "http://127.0.0.1/");
    for pairs in [&[url][..], &[SIGNAL, ("signal-process", "a"), url]] {
        assert_eq!(refused(pairs).annotation, annotations::ON_CHANGE_URL);
    }
    assert_eq!(refused(&[("signal", "SIGHUP")]).annotation, annotations::SIGNAL);
    let process = refused(&[HTTP, url, ("signal-process", "a")]);
    assert_eq!(process.annotation, annotations::SIGNAL_PROCESS);
}

#[test]
fn a_sidecar_that_does_not_stay_cannot_react() {
    let once = ("refresh", "false");
    for pairs in [
        vec![("on-change", "RestartContainers"), once],
        vec![HTTP, ("on-change-url", "http://127.0.0.1/"), once],
        vec![SIGNAL, ("signal-process", "a"), once],
    ] {
        assert_eq!(refused(&pairs).annotation, annotations::ON_CHANGE);
    }
    assert_eq!(parse(&[("on-change", "None"), once]), Ok(Reaction::None));
}

proptest! {
    #[test]
    fn a_host_that_is_taken_is_this_pod(url in "http://(localhost|127\\.0\\.0\\.1|\\[::1\\]|[a-z0-9.:@\\[\\]]{0,12})[:@./\\\\?#]?[a-z0-9@:/.]{0,12}") {
        if parse(&[HTTP, ("on-change-url", &url)]).is_ok() {
            let authority = url["http://".len()..].split(['/', '?', '#']).next().unwrap();
            let host = match authority.rsplit_once(':') {
                Some((host, port)) if !port.contains(']') => host,
                _ => authority,
            };
            prop_assert!(["localhost", "127.0.0.1", "[::1]"].contains(&host), "{url}");
        }
    }
}
