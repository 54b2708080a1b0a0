//! When to stop, and how: on a signal, or because a part has ended that never should.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A part ended before it was told to. The process ends with it: one that is ready and does half of its work would
/// not be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ended {
    /// By itself; the log says why.
    #[error("a part of the operator ended by itself; the process ends with it, to be started again")]
    Early,
    /// By a panic.
    #[error("a part of the operator panicked; the process ends with it, to be started again")]
    Panicked,
}

/// A token that SIGTERM and SIGINT cancel.
pub(super) fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(token)
}

/// Waits until `shutdown`, or until the first part ends without it.
///
/// # Errors
/// How a part ended.
pub(super) async fn wait(parts: &mut JoinSet<()>, shutdown: &CancellationToken) -> Result<(), Ended> {
    tokio::select! {
        // Parts that end because they were told to are no fault.
        biased;
        () = shutdown.cancelled() => Ok(()),
        Some(ended) = parts.join_next() => Err(ended.map_or(Ended::Panicked, |()| Ended::Early)),
    }
}

/// Lets what is in flight finish, for `at_most` that long; answers whether it did. A part that panics now is over too.
pub(super) async fn drain(mut parts: JoinSet<()>, at_most: Duration) -> bool {
    let finish = async { while parts.join_next().await.is_some() {} };
    tokio::time::timeout(at_most, finish).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_unasked_is_noticed() {
        let shutdown = CancellationToken::new();
        let mut parts = JoinSet::new();
        parts.spawn(std::future::pending());
        parts.spawn(async { panic!("as in a fault of ours") });
        assert_eq!(wait(&mut parts, &shutdown).await, Err(Ended::Panicked));
        parts.spawn(async {});
        assert_eq!(wait(&mut parts, &shutdown).await, Err(Ended::Early));
    }

    #[tokio::test]
    async fn parts_that_end_when_told_to_are_no_fault() {
        let shutdown = CancellationToken::new();
        let mut parts = JoinSet::new();
        parts.spawn(async { panic!("while stopping") });
        parts.spawn(shutdown.clone().cancelled_owned());
        shutdown.cancel();
        tokio::task::yield_now().await;
        assert_eq!(wait(&mut parts, &shutdown).await, Ok(()));
        assert!(drain(parts, Duration::from_secs(60)).await);
    }
}
