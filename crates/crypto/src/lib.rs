//! What Splitvault encrypts with: secret types, the envelope, two typed key rings, key wrapping, sealing.
//!
//! Everything here is a pure function of its arguments and of the operating system's CSPRNG: no files, no
//! network, no clock, no logs. Ciphers come from RustCrypto and `hpke`; this crate only fixes formats. The byte
//! layouts, associated data and derivations are in `docs/crypto.md` and frozen by vectors in `tests/`.
//!
//! A ring for names and a ring for values are different types, so the compiler refuses to mix them:
//!
//! ```compile_fail,E0308
//! use splitvault_crypto::{KeyRing, MasterKey, Names, Values};
//! fn write_value(_ring: &KeyRing<Values>) {}
//! let names: KeyRing<Names> = KeyRing::new(MasterKey::make().unwrap());
//! write_value(&names); // expected `&KeyRing<Values>`, found `&KeyRing<Names>`
//! ```

mod digest;
mod envelope;
mod fields;
mod id;
mod kek;
mod padding;
mod random;
mod ring;
pub mod sealing;
mod secret;

pub use digest::{DigestKey, DigestKeyLength, sha256};
pub use envelope::{LIMIT, OpenError, SealError};
pub use id::{Id, KeyId};
pub use kek::{FileKek, KekError};
pub use random::Random;
pub use ring::{Coordinates, KeyRing, MasterKey, Names, Purpose, Values};
pub use secret::{NotUtf8, SecretBytes, SecretString};
