//! One assignment after the other.

use std::iter::FusedIterator;

use splitvault_crypto::SecretString;
use zeroize::Zeroizing;

use super::ParseOptions;
use super::cursor::{Cursor, is_blank};
use super::notice::{self, Spelling};
use super::quoted;
use crate::error::{ParseError, ParseErrorKind};
use crate::limits;
use crate::name::{Name, is_name_byte};
use crate::warning::{Warning, WarningKind};

/// One assignment, and where its value begins.
pub(super) struct Assignment {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) name: Name,
    pub(super) value: SecretString,
    pub(super) comment: Option<SecretString>,
}

impl Assignment {
    pub(super) fn fault(&self, kind: ParseErrorKind) -> ParseError {
        ParseError {
            line: self.line,
            column: self.column,
            name: Some(self.name.clone()),
            kind,
        }
    }

    pub(super) fn warning(&self, kind: WarningKind) -> Warning {
        Warning {
            line: self.line,
            column: self.column,
            name: self.name.clone(),
            kind,
        }
    }
}

/// The assignments of a text, each with what is noteworthy about it. Of no use after an error.
pub(super) struct Assignments<'a> {
    cursor: Cursor<'a>,
    options: ParseOptions,
    /// The comments right above.
    comments: Vec<&'a str>,
}

impl<'a> Assignments<'a> {
    pub(super) const fn of(text: &'a str, options: ParseOptions) -> Self {
        Self {
            cursor: Cursor::new(text),
            options,
            comments: Vec::new(),
        }
    }

    fn assignment(&mut self) -> Result<(Assignment, Vec<WarningKind>), ParseError> {
        let name = self.name()?;
        self.cursor.skip_blanks();
        let (line, column) = self.cursor.position();
        let named = |error: ParseError| ParseError {
            name: Some(name.clone()),
            ..error
        };
        let (value, kinds) = self.value().map_err(named)?;
        if value.len() > limits::VALUE {
            return Err(ParseError {
                line,
                column,
                name: Some(name),
                kind: ParseErrorKind::ValueTooLarge,
            });
        }
        self.cursor.skip_blanks();
        if self.cursor.peek() == Some(b'#') {
            self.comments.push(self.cursor.take_line());
        }
        let comment = comment(&std::mem::take(&mut self.comments));
        let assignment = Assignment {
            line,
            column,
            name,
            value,
            comment,
        };
        Ok((assignment, kinds))
    }

    /// The name, with `export` before it and `=` behind it.
    ///
    /// A line that is none may be part of a value whose quotes were forgotten: its text is repeated nowhere.
    fn name(&mut self) -> Result<Name, ParseError> {
        self.skip_export();
        let begin = self.cursor.clone();
        let word = self.word();
        self.cursor.skip_blanks();
        if self.cursor.peek() != Some(b'=') {
            return Err(begin.fault(ParseErrorKind::NotAnAssignment));
        }
        self.cursor.advance(1);
        let name = Name::parse(word).map_err(|_| begin.fault(ParseErrorKind::InvalidName))?;
        if name.is_dotted() && !self.options.dotted_names {
            return Err(begin.fault(ParseErrorKind::DottedName));
        }
        Ok(name)
    }

    /// Passes `export` when a name follows; else it is a name itself.
    fn skip_export(&mut self) {
        let begin = self.cursor.clone();
        let exported = self.word() == "export" && self.cursor.rest().starts_with(is_blank);
        self.cursor.skip_blanks();
        if !exported || !self.cursor.peek().is_some_and(is_name_byte) {
            self.cursor = begin;
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.cursor.rest();
        let length = rest.bytes().take_while(|byte| is_name_byte(*byte)).count();
        self.cursor.advance(length);
        rest.get(..length).unwrap_or_default()
    }

    fn value(&mut self) -> Result<(SecretString, Vec<WarningKind>), ParseError> {
        let (text, spelling) = match Spelling::begun_by(self.cursor.peek()) {
            Some(spelling) => (quoted::read(&mut self.cursor)?, spelling),
            None => self.unquoted(),
        };
        let kinds = notice::notice(text, spelling, self.options.expand);
        Ok((decode(text, spelling), kinds))
    }

    fn unquoted(&mut self) -> (&'a str, Spelling) {
        let rest = self.cursor.rest();
        let text = rest.split(['\n', '\r', '#']).next().unwrap_or_default();
        self.cursor.advance(text.len());
        let comment = self.cursor.peek() == Some(b'#');
        let hash = comment && !self.cursor.previous().is_some_and(is_blank);
        (text.trim_end_matches(is_blank), Spelling::Unquoted { hash })
    }
}

impl Iterator for Assignments<'_> {
    type Item = Result<(Assignment, Vec<WarningKind>), ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek()? {
                b'#' => self.comments.push(self.cursor.take_line()),
                b'\n' | b'\r' => self.comments.clear(),
                _ => return Some(self.assignment().inspect(|_| self.cursor.end_line())),
            }
            self.cursor.end_line();
        }
    }
}

impl FusedIterator for Assignments<'_> {}

/// The value in this spelling: line ends become LF, and in double quotes `\n` and `\r` are escapes.
fn decode(text: &str, spelling: Spelling) -> SecretString {
    let escapes = spelling == Spelling::Double;
    let literal = |c: char| c != '\r' && !(escapes && c == '\\');
    if text.chars().all(literal) {
        return SecretString::copy_of(text);
    }
    // Never longer than the text: the buffer does not move, and is wiped.
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let (decoded, both) = match (c, next) {
            ('\r', next) => ('\n', next == Some('\n')),
            ('\\', Some('n')) if escapes => ('\n', true),
            ('\\', Some('r')) if escapes => ('\r', true),
            (other, _) => (other, false),
        };
        value.push(decoded);
        if both {
            rest.next();
        }
    }
    SecretString::copy_of(&value)
}

/// What lines of comment say; `None` when they say nothing.
fn comment(lines: &[&str]) -> Option<SecretString> {
    let length = lines.iter().map(|line| line.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let line = line.strip_prefix('#').unwrap_or(line);
        let line = line.strip_prefix(' ').unwrap_or(line);
        text.push_str(line.trim_end_matches(is_blank));
    }
    (!text.trim().is_empty()).then(|| SecretString::copy_of(&text))
}
