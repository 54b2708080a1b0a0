//! A POSIX shell's quotes (POSIX.1-2024, Shell Command Language, 2.2), for assignments and comments.

/// Reads the assignments of a script that has nothing else.
pub(super) fn read(text: &str) -> super::Pairs {
    let mut rest = text.chars().peekable();
    let mut read = Vec::new();
    while let Some(first) = rest.peek() {
        if *first == '#' {
            while rest.next().is_some_and(|c| c != '\n') {}
            continue;
        }
        let name: String = rest.by_ref().take_while(|c| *c != '=').collect();
        let mut value = String::new();
        loop {
            match rest.next() {
                None | Some('\n') => break,
                Some('\'') => value.extend(rest.by_ref().take_while(|c| *c != '\'')),
                Some('\\') => value.extend(rest.next()),
                Some('"') => {
                    let quoted: String = rest.by_ref().take_while(|c| *c != '"').collect();
                    assert!(!quoted.contains(['$', '`', '\\']), "special within double quotes");
                    value.push_str(&quoted);
                }
                Some(c) => panic!("{c:?} without quotes"),
            }
        }
        read.push((name, value));
    }
    read
}
