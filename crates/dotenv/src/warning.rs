//! What is accepted, but read differently by other tools.

use std::fmt;

use crate::error::place;
use crate::name::Name;

/// A value that other tools would read differently. `Debug` leaves the name out, `Display` does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where the value begins: the line, from 1.
    pub line: usize,
    /// Where the value begins: in characters, from 1.
    pub column: usize,
    /// The variable.
    pub name: Name,
    /// What is noteworthy, and for which tools.
    pub kind: WarningKind,
}

/// What is noteworthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WarningKind {
    /// `a#b` without quotes.
    #[error(
        "the value ends at the `#`, as in npm dotenv and Node; python-dotenv, godotenv, dotenvy and Docker Compose \
         keep it: quote the value, or put a blank before the comment"
    )]
    HashWithoutBlank,
    /// A backslash in double quotes that is neither `\n` nor `\r`.
    #[error(
        "a backslash in double quotes is kept, as in npm dotenv; python-dotenv, godotenv, dotenvy, Docker Compose and \
         shells may take it for an escape: use single quotes"
    )]
    Escape,
    /// A quote after a backslash, inside its own kind of quotes.
    #[error(
        "a backslash before a quote is kept, as in npm dotenv; python-dotenv, Docker Compose and, in double quotes, \
         godotenv and shells drop it: use another kind of quotes"
    )]
    EscapedQuote,
    /// Two backslashes in single quotes.
    #[error("two backslashes in single quotes are kept; python-dotenv reads one")]
    DoubledBackslash,
    /// A backslash in a value without quotes.
    #[error(
        "a backslash without quotes is kept; dotenvy and shells take it for an escape: use single quotes"
    )]
    UnquotedBackslash,
    /// A value in quotes that ends with a backslash.
    #[error(
        "the value ends with a backslash; python-dotenv, godotenv and Docker Compose take it for an escape of the \
         closing quote"
    )]
    TrailingBackslash,
    /// `$NAME`, `${NAME}` or `$(command)` outside of single quotes, kept as it is.
    #[error(
        "`$` is kept, nothing is expanded; dotenv-expand, Docker Compose, godotenv, dotenvy, Ruby dotenv and shells \
         would expand it, python-dotenv with braces: use single quotes if it is no reference"
    )]
    Reference,
    /// `${` in single quotes.
    #[error("`${{…}}` in single quotes is kept; python-dotenv and dotenv-expand expand it even there")]
    BracesInSingleQuotes,
    /// A value in backticks.
    #[error(
        "backticks are quotes here, in npm dotenv and Node; python-dotenv, godotenv, dotenvy and Docker Compose take \
         them as part of the value, and shells run it as a command"
    )]
    Backticks,
    /// The same name twice, with the same value.
    #[error("set twice, with the same value")]
    Repeated,
    /// A value without quotes that begins like a PEM block, which has more lines.
    #[error("begins like a PEM block, but ends with the line: put a value of several lines in quotes")]
    UnquotedPem,
}

impl WarningKind {
    /// A fixed word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::HashWithoutBlank => "hash-without-blank",
            Self::Escape => "escape",
            Self::EscapedQuote => "escaped-quote",
            Self::DoubledBackslash => "doubled-backslash",
            Self::UnquotedBackslash => "unquoted-backslash",
            Self::TrailingBackslash => "trailing-backslash",
            Self::Reference => "reference",
            Self::BracesInSingleQuotes => "braces-in-single-quotes",
            Self::Backticks => "backticks",
            Self::Repeated => "repeated",
            Self::UnquotedPem => "unquoted-pem",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.line, self.column, Some(&self.name))?;
        write!(f, "{}", self.kind)
    }
}
