//! Patterns of parts of host names, as Go's `filepath.Match` has them, which kubelet uses.

/// An element of a pattern.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Any,
    One,
    /// Whether it is negated, and ranges with both ends.
    Class(bool, Vec<(char, char)>),
    Literal(char),
}

/// Whether `text` is of this pattern: `*` any run, `?` one character, `[a-z]` and `[^a-z]` one of a class, `\` before a
/// literal. A malformed pattern is of nothing. Takes time proportional to the product of both lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some(tokens) = tokens(pattern) else {
        return false;
    };
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Where to go on after the last `*` when what follows does not fit.
    let mut again: Option<(usize, usize)> = None;
    while read < text.len() {
        match tokens.get(at) {
            Some(Token::Any) => {
                again = Some((at, read));
                at += 1;
            }
            Some(token) if token.takes(text[read]) => {
                at += 1;
                read += 1;
            }
            _ => match again {
                Some((star, from)) => {
                    again = Some((star, from + 1));
                    at = star + 1;
                    read = from + 1;
                }
                None => return false,
            },
        }
    }
    tokens[at..].iter().all(|token| *token == Token::Any)
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(literal) => *literal == character,
            Self::Class(negated, ranges) => {
                ranges
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&character))
                    != *negated
            }
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut characters = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Literal(characters.next()?),
            '[' => {
                let negated = characters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && characters.next_if_eq(&']').is_some() {
                        break;
                    }
                    let low = end(&mut characters)?;
                    let high = match characters.next_if_eq(&'-') {
                        Some(_) => end(&mut characters)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                Token::Class(negated, ranges)
            }
            literal => Token::Literal(literal),
        });
    }
    Some(tokens)
}

/// An end of a range.
fn end(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        character => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From the tests of Go's path/filepath, without those about separators.
    #[test]
    fn patterns_match_as_gos_do() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*b*c*d*e*", "axbxcxdxe", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^b-d]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "x", true),
            ("[]a]", "]", false),
            ("[-]", "-", false),
            ("[x-]", "x", false),
            ("[-x]", "x", false),
            ("\\", "a", false),
            ("[a-b-c]", "a", false),
            ("[", "a", false),
            ("[^", "a", false),
            ("[^bc", "a", false),
            ("a[", "a", false),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        assert!(!matches(
            &"*a".repeat(200),
            &"a".repeat(2000).replace("aaaa", "aaab")
        ));
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in r"[a-c*?\[\]\\^-]{0,12}", text in "[a-c]{0,8}") {
            let _either = matches(&pattern, &text);
        }

        #[test]
        fn a_star_takes_everything(text in "\\PC{0,20}") {
            prop_assert!(matches("*", &text));
        }
    }
}
