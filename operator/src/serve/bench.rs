//! Where a connection sits: on a seat, of which there are few, or on the bench while its request waits for long.
//!
//! Seats are for whoever comes. Only a request whose sender was told apart may move its connection to the bench, and
//! so the many that wait leave the seats to those who come.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::crowd::{Crowd, Place};

/// All benches of a server.
pub(super) struct Benches {
    places: Arc<Semaphore>,
    peers: Arc<Crowd<IpAddr>>,
}

/// Where one connection sits, as an extension of its requests; cheap to clone.
#[derive(Clone)]
pub struct Sitting(Arc<Inner>);

struct Inner {
    places: Arc<Semaphore>,
    peers: Arc<Crowd<IpAddr>>,
    peer: IpAddr,
    waits: AtomicUsize,
    held: Mutex<Held>,
}

enum Held {
    Seat(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
    Bench {
        _place: OwnedSemaphorePermit,
        _share: Place<IpAddr>,
    },
}

/// A request waits until this is dropped; its connection does not grow too old meanwhile.
pub struct Bench(Sitting);

impl Benches {
    /// So many places, and for one address three quarters of its share of connections: the rest is for questions.
    pub(super) fn new(places: usize, share: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            peers: Crowd::new(share - share / 4),
        }
    }

    /// A connection that has this seat.
    pub(super) fn seat(&self, peer: IpAddr, seat: OwnedSemaphorePermit) -> Sitting {
        Sitting(Arc::new(Inner {
            places: Arc::clone(&self.places),
            peers: Arc::clone(&self.peers),
            peer,
            waits: AtomicUsize::new(0),
            held: Mutex::new(Held::Seat(seat)),
        }))
    }
}

impl Sitting {
    /// Moves the connection to the bench, where it stays until it ends; `None` when there is no place. Only for
    /// requests whose sender is known.
    pub fn bench(&self) -> Option<Bench> {
        let inner = &self.0;
        let mut held = inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Held::Seat(_) = *held {
            *held = Held::Bench {
                _share: inner.peers.enter(inner.peer)?,
                _place: Arc::clone(&inner.places).try_acquire_owned().ok()?,
            };
        }
        inner.waits.fetch_add(1, Ordering::Relaxed);
        drop(held);
        Some(Bench(self.clone()))
    }

    /// Whether a request waits now.
    pub(super) fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.0.0.waits.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn sitting(seats: &Arc<Semaphore>, benches: &Benches, last: u8) -> Sitting {
        benches.seat(peer(last), Arc::clone(seats).try_acquire_owned().unwrap())
    }

    #[test]
    fn who_waits_leaves_the_seat_and_keeps_the_bench_until_the_end() {
        let (seats, benches) = (Arc::new(Semaphore::new(1)), Benches::new(1, 4));
        let first = sitting(&seats, &benches, 1);
        let wait = first.bench().unwrap();
        assert!(first.waits() && seats.available_permits() == 1);
        let second = sitting(&seats, &benches, 2);
        assert!(second.bench().is_none() && !second.waits(), "the bench is full");
        assert_eq!(seats.available_permits(), 0, "it keeps its seat");
        drop(wait);
        assert!(!first.waits() && second.bench().is_none());
        assert!(first.bench().is_some(), "again, on the same place");
        drop(first);
        assert!(second.bench().is_some());
        assert_eq!(seats.available_permits(), 1);
    }

    #[test]
    fn one_address_leaves_room_for_others_and_for_its_own_questions() {
        let (seats, benches) = (Arc::new(Semaphore::new(10)), Benches::new(10, 4));
        let all: Vec<_> = (0..4).map(|_| sitting(&seats, &benches, 1)).collect();
        let waits: Vec<_> = all.iter().filter_map(Sitting::bench).collect();
        assert_eq!(waits.len(), 3);
        assert!(sitting(&seats, &benches, 2).bench().is_some());
    }
}
