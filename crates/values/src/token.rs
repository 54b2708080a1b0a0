//! The opaque token.

use std::fmt;

use crate::StoreError;

/// Stands for one envelope in the store: 16 bytes from the operating system's CSPRNG.
///
/// Not a secret by itself, but the link between the two databases: it is stored encrypted on the other side
/// and is never logged, so `Debug` prints the type only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; Token::LEN]);

impl Token {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Draws a new token.
    ///
    /// # Errors
    /// [`StoreError::Random`] when the operating system has no randomness to give.
    pub fn make() -> Result<Self, StoreError> {
        let mut bytes = [0; Self::LEN];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::Random)?;
        Ok(Self(bytes))
    }

    /// The token with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The token in these bytes, `None` unless there are exactly [`Self::LEN`].
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Token::from_bytes([7; 16])), "Token");
    }

    #[test]
    fn two_tokens_differ() {
        assert_ne!(Token::make().unwrap(), Token::make().unwrap());
    }

    #[test]
    fn only_sixteen_bytes_are_a_token() {
        assert!(Token::parse(&[0; 15]).is_none());
        assert!(Token::parse(&[0; 16]).is_some());
        assert!(Token::parse(&[0; 17]).is_none());
    }
}
