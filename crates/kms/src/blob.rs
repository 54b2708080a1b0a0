//! The form at rest: which provider and which of its keys encrypted the one-time key, and what that wraps.
//!
//! `2 ‖ provider ‖ key_id ‖ count of annotations 2 ‖ (name ‖ content)… ‖ encrypted one-time key ‖ envelope`, each part
//! but the last behind its length in 2 bytes, big-endian. Everything before the envelope is the header, which the
//! envelope's key is derived from. A list of parts has one form only, and a reader refuses any other.

use crate::address::ProviderName;
use crate::answer::{Annotations, Encrypted, KeyName};

/// The first byte; the file provider's envelopes begin with 1.
const VERSION: u8 = 2;

/// A stored key, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blob<'a> {
    pub(crate) provider: &'a str,
    pub(crate) encrypted: Encrypted,
    pub(crate) header: &'a [u8],
    pub(crate) envelope: &'a [u8],
}

impl<'a> Blob<'a> {
    /// `None` for anything that [`header`] and an envelope behind it do not give.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Parts(bytes.strip_prefix(&[VERSION])?);
        let provider = rest.text()?;
        provider.parse::<ProviderName>().ok()?;
        let key = KeyName::parse(rest.text()?.to_owned())?;
        let annotations = rest.annotations()?;
        let ciphertext = rest.part()?.to_vec();
        let envelope = rest.0;
        let header = bytes.get(..bytes.len() - envelope.len())?;
        (!envelope.is_empty()).then_some(Self {
            provider,
            encrypted: Encrypted::new(key, annotations, ciphertext)?,
            header,
            envelope,
        })
    }
}

/// Everything before the envelope.
pub(crate) fn header(provider: &ProviderName, encrypted: &Encrypted) -> Vec<u8> {
    let mut header = vec![VERSION];
    append(&mut header, provider.as_str().as_bytes());
    append(&mut header, encrypted.key.as_str().as_bytes());
    header.extend(length(encrypted.annotations.len()));
    for (name, content) in &encrypted.annotations {
        append(&mut header, name.as_bytes());
        append(&mut header, content);
    }
    append(&mut header, &encrypted.ciphertext);
    header
}

fn append(out: &mut Vec<u8>, part: &[u8]) {
    out.extend(length(part.len()));
    out.extend_from_slice(part);
}

/// The rules for answers keep every length and count below 2¹⁶.
fn length(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}

struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn number(&mut self) -> Option<usize> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes).into())
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        let (part, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.part()?).ok()
    }

    /// Ascending by name, none twice.
    fn annotations(&mut self) -> Option<Annotations> {
        let mut annotations = Annotations::new();
        for _ in 0..self.number()? {
            let (name, content) = (self.text()?, self.part()?);
            let last = annotations.last_key_value();
            if last.is_some_and(|(last, _)| last.as_str() >= name) {
                return None;
            }
            annotations.insert(name.to_owned(), content.to_vec());
        }
        Some(annotations)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn encrypted() -> impl Strategy<Value = Encrypted> {
        let annotations = btree_map("[a-z]{1,9}\\.[a-z]{1,9}", vec(any::<u8>(), 0..40), 0..4);
        (".{1,40}", annotations, vec(any::<u8>(), 1..80)).prop_map(|(key, annotations, ciphertext)| {
            Encrypted::new(KeyName::parse(key).unwrap(), annotations, ciphertext).unwrap()
        })
    }

    fn whole(encrypted: &Encrypted, envelope: &[u8]) -> Vec<u8> {
        let mut bytes = header(&"vendor-1".parse().unwrap(), encrypted);
        bytes.extend_from_slice(envelope);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(encrypted in encrypted(), envelope in vec(any::<u8>(), 1..200)) {
            let bytes = whole(&encrypted, &envelope);
            let blob = Blob::parse(&bytes).unwrap();
            prop_assert_eq!(blob.provider, "vendor-1");
            prop_assert_eq!(&blob.encrypted, &encrypted);
            prop_assert_eq!(blob.envelope, &envelope[..]);
            prop_assert_eq!(blob.header, header(&"vendor-1".parse().unwrap(), &encrypted));
        }

        #[test]
        fn what_is_read_is_what_would_be_written(
            encrypted in encrypted(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = whole(&encrypted, b"envelope");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Some(blob) = Blob::parse(&bytes) {
                let again = header(&blob.provider.parse().unwrap(), &blob.encrypted);
                prop_assert_eq!(again, blob.header);
            }
        }

        #[test]
        fn arbitrary_bytes_panic_nowhere(bytes in vec(any::<u8>(), 0..400)) {
            let bytes = [&[VERSION], &bytes[..]].concat();
            if let Some(blob) = Blob::parse(&bytes) {
                prop_assert_eq!(header(&blob.provider.parse().unwrap(), &blob.encrypted), blob.header);
            }
        }
    }

    #[test]
    fn a_truncated_header_or_a_missing_envelope_is_refused() {
        let annotations = [("a.b".to_owned(), b"x".to_vec())].into();
        let encrypted =
            Encrypted::new(KeyName::parse("k".to_owned()).unwrap(), annotations, vec![7]).unwrap();
        let bytes = whole(&encrypted, b"e");
        assert!(Blob::parse(&bytes).is_some());
        for len in 0..bytes.len() {
            assert_eq!(Blob::parse(&bytes[..len]), None, "{len}");
        }
    }

    #[test]
    fn annotations_out_of_order_or_twice_are_refused() {
        let read = |names: [&str; 2]| {
            let mut bytes = vec![VERSION, 0, 1, b'p', 0, 1, b'k', 0, 2];
            for name in names {
                append(&mut bytes, name.as_bytes());
                append(&mut bytes, b"");
            }
            bytes.extend([0, 1, 7, b'e']);
            Blob::parse(&bytes).is_some()
        };
        assert!(read(["a.b", "a.c"]));
        assert!(!read(["a.c", "a.b"]));
        assert!(!read(["a.b", "a.b"]));
    }

    #[test]
    fn the_rules_for_answers_hold_at_rest_too() {
        let bytes = [
            vec![VERSION, 0, 1, b'p', 0, 1, b'k', 0, 0],
            vec![4, 1],
            vec![7; 1025],
            vec![b'e'],
        ]
        .concat();
        assert_eq!(Blob::parse(&bytes), None, "1,025 bytes of ciphertext");
        assert_eq!(
            Blob::parse(&[VERSION, 0, 1, b'P', 0, 1, b'k', 0, 0, 0, 1, 7, b'e']),
            None
        );
        assert_eq!(
            Blob::parse(&[VERSION, 0, 1, b'p', 0, 0, 0, 0, 0, 1, 7, b'e']),
            None
        );
        assert_eq!(
            Blob::parse(&[1, 0, 1, b'p', 0, 1, b'k', 0, 0, 0, 1, 7, b'e']),
            None
        );
        assert!(Blob::parse(&[VERSION, 0, 1, b'p', 0, 1, b'k', 0, 0, 0, 1, 7, b'e']).is_some());
    }
}
