//! A question that is answered late: as long as its answer would be that nothing is new, or the refusal that its sidecar
//! has heard already.
//!
//! Before it waits, a question is checked as any other, token review included; what is kept of it then is which
//! VaultSecrets it is about and what they look like. It holds none of the turns that answers share, no token, no key,
//! and nothing is read for it. A wait never hands anything over: it ends with the advice to ask again, and that question
//! is checked anew. So whoever lost access meanwhile learns that something changed, and no more.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Caller;
use super::board::{Board, Subscription, Topic};
use super::expiry::expiry;
use super::face::Face;
use crate::crowd::{Crowd, Place};
use crate::metrics::{Metrics, Waiting};
use crate::serve::{Bench, Sitting};

/// The longest wait, whatever the sidecar asks for: a dead connection is looked at again after it.
const LONGEST: Duration = Duration::from_secs(600);
/// Waits of one pod: one, and one that its sidecar gave up.
const OF_A_POD: usize = 2;
/// How many of those who wait for the same are told of a change each second: each then asks, and is answered.
const TOLD: u32 = 500;

/// What all waits share.
pub(super) struct Waits {
    board: Board,
    /// Changes with the certificates that sidecars trust.
    bundle: watch::Receiver<()>,
    pods: Arc<Crowd<String>>,
    metrics: Metrics,
    shutdown: CancellationToken,
}

/// A wait that may begin: it is told of what changes from now on, so that nothing is missed while the question is
/// checked.
pub(super) struct Prepared {
    subscription: Subscription,
    bundle: watch::Receiver<()>,
    until: Instant,
    place: Place<String>,
    bench: Option<Bench>,
}

/// How a wait ended.
enum End {
    /// Something changed that this many wait for.
    Changed(usize),
    Elapsed,
    Stopping,
}

impl Waits {
    pub(super) fn new(
        board: Board,
        bundle: watch::Receiver<()>,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            board,
            bundle,
            pods: Crowd::new(OF_A_POD),
            metrics,
            shutdown,
        }
    }

    /// Prepares a wait of so many seconds for these VaultSecrets; `None` when the pod, its address, or all together
    /// have as many as they may. Never longer than the token is valid, and `None` for one that has ended by this clock:
    /// the API server honours it for a while, in which its pod would ask again and again without a pause.
    pub(super) fn prepare(
        &self,
        caller: &Caller,
        token: &str,
        seconds: u32,
        topics: impl IntoIterator<Item = Topic>,
        sitting: Option<&Sitting>,
    ) -> Option<Prepared> {
        let valid = expiry(token).map_or(LONGEST, |expiry| {
            expiry.duration_since(SystemTime::now()).unwrap_or_default()
        });
        let time = Duration::from_secs(seconds.into()).min(LONGEST).min(valid);
        if time.is_zero() {
            return None;
        }
        let place = self.pods.enter(caller.uid.clone())?;
        // Without a connection of ours (tests) there is no seat to give up.
        let bench = match sitting {
            Some(sitting) => Some(sitting.bench()?),
            None => None,
        };
        Some(Prepared {
            subscription: self.board.subscribe(topics),
            bundle: self.bundle.clone(),
            until: Instant::now() + time,
            place,
            bench,
        })
    }

    /// Waits until one of the VaultSecrets looks otherwise than on these faces, and answers that it may have changed.
    pub(super) async fn wait(&self, prepared: Prepared, faces: Vec<Face>) -> Response {
        let waiting = self.metrics.waits();
        let after = self.hold(prepared, &faces, waiting).await;
        let after = HeaderValue::from(after.as_secs());
        (StatusCode::NO_CONTENT, [(header::RETRY_AFTER, after)]).into_response()
    }

    /// Answers after how long the sidecar is to ask again.
    async fn hold(&self, prepared: Prepared, faces: &[Face], waiting: Waiting) -> Duration {
        let Prepared {
            mut subscription,
            mut bundle,
            until,
            place,
            bench,
        } = prepared;
        let end = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => End::Stopping,
            many = subscription.changed(faces) => End::Changed(many),
            Ok(()) = bundle.changed() => End::Changed(self.metrics.waiting()),
            () = tokio::time::sleep_until(until) => End::Elapsed,
        };
        drop((subscription, faces));
        let stopped = match end {
            End::Changed(many) => !self.take_turn(many).await,
            End::Elapsed => false,
            End::Stopping => true,
        };
        drop((place, bench));
        let all = self.metrics.waiting();
        waiting.ended(match end {
            _ if stopped => "Stopping",
            End::Changed(_) => "Changed",
            End::Elapsed | End::Stopping => "Elapsed",
        });
        if stopped {
            // Elsewhere, or here when it is back.
            Duration::from_secs(1) + within(all)
        } else {
            Duration::ZERO
        }
    }

    /// Lets those who wait for the same go one after another; answers whether that was not cut short.
    async fn take_turn(&self, many: usize) -> bool {
        let turn = tokio::time::sleep(within(many));
        self.shutdown.run_until_cancelled(turn).await.is_some()
    }
}

/// A random time within that which it takes so many to be told.
fn within(many: usize) -> Duration {
    let many = u32::try_from(many).unwrap_or(u32::MAX).saturating_sub(1);
    let all = Duration::from_secs(1).saturating_mul(many) / TOLD;
    all.mul_f64(f64::from(random()) / f64::from(u32::MAX))
}

/// Good enough for spreading load. Without randomness all go at once.
fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_are_told_within_seconds_and_one_at_once() {
        assert_eq!((within(0), within(1)), (Duration::ZERO, Duration::ZERO));
        let all: Vec<_> = (0..1000).map(|_| within(10_001)).collect();
        assert!(all.iter().all(|time| *time <= Duration::from_secs(20)));
        let early = all.iter().filter(|time| **time < Duration::from_secs(10)).count();
        assert!((300..700).contains(&early), "{early}");
    }
}
