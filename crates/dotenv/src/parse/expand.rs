//! References from one value to another, by dotenv-expand's rules: `$NAME`, `${NAME}`, `${NAME:-default}` and the like.
//!
//! Only names of the same file count, before or after. dotenv-expand puts nothing in place of an unknown name, which
//! would silently bend a password with a `$` in it: here it is refused. Commands are never run.

use std::collections::HashMap;

use splitvault_crypto::SecretString;
use zeroize::Zeroizing;

use super::assignment::Assignment;
use crate::error::{ParseError, ParseErrorKind};
use crate::limits;

/// References within references, and values by way of values, together.
const DEPTH: usize = 64;

/// Expands every value in place.
pub(super) fn expand(entries: &mut [Assignment]) -> Result<(), ParseError> {
    let expanded = {
        let mut expander = Expander::of(entries);
        for index in 0..entries.len() {
            expander.resolve(index, 0)?;
        }
        expander.states
    };
    for (entry, state) in entries.iter_mut().zip(expanded) {
        if let State::Expanded(value) = state {
            entry.value = value;
        }
    }
    Ok(())
}

enum State {
    Untouched,
    Running,
    Plain,
    Expanded(SecretString),
}

struct Expander<'a> {
    entries: &'a [Assignment],
    index: HashMap<&'a str, usize>,
    states: Vec<State>,
}

/// The part of a value that is being read: whose it is, and how deep in.
#[derive(Clone, Copy)]
struct Site {
    owner: usize,
    depth: usize,
}

impl<'a> Expander<'a> {
    fn of(entries: &'a [Assignment]) -> Self {
        let names = entries.iter().enumerate();
        Self {
            entries,
            index: names.map(|(index, entry)| (entry.name.as_str(), index)).collect(),
            states: entries.iter().map(|_| State::Untouched).collect(),
        }
    }

    fn resolve(&mut self, owner: usize, depth: usize) -> Result<(), ParseError> {
        match self.states[owner] {
            State::Untouched => {}
            State::Plain | State::Expanded(_) => return Ok(()),
            State::Running => return Err(self.entries[owner].fault(ParseErrorKind::CyclicReference)),
        }
        // EXPOSE: references are looked for; what they give goes into another secret.
        let text = self.entries[owner].value.expose();
        if !text.contains('$') {
            self.states[owner] = State::Plain;
            return Ok(());
        }
        self.states[owner] = State::Running;
        let mut out = Output::new();
        self.text(Site { owner, depth }, text, &mut out)?;
        self.states[owner] = State::Expanded(SecretString::copy_of(&out.0));
        Ok(())
    }

    fn text(&mut self, site: Site, text: &'a str, out: &mut Output) -> Result<(), ParseError> {
        let fault = |this: &Self, kind| Err(this.fault(site, kind));
        if site.depth > DEPTH {
            return fault(self, ParseErrorKind::DeepReference);
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            if let Some(before) = before.strip_suffix('\\') {
                self.push(site, out, &[before, "$"])?;
                rest = after;
            } else if let Some(inner) = after.strip_prefix('{') {
                self.push(site, out, &[before])?;
                let Some((inner, behind)) = split_braced(inner) else {
                    return fault(self, ParseErrorKind::MalformedReference);
                };
                self.braced(site, inner, out)?;
                rest = behind;
            } else {
                self.push(site, out, &[before])?;
                let (name, behind) = split_name(after, false);
                match name {
                    "" => self.push(site, out, &["$"])?,
                    name => self.variable(site, name, out)?,
                }
                rest = behind;
            }
        }
        self.push(site, out, &[rest])
    }

    /// What stands between the braces.
    fn braced(&mut self, site: Site, inner: &'a str, out: &mut Output) -> Result<(), ParseError> {
        let (name, operation) = split_name(inner, true);
        if name.is_empty() {
            return Err(self.fault(site, ParseErrorKind::MalformedReference));
        }
        if operation.is_empty() {
            return self.variable(site, name, out);
        }
        let (or_empty, operation) = match operation.strip_prefix(':') {
            Some(operation) => (true, operation),
            None => (false, operation),
        };
        let value = self.lookup(site, name)?;
        let there = value.is_some_and(|value| !(or_empty && self.value(value).is_empty()));
        let deeper = Site {
            depth: site.depth + 1,
            ..site
        };
        match (operation.strip_prefix('-'), operation.strip_prefix('+')) {
            (Some(_), _) if there => self.variable(site, name, out),
            (Some(default), _) => self.text(deeper, default, out),
            (_, Some(other)) if there => self.text(deeper, other, out),
            (_, Some(_)) => Ok(()),
            (None, None) => Err(self.fault(site, ParseErrorKind::MalformedReference)),
        }
    }

    fn variable(&mut self, site: Site, name: &str, out: &mut Output) -> Result<(), ParseError> {
        match self.lookup(site, name)? {
            Some(found) => self.push(site, out, &[self.value(found)]),
            None => Err(self.fault(site, ParseErrorKind::UnknownReference)),
        }
    }

    /// The entry of this name, resolved. To itself a variable is not set yet.
    fn lookup(&mut self, site: Site, name: &str) -> Result<Option<usize>, ParseError> {
        let Some(found) = self.index.get(name).copied().filter(|found| *found != site.owner) else {
            return Ok(None);
        };
        self.resolve(found, site.depth + 1)?;
        Ok(Some(found))
    }

    fn value(&self, index: usize) -> &str {
        // EXPOSE: goes into another secret.
        match &self.states[index] {
            State::Expanded(value) => value.expose(),
            State::Untouched | State::Running | State::Plain => self.entries[index].value.expose(),
        }
    }

    fn push(&self, site: Site, out: &mut Output, parts: &[&str]) -> Result<(), ParseError> {
        let fits = parts.iter().all(|part| out.push(part));
        if fits {
            return Ok(());
        }
        Err(self.fault(site, ParseErrorKind::ValueTooLarge))
    }

    fn fault(&self, site: Site, kind: ParseErrorKind) -> ParseError {
        self.entries[site.owner].fault(kind)
    }
}

/// A value in the making: of fixed size, so that it never moves, and wiped.
struct Output(Zeroizing<String>);

impl Output {
    fn new() -> Self {
        Self(Zeroizing::new(String::with_capacity(limits::VALUE)))
    }

    fn push(&mut self, part: &str) -> bool {
        let fits = self.0.len() + part.len() <= limits::VALUE;
        if fits {
            self.0.push_str(part);
        }
        fits
    }
}

/// Splits behind the name that the text begins with. In braces it may have dots.
fn split_name(text: &str, dots: bool) -> (&str, &str) {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (dots && c == '.');
    let end = text.find(|c: char| !part(c)).unwrap_or(text.len());
    text.split_at(if begins { end } else { 0 })
}

/// Splits at the brace that closes, past references within.
fn split_braced(text: &str) -> Option<(&str, &str)> {
    let (mut open, mut previous) = (1_usize, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
        previous = c;
    }
    None
}
