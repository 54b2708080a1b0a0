//! Some variables only, under other names, and who may have them.

use anyhow::ensure;
use serde_json::json;
use splitvault_tests::{Kind, Namespace, Workload, eventually};

fn sealed(namespace: &Namespace, name: &str, dotenv: &str, options: &[&str]) {
    namespace
        .apply(&namespace.seal(name, dotenv, options).unwrap())
        .unwrap();
    namespace.ready(name);
}

#[test]
fn a_pod_gets_what_it_picks_under_the_names_that_it_gives() {
    let namespace = Namespace::make("picks").unwrap();
    sealed(&namespace, "web", "URL=u\nUNWANTED=x\n", &["--expose-names"]);
    sealed(&namespace, "db", "PASSWORD=p\nHOST=h\n", &["--expose-names"]);
    let picks = "URL, PG_PASSWORD=db/PASSWORD, db/HOST";
    let workload = |name: &str| {
        Workload::new(Kind::Pod, name, "web, db")
            .annotated("variables", picks)
            .annotated("prefix", "db=DB_")
    };
    // By kubelet, whose spec has the names, and as a file.
    let (by_kubelet, file) = (workload("kubelet"), workload("file").annotated("mode", "file"));
    for workload in [&by_kubelet, &file] {
        workload.apply(&namespace).unwrap();
    }
    by_kubelet.ready(&namespace);
    for (name, value) in [("URL", "u"), ("PG_PASSWORD", "p"), ("DB_HOST", "h")] {
        assert_eq!(
            by_kubelet.variable(&namespace, name).unwrap(),
            value.as_bytes(),
            "{name}"
        );
    }
    for name in ["UNWANTED", "PASSWORD", "HOST"] {
        assert!(by_kubelet.variable(&namespace, name).is_err(), "{name}");
    }
    file.ready(&namespace);
    let text = file.read(&namespace, "/run/splitvault/.env").unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("PG_PASSWORD") && text.contains("DB_HOST") && !text.contains("UNWANTED"));
}

#[test]
fn what_is_picked_and_not_there_is_waited_for() {
    let namespace = Namespace::make("absent").unwrap();
    sealed(&namespace, "web", "URL=u\n", &[]);
    let workload = Workload::new(Kind::Pod, "app", "web").annotated("variables", "LATER");
    workload.apply(&namespace).unwrap();
    eventually("the pod is told which", || {
        let events = namespace.kubectl(&["get", "events", "--output=yaml"])?;
        ensure!(
            events.contains("VaultSecret web has no variable LATER"),
            "{events}"
        );
        ensure!(!events.contains("URL"), "a name that the pod did not pick");
        Ok(())
    });
    sealed(&namespace, "web", "URL=u\nLATER=now\n", &[]);
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "LATER").unwrap(), b"now");
}

#[test]
fn only_pods_with_the_labels_have_it() {
    let namespace = Namespace::make("labels").unwrap();
    sealed(&namespace, "web", "GREETING=hello\n", &[]);
    let patch = |access| json!({"spec": {"access": access}}).to_string();
    let apply = |access| {
        let patch = patch(access);
        namespace.kubectl(&["patch", "vaultsecret", "web", "--type=merge", "--patch", &patch])
    };
    // The suite's pods have the label `app` with their name.
    apply(json!({"podSelector": {"matchLabels": {"app": "friend"}}})).unwrap();
    namespace.ready("web");
    let (friend, stranger) = (
        Workload::new(Kind::Pod, "friend", "web"),
        Workload::new(Kind::Pod, "stranger", "web"),
    );
    friend.apply(&namespace).unwrap();
    stranger.apply(&namespace).unwrap();
    friend.ready(&namespace);
    assert_eq!(friend.variable(&namespace, "GREETING").unwrap(), b"hello");
    eventually("the stranger is refused", || {
        let log = namespace.kubectl(&["logs", "stranger", "--container", "splitvault"])?;
        ensure!(log.contains("NotAllowed"), "{log}");
        Ok(())
    });
    for nonsense in [
        json!({"podSelector": {"matchLabels": null}}),
        json!({"podSelector": {"matchLabels": null, "matchExpressions": [{"key": "a", "operator": "In"}]}}),
        json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}),
        json!({"podSelector": null}),
        json!({"namespaces": [{"name": "Shop"}]}),
        json!({"namespaces": []}),
    ] {
        assert!(
            apply(nonsense.clone()).is_err(),
            "the API server takes {nonsense}"
        );
    }
}
