//! What stands for a whole answer, so that a pod that has it need not get it again. Pure.

use sha2::{Digest as _, Sha256};

/// One environment as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    /// UID of the VaultSecret: one that is made anew under the same name starts at revision 1 again.
    pub(super) uid: &'a str,
    /// Its revision.
    pub(super) revision: u64,
    /// Keyed digest of its content.
    pub(super) digest: &'a [u8; 32],
}

/// The tag of an answer with these environments, in this order, and these certificates (PEM): hexadecimal.
pub(super) fn tag<'a>(environments: impl IntoIterator<Item = Stored<'a>>, bundle: &str) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // With its length, so that no two lists of parts read alike.
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(b"splitvault delivery tag");
    part(bundle.as_bytes());
    for Stored {
        uid,
        revision,
        digest,
    } in environments
    {
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
        uid: "v-1",
        revision: 1,
        digest: &[1; 32],
    };

    #[test]
    fn each_part_of_an_answer_counts() {
        let (other, db) = (Stored { uid: "v-2", ..WEB }, Stored { uid: "d-1", ..WEB });
        let tags = [
            tag([WEB], "PEM"),
            tag([other], "PEM"),
            tag([Stored { revision: 2, ..WEB }], "PEM"),
            tag(
                [Stored {
                    digest: &[2; 32],
                    ..WEB
                }],
                "PEM",
            ),
            tag([WEB], "PEM2"),
            tag([], "PEM"),
            tag([WEB, db], "PEM"),
            tag([db, WEB], "PEM"),
        ];
        let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len());
        assert_eq!(tag([WEB], "PEM"), tags[0]);
        assert_eq!(tags[0].len(), 64);
    }
}
