//! Whether the workloads of an object have to be rolled, and how far that is. The status has the revision for which they
//! were; that, and not what this process remembers, decides.

use kube::ResourceExt as _;
use splitvault_api::{OnChange, Remark, VaultSecret};

use super::Context;
use super::stored::Stored;
use crate::restart::{Change, Progress};

/// What is said of the restarts of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The revision for which they are done, for the status.
    pub(super) revision: Option<i64>,
    /// The condition, while they are not.
    pub(super) remark: Option<(Remark, String)>,
}

impl Context {
    /// Has workloads rolled when the content is another one than they were rolled for. `before` is the object as it was
    /// before this reconcile, `stored` what the stores have now.
    pub(super) fn restart(&self, before: &VaultSecret, stored: Option<&Stored>) -> Said {
        let uid = before.uid().unwrap_or_default();
        let remembered = remembered(before);
        let paused = before.spec.suspend == Some(true);
        let (true, false, Some(stored)) = (wants(before), paused, stored) else {
            self.rolls.forget(&uid);
            let revision = remembered.filter(|_| wants(before));
            return Said {
                revision,
                remark: None,
            };
        };
        let revision = i64::try_from(stored.revision).ok();
        // The first content rolls only what runs with that of an object that had this name before.
        let first = stored.revision == 1 && remembered.unwrap_or(0) == 0;
        let settled = if first { Some(0) } else { remembered.or(revision) };
        let over = || {
            self.rolls.forget(&uid);
            Said {
                revision,
                remark: None,
            }
        };
        if settled == revision {
            return over();
        }
        let progress = self.rolls.want(Change {
            namespace: before.namespace().unwrap_or_default(),
            name: before.name_any(),
            uid: uid.clone(),
            revision: stored.revision,
            digest: stored.digest.clone(),
            first,
        });
        let remark = match &progress {
            Progress::Done => return over(),
            // As a rule there is nothing to restart.
            Progress::Pending if first => None,
            Progress::Forbidden => Some(Remark::RestartForbidden),
            Progress::Pending | Progress::Outstanding { .. } => Some(Remark::Restarting),
        };
        Said {
            revision: settled,
            remark: remark.map(|remark| (remark, progress.sentence(stored.revision))),
        }
    }
}

fn wants(object: &VaultSecret) -> bool {
    object.spec.on_change == Some(OnChange::Restart)
}

/// The revision for which workloads were rolled; that of the last status where restarts are asked for only now.
fn remembered(before: &VaultSecret) -> Option<i64> {
    let status = before.status.as_ref()?;
    status.restarted_revision.or(status.revision)
}
