//! The life of keys in memory.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use splitvault_crypto::{Id, KeyId};

use super::MemoryKeys;
use super::kept::Kept;
use crate::keys::{
    Escrowed, KeyChange, KeyEvent, KeyState, KeyStoreError, Leadership, LifeStore, Replica, Ring, Root, Step,
    WrappedKey,
};

#[async_trait]
impl LifeStore for MemoryKeys {
    async fn root(&self) -> Result<Option<Root>, KeyStoreError> {
        self.look(Kept::root).await
    }

    async fn found(&self, root: Root, events: Vec<KeyEvent>) -> Result<Root, KeyStoreError> {
        self.transact(|kept| kept.found(root, events)).await
    }

    async fn change(&self, change: &KeyChange) -> Result<(), KeyStoreError> {
        self.transact(|kept| kept.change(change)).await
    }

    async fn claim(&self, epoch: u64, key: KeyId, from: u64, to: u64) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            kept.led_by(epoch)?;
            kept.draw(key, from, to)
        })
        .await
    }

    async fn reserve(&self, operations: &[(KeyId, u64)]) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            for (id, count) in operations {
                for key in kept.keys.iter_mut().filter(|key| key.id == *id) {
                    key.operations += count;
                }
            }
            Ok(())
        })
        .await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<KeyEvent>, KeyStoreError> {
        let page = |kept: &Kept| {
            let later = kept.events.iter().filter(|event| event.sequence > after);
            later.take(limit as usize).cloned().collect()
        };
        self.look(page).await
    }

    async fn escrowed(&self) -> Result<Vec<Escrowed>, KeyStoreError> {
        self.look(|kept| kept.escrow.values().cloned().collect()).await
    }

    async fn beat(&self, replica: &Replica) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            kept.replicas.insert(replica.id, *replica);
            Ok(())
        })
        .await
    }

    async fn replicas(&self, seen: RangeInclusive<u64>) -> Result<Vec<Replica>, KeyStoreError> {
        self.transact(|kept| {
            kept.replicas.retain(|_, replica| seen.contains(&replica.seen));
            Ok(kept.replicas.values().copied().collect())
        })
        .await
    }

    async fn leave(&self, replica: Id) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            kept.replicas.remove(&replica);
            if let Some(leader) = kept.leader.as_mut().filter(|leader| leader.holder == replica) {
                leader.renewed = 0;
            }
            Ok(())
        })
        .await
    }

    async fn lead(&self, holder: Id, now: u64, expired: u64) -> Result<Leadership, KeyStoreError> {
        self.transact(|kept| Ok(kept.lead(holder, now, expired))).await
    }

    async fn count(&self, ring: Ring, key: KeyId) -> Result<u64, KeyStoreError> {
        self.look(|kept| kept.count(ring, key)).await
    }

    async fn checkpoint(&self) -> Result<(), KeyStoreError> {
        self.look(|_| ()).await
    }
}

impl Kept {
    fn root(&self) -> Option<Root> {
        Some(Root {
            installation: self.installation?,
            keys: self.keys.clone(),
            last: self.events.last().cloned(),
        })
    }

    fn found(&mut self, root: Root, events: Vec<KeyEvent>) -> Result<Root, KeyStoreError> {
        if self.installation.is_none() {
            self.installation = Some(root.installation);
            root.keys.into_iter().try_for_each(|key| self.insert(key))?;
            self.append(&events)?;
        }
        self.root().ok_or(KeyStoreError::Internal)
    }

    /// As the schema's constraints have it: an id once, and one active key in each ring.
    fn insert(&mut self, key: WrappedKey) -> Result<(), KeyStoreError> {
        let known = self.keys.iter().any(|kept| kept.id == key.id);
        if known || key.wrapped.is_none() != (key.state == KeyState::Destroyed) {
            return Err(KeyStoreError::Internal);
        }
        self.keys.push(key);
        self.one_active()
    }

    fn one_active(&self) -> Result<(), KeyStoreError> {
        let active = |ring| {
            let of_ring = self.keys.iter().filter(move |key| key.ring == ring);
            of_ring.filter(|key| key.state == KeyState::Active).count()
        };
        match Ring::ALL.into_iter().all(|ring| active(ring) <= 1) {
            true => Ok(()),
            false => Err(KeyStoreError::Internal),
        }
    }

    fn append(&mut self, events: &[KeyEvent]) -> Result<(), KeyStoreError> {
        let last = self.events.last().map_or(0, |event| event.sequence);
        if events.first().is_some_and(|first| first.sequence <= last) {
            return Err(KeyStoreError::Internal);
        }
        self.events.extend_from_slice(events);
        Ok(())
    }

    /// The fencing token.
    fn led_by(&self, epoch: u64) -> Result<(), KeyStoreError> {
        let leads = self.leader.is_some_and(|leader| leader.epoch == epoch);
        if leads {
            Ok(())
        } else {
            Err(KeyStoreError::Conflict)
        }
    }

    fn lead(&mut self, holder: Id, now: u64, expired: u64) -> Leadership {
        let same = |leader: &Leadership| leader.holder == holder;
        let epoch = match &self.leader {
            Some(leader) if !same(leader) && leader.renewed >= expired => return *leader,
            Some(leader) => leader.epoch + u64::from(!same(leader)),
            None => 1,
        };
        *self.leader.insert(Leadership {
            holder,
            epoch,
            renewed: now,
        })
    }

    fn change(&mut self, change: &KeyChange) -> Result<(), KeyStoreError> {
        if let Some(epoch) = change.epoch {
            self.led_by(epoch)?;
        }
        if self.events.last().map_or(0, |event| event.sequence) != change.expected {
            return Err(KeyStoreError::Conflict);
        }
        self.append(&change.events)?;
        let entered = self.events.last().map_or(0, |event| event.sequence);
        change.steps.iter().try_for_each(|step| self.take(step, entered))
    }

    fn take(&mut self, step: &Step, entered: u64) -> Result<(), KeyStoreError> {
        match step {
            Step::Insert(key) => self.insert(key.clone()),
            Step::Move {
                id,
                from,
                to,
                activated,
            } => {
                let unused = Ring::MASTER.iter().all(|ring| self.count(*ring, *id) == 0);
                if *to == KeyState::Destroyed && !unused {
                    return Err(KeyStoreError::InUse);
                }
                let key = self.key(*id, |key| key.state == *from)?;
                (key.state, key.entered) = (*to, entered);
                if let Some(activated) = activated {
                    (key.activated, key.drawn) = (*activated, *activated);
                }
                if *to == KeyState::Destroyed {
                    key.wrapped = None;
                }
                self.one_active()
            }
            Step::Rewrap { id, from, to } => {
                let key = self.key(*id, |key| key.wrapped.as_ref() == Some(from))?;
                key.wrapped = Some(to.clone());
                Ok(())
            }
            Step::Escrow(escrowed) => {
                self.escrow.insert(escrowed.id, escrowed.clone());
                Ok(())
            }
            Step::Draw { id, from, to } => self.draw(*id, *from, *to),
        }
    }

    fn draw(&mut self, id: KeyId, from: u64, to: u64) -> Result<(), KeyStoreError> {
        let key = self.key(id, |key| key.drawn == from && key.state == KeyState::Active)?;
        key.drawn = to;
        Ok(())
    }

    /// A key that is where a step takes it from.
    fn key(&mut self, id: KeyId, is: impl Fn(&WrappedKey) -> bool) -> Result<&mut WrappedKey, KeyStoreError> {
        let mut keys = self.keys.iter_mut();
        keys.find(|key| key.id == id && is(key))
            .ok_or(KeyStoreError::Conflict)
    }
}
