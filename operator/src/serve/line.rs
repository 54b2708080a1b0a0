//! Who gives way when a server is full.
//!
//! A connection on which no complete request is being answered is in line: it may be in its handshake, idle, or in the
//! middle of a header or of a body, for as long as its client likes. While there is room it stays. When there is none,
//! whoever is longest in line leaves for a newcomer, who gets what it held. So those who hold places without asking
//! anything keep nobody out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::crowd::Place;

/// Connections that may be told to leave, in the order in which they will be.
#[derive(Default)]
pub(super) struct Line(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    next: u64,
    standing: BTreeMap<u64, Holding>,
}

/// What a connection holds: in line, or with the connection itself while it may not be told to leave.
pub(super) struct Holding {
    pub(super) held: Held,
    pub(super) share: Place<IpAddr>,
    /// Ends the connection.
    pub(super) leave: CancellationToken,
}

/// Where a connection sits.
pub(super) enum Held {
    Seat(OwnedSemaphorePermit),
    Bench {
        _place: OwnedSemaphorePermit,
        _share: Place<IpAddr>,
    },
}

impl Holding {
    pub(super) fn is_from(&self, peer: IpAddr) -> bool {
        *self.share.key() == peer
    }

    pub(super) fn has_seat(&self) -> bool {
        matches!(self.held, Held::Seat(_))
    }
}

impl Line {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes to the end; answers the number to come back with. Numbers are used once.
    pub(super) fn join(&self, holding: Holding) -> u64 {
        let mut inside = self.inside();
        let number = inside.next;
        inside.next += 1;
        inside.standing.insert(number, holding);
        number
    }

    /// Takes back what stands there under this number, if it has not been told to leave.
    pub(super) fn step_out(&self, number: u64) -> Option<Holding> {
        self.inside().standing.remove(&number)
    }

    /// Tells the one that is longest in line, of those that would be of use, to leave; answers what it held.
    pub(super) fn displace(&self, of_use: impl Fn(&Holding) -> bool) -> Option<Holding> {
        let mut inside = self.inside();
        let mut standing = inside.standing.iter();
        let number = *standing.find(|(_, holding)| of_use(holding))?.0;
        let holding = inside.standing.remove(&number)?;
        drop(inside);
        holding.leave.cancel();
        Some(holding)
    }
}
