//! Digests of content (OCI image specification, descriptor.md): what they stand for is checked, always.

use sha2::{Digest as _, Sha256, Sha512};

use super::problem::Problem;

/// The SHA-256 of `content` as a digest.
pub(super) fn of(content: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(content)))
}

/// Whether it is a digest of a kind that can be checked: `sha256:` or `sha512:` and lower-case hex.
pub(super) fn is_one(text: &str) -> bool {
    let hex = |hex: &str, length| {
        hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match text.split_once(':') {
        Some(("sha256", rest)) => hex(rest, 64),
        Some(("sha512", rest)) => hex(rest, 128),
        _ => false,
    }
}

/// # Errors
/// [`Problem::Digest`] when `content` is not what `digest` stands for, or that is of no kind that can be checked.
pub(super) fn check(what: &'static str, content: &[u8], digest: &str) -> Result<(), Problem> {
    let own = match digest.split_once(':') {
        Some(("sha256", _)) => of(content),
        Some(("sha512", _)) => format!("sha512:{}", hex(&Sha512::digest(content))),
        _ => return Err(Problem::Digest(what)),
    };
    (own == digest).then_some(()).ok_or(Problem::Digest(what))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4's examples for `abc`.
    const ABC: [&str; 2] = [
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ];

    #[test]
    fn content_is_held_against_its_digest() {
        for digest in ABC {
            assert!(is_one(digest));
            assert_eq!(check("config", b"abc", digest), Ok(()));
            assert_eq!(check("config", b"abd", digest), Err(Problem::Digest("config")));
        }
    }

    #[test]
    fn what_cannot_be_checked_is_not_believed() {
        let upper = ABC[0].to_uppercase();
        for digest in [
            "",
            "sha256:",
            "sha256:00",
            "md5:900150983cd24fb0d6963f7d28e17f72",
            "sha256",
            &upper,
        ] {
            assert!(!is_one(digest), "{digest}");
            assert_eq!(check("config", b"abc", digest), Err(Problem::Digest("config")));
        }
    }
}
