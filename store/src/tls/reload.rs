//! Follows the certificate files. A broken set changes nothing: the old one stays until a good one is there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Files, Loaded, TlsError};
use crate::Metrics;

/// Waits for usable files, looking every `period`, then keeps following them until `shutdown`. `None` when
/// that came first. New connections use what is current; those that are open keep what they began with.
pub async fn watch(
    files: Files,
    period: Duration,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Option<Arc<ArcSwap<ServerConfig>>> {
    let mut follower = Follower {
        files,
        metrics,
        period,
        complaint: None,
    };
    let first = tokio::select! {
        () = shutdown.cancelled() => return None,
        first = follower.first() => first,
    };
    let fingerprint = first.fingerprint;
    let current = Arc::new(ArcSwap::new(first.config));
    let following = Arc::clone(&current);
    tokio::spawn(async move {
        shutdown
            .run_until_cancelled(follower.follow(fingerprint, &following))
            .await;
    });
    Some(current)
}

struct Follower {
    files: Files,
    metrics: Metrics,
    period: Duration,
    /// The last complaint, so that the log does not repeat it at every look.
    complaint: Option<String>,
}

impl Follower {
    async fn first(&mut self) -> Loaded {
        let mut ticks = self.ticks();
        loop {
            ticks.tick().await;
            if let Some(loaded) = self.look() {
                return loaded;
            }
        }
    }

    async fn follow(&mut self, mut fingerprint: u64, current: &ArcSwap<ServerConfig>) {
        let mut ticks = self.ticks();
        loop {
            ticks.tick().await;
            let Some(loaded) = self.look() else { continue };
            if loaded.fingerprint != fingerprint {
                fingerprint = loaded.fingerprint;
                current.store(loaded.config);
                tracing::info!(expires = loaded.expires, "certificates reloaded");
            }
        }
    }

    fn look(&mut self) -> Option<Loaded> {
        match self.files.load() {
            Ok(loaded) => {
                self.complaint = None;
                self.metrics.certificate_expires(loaded.expires);
                Some(loaded)
            }
            Err(error) => {
                self.complain(&error);
                None
            }
        }
    }

    fn complain(&mut self, error: &TlsError) {
        let text = match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        if self.complaint.as_ref() != Some(&text) {
            tracing::warn!(reason = text, "certificates are not usable, looking again");
            self.complaint = Some(text);
        }
    }

    fn ticks(&self) -> tokio::time::Interval {
        let mut ticks = tokio::time::interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }
}
