//! What a sentence repeats of what somebody wrote.
//!
//! Sentences of the webhook end in logs and events. Who pastes `KEY=value`, a token or a URL where a name belongs has pasted a
//! secret, so no more is repeated than it takes to find the place.

/// Bytes of what may be a name; tokens are longer.
const NAME: usize = 40;
/// Characters of anything else.
const START: usize = 8;

/// What may be a name is repeated as it is. Of anything else the beginning is, never from the first `=` on.
#[must_use]
pub fn shown(text: &str) -> String {
    match text.split_once('=') {
        None => name(text.trim()),
        // The end of base64.
        Some((left, right)) if right.trim_matches(['=', ' ']).is_empty() => format!("{}=…", start(left)),
        Some((left, _)) => format!("{}=…", name(left.trim())),
    }
}

/// An item of a list, with its place for those of which too little is repeated to find them.
pub(crate) fn item(at: usize, text: &str) -> String {
    match shown(text) {
        nothing if nothing.is_empty() => format!("item {} (empty)", at + 1),
        shown => format!("item {} ({shown})", at + 1),
    }
}

fn name(text: &str) -> String {
    if text.len() <= NAME && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("{}…", start(text))
}

/// Half of it at most, so that no short one is given away.
fn start(text: &str) -> String {
    let most = START.min(text.chars().count() / 2);
    text.chars().take(most).take_while(|one| is_plain(*one)).collect()
}

const fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-' | '/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_shown_and_of_a_value_no_more_than_its_beginning() {
        let long = "a".repeat(41);
        for (text, expected) in [
            ("PASSWORD", "PASSWORD"),
            (" shop/web.prod ", "shop/web.prod"),
            ("PASSWORD=hunter2 S3cretPw!", "PASSWORD=…"),
            ("PASSWORD = hunter2", "PASSWORD=…"),
            ("=hunter2", "=…"),
            ("S3cret Pw=x", "S3cr…=…"),
            ("aHVudGVyMg==", "aHVud=…"),
            ("PASSWORD: hunter2", "PASSWORD…"),
            ("postgres://u:pw@db", "postgres…"),
            ("p@ss", "p…"),
            ("wéb", "w…"),
            ("é", "…"),
            ("a\nb c", "a…"),
            (&long, "aaaaaaaa…"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(item(0, "web"), "item 1 (web)");
        assert_eq!(item(1, " "), "item 2 (empty)");
    }

    proptest! {
        #[test]
        fn it_is_short_plain_and_the_beginning(text in "\\PC{0,60}") {
            let shown = shown(&text);
            prop_assert!(shown.chars().count() <= NAME + 2, "{shown}");
            prop_assert!(shown.chars().all(|one| is_plain(one) || matches!(one, '=' | '…')), "{shown}");
            let left = shown.split(['=', '…']).next().unwrap_or_default();
            prop_assert!(text.trim_start().starts_with(left), "{shown}");
        }
    }
}
