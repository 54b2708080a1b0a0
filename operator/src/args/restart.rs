//! Restarts of workloads, and pods that started without their variables.

use std::time::Duration;

use super::time;
use crate::missed;
use crate::restart::Pace;

/// How long a change waits for others, so that one restart serves them all.
const SETTLE: Duration = Duration::from_secs(10);

/// How careful to be with other people's workloads.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Restart {
    /// Workloads that are in the middle of a restart for a change at once, in the whole cluster.
    #[arg(long, env = "SPLITVAULT_RESTART_AT_ONCE", value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub restart_at_once: u16,
    /// The least between two restarts of one workload.
    #[arg(long, env = "SPLITVAULT_RESTART_MIN_INTERVAL", value_name = "TIME", default_value = "1m", value_parser = time)]
    pub restart_min_interval: Duration,
    /// Between two searches for pods that started without the variables that they ask for.
    #[arg(long, env = "SPLITVAULT_MISSED_INTERVAL", value_name = "TIME", default_value = "10m", value_parser = time)]
    pub missed_interval: Duration,
    /// Evict such pods, so that their owner makes them anew.
    #[arg(long, env = "SPLITVAULT_MISSED_EVICT", action = clap::ArgAction::SetTrue)]
    pub missed_evict: bool,
}

impl Restart {
    /// What is done about pods that were missed.
    pub fn search(&self) -> missed::Pace {
        missed::Pace {
            interval: self.missed_interval,
            evict: self.missed_evict,
        }
    }

    /// How fast workloads are restarted.
    pub fn pace(&self) -> Pace {
        Pace {
            settle: SETTLE,
            at_once: self.restart_at_once.into(),
            distance: self.restart_min_interval,
        }
    }
}
