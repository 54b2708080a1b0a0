//! Searches against a scripted API server.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use splitvault_api::annotations::{INJECT, INJECTED};

use super::evict::Evicted;
use super::*;
use crate::controller::suspicions;
use crate::events::Events;
use crate::fixture::Server;
use crate::metrics::Metrics;

const PODS: &str = "/api/v1/pods";
const WEBHOOK: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/splitvault";

struct Leader;

#[async_trait]
impl Watchman for Leader {
    async fn leads(&self) -> bool {
        true
    }
}

fn scanner(server: &Server, evict: bool) -> Scanner {
    Scanner {
        client: server.client(),
        watchman: Arc::new(Leader),
        pace: Pace {
            interval: Duration::ZERO,
            evict,
        },
        namespace: "splitvault-system".to_owned(),
        found: Missed::default(),
        events: Arc::new(Events::new(server.client(), None)),
        metrics: Metrics::new(),
        moved: suspicions().0,
    }
}

fn pod(namespace: &str, name: &str, asked: &str, injected: bool) -> Value {
    let mut annotations = json!({INJECT: asked});
    if injected {
        annotations[INJECTED] = json!("0.1.0");
    }
    json!({"metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{name}"), "annotations": annotations,
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": format!("rs-{name}"),
            "controller": true}]}})
}

fn list(pods: &[Value]) -> Value {
    json!({"metadata": {}, "items": pods})
}

fn gauge(scanner: &Scanner) -> String {
    let text = scanner.metrics.encode().unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("splitvault_missed_pods "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_found_is_told_on_pod_and_object_and_goes_with_the_pod() {
    let server = Server::default();
    let scanner = scanner(&server, false);
    assert_eq!(
        scanner.found.about("shop", "web"),
        None,
        "nobody has searched yet"
    );
    server.put(
        PODS,
        list(&[
            pod("shop", "a", "web, db", false),
            pod("shop", "b", "web", true),
            pod("pay", "c", "web", false),
        ]),
    );
    scanner.search().await.unwrap();
    let about = |namespace, name| scanner.found.about(namespace, name).unwrap();
    assert_eq!(
        (about("shop", "web"), about("shop", "db")),
        (vec!["a".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(
        (about("pay", "web"), about("pay", "db")),
        (vec!["c".to_owned()], Vec::new())
    );
    assert_eq!(gauge(&scanner), "2");
    let events = server.events();
    assert_eq!(events.len(), 2);
    assert_eq!(
        (&events[0]["regarding"]["name"], &events[0]["reason"]),
        (&json!("a"), &json!("NotInjected"))
    );
    scanner.search().await.unwrap();
    assert_eq!(server.events().len(), 0, "not again at once");
    server.put(PODS, list(&[]));
    scanner.search().await.unwrap();
    assert_eq!(
        (about("shop", "web"), gauge(&scanner)),
        (Vec::new(), "0".to_owned())
    );
}

#[tokio::test]
async fn further_pages_are_read_and_a_search_that_breaks_off_changes_nothing() {
    let server = Server::default();
    let scanner = scanner(&server, false);
    let first = json!({"metadata": {"continue": "next"}, "items": [pod("shop", "a", "web", false)]});
    server.put(PODS, first);
    server.follow(PODS, list(&[pod("shop", "b", "web", false)]));
    scanner.search().await.unwrap();
    assert_eq!(scanner.found.about("shop", "web").unwrap(), ["a", "b"]);
    server.refuse(PODS, 410);
    assert!(scanner.search().await.is_err());
    assert_eq!(scanner.found.about("shop", "web").unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn only_what_changed_is_told_again() {
    let missed = Missed::default();
    let found = |pods: &[&str]| {
        let pods = pods.iter().map(|pod| (*pod).to_owned()).collect();
        BTreeMap::from([(("shop".to_owned(), "web".to_owned()), pods)])
    };
    let web = vec![("shop".to_owned(), "web".to_owned())];
    assert_eq!(missed.replace(found(&["a"])), web);
    assert_eq!(missed.replace(found(&["a"])), []);
    assert_eq!(missed.replace(found(&["a", "b"])), web);
    assert_eq!(missed.replace(BTreeMap::new()), web);
    assert_eq!(missed.replace(BTreeMap::new()), []);
}

#[test]
fn a_sentence_stays_short_however_many_there_are() {
    assert_eq!(sentence("shop", &[]), None);
    let pods: Vec<_> = (0..1000).map(|number| format!("web-{number}")).collect();
    let told = sentence("shop", &pods).unwrap();
    assert!(
        told.starts_with("1000 pods") && told.contains("995 more") && told.len() < 300,
        "{told}"
    );
    assert!(sentence("shop", &pods[..1]).unwrap().starts_with("1 pod started"));
}

#[tokio::test]
async fn an_eviction_is_asked_for_and_not_a_deletion_and_only_where_it_helps() {
    let server = Server::default();
    let pods = [
        pod("shop", "a", "web", false),
        pod("kube-system", "b", "web", false),
    ];
    server.put(PODS, list(&pods));
    let asked = async |scanner: &Scanner, evicted: &mut Evicted| {
        let pods = scanner.search().await.unwrap();
        server.asked();
        scanner.evict(&pods, evicted).await;
        let asked = server.asked();
        asked
            .into_iter()
            .filter(|asked| asked.contains("eviction") || asked.starts_with("DELETE"))
            .collect::<Vec<_>>()
    };
    let mut evicted = Evicted::default();
    let off = scanner(&server, false);
    assert_eq!(
        asked(&off, &mut evicted).await,
        [] as [String; 0],
        "off by default"
    );
    let on = scanner(&server, true);
    assert_eq!(
        asked(&on, &mut evicted).await,
        [] as [String; 0],
        "the webhook is not there: it would be a loop"
    );
    server.put(
        WEBHOOK,
        json!({"metadata": {"name": "splitvault"}, "webhooks": [{"name": "pods.splitvault.dev",
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "clientConfig": {"caBundle": "UEVN"}}]}),
    );
    let eviction = "POST /api/v1/namespaces/shop/pods/a/eviction".to_owned();
    assert_eq!(asked(&on, &mut evicted).await, std::slice::from_ref(&eviction));
    assert_eq!(
        asked(&on, &mut evicted).await,
        [] as [String; 0],
        "not again soon"
    );
    server.refuse("/api/v1/namespaces/shop/pods/a/eviction", 429);
    assert_eq!(
        asked(&scanner(&server, true), &mut Evicted::default()).await,
        [eviction]
    );
    let events = server.events();
    assert!(
        events
            .iter()
            .any(|event| event["reason"] == "Held" && event["note"].as_str().unwrap().contains("budget")),
        "{events:?}"
    );
}
