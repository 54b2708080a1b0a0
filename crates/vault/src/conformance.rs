//! The suite that every [`KeyStore`](crate::KeyStore) passes.
