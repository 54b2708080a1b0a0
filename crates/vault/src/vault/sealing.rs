//! The life of sealing key pairs: nothing of ours is encrypted under them, so the new one is active at once, and an old
//! one opens for as long as anybody needs it.

use std::time::SystemTime;

use splitvault_crypto::KeyId;

use super::Vault;
use super::first;
use super::replica::millis;
use crate::error::RotationError;
use crate::keys::{Cause, Deed, KeyState, Ring, Step};

impl Vault {
    /// Makes a new sealing key pair, which is the one to publish from now on; the one before still opens.
    ///
    /// # Errors
    /// See [`RotationError`]; only the leader may.
    pub async fn rotate_sealing_key(&self, cause: Cause, now: SystemTime) -> Result<KeyId, RotationError> {
        let (root, at) = (self.root().await?, millis(now));
        let mut pair = first::key_pair(&self.keks, self.installation).await?;
        (pair.activated, pair.drawn, pair.state) = (at, at, KeyState::Active);
        let (id, ring) = (pair.id, Ring::Sealing);
        let mut steps = Vec::new();
        let mut events = vec![(ring, id, Deed::Created, cause)];
        if let Some(before) = root.active(ring) {
            steps.push(Step::Move {
                id: before.id,
                from: KeyState::Active,
                to: KeyState::Retiring,
                activated: None,
            });
            events.push((ring, before.id, Deed::Retired, cause));
        }
        events.push((ring, id, Deed::Activated, cause));
        steps.push(Step::Insert(pair));
        self.change(&root, at, steps, events).await?;
        self.reload().await?;
        Ok(id)
    }

    /// Destroys a sealing key pair that is not the active one. What is sealed to it cannot be opened by anybody any more.
    ///
    /// # Errors
    /// [`RotationError::NoSuchKey`] when it is active, gone, or was never there; only the leader may.
    pub async fn destroy_sealing_key(&self, id: KeyId, now: SystemTime) -> Result<(), RotationError> {
        let (root, ring) = (self.root().await?, Ring::Sealing);
        let retiring = |key: &&crate::keys::WrappedKey| {
            key.ring == ring && key.id == id && key.state == KeyState::Retiring
        };
        root.keys
            .iter()
            .find(retiring)
            .ok_or(RotationError::NoSuchKey(id))?;
        let steps = vec![Step::Move {
            id,
            from: KeyState::Retiring,
            to: KeyState::Destroyed,
            activated: None,
        }];
        let events = vec![(ring, id, Deed::Destroyed, Cause::Rotation)];
        self.change(&root, millis(now), steps, events).await?;
        self.reload().await?;
        Ok(self.keys.checkpoint().await?)
    }
}
