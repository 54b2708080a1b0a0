//! Where a connection sits: on a seat, of which there are few, or on the bench while its request waits for long.
//!
//! Seats are for whoever comes. Only a request whose sender was told apart may move its connection to the bench, and
//! so the many that wait leave the seats to those who come.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::line::{Held, Holding, Line};
use crate::crowd::{Crowd, Place};

/// All benches of a server.
pub(super) struct Benches {
    places: Arc<Semaphore>,
    peers: Arc<Crowd<IpAddr>>,
    line: Arc<Line>,
}

/// Where one connection sits, as an extension of its requests; cheap to clone.
#[derive(Clone)]
pub struct Sitting(Arc<Inner>);

struct Inner {
    places: Arc<Semaphore>,
    peers: Arc<Crowd<IpAddr>>,
    line: Arc<Line>,
    leave: CancellationToken,
    reading: Semaphore,
    waits: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    /// How many keep it from being displaced.
    stays: usize,
    /// In the line, while nobody does.
    number: u64,
    /// While somebody does; `None` also when it was too late.
    holding: Option<Holding>,
}

/// A request waits until this is dropped; its connection does not grow too old meanwhile.
pub struct Bench {
    sitting: Sitting,
    _stay: Stay,
}

/// The connection is not displaced until this is dropped.
pub struct Stay(Sitting);

impl Benches {
    /// So many places, and for one address three quarters of its share of connections: the rest is for questions.
    pub(super) fn new(places: usize, share: usize, line: Arc<Line>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            peers: Crowd::new(share - share / 4),
            line,
        }
    }

    /// A connection that has this seat, of its address's share.
    pub(super) fn seat(&self, seat: OwnedSemaphorePermit, share: Place<IpAddr>) -> Sitting {
        let leave = CancellationToken::new();
        let number = self.line.join(Holding {
            held: Held::Seat(seat),
            share,
            leave: leave.clone(),
        });
        Sitting(Arc::new(Inner {
            places: Arc::clone(&self.places),
            peers: Arc::clone(&self.peers),
            line: Arc::clone(&self.line),
            leave,
            reading: Semaphore::new(1),
            waits: AtomicUsize::new(0),
            state: Mutex::new(State {
                stays: 0,
                number,
                holding: None,
            }),
        }))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sitting {
    /// Moves the connection to the bench, where it stays until it ends; `None` when there is no place. Only for
    /// requests whose sender is known.
    pub fn bench(&self) -> Option<Bench> {
        let (inner, stay) = (&self.0, self.stay());
        let mut state = inner.state();
        let holding = state.holding.as_mut()?;
        if holding.has_seat() {
            holding.held = Held::Bench {
                _share: inner.peers.enter(*holding.share.key())?,
                _place: Arc::clone(&inner.places).try_acquire_owned().ok()?,
            };
        }
        inner.waits.fetch_add(1, Ordering::Relaxed);
        drop(state);
        Some(Bench {
            sitting: self.clone(),
            _stay: stay,
        })
    }

    /// Keeps the connection from being displaced. A client must not be able to draw this out, unless it is known.
    pub fn stay(&self) -> Stay {
        let mut state = self.0.state();
        if state.stays == 0 {
            state.holding = self.0.line.step_out(state.number);
        }
        state.stays += 1;
        drop(state);
        Stay(self.clone())
    }

    /// A turn to keep what arrives of a body; `None` while another body of the connection has it, of which HTTP/2 may
    /// begin many.
    pub fn read(&self) -> Option<SemaphorePermit<'_>> {
        self.0.reading.try_acquire().ok()
    }

    /// Whether a request waits now.
    pub(super) fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed) > 0
    }

    #[cfg(test)]
    pub(super) fn is_kept(&self) -> bool {
        self.0.state().stays > 0
    }

    /// Cancelled when the connection is displaced.
    pub(super) fn displaced(&self) -> &CancellationToken {
        &self.0.leave
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.sitting.0.waits.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let inner = &self.0.0;
        let mut state = inner.state();
        state.stays -= 1;
        if state.stays == 0
            && let Some(holding) = state.holding.take()
        {
            state.number = inner.line.join(holding);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // With nothing left that keeps it, what it holds is in line.
        drop(self.line.step_out(self.state().number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn benches(places: usize, share: usize) -> Benches {
        Benches::new(places, share, Arc::default())
    }

    fn sitting(seats: &Arc<Semaphore>, benches: &Benches, last: u8) -> Sitting {
        let seat = Arc::clone(seats).try_acquire_owned().unwrap();
        benches.seat(seat, Crowd::new(1).enter(peer(last)).unwrap())
    }

    #[test]
    fn who_waits_leaves_the_seat_and_keeps_the_bench_until_the_end() {
        let (seats, benches) = (Arc::new(Semaphore::new(1)), benches(1, 4));
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
        let (seats, benches) = (Arc::new(Semaphore::new(10)), benches(10, 4));
        let all: Vec<_> = (0..4).map(|_| sitting(&seats, &benches, 1)).collect();
        let waits: Vec<_> = all.iter().filter_map(Sitting::bench).collect();
        assert_eq!(waits.len(), 3);
        assert!(sitting(&seats, &benches, 2).bench().is_some());
    }

    #[test]
    fn who_is_longest_in_line_is_displaced_and_gives_what_it_held() {
        let (seats, benches) = (Arc::new(Semaphore::new(3)), benches(3, 4));
        let [first, second, third] = [1, 2, 3].map(|last| sitting(&seats, &benches, last));
        drop(first.stay());
        let gave = benches.line.displace(|_| true).unwrap();
        assert!(gave.is_from(peer(2)) && second.displaced().is_cancelled());
        assert_eq!(seats.available_permits(), 0, "it is handed on");
        drop((gave, second));
        assert_eq!(seats.available_permits(), 1);
        drop(third);
        assert!(benches.line.displace(|_| true).unwrap().is_from(peer(1)));
        assert!(
            benches.line.displace(|_| true).is_none(),
            "who left is not in line"
        );
        assert_eq!(seats.available_permits(), 3);
    }

    #[test]
    fn who_has_reasons_to_stay_is_not_displaced() {
        let (seats, benches) = (Arc::new(Semaphore::new(1)), benches(1, 4));
        let only = sitting(&seats, &benches, 1);
        let (stay, wait) = (only.stay(), only.bench().unwrap());
        assert!(benches.line.displace(|_| true).is_none());
        drop(stay);
        assert!(benches.line.displace(|_| true).is_none());
        drop(wait);
        assert!(
            benches.line.displace(Holding::has_seat).is_none(),
            "it gave that back"
        );
        assert!(benches.line.displace(|_| true).is_some());
        assert!(only.bench().is_none(), "it is too late");
        drop(only.stay());
        assert!(benches.line.displace(|_| true).is_none());
    }

    #[test]
    fn one_body_of_a_connection_is_read_at_a_time() {
        let (seats, benches) = (Arc::new(Semaphore::new(1)), benches(1, 4));
        let only = sitting(&seats, &benches, 1);
        let first = only.read();
        assert!(first.is_some() && only.read().is_none());
        drop(first);
        assert!(only.read().is_some());
    }
}
