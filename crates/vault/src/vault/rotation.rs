//! The rotation of master keys: `Pending → Active → Retiring → Drained → Destroyed`, one step at a time, by the leader.
//!
//! A new key seals once every replica has it. From that transaction on no commit under the old key is taken (the fence
//! of writers), so what is under it only becomes less; when nothing is, no replica keeps it, and it is destroyed. Each
//! step can be repeated and each can be the last before a crash. [`plan`] decides, this module does.

mod plan;
mod verify;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use splitvault_crypto::{KeyId, MasterKey, Purpose};
use splitvault_values::failpoint;

use super::log::Chain;
use super::replica::millis;
use super::{Batch, Vault, first};
use crate::error::{OpenError, RotationError};
use crate::keys::{
    Cause, Deed, Escrowed, KeyChange, KeyState, KeyStoreError, Quarantined, Ring, Root, Step, WrappedKey,
};
use crate::schedule::{self, Schedule, Stand, Verdict};
use plan::{Situation, Task, is_waiting, plan};

/// What one call of [`Vault::advance`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// There was nothing to do.
    Idle,
    /// Some replica has yet to see the last step; nothing else is to be done.
    Waiting,
    /// A key went on in its life; there may be more to do at once.
    Moved {
        /// Whose key.
        ring: Ring,
        /// Which key: the one that became active, was drained, or was destroyed.
        key: KeyId,
        /// What it is now.
        state: KeyState,
    },
    /// A batch was re-encrypted; there may be more.
    Resealed(Batch),
}

/// What happened to which key, and why.
pub(super) type Told = (Ring, KeyId, Deed, Cause);

impl Vault {
    /// Begins the rotation of a ring of master keys: makes a new key. The other steps are [`Self::advance`]'s. While one
    /// is pending already, answers that one.
    ///
    /// # Errors
    /// See [`RotationError`]; only the leader may.
    pub async fn begin_rotation(
        &self,
        ring: Ring,
        cause: Cause,
        now: SystemTime,
    ) -> Result<KeyId, RotationError> {
        self.begin(&self.root().await?, ring, cause, now, None).await
    }

    async fn begin(
        &self,
        root: &Root,
        ring: Ring,
        cause: Cause,
        now: SystemTime,
        draw: Option<Step>,
    ) -> Result<KeyId, RotationError> {
        let pending = |key: &&WrappedKey| key.ring == ring && key.state == KeyState::Pending;
        if let Some(pending) = root.keys.iter().find(pending) {
            return Ok(pending.id);
        }
        let key = match ring {
            Ring::Names => first::fresh_master_key(ring, &self.keks.names, self.installation).await?,
            Ring::Values => first::fresh_master_key(ring, &self.keks.values, self.installation).await?,
            Ring::Sealing => return self.rotate_sealing_key(cause, now).await,
            Ring::Mac => return Err(RotationError::Open(OpenError::Missing { ring: ring.label() })),
        };
        let id = key.id;
        let steps = draw.into_iter().chain([Step::Insert(key)]).collect();
        self.change(root, millis(now), steps, vec![(ring, id, Deed::Created, cause)])
            .await?;
        self.reload().await?;
        Ok(id)
    }

    /// Draws, for each ring, whether to rotate now, and begins what was drawn. Nothing is known of it before, and nothing
    /// kept after but that there was a draw. To be called at a steady pace that does not depend on what it answers.
    ///
    /// # Errors
    /// See [`RotationError`]; only the leader may.
    pub async fn draw(
        &self,
        schedule: &Schedule,
        now: SystemTime,
        mut dice: impl FnMut() -> Result<u64, RotationError> + Send,
    ) -> Result<Vec<(Ring, Cause)>, RotationError> {
        let mut begun = Vec::new();
        let mut failed = None;
        for ring in Ring::MASTER {
            // What keeps one ring from rotating does not keep the other.
            match self.draw_for(ring, schedule, now, dice()?).await {
                Ok(cause) => begun.extend(cause.map(|cause| (ring, cause))),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(begun), Err)
    }

    async fn draw_for(
        &self,
        ring: Ring,
        schedule: &Schedule,
        now: SystemTime,
        dice: u64,
    ) -> Result<Option<Cause>, RotationError> {
        let root = self.root().await?;
        let pending = |key: &WrappedKey| key.ring == ring && key.state == KeyState::Pending;
        let active = root.active(ring).filter(|_| !root.keys.iter().any(pending));
        let Some(active) = active else { return Ok(None) };
        let stand = Stand {
            activated: time(active.activated),
            drawn: time(active.drawn),
            operations: active.operations,
        };
        match schedule.draw(&stand, now, dice) {
            Verdict::NotYet => Ok(None),
            Verdict::Keep { drawn } => {
                self.claim(active, drawn).await?;
                Ok(None)
            }
            Verdict::Rotate { cause, drawn } => {
                let (cause, to) = (Cause::from(cause), millis(drawn));
                let draw = (to != active.drawn).then_some(Step::Draw {
                    id: active.id,
                    from: active.drawn,
                    to,
                });
                self.begin(&root, ring, cause, now, draw).await?;
                Ok(Some(cause))
            }
        }
    }

    async fn claim(&self, active: &WrappedKey, drawn: SystemTime) -> Result<(), RotationError> {
        let epoch = self.presence.epoch()?;
        let to = millis(drawn);
        Ok(self.keys.claim(epoch, active.id, active.drawn, to).await?)
    }

    /// Takes the next step, if there is one; a batch has about `rows` rows. To be called again at once after
    /// [`Advance::Moved`], at the pace that is wanted after [`Advance::Resealed`], and in a while otherwise.
    ///
    /// # Errors
    /// See [`RotationError`]; only the leader may.
    pub async fn advance(&self, now: SystemTime, rows: usize) -> Result<Advance, RotationError> {
        self.presence.epoch()?;
        let root = self.root().await?;
        let (names, values) = (active(&root, Ring::Names)?, active(&root, Ring::Values)?);
        let is_stale = !self.keys.stale(names, values, 1).await?.is_empty();
        if is_stale && !waits_for_replicas(&root) {
            // The long part: nothing else has to be known for it.
            return Ok(Advance::Resealed(self.reseal_stale(rows).await?));
        }
        self.beat(now).await?;
        let situation = Situation {
            keys: &root.keys,
            acknowledged: self.acknowledged(now).await?,
            is_stale,
            is_quarantined: !self.keys.quarantined(None, 1).await?.is_empty(),
        };
        let waiting = is_waiting(&situation);
        match plan(&situation) {
            None => {
                self.clean().await?;
                Ok(if waiting { Advance::Waiting } else { Advance::Idle })
            }
            Some(Task::Reseal) => Ok(Advance::Resealed(self.reseal_stale(rows).await?)),
            Some(Task::Activate {
                ring,
                pending,
                active,
            }) => self.activate(&root, ring, pending, active, now).await,
            Some(Task::Drain { ring, id }) => self.drain(&root, ring, id, now).await,
            Some(Task::Destroy { ring, id }) => self.destroy(&root, ring, id, now).await,
        }
    }

    async fn activate(
        &self,
        root: &Root,
        ring: Ring,
        pending: KeyId,
        active: KeyId,
        now: SystemTime,
    ) -> Result<Advance, RotationError> {
        failpoint!("rotation::before-activate");
        let at = millis(now);
        let steps = vec![
            step(active, KeyState::Active, KeyState::Retiring, None),
            step(pending, KeyState::Pending, KeyState::Active, Some(at)),
        ];
        let events = vec![
            (ring, active, Deed::Retired, Cause::Rotation),
            (ring, pending, Deed::Activated, Cause::Rotation),
        ];
        self.change(root, at, steps, events).await?;
        failpoint!("rotation::after-activate");
        self.reload().await?;
        Ok(moved(ring, pending, KeyState::Active))
    }

    /// Makes sure, by count and by reading again, that nothing is under the key.
    async fn drain(
        &self,
        root: &Root,
        ring: Ring,
        id: KeyId,
        now: SystemTime,
    ) -> Result<Advance, RotationError> {
        // Every ring first: what is still under a key is put right, or set aside, before anything else is looked at.
        for key in root.keys.iter().filter(|key| key.state == KeyState::Retiring) {
            if let Some(found) = self.still_under(key.ring, key.id).await? {
                return Ok(found);
            }
        }
        self.read_sample().await?;
        let mut steps = vec![step(id, KeyState::Retiring, KeyState::Drained, None)];
        let mut events = vec![(ring, id, Deed::Drained, Cause::Rotation)];
        if let Some(escrowed) = self.escrowed(root, ring, id).await? {
            steps.push(Step::Escrow(escrowed));
            events.push((ring, id, Deed::Escrowed, Cause::Rotation));
        }
        failpoint!("rotation::before-drain");
        self.change(root, millis(now), steps, events).await?;
        failpoint!("rotation::after-drain");
        self.reload().await?;
        Ok(moved(ring, id, KeyState::Drained))
    }

    async fn destroy(
        &self,
        root: &Root,
        ring: Ring,
        id: KeyId,
        now: SystemTime,
    ) -> Result<Advance, RotationError> {
        failpoint!("rotation::before-destroy");
        let steps = vec![step(id, KeyState::Drained, KeyState::Destroyed, None)];
        let events = vec![(ring, id, Deed::Destroyed, Cause::Rotation)];
        self.presence.set_remains(true);
        self.change(root, millis(now), steps, events).await?;
        failpoint!("rotation::after-destroy");
        self.reload().await?;
        self.clean().await?;
        failpoint!("rotation::after-checkpoint");
        Ok(moved(ring, id, KeyState::Destroyed))
    }

    /// What was deleted is to be gone from the files, not only from the tables. Until that was done once after a
    /// destruction, by this leader or by the next, it is tried at each look.
    async fn clean(&self) -> Result<(), RotationError> {
        if self.presence.remains() {
            self.keys.checkpoint().await?;
            self.values.checkpoint().await.map_err(RotationError::Values)?;
            self.presence.set_remains(false);
        }
        Ok(())
    }

    /// The key sealed to the offline recipient, if there is one.
    async fn escrowed(&self, root: &Root, ring: Ring, id: KeyId) -> Result<Option<Escrowed>, RotationError> {
        let Some(recipient) = &self.escrow else {
            return Ok(None);
        };
        let rings = self.rings.load_full();
        let seal = |sealed: Option<Result<Vec<u8>, splitvault_crypto::SealError>>| {
            sealed.ok_or(RotationError::NoSuchKey(id))
        };
        let here = root.installation;
        let sealed = match ring {
            Ring::Names => seal(rings.names.key(id).map(|key| escrow(key, recipient, here)))?,
            Ring::Values => seal(rings.values.key(id).map(|key| escrow(key, recipient, here)))?,
            Ring::Sealing | Ring::Mac => return Ok(None),
        };
        Ok(Some(Escrowed {
            ring,
            id,
            sealed: sealed?,
        }))
    }

    /// The objects that have a revision which could not be re-encrypted.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    pub async fn unreadable(&self) -> Result<BTreeSet<String>, KeyStoreError> {
        let found = self.keys.quarantined(None, u32::MAX).await?;
        Ok(found.into_iter().map(|found| found.uid).collect())
    }

    /// Lets what is in quarantine be tried again.
    ///
    /// # Errors
    /// See [`RotationError`].
    pub async fn retry_quarantined(&self) -> Result<(), RotationError> {
        Ok(self.keys.release().await?)
    }

    /// Revisions of an object that could not be re-encrypted.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    pub async fn quarantined(&self, uid: &str) -> Result<Vec<Quarantined>, KeyStoreError> {
        self.keys.quarantined(Some(uid), QUARANTINED).await
    }

    /// Changes keys and tells of it in the key log, in one transaction, as the leader.
    pub(super) async fn change(
        &self,
        root: &Root,
        at: u64,
        steps: Vec<Step>,
        events: Vec<Told>,
    ) -> Result<(), RotationError> {
        if self.rings.load().seen.is_after(root) {
            // What was planned from is not what these keys are from: it is planned anew from what is there now.
            return Err(KeyStoreError::Conflict.into());
        }
        let mut chain = Chain::new(&self.mac, self.installation, root.last.as_ref());
        for (ring, key, deed, cause) in events {
            chain.append(at, ring, key, deed, cause);
        }
        let events = chain.into_events();
        let entered = events.last().map_or(0, |event| event.sequence);
        let steps = steps.into_iter().map(|step| match step {
            Step::Insert(key) => Step::Insert(WrappedKey { entered, ..key }),
            other => other,
        });
        let change = KeyChange {
            epoch: Some(self.presence.epoch()?),
            expected: root.sequence(),
            steps: steps.collect(),
            events,
        };
        Ok(self.keys.change(&change).await?)
    }
}

/// Of revisions in quarantine, at most this many are told.
pub(super) const QUARANTINED: u32 = 100;

impl From<schedule::Cause> for Cause {
    fn from(cause: schedule::Cause) -> Self {
        match cause {
            schedule::Cause::Drawn => Self::Drawn,
            schedule::Cause::Age => Self::Age,
            schedule::Cause::Operations => Self::Operations,
            schedule::Cause::Clock => Self::Clock,
        }
    }
}

fn escrow<P: Purpose>(
    key: &MasterKey<P>,
    recipient: &splitvault_crypto::sealing::PublicKey,
    installation: splitvault_crypto::Id,
) -> Result<Vec<u8>, splitvault_crypto::SealError> {
    key.escrow(recipient, installation)
}

/// Whether a key is in a state that every replica has to acknowledge before it goes on.
fn waits_for_replicas(root: &Root) -> bool {
    root.keys.iter().any(|key| match key.state {
        KeyState::Pending | KeyState::Drained => Ring::MASTER.contains(&key.ring),
        KeyState::Active | KeyState::Retiring | KeyState::Destroyed => false,
    })
}

pub(super) fn active(root: &Root, ring: Ring) -> Result<KeyId, RotationError> {
    let missing = OpenError::Missing { ring: ring.label() };
    Ok(root.active(ring).map(|key| key.id).ok_or(missing)?)
}

const fn step(id: KeyId, from: KeyState, to: KeyState, activated: Option<u64>) -> Step {
    Step::Move {
        id,
        from,
        to,
        activated,
    }
}

const fn moved(ring: Ring, key: KeyId, state: KeyState) -> Advance {
    Advance::Moved { ring, key, state }
}

/// What [`millis`] made of a time.
fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}
