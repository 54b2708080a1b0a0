//! From bytes to a [`Dotenv`].

mod assignment;
mod cursor;
mod expand;
mod notice;
mod quoted;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use splitvault_crypto::SecretString;

use self::assignment::{Assignment, Assignments};
use crate::dotenv::{Dotenv, Variable};
use crate::error::{ParseError, ParseErrorKind};
use crate::limits;
use crate::name::Name;
use crate::warning::{Warning, WarningKind};

/// What is allowed beyond the default. The default is what every `.env` is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParseOptions {
    /// Allow `.` and `-` in names.
    pub dotted_names: bool,
    /// Expand `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}` and `${NAME+other}` in every
    /// value, whatever its quotes, from this file only; `\$` is a plain `$`. The rules are dotenv-expand's, but what it
    /// would silently replace by nothing is refused.
    pub expand: bool,
}

/// A `.env` that was accepted.
#[derive(Debug)]
pub struct Parsed {
    /// What it says.
    pub dotenv: Dotenv,
    /// What other tools would read differently, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// Reads a `.env`.
///
/// # Errors
/// [`ParseError`] with the first fault: its line, its column and, where it is known, the variable's name.
pub fn parse(input: &[u8], options: &ParseOptions) -> Result<Parsed, ParseError> {
    let text = text(input)?;
    let mut entries: Vec<Assignment> = Vec::new();
    let mut warnings = Vec::new();
    let mut seen: HashMap<Name, usize> = HashMap::new();
    for assignment in Assignments::of(text, *options) {
        let (mut assignment, kinds) = assignment?;
        let known = match seen.entry(assignment.name.clone()) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(free) => {
                free.insert(entries.len());
                None
            }
        };
        warnings.extend(kinds.into_iter().map(|kind| assignment.warning(kind)));
        match known {
            Some(first) => {
                repeats(&assignment, &entries[first])?;
                warnings.push(assignment.warning(WarningKind::Repeated));
            }
            None if entries.len() == limits::ENTRIES => {
                assignment.column = 1;
                return Err(assignment.fault(ParseErrorKind::TooManyEntries));
            }
            None => entries.push(assignment),
        }
    }
    if options.expand {
        expand::expand(&mut entries)?;
    }
    let variables = entries.into_iter().map(Variable::from).collect();
    let dotenv = Dotenv::from_variables(variables)?;
    Ok(Parsed { dotenv, warnings })
}

/// The input as text, without a byte order mark.
fn text(input: &[u8]) -> Result<&str, ParseError> {
    if input.len() > limits::TOTAL {
        return Err(ParseErrorKind::TooLarge.without_position(None));
    }
    let text = std::str::from_utf8(input).map_err(|error| {
        let before = input.get(..error.valid_up_to()).unwrap_or_default();
        cursor::fault_after(
            std::str::from_utf8(before).unwrap_or_default(),
            ParseErrorKind::NotUtf8,
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.split_once('\0') {
        Some((before, _)) => Err(cursor::fault_after(before, ParseErrorKind::Nul)),
        None => Ok(text),
    }
}

/// Setting a variable again is harmless when it changes nothing.
fn repeats(again: &Assignment, first: &Assignment) -> Result<(), ParseError> {
    // EXPOSE: two values of the same file, in the hands of its owner, are compared.
    if again.value.expose() == first.value.expose() {
        return Ok(());
    }
    Err(again.fault(ParseErrorKind::Duplicate {
        first_line: Some(first.line),
    }))
}

impl From<Assignment> for Variable {
    fn from(assignment: Assignment) -> Self {
        let comment: Option<SecretString> = assignment.comment;
        Self {
            name: assignment.name,
            value: assignment.value,
            comment,
        }
    }
}
