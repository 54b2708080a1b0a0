//! Why a `.env` is refused: where, which variable, which rule. Never a byte of a value.

use std::fmt;

use crate::limits;
use crate::name::Name;

/// Why a `.env` is refused.
///
/// `Debug` says less than `Display`: it leaves the name out. Whoever must not show the name at all takes it away
/// first: [`ParseError::without_name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// From 1; 0 when the fault has no position.
    pub line: usize,
    /// In characters, from 1; 0 when the fault has no position.
    pub column: usize,
    /// The variable concerned, when there is one with a proper name.
    pub name: Option<Name>,
    /// Which rule.
    pub kind: ParseErrorKind,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A NUL, which no process's environment can hold.
    #[error("a NUL character, which no environment variable can hold")]
    Nul,
    /// A line that is neither an assignment nor a comment nor empty.
    #[error("not an assignment: expected NAME=value (put a value of several lines in quotes)")]
    NotAnAssignment,
    /// What stands before the `=` is no name.
    #[error(
        "not a name: letters, digits and `_` only, no digit first, at most {} bytes",
        limits::NAME
    )]
    InvalidName,
    /// The name has `.` or `-`, and nobody said that such names are wanted.
    #[error("a name with `.` or `-`: use letters, digits and `_`")]
    DottedName,
    /// A quote that is never closed.
    #[error("this quote is never closed")]
    UnterminatedQuote,
    /// Something else than a comment after the closing quote.
    #[error(
        "text after the closing quote (a quote inside the value needs the other kind of quotes around it)"
    )]
    TextAfterQuote,
    /// The same name twice, with different values.
    #[error("set twice{}, with different values", Line(.first_line))]
    Duplicate {
        /// Where it was set first, from 1; `None` when that has no position.
        first_line: Option<usize>,
    },
    /// More than [`limits::ENTRIES`] variables.
    #[error("more than {} variables", limits::ENTRIES)]
    TooManyEntries,
    /// A value of more than [`limits::VALUE`] bytes.
    #[error("a value of more than {} bytes", limits::VALUE)]
    ValueTooLarge,
    /// More than [`limits::TOTAL`] bytes in all.
    #[error("more than {} bytes in all", limits::TOTAL)]
    TooLarge,
    /// A `${…}` that is not closed, or has no name in it.
    #[error("a malformed reference: expected $NAME, ${{NAME}}, ${{NAME:-default}}, or \\$ for a plain `$`")]
    MalformedReference,
    /// A reference to a variable that this file does not set, without a default.
    #[error(
        "refers to a variable that this file does not set (write \\$ for a plain `$`, or give a default)"
    )]
    UnknownReference,
    /// The value refers to itself, perhaps by way of others.
    #[error("refers to itself")]
    CyclicReference,
    /// References within references, too deep.
    #[error("references are nested too deeply")]
    DeepReference,
}

impl ParseError {
    /// The same without the name, for readers who must not learn it.
    #[must_use]
    pub fn without_name(self) -> Self {
        Self { name: None, ..self }
    }
}

impl ParseErrorKind {
    /// A fixed word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not-utf8",
            Self::Nul => "nul",
            Self::NotAnAssignment => "not-an-assignment",
            Self::InvalidName => "invalid-name",
            Self::DottedName => "dotted-name",
            Self::UnterminatedQuote => "unterminated-quote",
            Self::TextAfterQuote => "text-after-quote",
            Self::Duplicate { .. } => "duplicate",
            Self::TooManyEntries => "too-many-entries",
            Self::ValueTooLarge => "value-too-large",
            Self::TooLarge => "too-large",
            Self::MalformedReference => "malformed-reference",
            Self::UnknownReference => "unknown-reference",
            Self::CyclicReference => "cyclic-reference",
            Self::DeepReference => "deep-reference",
        }
    }

    pub(crate) fn without_position(self, name: Option<Name>) -> ParseError {
        ParseError {
            line: 0,
            column: 0,
            name,
            kind: self,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.line, self.column, self.name.as_ref())?;
        write!(f, "{}", self.kind)
    }
}

impl std::error::Error for ParseError {}

/// `line 2, column 7: NAME: `, as far as it is known.
pub(crate) fn place(
    f: &mut fmt::Formatter<'_>,
    line: usize,
    column: usize,
    name: Option<&Name>,
) -> fmt::Result {
    if line > 0 {
        write!(f, "line {line}, column {column}: ")?;
    }
    match name {
        Some(name) => write!(f, "{}: ", name.as_str()),
        None => Ok(()),
    }
}

struct Line<'a>(&'a Option<usize>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, ", first on line {line}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> ParseError {
        ParseError {
            line: 2,
            column: 10,
            name: Some(Name::parse("PASSWORD").unwrap()),
            kind: ParseErrorKind::UnterminatedQuote,
        }
    }

    #[test]
    fn display_says_where_and_which() {
        let text = error().to_string();
        assert_eq!(text, "line 2, column 10: PASSWORD: this quote is never closed");
        let text = error().without_name().to_string();
        assert_eq!(text, "line 2, column 10: this quote is never closed");
        let nowhere = ParseErrorKind::TooLarge.without_position(None).to_string();
        assert_eq!(nowhere, "more than 1048576 bytes in all");
    }

    #[test]
    fn debug_leaves_the_name_out() {
        assert!(!format!("{:?}", error()).contains("PASSWORD"));
    }
}
