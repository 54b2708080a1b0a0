//! A name and a password for a registry, and what may be known of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use splitvault_crypto::{SecretBytes, SecretString};
use zeroize::Zeroizing;

/// A name and a password.
pub(super) struct Credentials {
    user: SecretString,
    password: SecretString,
}

/// Which credentials, without telling them: a hash under a salt of this process, so that two who have the same share
/// what was found with them, and nobody else does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Credentials {
    /// Copies; the originals stay the caller's to wipe.
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self {
            user: SecretString::copy_of(user),
            password: SecretString::copy_of(password),
        }
    }

    /// Of `USER:PASSWORD` in base64.
    pub(super) fn decode(base64: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
        let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some(Self::new(user, password))
    }

    #[cfg(test)]
    pub(super) fn user(&self) -> &str {
        self.user.expose()
    }

    /// What HTTP's scheme Basic sends (RFC 7617).
    pub(super) fn basic(&self) -> SecretString {
        // EXPOSE: this is what they are for.
        let pair = Zeroizing::new(format!("{}:{}", self.user.expose(), self.password.expose()));
        SecretString::from(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    }
}

impl Fingerprint {
    /// Of these, in this order. Length-prefixed, so that no two lists are hashed alike.
    pub(super) fn of(salt: &SecretBytes, all: &[&Credentials]) -> Self {
        let mut hash = Sha256::new();
        // EXPOSE: the hash is all that is kept.
        let mut part = |bytes: &[u8]| {
            hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(bytes);
        };
        part(salt.expose());
        for credentials in all {
            part(credentials.user.expose().as_bytes());
            part(credentials.password.expose().as_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_credentials_apart_and_nothing_else() {
        let (salt, other) = (SecretBytes::copy_of(b"salt"), SecretBytes::copy_of(b"other"));
        let (a, same, b) = (
            Credentials::new("u", "p"),
            Credentials::new("u", "p"),
            Credentials::new("up", ""),
        );
        assert!(Fingerprint::of(&salt, &[&a]) == Fingerprint::of(&salt, &[&same]));
        assert!(Fingerprint::of(&salt, &[&a]) != Fingerprint::of(&salt, &[&b]));
        assert!(Fingerprint::of(&salt, &[&a]) != Fingerprint::of(&salt, &[]));
        assert!(Fingerprint::of(&salt, &[&a, &b]) != Fingerprint::of(&salt, &[&b, &a]));
        assert!(Fingerprint::of(&salt, &[&a]) != Fingerprint::of(&other, &[&a]));
    }
}
