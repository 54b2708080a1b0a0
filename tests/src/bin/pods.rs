//! From create to Ready, in one run: a bare pod, one with a no-op init container, one with variables injected.
//!
//! `pods ROUNDS NAMESPACE VAULTSECRET`. The kinds take turns, so that whatever else the machine does meets all of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

const KINDS: [&str; 3] = ["bare", "init", "injected"];

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [rounds, namespace, secret] = arguments.as_slice() else {
        bail!("usage: pods ROUNDS NAMESPACE VAULTSECRET");
    };
    let rounds: usize = rounds.parse()?;
    let pods: Api<Pod> = Api::namespaced(Client::try_default().await?, namespace);
    let mut took = KINDS.map(|_| Vec::new());
    for round in 0..=rounds {
        for (kind, times) in KINDS.iter().zip(&mut took) {
            let time = create_to_ready(&pods, &pod(kind, round, secret)?).await?;
            // The first round warms caches up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    let bare = median(&mut took[0]);
    for (kind, times) in KINDS.iter().zip(&mut took) {
        let p50 = median(times);
        let over = p50.as_secs_f64() - bare.as_secs_f64();
        println!(
            "{kind:9} p50 {:4.0} ms, {:+5.0} ms over bare",
            p50.as_secs_f64() * 1e3,
            over * 1e3
        );
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn pod(kind: &str, round: usize, secret: &str) -> Result<Pod> {
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = |name: &str, command: Value| {
        json!({"name": name, "image": "localhost/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": command, "securityContext": security})
    };
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{kind}-{round}")},
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
