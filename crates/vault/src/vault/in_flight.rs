//! Writes of this process that have begun and not ended. A sweep lets them land before it raises the fence, so that it
//! does not make them begin again for nothing. Only for their speed: the fence alone is what keeps their values.

use std::collections::BTreeSet;

use tokio::sync::watch;

#[derive(Debug, Default)]
pub(super) struct InFlight(watch::Sender<Flights>);

#[derive(Debug, Default)]
struct Flights {
    next: u64,
    open: BTreeSet<u64>,
}

/// One write; ends when dropped, also by cancellation.
pub(super) struct Flight<'a> {
    flights: &'a InFlight,
    number: u64,
}

impl InFlight {
    pub(super) fn begin(&self) -> Flight<'_> {
        let mut number = 0;
        self.0.send_modify(|flights| {
            number = flights.next;
            flights.next += 1;
            flights.open.insert(number);
        });
        Flight {
            flights: self,
            number,
        }
    }

    /// Waits until every write that had begun before this call has ended; does not hold up new ones.
    pub(super) async fn landed(&self) {
        let mut flights = self.0.subscribe();
        let later = flights.borrow().next;
        // Fails only when the sender is gone, and that is ours.
        let landed = |flights: &Flights| flights.open.first().is_none_or(|oldest| *oldest >= later);
        drop(flights.wait_for(landed).await);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.0.send_modify(|flights| {
            flights.open.remove(&self.number);
        });
    }
}
