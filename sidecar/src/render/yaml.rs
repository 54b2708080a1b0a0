//! One mapping of quoted strings. A quoted scalar is a string to every parser, whatever it looks like; what is not
//! printable ASCII is escaped, because YAML 1.1 and 1.2 differ in which characters end a line or may stand at all.

use std::fmt::Write as _;

use splitvault_crypto::SecretBytes;
use zeroize::Zeroizing;

use super::Effective;

/// The longest key, in characters, that may stand before `:` by itself is 1024 (YAML 1.2.2, 7.4.2).
const SIMPLE_KEY: usize = 1000;

/// Every name and every value can be written.
pub(super) fn write(environments: &[Effective<'_>]) -> SecretBytes {
    let variables = || environments.iter().flat_map(|environment| &environment.variables);
    // EXPOSE: written to tmpfs next.
    let size = variables().map(|v| length(v.name.expose()) + length(v.value.expose()) + 8);
    // Of the right size from the start: one that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(size.sum::<usize>() + 4));
    for variable in variables() {
        let (name, value) = (variable.name.expose(), variable.value.expose());
        if length(name) > SIMPLE_KEY {
            text.push_str("? ");
            quote(name, &mut text);
            text.push('\n');
        } else {
            quote(name, &mut text);
        }
        text.push_str(": ");
        quote(value, &mut text);
        text.push('\n');
    }
    if text.is_empty() {
        text.push_str("{}\n");
    }
    SecretBytes::copy_of(text.as_bytes())
}

fn quote(text: &str, to: &mut String) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            ' '..='~' => to.push(c),
            // A string takes whatever is written to it.
            '\0'..='\u{ffff}' => drop(write!(to, "\\u{:04X}", u32::from(c))),
            _ => drop(write!(to, "\\U{:08X}", u32::from(c))),
        }
    }
    to.push('"');
}

/// Bytes of a text in quotes.
fn length(text: &str) -> usize {
    let one = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        ' '..='~' => 1,
        '\0'..='\u{ffff}' => 6,
        _ => 10,
    };
    text.chars().map(one).sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_what_is_written() {
        for text in [
            "",
            "plain",
            "\"\\\n\r\t",
            "\0\x7f\u{85}é\u{2028}\u{feff}",
            "\u{1f600}\u{10ffff}",
        ] {
            let mut quoted = String::new();
            quote(text, &mut quoted);
            assert_eq!(quoted.len(), length(text), "{text:?}");
            assert!(quoted.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
