//! Public identifiers: of keys, and of what a ciphertext belongs to. None of them is secret.

use std::fmt;

use crate::random::{self, Random};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $name::LEN]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Draws a new one.
            ///
            /// # Errors
            /// When the operating system has no randomness to give.
            pub fn make() -> Result<Self, Random> {
                let mut bytes = [0; Self::LEN];
                random::fill(&mut bytes)?;
                Ok(Self(bytes))
            }

            /// The one with these bytes.
            pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
                &self.0
            }
        }

        /// Lower-case hexadecimal.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

identifier! {
    /// Names a key: it stands in clear in every header and picks the key that opens.
    KeyId, 8
}

identifier! {
    /// Names an installation, an environment or an entry in [`crate::Coordinates`].
    Id, 16
}

impl Id {
    /// For a coordinate that does not apply.
    pub const ZERO: Self = Self([0; Self::LEN]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_print_as_hexadecimal() {
        let id = KeyId::from_bytes([0, 1, 2, 0xfd, 0xfe, 0xff, 0x10, 0x0a]);
        assert_eq!(
            (id.to_string(), format!("{id:?}")),
            ("000102fdfeff100a".into(), "KeyId(000102fdfeff100a)".into())
        );
        assert_eq!(Id::ZERO.to_string(), "0".repeat(32));
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(Id::make().unwrap(), Id::make().unwrap());
        assert_ne!(KeyId::make().unwrap(), KeyId::make().unwrap());
    }
}
