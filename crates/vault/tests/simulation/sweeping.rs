//! A sweep and a write of two processes, in every order of their steps: chance alone meets the bad ones too rarely.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use splitvault_vault::memory::{Dice, MemoryKeys, MemoryValues};
use splitvault_vault::{ReadError, SourceDigestInput, Vault};

use crate::joining::finish;
use crate::kek::Files;
use crate::model::{dotenv, recognize};
use crate::network::{Guard, Network};
use crate::stores::Far;

/// Polls that the write and the sweep take at most.
const POLLS: usize = 40;

struct World {
    network: Network,
    keys: Arc<MemoryKeys>,
    values: Arc<MemoryValues>,
    files: Files,
}

impl World {
    fn replica(&self) -> Vault {
        let line = self.network.line(Dice(0));
        let keys = Far {
            line: line.clone(),
            store: Arc::clone(&self.keys),
        };
        let values = Far {
            line,
            store: Arc::clone(&self.values),
        };
        let keks = self.files.keks(&Arc::default());
        finish(Vault::open(Arc::new(keys), Arc::new(values), keks)).unwrap()
    }
}

/// Polls up to so many times; answers whether it came to its end.
fn go_on<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>, polls: usize) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    })
}

/// What is there after a sweep went so far into a write, and came to its end after it.
fn swept_into_a_write(guard: Option<Guard>, before: usize, into: usize) -> Result<u64, ReadError> {
    let world = World {
        network: Network::default(),
        keys: Arc::default(),
        values: Arc::default(),
        files: Files::make(),
    };
    world.network.take_guard(guard);
    let (writer, sweeper) = (world.replica(), world.replica());
    let source = SourceDigestInput(b"first");
    finish(writer.write("object", &dotenv(1), &source, &[], 0)).unwrap();

    let mut write: Pin<Box<dyn Future<Output = _>>> = Box::pin(async {
        let source = SourceDigestInput(b"second");
        writer.write("object", &dotenv(2), &source, &[], 0).await
    });
    let mut sweep: Pin<Box<dyn Future<Output = _>>> = Box::pin(sweeper.sweep());
    let written = go_on(&mut write, before);
    let swept = go_on(&mut sweep, into);
    assert!(before < POLLS || written.is_some(), "the write takes more polls");
    assert!(into < POLLS || swept.is_some(), "the sweep takes more polls");
    written.unwrap_or_else(|| finish(write)).unwrap();
    swept.unwrap_or_else(|| finish(sweep)).unwrap();
    let found = finish(writer.read("object"))?.unwrap();
    Ok(recognize(&found).unwrap())
}

fn every_order(guard: Option<Guard>) -> impl Iterator<Item = (usize, usize, Result<u64, ReadError>)> {
    let orders = (0..=POLLS).flat_map(|before| (0..=POLLS).map(move |into| (before, into)));
    orders.map(move |(before, into)| (before, into, swept_into_a_write(guard, before, into)))
}

#[test]
fn a_sweep_never_takes_what_a_write_of_another_process_has_put() {
    for (before, into, found) in every_order(None) {
        assert_eq!(
            found,
            Ok(2),
            "{before} steps of the write, then {into} of the sweep"
        );
    }
}

#[test]
fn a_sweep_that_does_not_raise_the_fence_is_caught() {
    let caught = every_order(Some(Guard::SweepFence)).any(|(_, _, found)| found.is_err());
    assert!(caught, "the fence is not missed");
}
