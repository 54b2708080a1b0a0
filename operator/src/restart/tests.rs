//! Rolls against a scripted API server.

use serde_json::{Value, json};
use splitvault_api::annotations::{CONTENT, INJECT, INJECTED, RESTARTED_FOR};

use super::*;
use crate::controller::suspicions;
use crate::events::Events;
use crate::fixture::Server;
use crate::metrics::Metrics;

const PODS: &str = "/api/v1/namespaces/shop/pods";
const APPS: &str = "/apis/apps/v1/namespaces/shop";
const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";

fn pace() -> Pace {
    Pace {
        settle: Duration::ZERO,
        at_once: 10,
        distance: Duration::ZERO,
    }
}

fn change(name: &str, revision: u64) -> Change {
    Change {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        revision,
        digest: format!("digest-{revision}"),
        first: false,
    }
}

/// The first content of an object that took the place of another one.
fn again(name: &str) -> Change {
    Change {
        uid: format!("new-uid-{name}"),
        first: true,
        ..change(name, 1)
    }
}

/// What a pod of that time was stamped with.
fn stamp(changes: &[Change]) -> String {
    let pairs = changes
        .iter()
        .map(|one| (one.name.clone(), tag::content(&one.uid, &one.digest)));
    Tags(pairs.collect()).text()
}

struct World {
    server: Server,
    rolls: Rolls,
    metrics: Metrics,
    pods: Vec<Value>,
}

impl World {
    fn new() -> Self {
        Self {
            server: Server::default(),
            rolls: Rolls::default(),
            metrics: Metrics::new(),
            pods: Vec::new(),
        }
    }

    /// Another process, which knows nothing.
    fn roller(&self, pace: Pace) -> Roller {
        Roller {
            client: self.server.client(),
            rolls: self.rolls.clone(),
            pace,
            events: Arc::new(Events::new(self.server.client(), None)),
            metrics: self.metrics.clone(),
            moved: suspicions().0,
            work: roller::Work::default(),
        }
    }

    /// A pod that asks for `names`, with what it was admitted with, made by this owner.
    fn pod(&mut self, names: &str, content: &str, owner: &Value) {
        let number = self.pods.len();
        self.pods.push(json!({"metadata": {"name": format!("pod-{number}"), "namespace": "shop",
            "annotations": {INJECT: names, INJECTED: "0.1.0", CONTENT: content}, "ownerReferences": [owner]}}));
        let list = json!({"metadata": {}, "items": self.pods});
        self.server.put(PODS, list);
    }

    /// A Deployment with its ReplicaSet and one pod.
    fn deployment(&mut self, name: &str, names: &str, content: &str) -> String {
        let path = format!("{APPS}/deployments/{name}");
        self.server
            .put(&path, workload("apps/v1", "Deployment", name, names));
        let set = json!({"metadata": {"name": format!("{name}-1"), "uid": format!("rs-{name}"),
            "ownerReferences": [owner("apps/v1", "Deployment", name)]}});
        self.server.put(&format!("{APPS}/replicasets/{name}-1"), set);
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-1"),
            "uid": format!("rs-{name}"), "controller": true});
        self.pod(names, content, &set);
        path
    }

    /// A workload that owns its pod itself.
    fn owning(&mut self, path: &str, version: &str, kind: &str, content: &str) {
        self.server.put(path, workload(version, kind, "web", "web"));
        self.pod("web", content, &owner(version, kind, "web"));
    }

    fn rolled_for(&self, path: &str) -> Value {
        self.server.object(path)["spec"]["template"]["metadata"]["annotations"][RESTARTED_FOR].clone()
    }

    fn writes(&self) -> Vec<String> {
        let asked = self.server.asked();
        asked
            .into_iter()
            .filter(|asked| asked.starts_with("PATCH"))
            .collect()
    }
}

fn owner(version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "name": name, "uid": format!("uid-of-{name}"), "controller": true})
}

fn workload(version: &str, kind: &str, name: &str, names: &str) -> Value {
    json!({"apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "resourceVersion": "1", "generation": 1},
        "spec": {"replicas": 1, "template": {"metadata": {"annotations": {INJECT: names}}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}})
}

#[tokio::test]
async fn each_kind_is_rolled_once_for_a_change_and_not_again_by_another_process() {
    let paths = [
        (format!("{APPS}/statefulsets/web"), "apps/v1", "StatefulSet"),
        (format!("{APPS}/daemonsets/web"), "apps/v1", "DaemonSet"),
        (ROLLOUT.to_owned(), "argoproj.io/v1alpha1", "Rollout"),
    ];
    for (path, version, kind) in paths {
        let mut world = World::new();
        world.owning(&path, version, kind, &stamp(&[change("web", 1)]));
        assert_eq!(world.rolls.want(change("web", 2)), Progress::Pending);
        let mut roller = world.roller(pace());
        roller.look().await;
        assert_eq!(world.rolls.want(change("web", 2)), Progress::Done);
        assert_eq!(world.writes(), [format!("PATCH {path}")], "{kind}");
        let after = world.server.object(&path);
        world.rolls.forget("uid-web");
        // Its pods are still the old ones, as in the middle of a roll, when a new leader looks.
        world.rolls.want(change("web", 2));
        world.roller(pace()).look().await;
        assert_eq!(world.writes(), [] as [String; 0]);
        assert_eq!(
            (world.server.object(&path), world.rolls.want(change("web", 2))),
            (after, Progress::Done)
        );
    }
}

#[tokio::test]
async fn a_deployment_is_found_by_its_replica_set_and_told_about() {
    let mut world = World::new();
    let path = world.deployment("web", "web", &stamp(&[change("web", 1)]));
    world.rolls.want(change("web", 2));
    world.roller(pace()).look().await;
    assert!(world.rolled_for(&path).as_str().unwrap().starts_with("web="));
    let events = world.server.events();
    let about: Vec<_> = events
        .iter()
        .map(|event| event["regarding"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(about, ["Deployment", "VaultSecret"]);
    assert!(
        world
            .metrics
            .encode()
            .unwrap()
            .contains("splitvault_restarts_total{outcome=\"Restarted\"} 1")
    );
}

#[tokio::test]
async fn pods_that_have_the_content_already_are_left_alone() {
    let mut world = World::new();
    let path = world.deployment("web", "web", &stamp(&[change("web", 2)]));
    world.rolls.want(change("web", 2));
    world.roller(pace()).look().await;
    assert_eq!(
        (world.rolled_for(&path), world.rolls.want(change("web", 2))),
        (Value::Null, Progress::Done)
    );
    assert_eq!(
        world.server.asked(),
        [format!("GET {PODS}")],
        "one list and nothing else"
    );
}

#[tokio::test]
async fn the_first_content_rolls_what_runs_with_that_of_an_earlier_object_and_nothing_else() {
    let mut world = World::new();
    let old = world.deployment("old", "web", &stamp(&[change("web", 1)]));
    let waited = world.deployment("waited", "web, db", &stamp(&[change("db", 1)]));
    let new = world.deployment("new", "web", &stamp(&[again("web")]));
    let garbled = world.deployment("garbled", "web", "web");
    world.rolls.want(again("web"));
    world.roller(pace()).look().await;
    assert_eq!(world.rolls.want(again("web")), Progress::Done);
    assert_eq!(world.writes(), [format!("PATCH {old}")]);
    for path in [waited, new, garbled] {
        assert_eq!(world.rolled_for(&path), Value::Null, "{path}");
    }
}

#[tokio::test]
async fn several_changes_at_once_are_one_roll() {
    let mut world = World::new();
    let path = world.deployment("web", "web, db", &stamp(&[change("web", 1), change("db", 1)]));
    for revision in 2..9 {
        world.rolls.want(change("web", revision));
    }
    world.rolls.want(change("db", 2));
    let mut roller = world.roller(pace());
    roller.look().await;
    roller.look().await;
    assert_eq!(world.writes(), [format!("PATCH {path}")]);
    let rolled = world.rolled_for(&path);
    let last = tag::change("uid-web", 8, "digest-8");
    assert!(
        rolled.as_str().unwrap().contains(&format!("web={last}")),
        "{rolled}"
    );
    assert!(rolled.as_str().unwrap().contains("db="), "{rolled}");
    assert_eq!(world.rolls.want(change("db", 2)), Progress::Done);
}

#[tokio::test]
async fn a_change_waits_for_others_first_but_not_longer_the_more_there_are() {
    let mut world = World::new();
    world.deployment("web", "web", "");
    world.rolls.want(change("web", 2));
    let settle = Duration::from_secs(3600);
    let mut roller = world.roller(Pace { settle, ..pace() });
    assert!(roller.look().await, "there is something to wait for");
    assert_eq!(world.server.asked(), [] as [String; 0]);
    let since = || world.rolls.wanted()["uid-web"].since;
    let first = since();
    world.rolls.want(change("web", 3));
    assert_eq!(since(), first);
    roller.pace.settle = Duration::ZERO;
    roller.look().await;
    assert_eq!(world.rolls.want(change("web", 3)), Progress::Done);
}

#[tokio::test]
async fn few_are_rolled_at_once_and_the_others_follow() {
    let mut world = World::new();
    let paths: Vec<_> = (0..5)
        .map(|number| world.deployment(&format!("web-{number}"), "web", ""))
        .collect();
    world.rolls.want(change("web", 2));
    let mut roller = world.roller(Pace { at_once: 2, ..pace() });
    let mut rolled = Vec::new();
    for _ in 0..4 {
        // As in the middle of a roll, for those that are.
        for path in &paths {
            let mut workload = world.server.object(path);
            let new = !world.rolled_for(path).is_null();
            workload["status"]["updatedReplicas"] = json!(i32::from(!new));
            world.server.put(path, workload);
        }
        roller.look().await;
        rolled.push(
            paths
                .iter()
                .filter(|path| !world.rolled_for(path).is_null())
                .count(),
        );
        if rolled.len() == 2 {
            let Progress::Outstanding { done: 2, waiting } = world.rolls.want(change("web", 2)) else {
                unreachable!("three wait");
            };
            assert!(
                waiting.len() == 3 && waiting[0].contains("waiting for others"),
                "{waiting:?}"
            );
            // Both are over.
            roller.work = roller::Work::default();
        }
    }
    assert_eq!(rolled, [2, 2, 4, 4]);
}

#[tokio::test]
async fn a_paused_workload_waits_until_it_is_resumed() {
    let mut world = World::new();
    let path = world.deployment("web", "web", "");
    let mut held = world.server.object(&path);
    held["spec"]["paused"] = json!(true);
    world.server.put(&path, held.clone());
    world.rolls.want(change("web", 2));
    let mut roller = world.roller(pace());
    roller.look().await;
    roller.look().await;
    let told = world.rolls.want(change("web", 2)).sentence(2);
    assert!(told.contains("Deployment web (paused)"), "{told}");
    assert!(
        world
            .metrics
            .encode()
            .unwrap()
            .contains("splitvault_restarts_total{outcome=\"Paused\"} 1"),
        "counted once"
    );
    held["spec"]["paused"] = json!(false);
    world.server.put(&path, held);
    roller.look().await;
    assert_eq!(world.rolls.want(change("web", 2)), Progress::Done);
    assert!(!world.rolled_for(&path).is_null());
}

#[tokio::test]
async fn jobs_bare_pods_and_owners_that_nobody_knows_are_left_alone() {
    let mut world = World::new();
    for owner in [
        owner("batch/v1", "Job", "web"),
        owner("example.org/v1", "Deployment", "web"),
        Value::Null,
    ] {
        world.pod("web", "", &owner);
        if owner.is_null() {
            let bare = world.pods.last_mut().unwrap();
            bare["metadata"]["ownerReferences"] = json!([]);
        }
    }
    let set = json!({"metadata": {"name": "alone", "uid": "uid-of-alone"}});
    world.server.put(&format!("{APPS}/replicasets/alone"), set);
    world.pod("web", "", &owner("apps/v1", "ReplicaSet", "alone"));
    world.rolls.want(change("web", 2));
    world.roller(pace()).look().await;
    assert_eq!(world.writes(), [] as [String; 0]);
    assert_eq!(world.rolls.want(change("web", 2)), Progress::Done);
}

#[tokio::test]
async fn pods_that_were_not_injected_or_are_leaving_do_not_count() {
    let mut world = World::new();
    let path = world.deployment("web", "web", "");
    world.deployment("other", "webb,we", "");
    for change in [
        |pod: &mut Value| pod["metadata"]["annotations"][INJECTED] = Value::Null,
        |pod: &mut Value| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
    ] {
        let mut pods = world.pods.clone();
        change(&mut pods[0]);
        if let Some(annotations) = pods[0]["metadata"]["annotations"].as_object_mut() {
            annotations.retain(|_, value| !value.is_null());
        }
        world.server.put(PODS, json!({"metadata": {}, "items": pods}));
        world.rolls.forget("uid-web");
        world.rolls.want(super::tests::change("web", 2));
        world.roller(pace()).look().await;
        assert_eq!(world.rolled_for(&path), Value::Null);
    }
}

#[tokio::test]
async fn pods_of_further_pages_are_found() {
    let mut world = World::new();
    world.deployment("first", "other", "");
    let first = world.pods.clone();
    world.pods.clear();
    let path = world.deployment("web", "web", "");
    world
        .server
        .follow(PODS, json!({"metadata": {}, "items": world.pods}));
    world
        .server
        .put(PODS, json!({"metadata": {"continue": "next"}, "items": first}));
    world.rolls.want(change("web", 2));
    world.roller(pace()).look().await;
    assert!(!world.rolled_for(&path).is_null());
}

#[tokio::test]
async fn without_the_right_it_is_said_once_and_goes_on_when_it_is_there() {
    for refused in [PODS.to_owned(), format!("{APPS}/deployments/web")] {
        let mut world = World::new();
        let path = world.deployment("web", "web", "");
        world.server.refuse(&refused, 403);
        world.rolls.want(change("web", 2));
        let mut roller = world.roller(pace());
        roller.look().await;
        roller.look().await;
        assert_eq!(world.rolls.want(change("web", 2)), Progress::Forbidden);
        let events = world.server.events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0]["note"].as_str().unwrap().contains("restart.enabled"));
        world.server.relent();
        roller.look().await;
        assert_eq!(world.rolls.want(change("web", 2)), Progress::Done);
        assert!(!world.rolled_for(&path).is_null());
    }
}

#[tokio::test]
async fn a_kind_that_is_not_installed_and_an_object_of_another_uid_are_no_failure() {
    let mut world = World::new();
    world.pod("web", "", &owner("argoproj.io/v1alpha1", "Rollout", "web"));
    let path = world.deployment("other", "web", "");
    let mut another = world.server.object(&path);
    another["metadata"]["uid"] = json!("made again");
    world.server.put(&path, another);
    world.rolls.want(change("web", 2));
    world.roller(pace()).look().await;
    assert_eq!(world.rolls.want(change("web", 2)), Progress::Done);
    assert_eq!(world.writes(), [] as [String; 0]);
}

#[tokio::test]
async fn somebody_who_was_faster_and_a_server_that_is_away_are_waited_for() {
    for status in [409, 503, 422] {
        let mut world = World::new();
        let path = world.deployment("web", "web", "");
        world.rolls.want(change("web", 2));
        let mut roller = world.roller(pace());
        if status == 409 {
            world.server.cut_after(0);
        } else {
            world.server.refuse(&path, status);
        }
        roller.look().await;
        assert_ne!(world.rolls.want(change("web", 2)), Progress::Done, "{status}");
        world.server.relent();
        roller.look().await;
        assert_eq!(world.rolls.want(change("web", 2)), Progress::Done, "{status}");
    }
}

#[tokio::test]
async fn a_thousand_pods_of_one_workload_cost_no_more_than_one() {
    let mut world = World::new();
    let path = world.deployment("web", "web", "");
    let pod = world.pods[0].clone();
    let pods: Vec<_> = std::iter::repeat_n(pod, 1000).collect();
    world.server.put(PODS, json!({"metadata": {}, "items": pods}));
    world.rolls.want(change("web", 2));
    world.roller(pace()).look().await;
    let asked = world.server.asked();
    let asked: Vec<_> = asked.iter().filter(|asked| !asked.contains("/events")).collect();
    assert_eq!(
        asked,
        [
            &format!("GET {PODS}"),
            &format!("GET {APPS}/replicasets/web-1?resourceVersion=0"),
            &format!("GET {path}"),
            &format!("PATCH {path}")
        ]
    );
}
