//! How each dialect spells a value.

use super::{Dialect, Rule};
use crate::dotenv::Variable;

/// Appends the value as the dialect spells it.
pub(super) fn push(dialect: Dialect, variable: &Variable, text: &mut String) -> Result<(), Rule> {
    // EXPOSE: from one secret into another.
    let value = variable.value.expose();
    match dialect {
        Dialect::General => general(value, text),
        Dialect::Npm => npm(value, text),
        Dialect::Python => python(value, text),
        Dialect::Compose => compose(value, text),
        Dialect::Kubelet => kubelet(value, text),
        Dialect::Shell if variable.name.is_dotted() => Err(Rule::DottedName),
        Dialect::Shell => shell(value, text),
    }
}

/// What all readers read alike: single quotes without anything that one of them treats specially, else double ones.
fn general(value: &str, text: &mut String) -> Result<(), Rule> {
    let special = ["'", "\r", r"\\", "${"];
    if !special.iter().any(|s| value.contains(s)) && !value.ends_with('\\') {
        quote('\'', value, text);
    } else if !value.contains(['"', '\\', '$', '`', '\r']) {
        quote('"', value, text);
    } else {
        return Err(Rule::NotForAll);
    }
    Ok(())
}

/// npm dotenv has three kinds of quotes; none can hold itself, a backslash before its end, or (but for double ones,
/// by an escape) CR. What has all three kinds can still stand without quotes, if nothing is trimmed or cut off.
fn npm(value: &str, text: &mut String) -> Result<(), Rule> {
    let closes = |quote: char| !value.contains(quote) && !value.ends_with('\\');
    let plain = |quote: char| closes(quote) && !value.contains('\r');
    if let Some(fitting) = ['\'', '`'].into_iter().find(|candidate| plain(*candidate)) {
        quote(fitting, value, text);
    } else if closes('"') && !value.contains(r"\n") && !value.contains(r"\r") {
        escape('"', value, &[('\r', r"\r")], text);
    } else if bare(value) {
        text.push_str(value);
    } else {
        return Err(Rule::NotForNpm);
    }
    Ok(())
}

/// Whether a value survives without quotes: within a line, no comment in it, nothing to trim, no quote first.
fn bare(value: &str) -> bool {
    let ends = [value.chars().next(), value.chars().next_back()];
    let visible = |end: &Option<char>| end.is_some_and(|c| c.is_ascii_graphic());
    ends.iter().all(visible) && !value.starts_with(['\'', '"', '`']) && !value.contains(['\n', '\r', '#'])
}

/// python-dotenv expands `${NAME:-default}` whatever the quotes; a reference without a name has no value, so that its
/// default can give the `$`. CR goes by an escape, because the file is read with universal newlines.
fn python(value: &str, text: &mut String) -> Result<(), Rule> {
    let quote = if value.contains('\r') { '"' } else { '\'' };
    text.push(quote);
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push_str(r"\\"),
            '\r' => text.push_str(r"\r"),
            '$' if rest.next_if_eq(&'{').is_some() => text.push_str("${:-$}{"),
            c if c == quote => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text.push(quote);
    Ok(())
}

/// Docker Compose's single quotes hold everything but CR, and a backslash before a quote or at the end; its double
/// quotes have the escapes for those.
fn compose(value: &str, text: &mut String) -> Result<(), Rule> {
    if value.contains('\r') || value.contains(r"\'") || value.ends_with('\\') {
        let escapes = [('\\', r"\\"), ('"', "\\\""), ('$', r"\$"), ('\r', r"\r")];
        escape('"', value, &escapes, text);
    } else {
        escape('\'', value, &[('\'', r"\'")], text);
    }
    Ok(())
}

/// Kubelet knows single quotes without any escape, and drops the CR of a CRLF.
fn kubelet(value: &str, text: &mut String) -> Result<(), Rule> {
    if value.contains('\'') {
        return Err(Rule::SingleQuote);
    }
    if value.contains("\r\n") {
        return Err(Rule::Crlf);
    }
    quote('\'', value, text);
    Ok(())
}

/// A shell's single quotes hold everything but themselves.
fn shell(value: &str, text: &mut String) -> Result<(), Rule> {
    escape('\'', value, &[('\'', r"'\''")], text);
    Ok(())
}

fn quote(quote: char, value: &str, text: &mut String) {
    escape(quote, value, &[], text);
}

fn escape(quote: char, value: &str, escapes: &[(char, &str)], text: &mut String) {
    text.push(quote);
    for c in value.chars() {
        match escapes.iter().find(|(escaped, _)| *escaped == c) {
            Some((_, written)) => text.push_str(written),
            None => text.push(c),
        }
    }
    text.push(quote);
}
