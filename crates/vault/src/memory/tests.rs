//! They pass what the real ones pass, and do nothing before their turn.

use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;
use splitvault_values::ValueStore as _;

use super::*;

#[cfg(feature = "conformance")]
#[tokio::test]
async fn values_conform() {
    splitvault_values::conformance::run(&MemoryValues::default()).await;
}

#[cfg(feature = "conformance")]
#[tokio::test]
async fn keys_conform() {
    crate::conformance::run(&MemoryKeys::default()).await;
}

#[test]
fn a_call_takes_effect_at_its_second_poll() {
    let values = MemoryValues::default();
    let mut context = Context::from_waker(Waker::noop());
    let mut put = pin!(values.put(vec![Bytes::from_static(b"kept")]));
    assert!(put.as_mut().poll(&mut context).is_pending());
    assert!(values.contents().is_empty(), "it has only arrived");
    assert!(put.poll(&mut context).is_ready());
    assert_eq!(values.contents().len(), 1);
}
