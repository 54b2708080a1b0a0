//! `.env` text: reading, writing, and nothing else. No files, no network, no logs.
//!
//! The dialect is npm dotenv's, made strict: what npm dotenv would guess is refused with line, column and name.
//! Values and comments are [`splitvault_crypto::SecretString`]s from the first byte on; no error, warning or
//! `Debug` text here holds a byte of one.
//!
//! ```
//! use splitvault_dotenv::{Dialect, ParseOptions, parse, write};
//!
//! let parsed = parse(b"export GREETING=\"hello\\nworld\" # for people\n", &ParseOptions::default()).unwrap();
//! let greeting = parsed.dotenv.get("GREETING").unwrap();
//! assert_eq!(greeting.value.expose(), "hello\nworld");
//! assert_eq!(
//!     write(&parsed.dotenv, Dialect::Kubelet).unwrap().expose(),
//!     "GREETING='hello\nworld'\n"
//! );
//! ```
//!
//! # The grammar
//! - `NAME=value`, one a line; `export ` before it and blanks around everything are allowed. Names are
//!   `[A-Za-z_][A-Za-z0-9_]*`, with `.` and `-` only when asked for ([`ParseOptions::dotted_names`]).
//! - A value in `'…'`, `"…"` or `` `…` `` may span lines. In double quotes `\n` and `\r` are escapes, and nothing else
//!   is anywhere. A quote after a backslash does not end the value, unless nothing else could.
//! - Any other value ends at the line's end or at the first `#`, and is trimmed.
//! - CRLF and CR count as LF; a byte order mark at the start is dropped.
//! - Nothing is expanded unless asked for ([`ParseOptions::expand`]), and commands never are.

mod dotenv;
mod error;
mod limits;
mod name;
mod parse;
mod warning;
mod write;

pub use dotenv::{Dotenv, Variable};
pub use error::{ParseError, ParseErrorKind};
pub use limits::{ENTRIES, NAME, TOTAL, VALUE};
pub use name::{Name, NameError};
pub use parse::{ParseOptions, Parsed, parse};
pub use warning::{Warning, WarningKind};
pub use write::{Dialect, Rule, WriteError, can_hold, write};
