//! How far rotations are, for people and metrics.

use splitvault_crypto::KeyId;

use super::Vault;
use super::rotation::{QUARANTINED, active};
use crate::error::RotationError;
use crate::keys::{KeyState, Quarantined, Ring, Root};

/// How far the rotations of both rings are. One answer for both: a revision is encrypted anew as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    lines: Vec<KeyLine>,
    /// How many environments there are.
    pub environments: u64,
    /// How many of them have a revision that is not under the active keys of both rings.
    pub remaining: u64,
    /// Revisions that cannot be opened; they keep old keys from being destroyed. A hundred at most.
    pub quarantined: Vec<Quarantined>,
}

impl Progress {
    /// The keys of a ring that are not destroyed, in the order in which they became active.
    pub fn keys(&self, ring: Ring) -> impl Iterator<Item = &KeyLine> + Clone {
        self.lines.iter().filter(move |line| line.ring == ring)
    }
}

/// A key as far as anybody may know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLine {
    /// Whose key.
    pub ring: Ring,
    /// Its id.
    pub id: KeyId,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it became active, in milliseconds of Unix time; 0 before.
    pub activated: u64,
    /// The event that brought it into its state.
    pub entered: u64,
}

impl Vault {
    /// How far the rotations are. Counts all environments.
    ///
    /// # Errors
    /// See [`RotationError`].
    pub async fn progress(&self) -> Result<Progress, RotationError> {
        let root = self.root().await?;
        let (names, values) = (active(&root, Ring::Names)?, active(&root, Ring::Values)?);
        let (environments, remaining) = self.keys.progress(names, values).await?;
        Ok(Progress {
            lines: lines(&root),
            environments,
            remaining,
            quarantined: self.keys.quarantined(None, QUARANTINED).await?,
        })
    }

    /// The keys of a ring that are not destroyed, in the order in which they became active. Counts nothing.
    ///
    /// # Errors
    /// See [`RotationError`].
    pub async fn key_lines(&self, ring: Ring) -> Result<Vec<KeyLine>, RotationError> {
        let mut lines = lines(&self.root().await?);
        lines.retain(|line| line.ring == ring);
        Ok(lines)
    }
}

fn lines(root: &Root) -> Vec<KeyLine> {
    let kept = root.keys.iter().filter(|key| key.state != KeyState::Destroyed);
    let mut lines: Vec<_> = kept
        .map(|key| KeyLine {
            ring: key.ring,
            id: key.id,
            state: key.state,
            activated: key.activated,
            entered: key.entered,
        })
        .collect();
    lines.sort_unstable_by_key(|key| (key.state == KeyState::Pending, key.activated));
    lines
}
