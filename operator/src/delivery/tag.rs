//! What stands for a whole answer, so that a pod that has it need not get it again. Pure.

use sha2::{Digest as _, Sha256};
use splitvault_api::Selection;

/// One environment as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    /// The VaultSecret as the pod names it: with its namespace when that is another.
    pub(super) name: &'a str,
    /// UID of the VaultSecret: one that is made anew under the same name starts at revision 1 again.
    pub(super) uid: &'a str,
    /// Its revision.
    pub(super) revision: u64,
    /// Keyed digest of its content.
    pub(super) digest: &'a [u8; 32],
}

/// The tag of an answer with this selection of these environments, in this order, and these certificates (PEM):
/// hexadecimal.
pub(super) fn tag<'a>(
    environments: impl IntoIterator<Item = Stored<'a>>,
    selection: &Selection,
    bundle: &str,
) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // With its length, so that no two lists of parts read alike.
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(b"splitvault delivery tag");
    part(bundle.as_bytes());
    part(selection.text().as_bytes());
    for Stored {
        name,
        uid,
        revision,
        digest,
    } in environments
    {
        part(name.as_bytes());
        part(uid.as_bytes());
        part(&revision.to_be_bytes());
        part(digest);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Stored<'_> = Stored {
        name: "web",
        uid: "v-1",
        revision: 1,
        digest: &[1; 32],
    };

    fn selection(variables: &str) -> Selection {
        let annotations = [
            ("splitvault.dev/inject", "web"),
            ("splitvault.dev/variables", variables),
        ];
        let annotations = annotations.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = splitvault_api::Request::parse(&annotations.into()).unwrap();
        request.unwrap().selection
    }

    #[test]
    fn each_part_of_an_answer_counts() {
        let (other, db) = (Stored { uid: "v-2", ..WEB }, Stored { uid: "d-1", ..WEB });
        let later = Stored { revision: 2, ..WEB };
        let changed = Stored {
            digest: &[2; 32],
            ..WEB
        };
        let foreign = Stored {
            name: "shop/web",
            ..WEB
        };
        let all = Selection::default();
        let tags = [
            tag([WEB], &all, "PEM"),
            tag([other], &all, "PEM"),
            tag([later], &all, "PEM"),
            tag([changed], &all, "PEM"),
            tag([foreign], &all, "PEM"),
            tag([WEB], &all, "PEM2"),
            tag([WEB], &selection("A"), "PEM"),
            tag([WEB], &selection("B=A"), "PEM"),
            tag([], &all, "PEM"),
            tag([WEB, db], &all, "PEM"),
            tag([db, WEB], &all, "PEM"),
        ];
        let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len());
        assert_eq!(tag([WEB], &all, "PEM"), tags[0]);
        assert_eq!(tags[0].len(), 64);
    }
}
