//! A fault while pods run and while one starts: those that run keep what they have, byte for byte, the one that starts
//! waits, says why, and starts by itself afterwards; nothing restarts but what the fault was done to.
//!
//! The certificate authority is in `authority.rs`, on the same pods.

#[path = "endurance/node.rs"]
mod node;
#[path = "endurance/token.rs"]
mod token;

use anyhow::ensure;
use splitvault_tests::{Kind, Workload, eventually, kubectl};

use crate::installation::Part;
use crate::pods::{BEFORE, Pods};
use node::Node;

#[test]
fn the_operator_is_killed_and_stays_away() {
    let Some(_node) = Node::local() else { return };
    let pods = Pods::start("operator-away");
    Part::Operator.kill();
    Part::Operator.stop();
    pods.write("during");
    pods.release();
    pods.waits("cannot reach the operator");
    pods.says("follower", "stays at web:1");
    pods.says("process", "stays at web:1");
    pods.have(BEFORE);

    Part::Operator.start();
    pods.get("during");
    pods.write("after");
    pods.get("after");
    pods.nothing_restarted(Some(Part::Operator));
}

#[test]
fn the_store_is_killed_and_stays_away() {
    let Some(_node) = Node::local() else { return };
    let pods = Pods::start("store-away");
    Part::Store.kill();
    Part::Store.stop();
    pods.write("during");
    let message = pods.namespace.unready("web", "StoreUnavailable");
    assert!(!message.is_empty(), "its owner is told in the status");
    pods.release();
    pods.waits("Unavailable");
    eventually("an event on the pod says so", || {
        let about_it = "--field-selector=involvedObject.name=late,reason=Unavailable";
        let events = pods
            .namespace
            .kubectl(&["get", "events", about_it, "--output=name"])?;
        ensure!(!events.is_empty(), "no event yet");
        Ok(())
    });
    pods.have(BEFORE);

    Part::Store.start();
    pods.get("during");
    pods.write("after");
    pods.get("after");
    pods.nothing_restarted(Some(Part::Store));
}

#[test]
fn the_api_server_is_killed_and_comes_back() {
    let Some(node) = Node::local() else { return };
    let pods = Pods::start("api-away");
    // Nothing can be begun without an API server, so one begins to wait before.
    let early = Workload::new(Kind::Pod, "early", "later");
    early.apply(&pods.namespace).unwrap();
    pods.says("early", "no variables yet: NotReady");
    let pod = |workload: &Workload| workload.pod(&pods.namespace).unwrap();
    let (early_pod, follower) = (pod(&early), pod(&pods.follower));
    let before = node.file(&follower, ".env").unwrap();

    node.script("kill", &["kube-apiserver"]).unwrap();
    assert!(kubectl(&["get", "--raw", "/readyz"]).is_err(), "nobody answers");
    for (pod, text) in [
        (&early_pod, "no variables yet: Unavailable: the API server"),
        (&follower, "stays at web:1: Unavailable: the API server"),
    ] {
        eventually(text, || {
            let log = node.log(pod)?;
            ensure!(log.contains(text), "{log}");
            Ok(())
        });
    }
    assert_eq!(node.file(&follower, ".env").unwrap(), before);
    node.script("up", &[]).unwrap();

    pods.have(BEFORE);
    pods.write("after");
    pods.release();
    pods.get("after");
    let sealed = pods.namespace.seal("later", "GREETING=hello\n", &[]).unwrap();
    pods.namespace.apply(&sealed).unwrap();
    early.ready(&pods.namespace);
    assert_eq!(early.variable(&pods.namespace, "GREETING").unwrap(), b"hello");
    pods.nothing_restarted(None);
}

#[test]
fn the_tokens_of_pods_expire() {
    let Some(node) = Node::local() else { return };
    let pods = Pods::start_by("expired", |namespace, workload| {
        token::apply(&node, namespace, workload);
    });
    let give = |workload: &Workload, seconds| token::give(&node, &pods.namespace, workload, seconds);
    give(&pods.follower, token::ENDS_IN_SECONDS);
    give(&pods.process, token::ENDED);
    pods.release();
    give(&pods.late, token::ENDED);
    pods.waits("Unauthenticated");
    let refused = "stays at web:1: Unauthenticated";
    pods.says("follower", refused);
    pods.says("process", refused);
    pods.write("during");
    pods.namespace.ready("web");
    pods.have(BEFORE);
    let log = pods
        .namespace
        .kubectl(&["logs", "follower", "--container", "splitvault"])
        .unwrap();
    assert_eq!(log.matches("Unauthenticated").count(), 1, "{log}");
    assert!(log.contains("the token has expired"), "{log}");

    for pod in [&pods.follower, &pods.process, &pods.late] {
        give(pod, token::GOOD);
    }
    pods.get("during");
    pods.write("after");
    pods.get("after");
    pods.nothing_restarted(None);
}
