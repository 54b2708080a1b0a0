//! Random text for `spec.generate`, drawn without bias from the operating system.

use splitvault_crypto::{Random, SecretString};
use zeroize::Zeroizing;

/// `length` characters, each equally likely to be any of `alphabet` (ASCII, at most 256 of them).
///
/// # Errors
/// When the operating system gives no random bytes.
pub(super) fn draw(length: usize, alphabet: &[u8]) -> Result<SecretString, Random> {
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    let mut pool = Zeroizing::new([0; 64]);
    // Bytes beyond the last whole multiple would favour the alphabet's first characters.
    let bound = (256 / alphabet.len().max(1)) * alphabet.len();
    while text.len() < length {
        getrandom::fill(&mut *pool).map_err(|_| Random)?;
        let fair = pool
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < bound);
        let drawn = fair.filter_map(|byte| alphabet.get(byte % alphabet.len()).copied());
        let missing = length - text.len();
        text.extend(drawn.take(missing));
        if bound == 0 {
            break;
        }
    }
    // EXPOSE: ASCII is text; the buffer is wiped after this copy.
    Ok(SecretString::copy_of(
        std::str::from_utf8(&text).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_has_the_length_and_only_characters_of_the_alphabet() {
        for length in [1, 32, 63, 64, 65, 1000] {
            let text = draw(length, b"abc").unwrap();
            assert_eq!(text.len(), length);
            assert!(text.expose().bytes().all(|byte| b"abc".contains(&byte)));
        }
    }

    #[test]
    fn every_character_occurs_and_no_two_draws_are_equal() {
        let alphabet = b"0123456789abcdef";
        let text = draw(4096, alphabet).unwrap();
        let seen: BTreeSet<u8> = text.expose().bytes().collect();
        assert_eq!(seen.len(), alphabet.len());
        assert_ne!(text.expose(), draw(4096, alphabet).unwrap().expose());
    }

    #[test]
    fn no_alphabet_is_no_endless_loop() {
        assert!(draw(8, b"").unwrap().is_empty());
    }
}
