//! How far a change is, as the VaultSecret's condition says it. Pure.

/// Workloads that a sentence names; of the rest, the number.
const NAMED: usize = 5;

/// How far a change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has looked yet.
    Pending,
    /// Some workloads are still to be rolled; why each waits.
    Outstanding {
        /// How many are rolled, or need not be.
        done: usize,
        /// `KIND NAME (why)`.
        waiting: Vec<String>,
    },
    /// RBAC does not let the operator do it.
    Forbidden,
    /// No workload has pods that began with an older content, or each was rolled.
    Done,
}

/// What is said of a workload, in a bounded list.
pub(super) fn list(all: &[String]) -> String {
    let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

impl Progress {
    /// The condition's sentence, for a change to this revision.
    pub fn sentence(&self, revision: u64) -> String {
        match self {
            Self::Pending => format!("the workloads that use revision {revision} are about to be restarted"),
            Self::Outstanding { done, waiting } => format!(
                "revision {revision}: {done} of {} workloads are done; outstanding: {}",
                done + waiting.len(),
                list(waiting)
            ),
            Self::Forbidden => {
                "the operator may not restart workloads: an administrator allows it by the chart's value \
                 restart.enabled; or set spec.onChange to None"
                    .to_owned()
            }
            Self::Done => format!("the workloads that use revision {revision} are restarted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_stays_short_however_many_wait() {
        let waiting: Vec<_> = (0..2000)
            .map(|number| format!("Deployment web-{number} (paused)"))
            .collect();
        let told = Progress::Outstanding { done: 3, waiting }.sentence(4);
        assert!(
            told.contains("3 of 2003") && told.contains("1995 more") && told.len() < 300,
            "{told}"
        );
    }
}
