//! How much one request may hold. Both sides hold them: the client so that it does not send in vain, the
//! server because it trusts nobody.
//!
//! An environment has at most 1,000 variables, 32 KiB each, 1 MiB together. Padding at most doubles that and
//! an envelope adds 89 bytes, so an environment is at most some 2.3 MiB and one value at most 64 KiB + 89
//! bytes: a whole revision always fits into one all-or-nothing put.

use bytes::Bytes;

use crate::{Limit, StoreError};

/// Envelopes or tokens in one request.
pub const BATCH: usize = 2_000;
/// Bytes of one envelope.
pub const ENVELOPE: usize = 68 * 1024;
/// Bytes of one gRPC message, in either direction.
pub const MESSAGE: usize = 4 * 1024 * 1024;
/// Bytes of all envelopes of one put: a message without the framing of [`BATCH`] fields.
pub const PUT: usize = MESSAGE - 16 * 1024;
/// Tokens on one page of a list.
pub const PAGE: u32 = 10_000;

/// Holds a batch for [`crate::ValueStore::put`] against the limits.
///
/// # Errors
/// [`StoreError::TooLarge`] with the first limit it is beyond.
pub fn check_put(envelopes: &[Bytes]) -> Result<(), StoreError> {
    check(Limit::Batch, BATCH, envelopes.len())?;
    check(
        Limit::Envelope,
        ENVELOPE,
        envelopes.iter().map(Bytes::len).max().unwrap_or(0),
    )?;
    check(Limit::Message, PUT, envelopes.iter().map(Bytes::len).sum())
}

/// Holds a number of tokens in one message against [`BATCH`].
///
/// # Errors
/// [`StoreError::TooLarge`] for [`Limit::Batch`].
pub fn check_batch(items: usize) -> Result<(), StoreError> {
    check(Limit::Batch, BATCH, items)
}

fn check(what: Limit, limit: usize, got: usize) -> Result<(), StoreError> {
    if got <= limit {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        what,
        limit: limit as u64,
        got: got as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(envelopes: &[Bytes]) -> Option<Limit> {
        match check_put(envelopes) {
            Err(StoreError::TooLarge { what, .. }) => Some(what),
            _ => None,
        }
    }

    #[test]
    fn the_largest_environment_fits() {
        let header = 89;
        let wide = vec![Bytes::from(vec![0; 64 * 1024 + header]); 32];
        assert_eq!(kind(&wide), None);
        let many = vec![Bytes::from(vec![0; 2048 + header]); 1000];
        assert_eq!(kind(&many), None);
    }

    #[test]
    fn each_limit_has_its_name() {
        assert_eq!(kind(&vec![Bytes::new(); BATCH + 1]), Some(Limit::Batch));
        assert_eq!(kind(&[Bytes::from(vec![0; ENVELOPE + 1])]), Some(Limit::Envelope));
        assert_eq!(
            kind(&vec![Bytes::from(vec![0; ENVELOPE]); 61]),
            Some(Limit::Message)
        );
    }
}
