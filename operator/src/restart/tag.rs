//! What stands for a content on pods and on workloads: hashes of what a status says anyway, so they tell nothing. Pure.
//!
//! A pod carries the *content* that it was admitted with: the same again when a change is taken back. A workload carries the
//! *change* that it was rolled for, so that one change never rolls it twice.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// Bytes of a tag; 16 hexadecimal digits.
const SIZE: usize = 8;
/// The most that is read of an annotation: 32 names of 253 bytes and their tags fit.
const LIMIT: usize = 16 * 1024;

/// Tags by the name of the VaultSecret, as an annotation holds them: `web=0123456789abcdef,db=…`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(pub BTreeMap<String, String>);

/// The content of the VaultSecret with this UID, whose status has this digest.
pub(crate) fn content(uid: &str, digest: &str) -> String {
    tag(b"splitvault content", &[uid.as_bytes(), digest.as_bytes()])
}

/// The change that made it that, at this revision.
pub(crate) fn change(uid: &str, revision: u64, digest: &str) -> String {
    let revision = revision.to_be_bytes();
    tag(
        b"splitvault change",
        &[uid.as_bytes(), &revision, digest.as_bytes()],
    )
}

fn tag(label: &[u8], parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in [label].iter().chain(parts) {
        // With its length, so that no two lists of parts read alike.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hash.iter().take(SIZE).map(|byte| format!("{byte:02x}")).collect()
}

impl Tags {
    /// Reads an annotation. What is no name and tag is passed over: then a pod counts as one with an older content.
    pub fn parse(text: Option<&str>) -> Self {
        let text = text.filter(|text| text.len() <= LIMIT).unwrap_or_default();
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, tag)| (name.to_owned(), tag.to_owned()))
                .collect(),
        )
    }

    /// Whether `name` has this tag.
    pub fn has(&self, name: &str, tag: &str) -> bool {
        self.0.get(name).is_some_and(|had| had == tag)
    }

    /// As an annotation holds them.
    pub fn text(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, tag)| format!("{name}={tag}")).collect();
        pairs.join(",")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_content_that_comes_back_is_the_same_and_a_change_is_another() {
        assert_eq!(content("v-1", "d"), content("v-1", "d"));
        assert_ne!(content("v-1", "d"), content("v-2", "d"));
        assert_ne!(content("v-1", "d"), content("v-1", "e"));
        assert_ne!(change("v-1", 1, "d"), change("v-1", 3, "d"));
        assert_ne!(change("v-1", 1, "d"), content("v-1", "d"));
        assert_ne!(
            content("v-1d", ""),
            content("v-1", "d"),
            "no two lists of parts read alike"
        );
        assert_eq!(content("v-1", "d").len(), 2 * SIZE);
    }

    #[test]
    fn what_is_no_annotation_of_ours_says_nothing() {
        for text in [
            None,
            Some(""),
            Some(","),
            Some("web"),
            Some("=,=,"),
            Some(&*"a=b,".repeat(LIMIT)),
        ] {
            assert!(!Tags::parse(text).has("web", "0"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(names in proptest::collection::btree_map("[a-z][a-z.-]{0,20}", "[0-9a-f]{16}", 0..9)) {
            let tags = Tags(names);
            prop_assert_eq!(Tags::parse(Some(&tags.text())), tags);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _read = Tags::parse(Some(&text));
        }
    }
}
