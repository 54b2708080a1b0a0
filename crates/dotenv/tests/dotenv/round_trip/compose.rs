//! Docker Compose's reader (compose-go, `dotenv/parser.go` and `template`), for values in quotes.

/// Reads the statements of a file.
pub(super) fn read(text: &str) -> super::Pairs {
    let text = text.replace("\r\n", "\n");
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
        read.push((name.to_owned(), value));
    }
    read
}

/// `extractVarValue`: a backslash escapes the quote, and otherwise stays, together with what follows it.
fn quoted(text: &str) -> (String, &str) {
    let quote = text.chars().next().expect("a quote");
    let mut value = String::new();
    let mut escape = false;
    for (at, c) in text[1..].char_indices() {
        match (c, escape) {
            (c, true) if c == quote => value.push(c),
            (c, false) if c == quote => {
                let value = if quote == '"' { unescape(&value) } else { value };
                return (value, &text[at + 2..]);
            }
            ('\\', false) => {
                escape = true;
                continue;
            }
            (c, true) => value.extend(['\\', c]),
            (c, false) => value.push(c),
        }
        escape = false;
    }
    panic!("no closing quote");
}

/// `expandEscapes`, then the substitution of variables, of which there must be none.
fn unescape(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some('\\' | '"' | '$')) => out.extend(rest.next()),
            ('\\', Some('r')) => {
                rest.next();
                out.push('\r');
            }
            ('\\', Some('a' | 'b' | 'c' | 'f' | 'n' | 't' | 'v' | '0')) => {
                panic!("an escape that nobody writes")
            }
            ('$', _) => panic!("a reference that nobody writes"),
            (c, _) => out.push(c),
        }
    }
    out
}
