//! Waiting for the operator: a line on standard error for each thing that changes, and one that lives on a terminal.

use std::time::Duration;

use kube::Api;
use splitvault_api::{COMPLETE, Outcome, VaultRequest, VaultRequestStatus};
use tokio::time::{Instant, sleep};

use super::{look, message, refusal};
use crate::cluster::Connection;
use crate::fault::Fault;
use crate::output::Live;

/// The first pause between two looks; each is longer than the one before, up to [`SLOW`].
const QUICK: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_secs(1);

/// Waits until the request is answered, and answers it as it is then.
///
/// # Errors
/// Why it was not done, or is not done yet.
pub(super) async fn follow(
    at: &Connection,
    asked: &VaultRequest,
    timeout: Duration,
) -> Result<VaultRequest, Fault> {
    let mut live = Live::default();
    let ended = tokio::select! {
        ended = wait(at, asked, timeout, &mut live) => ended,
        _ = tokio::signal::ctrl_c() => Err(Fault::interrupted("interrupted; the operator goes on with the request")
            .next(look(asked))),
    };
    live.end();
    ended
}

async fn wait(
    at: &Connection,
    asked: &VaultRequest,
    timeout: Duration,
    live: &mut Live,
) -> Result<VaultRequest, Fault> {
    let name = asked.metadata.name.clone().unwrap_or_default();
    let namespace = asked.metadata.namespace.clone().unwrap_or_default();
    let api: Api<VaultRequest> = Api::namespaced(at.client.clone(), &namespace);
    let (deadline, mut pause) = (Instant::now() + timeout, QUICK);
    loop {
        let late = Instant::now() > deadline;
        match api.get(&name).await {
            Ok(found) if found.metadata.uid == asked.metadata.uid => {
                if let Some(status) = &found.status {
                    if status.is_over() {
                        return ended(found);
                    }
                    live.show(&line(status, &found));
                }
                if late {
                    return Err(too_late(&found, timeout));
                }
            }
            Ok(_) => return Err(gone(&name)),
            Err(kube::Error::Api(status)) if status.code == 404 => return Err(gone(&name)),
            Err(error @ kube::Error::Api(_)) => return Err(refusal::unreadable(&error, at, asked)),
            // The connection may come back.
            Err(error) if late => return Err(refusal::unreadable(&error, at, asked)),
            Err(_) => live.show("the API server does not answer; still trying"),
        }
        sleep(pause).await;
        pause = SLOW.min(pause * 2);
    }
}

fn ended(found: VaultRequest) -> Result<VaultRequest, Fault> {
    let conditions = found.status.iter().flat_map(|status| &status.conditions);
    let done = conditions
        .into_iter()
        .any(|condition| condition.type_ == COMPLETE && condition.status == "True");
    if done {
        Ok(found)
    } else {
        Err(refusal::failed(&found))
    }
}

/// `Encrypting 3/6: begun at revision 4`.
fn line(status: &VaultRequestStatus, request: &VaultRequest) -> String {
    let (reason, message) = message(request).unwrap_or_default();
    match &status.progress {
        Some(progress) if reason == Outcome::Progressing.as_str() => {
            format!(
                "{} {}/{}: {message}",
                progress.state, progress.done, progress.total
            )
        }
        Some(_) | None => message.to_owned(),
    }
}

fn too_late(request: &VaultRequest, timeout: Duration) -> Fault {
    let why = match message(request) {
        Some((_, message)) => format!("the last word was: {message}"),
        None => "the operator has not looked at it yet; does it run?".to_owned(),
    };
    Fault::failure(format!("not done after {} s; {why}", timeout.as_secs()))
        .next(format!("the operator goes on with it; {}", look(request)))
}

fn gone(name: &str) -> Fault {
    Fault::failure(format!("VaultRequest {name} is gone before it was answered"))
        .next("somebody deleted it; ask again")
}
