//! The name of a variable.

use std::fmt;

use crate::limits;

/// The name of a variable: `[A-Za-z_][A-Za-z0-9_.-]*`, at most [`limits::NAME`] bytes.
///
/// Not secret by its type, because it may stand in an error for whoever wrote the `.env`. It may well be secret
/// for others, so `Debug` prints the type only and there is no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is not a name. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NameError {
    /// It has characters that no name may have, or none at all.
    #[error("a name consists of letters, digits and `_`, and does not begin with a digit")]
    Characters,
    /// It is longer than [`limits::NAME`] bytes.
    #[error("a name has at most {} bytes", limits::NAME)]
    TooLong,
}

impl Name {
    /// The name in this text. `.` and `-` are taken after the first character; [`Self::is_dotted`] tells.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (first, rest) = text.as_bytes().split_first().ok_or(NameError::Characters)?;
        let begins = first.is_ascii_alphabetic() || *first == b'_';
        if !begins || !rest.iter().copied().all(is_name_byte) {
            return Err(NameError::Characters);
        }
        if text.len() > limits::NAME {
            return Err(NameError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a `.` or a `-`, which shells and most languages cannot use.
    pub fn is_dotted(&self) -> bool {
        self.0.contains(['.', '-'])
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name")
    }
}

/// Whether a byte may stand in a name.
pub(crate) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_underscores_are_a_name() {
        for text in ["A", "_", "_1", "DATABASE_URL", "mixedCase9"] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.as_str(), text);
            assert!(!name.is_dotted());
        }
    }

    #[test]
    fn dots_and_dashes_are_known_as_such() {
        assert!(Name::parse("spring.datasource").unwrap().is_dotted());
        assert!(Name::parse("a-b").unwrap().is_dotted());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "1A", ".a", "-a", "A B", "A=B", "É", "A\0", "A\n", "$A"] {
            assert_eq!(Name::parse(text).unwrap_err(), NameError::Characters, "{text:?}");
        }
        assert!(Name::parse(&"A".repeat(limits::NAME)).is_ok());
        let long = "A".repeat(limits::NAME + 1);
        assert_eq!(Name::parse(&long).unwrap_err(), NameError::TooLong);
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Name::parse("PASSWORD").unwrap()), "Name");
    }
}
