//! What the sidecar does once changed variables are in place: nothing, a signal, a call, or its own end, on which
//! kubelet restarts all containers of the pod (KEP-5532).
//!
//! Several changes in a row are one, and there is a least time between two reactions, so that a VaultSecret that
//! changes all the time disturbs nobody all the time. The first one comes no sooner after the sidecar's start: an
//! application that is starting may not be ready for it.

mod http;
mod process;
mod signal;

use std::time::Duration;

use splitvault_wire::ProblemKind;
use splitvault_wire::pod::{CHANGED, RESTART_CODE};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::log;
use crate::target::Target;

pub use http::Call;
pub use signal::{Signalling, signal_named};

/// How often to try what may not work yet.
const TRIES: u32 = 5;
/// The pause after the first failure; it doubles, so that an application has 15 seconds to come back. Without jitter, as a
/// pod disturbs nobody but itself.
const PAUSE: Duration = Duration::from_secs(1);

/// What to do once changed variables are in place.
#[derive(Debug, Clone, Default)]
pub enum Reaction {
    /// Nothing.
    #[default]
    None,
    /// Send a signal to each process of a name.
    Signal(Signalling),
    /// Call the application on the pod's loopback.
    Http(Call),
    /// End with [`RESTART_CODE`].
    RestartContainers,
}

impl Reaction {
    /// The least time between two.
    pub(crate) const fn distance(&self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Signal(_) | Self::Http(_) => Duration::from_secs(10),
            Self::RestartContainers => Duration::from_secs(60),
        }
    }

    /// Does it, with a line of log; answers the code to end with, if it is to end, or what the operator is told.
    async fn react(&self) -> Result<Option<u8>, ProblemKind> {
        let (tried, problem) = match self {
            Self::None => return Ok(None),
            Self::Signal(signalling) => {
                let tried = tries(|| std::future::ready(signalling.send())).await;
                (tried, ProblemKind::SignalFailed)
            }
            Self::Http(call) => (tries(|| call.send()).await, ProblemKind::HttpFailed),
            Self::RestartContainers => {
                log::say(format_args!(
                    "changed variables are in place: ending with code {RESTART_CODE}, on which kubelet restarts all \
                     containers of this pod"
                ));
                return Ok(Some(RESTART_CODE));
            }
        };
        let failed = tried.is_err();
        log::say(format_args!("changed variables are in place: {}", either(tried)));
        if failed { Err(problem) } else { Ok(None) }
    }
}

/// Why a try had no success, in a sentence for the log.
#[derive(Debug)]
enum Failed {
    /// Another try may have one.
    Passing(String),
    /// No other try will.
    Lasting(String),
}

/// All are sentences.
fn either(tried: Result<String, Failed>) -> String {
    match tried {
        Ok(sentence) | Err(Failed::Lasting(sentence)) => sentence,
        Err(Failed::Passing(sentence)) => format!("{sentence}; gave up after {TRIES} tries"),
    }
}

/// Tries a few times, with pauses that double, until there is nothing to gain from another try.
async fn tries<F>(mut attempt: impl FnMut() -> F) -> Result<String, Failed>
where
    F: Future<Output = Result<String, Failed>>,
{
    let mut tried = attempt().await;
    for number in 1..TRIES {
        if !matches!(tried, Err(Failed::Passing(_))) {
            break;
        }
        sleep(PAUSE * 2_u32.pow(number - 1)).await;
        tried = attempt().await;
    }
    tried
}

/// Waits for changes and reacts to them; comes back with the code to end with. What failed is a `problem` until the next
/// change, whose reaction is for all changes before it.
pub(crate) async fn react(
    reaction: &Reaction,
    distance: Duration,
    target: &Target,
    mut changes: watch::Receiver<u64>,
    problem: &watch::Sender<Option<ProblemKind>>,
) -> u8 {
    let mut last = Instant::now();
    while changes.changed().await.is_ok() {
        problem.send_replace(None);
        sleep_until(last + distance).await;
        // Those that came meanwhile are in place too.
        changes.mark_unchanged();
        let reacted = reaction.react().await;
        last = Instant::now();
        problem.send_replace(reacted.err());
        if !changes.has_changed().unwrap_or(false) {
            forget(target);
        }
        if let Ok(Some(code)) = reacted {
            return code;
        }
    }
    std::future::pending().await
}

/// Waits for the next failure of a reaction.
pub(crate) async fn failed(problem: &mut watch::Receiver<Option<ProblemKind>>) {
    while problem.changed().await.is_ok() {
        if problem.borrow_and_update().is_some() {
            return;
        }
    }
    std::future::pending().await
}

/// The application was told.
fn forget(target: &Target) {
    if let Err(error) = target.remove(CHANGED) {
        log::say(format_args!("cannot remove {CHANGED}: {error}"));
    }
}

#[cfg(test)]
mod tests;
