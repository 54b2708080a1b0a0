//! A place in the text, with its line and column. A line ends with LF, CRLF or CR.

use crate::error::{ParseError, ParseErrorKind};

/// A place in the text.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_start: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            line_start: 0,
        }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The character that was passed last.
    pub(super) fn previous(&self) -> Option<char> {
        self.text.get(..self.at)?.chars().next_back()
    }

    /// Goes on by some bytes, and over the ends of lines among them.
    pub(super) fn advance(&mut self, bytes: usize) {
        let end = self.at + bytes;
        while let Some(length) = line_end(self.text.get(self.at..end).unwrap_or_default()) {
            self.at += length;
            self.line += 1;
            self.line_start = self.at;
        }
        self.at = end;
    }

    /// Goes on to the next character that is no blank; stays on the line.
    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }

    /// Goes on to the end of the line, and answers what was left of it.
    pub(super) fn take_line(&mut self) -> &'a str {
        let rest = self.rest();
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        self.at += line.len();
        line
    }

    /// Goes on over the end of the line, if this is one.
    pub(super) fn end_line(&mut self) {
        if matches!(self.peek(), Some(b'\n' | b'\r')) {
            let crlf = self.rest().starts_with("\r\n");
            self.advance(if crlf { 2 } else { 1 });
        }
    }

    /// Line and column of this place.
    pub(super) fn position(&self) -> (usize, usize) {
        let before = self.text.get(self.line_start..self.at).unwrap_or_default();
        (self.line, before.chars().count() + 1)
    }

    /// A fault at this place.
    pub(super) fn fault(&self, kind: ParseErrorKind) -> ParseError {
        let (line, column) = self.position();
        ParseError {
            line,
            column,
            name: None,
            kind,
        }
    }
}

/// A fault right behind `before`, which is the beginning of a text.
pub(super) fn fault_after(before: &str, kind: ParseErrorKind) -> ParseError {
    let mut cursor = Cursor::new(before.strip_prefix('\u{feff}').unwrap_or(before));
    cursor.advance(cursor.text.len());
    cursor.fault(kind)
}

/// White space within a line, as JavaScript has it: npm dotenv's `\s` and `trim`.
pub(super) fn is_blank(c: char) -> bool {
    match c {
        '\n' | '\r' | '\u{85}' => false,
        '\u{feff}' => true,
        other => other.is_whitespace(),
    }
}

/// Where the first line of this text ends, its LF, CRLF or CR included.
fn line_end(text: &str) -> Option<usize> {
    let at = text.find(['\n', '\r'])?;
    let crlf = text.get(at..).is_some_and(|rest| rest.starts_with("\r\n"));
    Some(at + if crlf { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_three_ways_and_columns_are_characters() {
        let text = "a\nb\r\nc\rdé";
        assert_eq!(fault_after(text, ParseErrorKind::Nul).line, 4);
        assert_eq!(fault_after(text, ParseErrorKind::Nul).column, 3);
        assert_eq!(fault_after("", ParseErrorKind::Nul).column, 1);
        assert_eq!(fault_after("\u{feff}ab", ParseErrorKind::Nul).column, 3);
    }

    #[test]
    fn a_blank_stays_on_the_line() {
        let mut cursor = Cursor::new(" \t\u{a0}\u{feff}\nx");
        cursor.skip_blanks();
        assert_eq!(cursor.rest(), "\nx");
        assert_eq!(cursor.position(), (1, 5));
    }
}
