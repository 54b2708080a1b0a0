//! The value store: encrypted VALUEs kept under opaque tokens.
//!
//! Here live the trait, its SQLite implementation, and the gRPC protocol between the operator (client) and
//! the store (server). Keys, names and plaintext must not: an envelope is a string of bytes to this crate, of
//! which it knows where the key's id stands, and a token says nothing about what it stands for.

mod error;
mod failpoint;
pub mod grpc;
pub mod limits;
pub mod sqlite;
mod token;

#[cfg(feature = "conformance")]
pub mod conformance;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::{Limit, StoreError};
pub use failpoint::arm_failpoints;
#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub use failpoint::reach;
pub use token::Token;

/// A place that keeps envelopes and hands back tokens.
///
/// Nothing about an envelope is remembered besides its token: no time, no order, no owner.
#[async_trait]
pub trait ValueStore: Send + Sync + 'static {
    /// Keeps all envelopes or none, and answers their tokens in the order given.
    ///
    /// Once it answers, the envelopes survive a crash. After an error the outcome may be unknown (the answer
    /// was lost on its way); whatever was kept then is an orphan for the caller's sweep.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond [`limits`]; nothing is kept then.
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError>;

    /// Looks up each token, in the order given; an unknown one is `None`. Takes any number of tokens.
    ///
    /// # Errors
    /// Any but [`StoreError::TooLarge`].
    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Forgets the tokens and their envelopes; unknown tokens are fine. Takes any number of tokens; after an
    /// error some may be gone and some not, and it is safe to ask again.
    ///
    /// # Errors
    /// Any but [`StoreError::TooLarge`].
    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError>;

    /// Up to `limit` tokens greater than `after`, ascending. Fewer than asked does not mean the end (a page
    /// holds at most [`limits::PAGE`]); an empty page does.
    ///
    /// # Errors
    /// Any but [`StoreError::TooLarge`].
    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError>;

    /// How many envelopes name this master key in their bytes 1 to 8, among those whose token begins with the byte
    /// `first`. Envelopes too short to name a key name none.
    ///
    /// # Errors
    /// Any but [`StoreError::TooLarge`].
    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError>;

    /// How many envelopes name this master key. What is put or deleted meanwhile may be counted or not, so zero
    /// means none only when nobody can put under that key any more.
    ///
    /// Asks for one part after the other, since it reads every envelope: no call takes long, and others get
    /// their turn in between.
    ///
    /// # Errors
    /// Any but [`StoreError::TooLarge`].
    async fn count(&self, key: [u8; 8]) -> Result<u64, StoreError> {
        let mut count: u64 = 0;
        for first in 0..=u8::MAX {
            count = count.saturating_add(self.count_part(key, first).await?);
        }
        Ok(count)
    }

    /// Returns once what was deleted before this call is in no file of the store any more, its logs included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while a reader is in the way, after waiting for some seconds; others but
    /// [`StoreError::TooLarge`]. It is safe to ask again.
    async fn checkpoint(&self) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: ValueStore + ?Sized> ValueStore for Arc<S> {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        (**self).put(envelopes).await
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        (**self).get(tokens).await
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        (**self).delete(tokens).await
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        (**self).list(after, limit).await
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        (**self).count_part(key, first).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        (**self).checkpoint().await
    }
}
