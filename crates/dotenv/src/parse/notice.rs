//! What other tools would read differently.

use crate::warning::WarningKind;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Without quotes. `hash`: a `#` follows without a blank before it.
    Unquoted { hash: bool },
    /// In `'…'`.
    Single,
    /// In `"…"`.
    Double,
    /// In `` `…` ``.
    Backtick,
}

impl Spelling {
    /// The quotes that this byte opens.
    pub(super) const fn begun_by(byte: Option<u8>) -> Option<Self> {
        match byte {
            Some(b'\'') => Some(Self::Single),
            Some(b'"') => Some(Self::Double),
            Some(b'`') => Some(Self::Backtick),
            _ => None,
        }
    }
}

/// What is noteworthy about the text of a value, as it stands between its quotes.
pub(super) fn notice(text: &str, spelling: Spelling, expand: bool) -> Vec<WarningKind> {
    use WarningKind as Kind;
    let found = match spelling {
        Spelling::Unquoted { hash } => [
            (hash, Kind::HashWithoutBlank),
            (text.starts_with("-----BEGIN"), Kind::UnquotedPem),
            (text.contains('\\'), Kind::UnquotedBackslash),
            (!expand && has_reference(text), Kind::Reference),
        ],
        Spelling::Single => [
            (text.contains("\\'"), Kind::EscapedQuote),
            (text.contains(r"\\"), Kind::DoubledBackslash),
            (!expand && text.contains("${"), Kind::BracesInSingleQuotes),
            (text.ends_with('\\'), Kind::TrailingBackslash),
        ],
        Spelling::Double => [
            (has_escape(text, expand), Kind::Escape),
            (text.contains("\\\""), Kind::EscapedQuote),
            (!expand && has_reference(text), Kind::Reference),
            (text.ends_with('\\'), Kind::TrailingBackslash),
        ],
        Spelling::Backtick => [
            (true, Kind::Backticks),
            (text.contains("\\`"), Kind::EscapedQuote),
            (!expand && has_reference(text), Kind::Reference),
            (text.ends_with('\\'), Kind::TrailingBackslash),
        ],
    };
    let noteworthy = found.into_iter().filter(|(is_there, _)| *is_there);
    noteworthy.map(|(_, kind)| kind).collect()
}

/// `$` before something that a shell or a library would expand.
fn has_reference(text: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'{' | b'(');
    text.as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'$' && begins(pair[1]))
}

/// A backslash in double quotes before something else than `n`, `r`, the quote, or what this reading takes for an escape.
fn has_escape(text: &str, expand: bool) -> bool {
    let known = |byte: u8| matches!(byte, b'n' | b'r' | b'"') || (expand && byte == b'$');
    text.as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'\\' && !known(pair[1]))
}
