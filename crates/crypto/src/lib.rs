//! What Splitvault encrypts with: secret types, the envelope, two typed key rings, key wrapping, sealing.
//!
//! Everything here is a pure function of its arguments and of the operating system's CSPRNG: no files, no
//! network, no clock, no logs. Ciphers come from RustCrypto and `hpke`; this crate only fixes formats. The byte
//! layouts, associated data and derivations are in `docs/crypto.md` and frozen by vectors in `tests/`.
//!
//! ```
//! use splitvault_crypto::{Coordinates, Id, KeyRing, MasterKey, Values};
//!
//! fn write_value(ring: &KeyRing<Values>, at: &Coordinates) -> Vec<u8> {
//!     ring.seal(at, b"postgres://").unwrap()
//! }
//! let at = Coordinates { installation: Id::ZERO, environment: Id::ZERO, revision: 1, entry: Id::ZERO };
//! let values = KeyRing::<Values>::new(MasterKey::make().unwrap());
//! let envelope = write_value(&values, &at);
//! assert_eq!(values.open(&at, &envelope).unwrap().expose(), b"postgres://");
//! assert!(values.open(&Coordinates { revision: 2, ..at }, &envelope).is_err());
//! ```
//!
//! A ring for names and a ring for values are different types. The same with one word changed does not compile:
//!
//! ```compile_fail,E0308
//! use splitvault_crypto::{Coordinates, Id, KeyRing, MasterKey, Names, Values};
//!
//! fn write_value(ring: &KeyRing<Values>, at: &Coordinates) -> Vec<u8> {
//!     ring.seal(at, b"postgres://").unwrap()
//! }
//! let at = Coordinates { installation: Id::ZERO, environment: Id::ZERO, revision: 1, entry: Id::ZERO };
//! let names = KeyRing::<Names>::new(MasterKey::make().unwrap());
//! let envelope = write_value(&names, &at); // expected `&KeyRing<Values>`, found `&KeyRing<Names>`
//! ```

mod digest;
mod envelope;
mod escrow;
mod fields;
mod id;
mod kek;
mod one_time;
mod padding;
mod random;
mod ring;
pub mod sealing;
mod secret;

pub use digest::{DigestKey, DigestKeyLength, sha256};
pub use envelope::{LIMIT, OpenError, SealError, envelope_key};
pub use id::{Id, KeyId};
pub use kek::{FileKek, KekError};
pub use one_time::OneTimeKey;
pub use random::Random;
pub use ring::{Coordinates, KeyRing, MasterKey, Names, Purpose, Values};
pub use secret::{NotUtf8, SecretBytes, SecretString};
