//! What the stores hold for a VaultSecret, and whether that can be trusted.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use splitvault_api::Reason::Tampered;
use splitvault_api::{HistoryEntry, READY, VaultSecret, VaultSecretStatus};
use splitvault_dotenv::{Dotenv, Name};
use splitvault_vault::{Described, Environment, ReadError, Reason, SourceDigestInput, Vault, WriteError};

use super::failure::Failure;

/// What the stores hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// The revision.
    pub(super) revision: u64,
    /// The keyed digest of the content, hexadecimal.
    pub(super) digest: String,
    /// How many variables.
    pub(super) entries: usize,
    /// The revision whose content it is, when somebody went back to it.
    pub(super) restored_from: Option<u64>,
}

/// What the stores hold, with what tells whether its source has changed.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) stored: Stored,
    described: Described,
}

impl Held {
    /// Whether it was written from a source of this identity.
    pub(super) fn is_made_from(&self, identity: &[u8]) -> bool {
        self.described.made_from(&SourceDigestInput(identity))
    }

    /// Whether there are no more earlier revisions than that.
    pub(super) fn keeps_at_most(&self, limit: u32) -> bool {
        u32::try_from(self.described.history).is_ok_and(|kept| kept <= limit)
    }
}

/// Looks what the stores hold for the object, and compares it with what the object's status remembers.
///
/// # Errors
/// [`Failure`]; tampering and rolling back are noticed here.
pub(super) async fn look(vault: &Vault, object: &VaultSecret) -> Result<Option<Held>, Failure> {
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    let described = match object.status.as_ref().and_then(remembered) {
        Some((revision, digest)) => {
            let described = vault.check(uid, revision, &digest).await?;
            if says_tampered(object) {
                // Perhaps found by a process that ended since. A manifest does not show what becomes of rows and values.
                vault.read(uid).await?;
            }
            described
        }
        None => vault.describe(uid).await?,
    };
    Ok(described.map(|described| Held {
        stored: Stored {
            revision: described.revision,
            digest: to_hex(&described.digest),
            entries: described.entries,
            restored_from: described.restored_from,
        },
        described,
    }))
}

/// The revision and the digest of its content that a status remembers.
pub(crate) fn remembered(status: &VaultSecretStatus) -> Option<(u64, [u8; 32])> {
    Some((
        u64::try_from(status.revision?).ok()?,
        from_hex(status.digest.as_deref()?)?,
    ))
}

fn says_tampered(object: &VaultSecret) -> bool {
    let ready = |condition: &&Condition| condition.type_ == READY;
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .find(ready)
        .is_some_and(|ready| ready.reason == Tampered.as_str())
}

/// What is stored, in clear.
///
/// # Errors
/// [`Failure`].
pub(super) async fn read(vault: &Vault, uid: &str) -> Result<Option<Environment>, Failure> {
    Ok(vault.read(uid).await?)
}

/// What is said of revisions that a rotation could not re-encrypt; nothing when there are none or when that cannot be
/// told now, which the next look makes up for.
pub(super) async fn quarantined(vault: &Vault, uid: &str) -> Option<String> {
    let found = vault
        .quarantined(uid)
        .await
        .ok()
        .filter(|found| !found.is_empty())?;
    let mut revisions: Vec<_> = found.iter().map(|found| found.revision).collect();
    revisions.sort_unstable();
    let list: Vec<_> = revisions.iter().map(u64::to_string).collect();
    let (plural, verb) = if list.len() == 1 { ("", "is") } else { ("s", "are") };
    Some(format!(
        "{} revision{plural} cannot be opened and {verb} left under an old master key, which is kept for that: {}. Restore \
         the databases from a backup, or let older revisions go with a lower spec.historyLimit and a change of the content",
        list.len(),
        list.join(", ")
    ))
}

/// Writes the next revision. The same content from the same source writes nothing.
///
/// # Errors
/// [`Failure`]; what was stored before is stored then.
pub(super) async fn write(
    vault: &Vault,
    uid: &str,
    dotenv: &Dotenv,
    identity: &[u8],
    created: &[Name],
    history_limit: usize,
) -> Result<Stored, Failure> {
    let source = SourceDigestInput(identity);
    let written = vault.write(uid, dotenv, &source, created, history_limit).await?;
    Ok(Stored {
        revision: written.revision,
        digest: to_hex(&written.digest),
        entries: dotenv.len(),
        restored_from: None,
    })
}

/// Earlier revisions that are kept, newest first.
///
/// # Errors
/// [`Failure`].
pub(super) async fn history(vault: &Vault, uid: &str) -> Result<Vec<HistoryEntry>, Failure> {
    let entry = |kept: &splitvault_vault::HistoryEntry| HistoryEntry {
        revision: i64::try_from(kept.revision).unwrap_or(i64::MAX),
        entries: i64::from(kept.entries),
    };
    let mut history: Vec<_> = vault.history(uid).await?.iter().map(entry).collect();
    history.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
    Ok(history)
}

/// Removes the content from both stores.
///
/// # Errors
/// [`Failure`].
pub(super) async fn remove(vault: &Vault, uid: &str) -> Result<(), Failure> {
    vault.remove(uid).await?;
    Ok(())
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::of_vault(error.reason(), error.to_string())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Self::of_vault(error.reason(), error.to_string())
    }
}

impl Failure {
    fn of_vault(reason: Reason, text: String) -> Self {
        match reason {
            Reason::StoreUnavailable | Reason::KekUnavailable => Self::StoreUnavailable(text),
            Reason::Tampered | Reason::UnknownKey => Self::Tampered(text),
            Reason::RolledBack => Self::RolledBack(text),
            Reason::TooLarge => Self::TooLarge(text),
            Reason::Conflict | Reason::NoSuchRevision | Reason::Internal => Self::Internal(text),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
        text
    })
}

/// `None` for what [`to_hex`] does not write.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .filter(|_| !byte.is_ascii_uppercase())
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_and_nothing_else_does() {
        let digest: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8).unwrap());
        let text = to_hex(&digest);
        assert_eq!(from_hex(&text), Some(digest));
        for wrong in [
            "",
            "0",
            &text[1..],
            &format!("{text}0"),
            &text.replace('a', "A"),
            &text.replace('8', "é"),
        ] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
