//! Annotations of pods, understood or refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use splitvault_api::{Exec, Format, InitOrder, Mode, Reaction, Refresh, Refusal, Request, annotations};

fn parse(pairs: &[(&str, &str)]) -> Result<Option<Request>, Refusal> {
    let pair = |(name, value): &(&str, &str)| (format!("splitvault.dev/{name}"), (*value).to_owned());
    Request::parse(&pairs.iter().map(pair).collect())
}

fn request(pairs: &[(&str, &str)]) -> Request {
    let with: Vec<_> = [("inject", "web")].iter().chain(pairs).copied().collect();
    parse(&with).unwrap().unwrap()
}

fn refused(pairs: &[(&str, &str)]) -> Refusal {
    let with: Vec<_> = [("inject", "web")].iter().chain(pairs).copied().collect();
    parse(&with).unwrap_err()
}

#[test]
fn a_pod_that_does_not_ask_gets_nothing_whatever_else_it_says() {
    for pairs in [&[][..], &[("mode", "nonsense"), ("unknown", "x")]] {
        assert_eq!(parse(pairs).unwrap(), None);
    }
}

#[test]
fn a_name_is_enough() {
    let expected = Request {
        vault_secrets: vec!["web".to_owned()],
        selection: splitvault_api::Selection::default(),
        mode: Mode::Env,
        containers: None,
        refresh: Refresh::Every(300),
        format: Format::Dotenv,
        path: None,
        file_mode: None,
        on_change: Reaction::None,
        exec: Exec::default(),
        init_order: InitOrder::First,
        health_port: None,
    };
    assert_eq!(request(&[]), expected);
    assert_eq!(request(&[("mode", "file")]).refresh, Refresh::Every(60));
}

#[test]
fn names_stand_in_order_with_or_without_blanks() {
    let many = parse(&[("inject", " web ,db.prod, a-1")]).unwrap().unwrap();
    assert_eq!(many.vault_secrets, ["web", "db.prod", "a-1"]);
    assert_eq!(
        request(&[("containers", "app, init")]).containers.unwrap(),
        ["app", "init"]
    );
}

#[test]
fn a_name_may_have_its_namespace_before_it() {
    let many = parse(&[("inject", "web, shop/db.prod")]).unwrap().unwrap();
    assert_eq!(many.vault_secrets, ["web", "shop/db.prod"]);
    let located = |reference| splitvault_api::located("home", reference);
    assert_eq!(
        (located("web"), located("shop/web")),
        (("home", "web"), ("shop", "web"))
    );
}

#[test]
fn names_that_are_none_are_refused() {
    let long = "a".repeat(254);
    let many = (0..33)
        .map(|number| format!("n{number}"))
        .collect::<Vec<_>>()
        .join(",");
    for names in [
        "", ",", "web,", "Web", "we b", "-web", "web-", "../web", "a/b/c", "/web", "shop/", "Shop/web",
        "a.b/web", "*/web", "a..b", "web,web", "é", &long, &many,
    ] {
        let refusal = parse(&[("inject", names)]).unwrap_err();
        assert_eq!(refusal.annotation, annotations::INJECT, "{names}");
    }
    for names in ["", "app.1", "App", &"a".repeat(64)] {
        assert_eq!(
            refused(&[("containers", names)]).annotation,
            annotations::CONTAINERS,
            "{names}"
        );
    }
}

#[test]
fn of_many_names_the_wrong_one_is_told_and_not_at_any_length() {
    let long = "A".repeat(500);
    for (names, told) in [
        ("db, wéb", "item 2 (w…)"),
        ("a\n b", "item 1 (a…)"),
        ("web,", "item 2 (empty)"),
        ("web,db,Web", "item 3 (Web) is no name"),
        ("web,web", "item 2 (web) stands there twice"),
        (&long, "item 1 (AAAAAAAA…)"),
    ] {
        let problem = refused(&[("containers", names)]).problem;
        assert!(problem.contains(told) && problem.len() < 200, "{problem}");
    }
}

/// `KEY=value`, tokens and URLs, pasted where names belong.
#[test]
fn a_value_that_stands_where_it_does_not_belong_is_not_repeated() {
    for (value, secret) in [
        ("PASSWORD=hunter2 S3cretPw!", "hunter2"),
        ("PASSWORD = hunter2/S3cretPw", "hunter2"),
        ("web, A=B, A=hunter2", "hunter2"),
        ("web, PASSWORD: hunter2", "hunter2"),
        ("postgres://u:hunter2@db", "hunter2"),
        ("aHVudGVyMg==", "aHVudGVyMg"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0", "JIUzI1NiJ9"),
        ("\n-----BEGIN KEY-----\nhunter2", "hunter2"),
        ("hunter2 hunter2=hunter2", "hunter2 "),
    ] {
        let mut refused = 0;
        for name in annotations::ALL {
            let all = [
                (annotations::INJECT, "web"),
                (annotations::MODE, "file"),
                (name, value),
            ];
            let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let Err(refusal) = Request::parse(&all.into()) else {
                continue;
            };
            let sentence = format!("{refusal} {refusal:?}");
            assert!(!sentence.contains(secret), "{sentence}");
            assert!(sentence.contains(name), "{sentence}");
            refused += 1;
        }
        // Most of them can be nothing of the kind anywhere.
        assert!(refused >= annotations::ALL.len() - 2, "{value}: {refused}");
    }
    let key = refused(&[("PASSWORD=hunter2", "x")]);
    assert_eq!(key.annotation, "splitvault.dev/PASSWORD=…");
}

#[test]
fn a_refresh_is_a_time_or_false() {
    for (text, seconds) in [
        ("1s", 1),
        ("90s", 90),
        ("5m", 300),
        ("24h", 86_400),
        ("86400s", 86_400),
    ] {
        assert_eq!(
            request(&[("refresh", text)]).refresh,
            Refresh::Every(seconds),
            "{text}"
        );
    }
    assert_eq!(request(&[("refresh", "false")]).refresh, Refresh::Once);
    for text in [
        "",
        "0s",
        "25h",
        "5",
        "-5s",
        "+5s",
        "5 s",
        "1h5m",
        "true",
        "99999h",
        "999999999999s",
        "٣s",
        "s",
        "1.5m",
    ] {
        assert_eq!(
            refused(&[("refresh", text)]).annotation,
            annotations::REFRESH,
            "{text}"
        );
    }
}

#[test]
fn a_health_port_is_one_that_a_user_may_listen_on() {
    for (text, port) in [("1024", 1024), (" 8089 ", 8089), ("65535", 65_535)] {
        assert_eq!(request(&[("health-port", text)]).health_port, Some(port));
    }
    for text in [
        "",
        "0",
        "80",
        "1023",
        "65536",
        "+8089",
        "-8089",
        "8089/tcp",
        "127.0.0.1:8089",
        "http",
        "٨٠٨٩",
    ] {
        let refusal = refused(&[("health-port", text)]);
        assert_eq!(refusal.annotation, annotations::HEALTH_PORT, "{text}");
    }
}

#[test]
fn an_init_order_is_first_last_or_after_somebody() {
    let order = |text| request(&[("init-order", text)]).init_order;
    assert_eq!(order("first"), InitOrder::First);
    assert_eq!(order(" last "), InitOrder::Last);
    for text in ["after=istio-proxy", "after= istio-proxy "] {
        assert_eq!(order(text), InitOrder::After("istio-proxy".to_owned()));
    }
    for text in [
        "",
        "true",
        "First",
        "after",
        "after=",
        "after=a,b",
        "after=splitvault",
        "after=A",
        "after:a",
        "before=a",
        "1",
    ] {
        let refusal = refused(&[("init-order", text)]);
        assert_eq!(refusal.annotation, annotations::INIT_ORDER, "{text}");
    }
}

#[test]
fn a_path_is_absolute_normal_and_out_of_the_way() {
    let file = [("mode", "file")];
    for path in [
        "/run/app/.env",
        "/app/config/.env",
        "/etc/app/env.json",
        "/app/settings",
    ] {
        assert_eq!(request(&[file[0], ("path", path)]).path.unwrap(), path);
    }
    for path in [
        "",
        "app/.env",
        "/.env",
        "/app/",
        "/app/../.env",
        "/app//.env",
        "/a/./.env",
        "/proc/x/.env",
        "/dev/.env",
        "/sys/.env",
        "/splitvault/.env",
        "/a:b/.env",
        "/a\n/.env",
    ] {
        assert_eq!(
            refused(&[file[0], ("path", path)]).annotation,
            annotations::PATH,
            "{path:?}"
        );
    }
    assert!(
        refused(&[("path", "/app/.env")]).problem.contains("mode"),
        "it is for files only"
    );
}

#[test]
fn a_file_mode_lets_read_and_nothing_else() {
    for (text, mode) in [("0400", 0o400), ("440", 0o440), ("0444", 0o444)] {
        assert_eq!(request(&[("file-mode", text)]).file_mode, Some(mode));
    }
    for text in ["", "0600", "0666", "0777", "444x", "0o400", "04444", "0404"] {
        assert_eq!(
            refused(&[("file-mode", text)]).annotation,
            annotations::FILE_MODE,
            "{text}"
        );
    }
}

#[test]
fn a_format_is_for_a_file() {
    for (text, format) in [
        ("dotenv", Format::Dotenv),
        ("json", Format::Json),
        ("yaml", Format::Yaml),
        ("files", Format::Files),
    ] {
        assert_eq!(request(&[("mode", "file"), ("format", text)]).format, format);
        assert_eq!(refused(&[("format", text)]).annotation, annotations::FORMAT);
    }
    for text in ["", "JSON", "toml", "json,yaml"] {
        assert_eq!(
            refused(&[("mode", "file"), ("format", text)]).annotation,
            annotations::FORMAT,
            "{text}"
        );
    }
}

#[test]
fn probes_and_hooks_are_asked_for_by_name() {
    let exec = |text| request(&[("exec", text)]).exec;
    assert_eq!(request(&[]).exec, Exec::default());
    assert_eq!(
        exec("probes"),
        Exec {
            probes: true,
            hooks: false
        }
    );
    assert_eq!(
        exec("hooks, probes"),
        Exec {
            probes: true,
            hooks: true
        }
    );
    for text in ["", "all", "probes,", "Probes"] {
        assert_eq!(refused(&[("exec", text)]).annotation, annotations::EXEC, "{text}");
    }
    let file = refused(&[("mode", "file"), ("exec", "probes")]);
    assert_eq!(file.annotation, annotations::EXEC);
}

#[test]
fn a_misspelt_annotation_is_refused_with_those_that_there_are() {
    let refusal = refused(&[("refrehs", "5m")]);
    assert_eq!(refusal.annotation, "splitvault.dev/refrehs");
    assert!(refusal.problem.contains(annotations::REFRESH));
    assert_eq!(
        request(&[("injected", "0.1.0"), ("injected-as", "app=exec (command)")]),
        request(&[]),
        "the markers are ours"
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(values in proptest::collection::vec("\\PC{0,40}", annotations::ALL.len())) {
        let all: BTreeMap<_, _> = annotations::ALL.iter().map(|name| (*name).to_owned()).zip(values).collect();
        let _either = Request::parse(&all);
    }

    #[test]
    fn a_path_that_is_taken_has_no_way_up(path in "(/[a.:]{0,3}){0,4}/.env") {
        let taken = parse(&[("inject", "web"), ("mode", "file"), ("path", &path)]).ok().flatten();
        if let Some(path) = taken.and_then(|request| request.path) {
            let parts: Vec<_> = path.split('/').collect();
            prop_assert!(parts.len() > 2 && parts[0].is_empty() && !path.contains(':'));
            prop_assert!(parts[1..].iter().all(|part| !["", ".", ".."].contains(part)));
        }
    }
}
