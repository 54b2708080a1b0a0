//! What the images of a pod's containers run, where that has to be known and may be looked up.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde::Deserialize;
use serde_json::Value;
use splitvault_api::Request;
use tokio::time::{Instant, timeout_at};

use super::WebhookState;
use super::pods::Late;
use crate::image::{Images, Problem, PullSecrets, wanted_architecture};
use crate::inject::{self, Injectable, NoProgram, Programs, Surroundings, Wanted};

/// Images of one pod that are looked up.
const MOST: usize = 16;

/// Looks up what is wanted, until `deadline`. Nothing is where look-ups are off, or every container has a way without.
pub(super) async fn programs(
    state: &WebhookState,
    namespace: &str,
    pod: &Value,
    (asked, objects, around): (&Request, &[Injectable], &Surroundings<'_>),
    deadline: Instant,
) -> Result<Programs, Late> {
    let Some(images) = &state.images else {
        return Ok(Programs::default());
    };
    // What is no pod is refused soon, by whoever injects.
    let Some(spec) = Pod::deserialize(pod).ok().and_then(|pod| pod.spec) else {
        return Ok(Programs::default());
    };
    let wanted = inject::without_command(&spec, asked, objects, around);
    let secrets = secrets(state, images, namespace, &spec, &wanted).await?;
    let architecture = wanted_architecture(&spec);
    let names: BTreeSet<_> = wanted.iter().map(|one| one.image.as_str()).take(MOST).collect();
    let look = async |image: &str| {
        let look = timeout_at(deadline, images.look(image, &architecture, &secrets)).await;
        look.unwrap_or(Err(Problem::Unanswered(
            "there was no time left to ask its registry",
        )))
    };
    let found: Vec<_> = join_all(names.iter().map(|image| look(image))).await;
    let outcome = |one: &Wanted| {
        let at = names.iter().position(|image| *image == one.image);
        let outcome = at.and_then(|at| found.get(at).cloned());
        outcome.unwrap_or(Err(Problem::TooMany(MOST)))
    };
    let explained = |one: &Wanted| {
        let program = outcome(one).map_err(|problem| explain(&problem, &one.image, namespace, &secrets));
        (one.container.clone(), program)
    };
    Ok(Programs(wanted.iter().map(explained).collect()))
}

/// The pod's pull secrets, if any image is to be asked for.
async fn secrets(
    state: &WebhookState,
    images: &Images,
    namespace: &str,
    spec: &PodSpec,
    wanted: &[Wanted],
) -> Result<Arc<PullSecrets>, Late> {
    if !wanted.iter().any(|one| images.may_ask(&one.image)) {
        return Ok(Arc::default());
    }
    let names = spec.image_pull_secrets.iter().flatten();
    let names: Vec<_> = names
        .map(|one| one.name.clone())
        .filter(|name| !name.is_empty())
        .collect();
    let read = PullSecrets::read(&state.client, namespace, &names).await;
    read.map(Arc::new).map_err(|_| Late)
}

fn explain(problem: &Problem, image: &str, namespace: &str, secrets: &PullSecrets) -> NoProgram {
    let advice = secrets.advice(namespace).filter(|_| problem.is_about_access());
    NoProgram {
        image: image.to_owned(),
        cause: match advice {
            Some(advice) => format!("{problem}; {advice}"),
            None => problem.to_string(),
        },
        passing: problem.is_passing(),
    }
}
