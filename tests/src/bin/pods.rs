//! From create to Ready, in one run: a bare pod, one with a no-op init container, one with variables injected.
//!
//! `pods ROUNDS TOGETHER NAMESPACE VAULTSECRET`. One after another the kinds take turns, so that whatever else the
//! machine does meets all of them; then so many pods of each kind are made at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

const KINDS: [&str; 3] = ["bare", "init", "injected"];

/// The label of all of them.
const OURS: &str = "made-by=pods";
/// Pods whose creation is under way at once.
const IN_FLIGHT: usize = 32;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [rounds, many, namespace, secret] = arguments.as_slice() else {
        bail!("usage: pods ROUNDS TOGETHER NAMESPACE VAULTSECRET");
    };
    let pods: Api<Pod> = Api::namespaced(Client::try_default().await?, namespace);
    one_by_one(&pods, rounds.parse()?, secret).await?;
    for kind in KINDS {
        together(&pods, kind, many.parse()?, secret).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
async fn one_by_one(pods: &Api<Pod>, rounds: usize, secret: &str) -> Result<()> {
    let mut took = KINDS.map(|_| Vec::new());
    for round in 0..=rounds {
        for (kind, times) in KINDS.iter().zip(&mut took) {
            let time = create_to_ready(pods, &pod(kind, round, secret)?).await?;
            // The first round warms caches up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    took.iter_mut().for_each(|times| times.sort());
    let [bare, ..] = &took;
    let over = |times: &[Duration], percent| (rank(times, percent) - rank(bare, percent)) * 1e3;
    for (kind, times) in KINDS.iter().zip(&took) {
        println!(
            "{kind:9} p50 {:4.0} ms, p99 {:4.0} ms; over bare: p50 {:+5.0} ms, p99 {:+5.0} ms",
            rank(times, 50) * 1e3,
            rank(times, 99) * 1e3,
            over(times, 50),
            over(times, 99)
        );
    }
    Ok(())
}

/// Makes so many at once, and waits until all are Ready.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
async fn together(pods: &Api<Pod>, kind: &str, many: usize, secret: &str) -> Result<()> {
    let ours = watcher::Config::default().labels(OURS);
    let mut events = Box::pin(watcher(pods.clone(), ours).touched_objects());
    let (began, mut took) = (Instant::now(), BTreeMap::new());
    let made = stream::iter(0..many).map(|number| async move {
        let params = PostParams::default();
        pods.create(&params, &pod(kind, number, secret)?).await?;
        anyhow::Ok(())
    });
    let made = made.buffer_unordered(IN_FLIGHT).try_collect::<()>();
    let seen = async {
        while took.len() < many {
            let pod = events.try_next().await?.context("the watch ended")?;
            if ready(&pod) {
                took.entry(pod.name_any()).or_insert_with(|| began.elapsed());
            }
        }
        anyhow::Ok(())
    };
    tokio::try_join!(made, seen)?;
    let mut took: Vec<_> = took.into_values().collect();
    took.sort();
    println!(
        "{many} {kind} at once: half Ready after {:.1} s, all after {:.1} s",
        rank(&took, 50),
        rank(&took, 100)
    );
    let ours = ListParams::default().labels(OURS);
    pods.delete_collection(&DeleteParams::default(), &ours).await?;
    while !pods.list(&ours).await?.items.is_empty() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// In seconds, of ascending times.
fn rank(times: &[Duration], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).copied().unwrap_or_default().as_secs_f64()
}

fn pod(kind: &str, round: usize, secret: &str) -> Result<Pod> {
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = |name: &str, command: Value| {
        json!({"name": name, "image": "localhost/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": command, "securityContext": security})
    };
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{kind}-{round}"), "labels": {"made-by": "pods"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container("app", json!(["sleep", "2147483647"]))],
        },
    });
    match kind {
        "init" => pod["spec"]["initContainers"] = json!([container("init", json!(["true"]))]),
        "injected" => pod["metadata"]["annotations"] = json!({"splitvault.dev/inject": secret}),
        _ => {}
    }
    Ok(serde_json::from_value(pod)?)
}

async fn create_to_ready(pods: &Api<Pod>, pod: &Pod) -> Result<Duration> {
    let name = pod.name_any();
    let selector = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = Box::pin(watcher(pods.clone(), selector).touched_objects());
    let began = Instant::now();
    pods.create(&PostParams::default(), pod)
        .await
        .with_context(|| format!("creating pod {name}"))?;
    while let Some(seen) = events.try_next().await? {
        if ready(&seen) {
            break;
        }
    }
    let took = began.elapsed();
    pods.delete(&name, &DeleteParams::default()).await?;
    Ok(took)
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
