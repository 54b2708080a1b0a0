//! This process among the replicas: what it has seen, what it still holds, whether it leads.
//!
//! A key is acknowledged as gone only when no operation of this process holds it any more. Leading is a lease in the key
//! database: clocks decide who leads, never whether what a leader does is right; the fencing token decides that.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use splitvault_crypto::Id;
use tokio::sync::Mutex as AsyncMutex;

use super::Vault;
use super::log::LogHead;
use super::rings::Rings;
use crate::error::{OpenError, RotationError};
use crate::keys::Replica;

/// A leader that was silent for this long may be replaced.
const LEASE: Duration = Duration::from_secs(30);
/// A replica that was silent for this long is not waited for.
const ABSENT: Duration = Duration::from_secs(60);

/// What this process is to the others.
pub(super) struct Presence {
    id: Id,
    /// The epoch that it leads in; 0 when it does not.
    epoch: AtomicU64,
    /// Whether a key that was destroyed may still be in a file: this process or the leader before was stopped short.
    remains: AtomicBool,
    acknowledged: AtomicU64,
    /// When it last said that it is there, in milliseconds of Unix time; 0 before.
    announced: AtomicU64,
    /// Sets of keys that were replaced and that an operation may still hold.
    former: Mutex<Vec<Weak<Rings>>>,
    reloading: AsyncMutex<()>,
    witnessed: Mutex<Option<LogHead>>,
}

impl Presence {
    pub(super) fn make(sequence: u64) -> Result<Self, OpenError> {
        Ok(Self {
            id: Id::make()?,
            epoch: AtomicU64::new(0),
            remains: AtomicBool::new(false),
            acknowledged: AtomicU64::new(sequence),
            announced: AtomicU64::new(0),
            former: Mutex::default(),
            reloading: AsyncMutex::default(),
            witnessed: Mutex::default(),
        })
    }

    /// The epoch that this process leads in.
    pub(super) fn epoch(&self) -> Result<u64, RotationError> {
        match self.epoch.load(Ordering::Acquire) {
            0 => Err(RotationError::NotLeader),
            epoch => Ok(epoch),
        }
    }

    /// Whether a key that was destroyed may still be in a file.
    pub(super) fn remains(&self) -> bool {
        self.remains.load(Ordering::Acquire)
    }

    pub(super) fn set_remains(&self, remains: bool) {
        self.remains.store(remains, Ordering::Release);
    }

    /// The end of the key log that is remembered elsewhere, after noting a new one.
    pub(super) fn witnessed(&self, new: Option<LogHead>) -> Option<LogHead> {
        let mut witnessed = self.witnessed.lock().unwrap_or_else(PoisonError::into_inner);
        if new.is_some() {
            *witnessed = new;
        }
        *witnessed
    }

    /// Whether an operation still holds a master key that is not among these any more.
    fn holds_more_than(&self, current: &Rings) -> bool {
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.retain(|rings| rings.strong_count() > 0);
        let is_gone = |id| !current.master_keys().any(|kept| kept == id);
        let mut held = former.iter().filter_map(Weak::upgrade);
        held.any(|rings| rings.master_keys().any(is_gone))
    }
}

impl Vault {
    /// Takes the keys of the database as they are now. What is in memory already is not unwrapped again.
    pub(super) async fn reload(&self) -> Result<(), RotationError> {
        let root = self.root().await?;
        // Only for what is made of it: nobody who looks up keys waits for another one's question to the database.
        let _alone = self.presence.reloading.lock().await;
        let before = self.rings.load_full();
        if root.sequence() <= before.seen.sequence {
            return Ok(());
        }
        let next = Rings::load(&root, &self.keks, Some(&before)).await?;
        // Before the new keys can be seen: whoever acknowledges those must find who still holds these.
        let former = self.presence.former.lock();
        former
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&before));
        self.rings.store(Arc::new(next));
        Ok(())
    }

    /// Looks up the keys, and tells the other replicas that this one is there and what it has seen. To be called every few
    /// seconds; a replica that has not called for a minute is not waited for. One that starts should serve nobody before
    /// this has succeeded once: until then a key may become active that it does not have.
    ///
    /// # Errors
    /// See [`RotationError`]; the keys in memory stay in use.
    pub async fn beat(&self, now: SystemTime) -> Result<(), RotationError> {
        let silence = millis(now).abs_diff(self.presence.announced.load(Ordering::Acquire));
        if Duration::from_millis(silence) >= ABSENT / 2 {
            // Nobody waits for it, perhaps: a key that becomes active between a look and the word of it would be missed.
            self.announce(now).await?;
        }
        let reloaded = self.reload().await;
        let rings = self.rings.load_full();
        if reloaded.is_ok() && !self.presence.holds_more_than(&rings) {
            let sequence = rings.seen.sequence;
            self.presence.acknowledged.store(sequence, Ordering::Release);
        }
        self.announce(now).await?;
        reloaded
    }

    async fn announce(&self, now: SystemTime) -> Result<(), RotationError> {
        let replica = Replica {
            id: self.presence.id,
            acknowledged: self.presence.acknowledged.load(Ordering::Acquire),
            seen: millis(now),
        };
        self.keys.beat(&replica).await?;
        self.presence.announced.store(replica.seen, Ordering::Release);
        Ok(())
    }

    /// Tries to lead, or to go on leading; answers whether this process does.
    ///
    /// # Errors
    /// See [`RotationError`]; it does not lead then.
    pub async fn lead(&self, now: SystemTime) -> Result<bool, RotationError> {
        let expired = now.checked_sub(LEASE).map_or(0, millis);
        // Meanwhile it goes on as it was: whether it may is for the fencing token to say.
        let leadership = self.keys.lead(self.presence.id, millis(now), expired).await;
        let epoch = match &leadership {
            Ok(leadership) if leadership.holder == self.presence.id => leadership.epoch,
            Ok(_) | Err(_) => 0,
        };
        let before = self.presence.epoch.swap(epoch, Ordering::AcqRel);
        if epoch != before {
            self.presence.set_remains(true);
        }
        leadership?;
        Ok(epoch > 0)
    }

    /// Says that this process goes, so that nobody waits for it.
    ///
    /// # Errors
    /// See [`RotationError`].
    pub async fn leave(&self) -> Result<(), RotationError> {
        Ok(self.keys.leave(self.presence.id).await?)
    }

    /// What every replica that is there has seen of the key log; `None` when there is none, not even this one. One whose
    /// clock is as far ahead as another may be silent counts as gone, too: nobody knows when it was there.
    pub(super) async fn acknowledged(&self, now: SystemTime) -> Result<Option<u64>, RotationError> {
        let since = now.checked_sub(ABSENT).map_or(0, millis);
        let until = millis(now.checked_add(ABSENT).unwrap_or(now));
        let replicas = self.keys.replicas(since..=until).await?;
        Ok(replicas.iter().map(|replica| replica.acknowledged).min())
    }
}

/// Milliseconds of Unix time, as they are kept.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis())
        .unwrap_or(u64::MAX)
        .min(i64::MAX as u64)
}
