//! python-dotenv's reader (`parser.py` and `variables.py`), with universal newlines and `interpolate=True`.

/// Reads the bindings of a file.
pub(super) fn read(text: &str) -> super::Pairs {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut rest = text.as_str();
    let mut read = Vec::new();
    while !rest.is_empty() {
        if rest.starts_with('#') {
            rest = rest.split_once('\n').expect("a line").1;
            continue;
        }
        let (name, behind) = rest.split_once('=').expect("an assignment");
        let (value, behind) = quoted(behind);
        rest = behind.strip_prefix('\n').expect("nothing behind the quote");
        read.push((name.to_owned(), interpolate(&value)));
    }
    read
}

/// `'((?:\\.|[^'\\])*)'` and the same with `"`, decoded.
fn quoted(text: &str) -> (String, &str) {
    let quote = text.chars().next().expect("a quote");
    let known = if quote == '"' { "\\'\"abfnrtv" } else { "\\'" };
    let mut value = String::new();
    let mut rest = text[1..].char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '\\' => match rest.next().expect("a closing quote").1 {
                'n' if known.contains('n') => value.push('\n'),
                'r' if known.contains('r') => value.push('\r'),
                c @ ('\\' | '\'' | '"') if known.contains(c) => value.push(c),
                c => {
                    assert!(!known.contains(c), "an escape that nobody writes");
                    value.extend(['\\', c]);
                }
            },
            c if c == quote => return (value, &text[at + 2..]),
            c => value.push(c),
        }
    }
    panic!("no closing quote");
}

/// `\$\{([^}:]*)(?::-([^}]*))?\}`; names are never set here.
fn interpolate(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let name = behind.split(['}', ':']).next().unwrap_or_default();
        let after = &behind[name.len()..];
        let reference = match after.strip_prefix(":-").and_then(|after| after.split_once('}')) {
            Some(reference) => Some(reference),
            None => after.strip_prefix('}').map(|after| ("", after)),
        };
        match reference {
            Some((default, after)) => {
                out.push_str(default);
                rest = after;
            }
            None => {
                out.push_str("${");
                rest = behind;
            }
        }
    }
    out + rest
}
