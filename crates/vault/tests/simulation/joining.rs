//! A replica joins just when a key becomes active.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use splitvault_vault::memory::{MemoryKeys, MemoryValues};
use splitvault_vault::{Advance, Cause, KeyState, Ring, SourceDigestInput, Vault};

use crate::kek::Files;
use crate::model::dotenv;

/// Lets everything go on until this is done.
pub(crate) fn finish<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

struct Stores {
    keys: Arc<MemoryKeys>,
    values: Arc<MemoryValues>,
    files: Files,
}

impl Stores {
    fn replica(&self, away: &Arc<AtomicBool>) -> Vault {
        let keks = self.files.keks(away);
        finish(Vault::open(self.keys.clone(), self.values.clone(), keks)).unwrap()
    }
}

/// Takes the rotation of values as far as it goes at once, and writes.
fn rotate_and_write(leader: &Vault, now: SystemTime) {
    finish(async {
        leader
            .begin_rotation(Ring::Values, Cause::Requested, now)
            .await
            .unwrap();
        while let Advance::Moved { .. } | Advance::Resealed(_) = leader.advance(now, 1).await.unwrap() {}
        let source = SourceDigestInput(b"");
        leader.write("object", &dotenv(1), &source, &[], 0).await.unwrap();
    });
}

#[test]
fn whatever_a_replica_was_in_the_middle_of_when_a_key_became_active_it_reads_what_is_under_it() {
    let now = SystemTime::now();
    // After how many polls of the newcomer's first beat the leader rotates.
    for polls in 0..20 {
        let stores = Stores {
            keys: Arc::default(),
            values: Arc::default(),
            files: Files::make(),
        };
        let leader = stores.replica(&Arc::default());
        finish(async {
            leader.beat(now).await.unwrap();
            assert!(leader.lead(now).await.unwrap());
        });
        let away = Arc::new(AtomicBool::new(false));
        let newcomer = stores.replica(&away);
        let mut context = Context::from_waker(Waker::noop());
        let joined = {
            let mut beat = pin!(newcomer.beat(now));
            let done = (0..polls).find_map(|_| match beat.as_mut().poll(&mut context) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => None,
            });
            rotate_and_write(&leader, now);
            done.unwrap_or_else(|| finish(beat))
        };
        assert_eq!(joined, Ok(()));
        away.store(true, Ordering::Relaxed);
        let found = finish(newcomer.read("object"));
        assert!(found.is_ok(), "after {polls} polls: {found:?}");
    }
}

#[test]
fn a_replica_that_holds_a_key_in_the_middle_of_something_keeps_it_from_being_destroyed() {
    let now = SystemTime::now();
    let stores = Stores {
        keys: Arc::default(),
        values: Arc::default(),
        files: Files::make(),
    };
    let (leader, other) = (stores.replica(&Arc::default()), stores.replica(&Arc::default()));
    finish(async {
        leader.beat(now).await.unwrap();
        other.beat(now).await.unwrap();
        assert!(leader.lead(now).await.unwrap());
        leader
            .begin_rotation(Ring::Values, Cause::Requested, now)
            .await
            .unwrap();
    });
    let state = || {
        let keys = stores
            .keys
            .keys()
            .into_iter()
            .filter(|key| key.ring == Ring::Values);
        keys.map(|key| key.state)
            .min_by_key(|state| *state == KeyState::Active)
    };
    let round = || {
        finish(async {
            other.beat(now).await.unwrap();
            while let Advance::Moved { .. } | Advance::Resealed(_) = leader.advance(now, 1).await.unwrap() {}
        });
    };
    // It has begun with the old key and has not come to its end.
    let mut write = Box::pin({
        let other = &other;
        async move {
            other
                .write("object", &dotenv(1), &SourceDigestInput(b""), &[], 0)
                .await
        }
    });
    let mut context = Context::from_waker(Waker::noop());
    assert!(write.as_mut().poll(&mut context).is_pending());
    (0..4).for_each(|_| round());
    assert_eq!(state(), Some(KeyState::Drained), "it waits for the other replica");
    assert!(finish(write).unwrap().changed);
    (0..2).for_each(|_| round());
    assert_eq!(state(), Some(KeyState::Destroyed));
    assert_eq!(finish(other.read("object")).unwrap().unwrap().revision, 1);
}
