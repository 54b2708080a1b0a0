//! Digests of what is secret: all keyed, with a key that each environment keeps in its manifest.

use splitvault_crypto::DigestKey;
use splitvault_dotenv::Dotenv;

/// The source that an environment was written from, for telling later whether it has changed: any bytes that change
/// with it, such as a sealed payload, or a Secret's content. Only a keyed digest of them is kept.
#[derive(Clone, Copy)]
pub struct SourceDigestInput<'a>(pub &'a [u8]);

impl SourceDigestInput<'_> {
    pub(crate) fn digest(&self, key: &DigestKey) -> [u8; 32] {
        key.mac(&[b"splitvault/source/v1", self.0])
    }

    pub(crate) fn matches(&self, key: &DigestKey, digest: &[u8; 32]) -> bool {
        key.verify(&[b"splitvault/source/v1", self.0], digest)
    }
}

impl std::fmt::Debug for SourceDigestInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceDigestInput")
    }
}

/// The digest of a revision's content: names, values, order and comments, and which revision it is, so that going
/// back to an earlier content does not show.
pub(crate) fn content(key: &DigestKey, revision: u64, dotenv: &Dotenv) -> [u8; 32] {
    with_parts(revision, dotenv, |parts| key.mac(parts))
}

/// Whether `digest` is the digest of this content at this revision.
pub(crate) fn is_content(key: &DigestKey, revision: u64, dotenv: &Dotenv, digest: &[u8; 32]) -> bool {
    with_parts(revision, dotenv, |parts| key.verify(parts, digest))
}

fn with_parts<T>(revision: u64, dotenv: &Dotenv, with: impl FnOnce(&[&[u8]]) -> T) -> T {
    let revision = revision.to_be_bytes();
    let mut parts: Vec<&[u8]> = Vec::with_capacity(2 + 4 * dotenv.len());
    parts.extend([&b"splitvault/content/v1"[..], &revision]);
    for variable in dotenv {
        // EXPOSE: HMAC's input.
        let comment = variable
            .comment
            .as_ref()
            .map(|comment| comment.expose().as_bytes());
        parts.push(variable.name.as_str().as_bytes());
        parts.push(variable.value.expose().as_bytes());
        parts.push(if comment.is_some() { &[1] } else { &[0] });
        parts.push(comment.unwrap_or_default());
    }
    with(&parts)
}
