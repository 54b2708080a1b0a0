//! Where a value in quotes ends.
//!
//! As in npm dotenv, whose expression for it is `'(?:\\'|[^'])*'\s*(?:#.*)?$`: a quote after a backslash is part of
//! the value, unless the value could not end otherwise. What npm dotenv then still finds a reading for is refused.

use super::cursor::{Cursor, is_blank};
use crate::error::{ParseError, ParseErrorKind};

/// Reads the value whose opening quote comes next, and answers it as it stands between the quotes.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, ParseError> {
    let quote = cursor.peek().unwrap_or_default();
    let body = cursor.rest().get(1..).unwrap_or_default();
    match end(body, quote) {
        End::At(length) => {
            cursor.advance(length + 2);
            Ok(body.get(..length).unwrap_or_default())
        }
        End::TextBehind(length) => {
            cursor.advance(length + 2);
            Err(cursor.fault(ParseErrorKind::TextAfterQuote))
        }
        End::Nowhere => Err(cursor.fault(ParseErrorKind::UnterminatedQuote)),
    }
}

/// Where the closing quote stands, in bytes from the opening one.
enum End {
    At(usize),
    TextBehind(usize),
    Nowhere,
}

fn end(body: &str, quote: u8) -> End {
    let mut escaped_end = None;
    let mut previous = 0;
    for (at, byte) in body.bytes().enumerate() {
        if byte == quote {
            let escaped = previous == b'\\';
            match (escaped, may_end(body.get(at + 1..).unwrap_or_default())) {
                (false, true) => return End::At(at),
                (false, false) => return escaped_end.map_or(End::TextBehind(at), End::At),
                (true, true) => escaped_end = Some(at),
                (true, false) => {}
            }
        }
        previous = byte;
    }
    escaped_end.map_or(End::Nowhere, End::At)
}

/// Whether nothing follows on the line but a comment.
fn may_end(behind: &str) -> bool {
    let rest = behind.trim_start_matches(is_blank);
    rest.is_empty() || rest.starts_with(['\n', '\r', '#'])
}
