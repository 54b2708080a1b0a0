//! The manifest of a revision: what belongs to it, so that nothing can be taken away, put back or put in.
//!
//! Plaintext: `3 ‖ current 1 ‖ writes 8 ‖ restored from 8 ‖ content digest 32 ‖ source digest 32 ‖ digest key 32 ‖ UID ‖
//! rows ‖ created names ‖ history`; the first byte 2 marks one from before there was a `restored from`; the UID and names are behind their length in 4 bytes, lists behind their count in 4 bytes. A row is
//! `id 16 ‖ SHA-256 of its envelope 32`, in ascending order; an item of history is `revision 8 ‖ entries 4`.

use std::collections::HashMap;

use splitvault_crypto::{DigestKey, Id, KeyRing, Names, SealError, SecretBytes};
use splitvault_dotenv::Name;

use crate::entry;
use crate::environment::HistoryEntry;
use crate::error::{Breach, breach};
use crate::fields::{Reader, Writer};
use crate::keys::{Head, Row};
use crate::place::Place;

const KIND: u8 = 3;
/// Of manifests that nothing was restored in.
const KIND_BEFORE: u8 = 2;
const ROW: usize = 16 + 32;
const PAST: usize = 8 + 4;
const FIXED: usize = 1 + 1 + 8 + 8 + 3 * 32 + 4 + 4 + 4;

pub(crate) struct Manifest {
    /// Whether it was the environment's current one when it was written.
    pub(crate) current: bool,
    /// The write counter after the commit that it was written by.
    pub(crate) writes: u64,
    /// The UID of the object, so that two environments cannot change places.
    pub(crate) uid: String,
    /// Ids and digests of the rows, ascending.
    pub(crate) rows: Vec<(Id, [u8; 32])>,
    /// See [`crate::digest`].
    pub(crate) digest: [u8; 32],
    pub(crate) source: [u8; 32],
    /// The older revision whose content this is, when somebody went back to it.
    pub(crate) restored_from: Option<u64>,
    /// Made with the environment, the same in all its manifests.
    pub(crate) digest_key: DigestKey,
    /// Variables that were made here, not by the source.
    pub(crate) created: Vec<Name>,
    /// Older revisions that are kept, ascending; only in the current manifest.
    pub(crate) history: Vec<HistoryEntry>,
}

impl Manifest {
    pub(crate) fn seal(
        &self,
        ring: &KeyRing<Names>,
        place: Place,
        revision: u64,
    ) -> Result<Vec<u8>, SealError> {
        let created = || self.created.iter().map(|name| name.as_str().as_bytes());
        let fixed = FIXED + ROW * self.rows.len() + PAST * self.history.len();
        let variable = std::iter::once(self.uid.as_bytes()).chain(created());
        let mut writer = Writer::with_room(fixed, variable);
        writer.fixed(&[KIND, u8::from(self.current)]);
        writer.fixed(&self.writes.to_be_bytes());
        writer.fixed(&self.restored_from.unwrap_or_default().to_be_bytes());
        writer.fixed(&self.digest);
        writer.fixed(&self.source);
        // EXPOSE: kept encrypted, with what it is the key of.
        writer.fixed(self.digest_key.expose());
        writer.variable(self.uid.as_bytes());
        count(&mut writer, self.rows.len());
        for (id, digest) in &self.rows {
            writer.fixed(id.as_bytes());
            writer.fixed(digest);
        }
        count(&mut writer, self.created.len());
        created().for_each(|name| writer.variable(name));
        count(&mut writer, self.history.len());
        for past in &self.history {
            writer.fixed(&past.revision.to_be_bytes());
            writer.fixed(&past.entries.to_be_bytes());
        }
        ring.seal(&place.at(revision, Id::ZERO), &writer.into_bytes())
    }

    /// Opens the manifest of an environment's current revision.
    pub(crate) fn open_current(ring: &KeyRing<Names>, installation: Id, head: &Head) -> Result<Self, Breach> {
        let environment = head.environment;
        let place = Place {
            installation,
            environment,
        };
        let manifest = Self::open(ring, place, head.revision, &head.manifest)?;
        if !manifest.current || manifest.writes != head.writes {
            return Err(Breach::Tampered("the manifest: not the current one"));
        }
        manifest.belonging_to(&head.uid)
    }

    /// Opens the manifest of an older revision.
    pub(crate) fn open_past(
        ring: &KeyRing<Names>,
        place: Place,
        uid: &str,
        revision: u64,
        envelope: &[u8],
    ) -> Result<Self, Breach> {
        let manifest = Self::open(ring, place, revision, envelope)?;
        if manifest.current {
            return Err(Breach::Tampered("an older manifest: replaced"));
        }
        manifest.belonging_to(uid)
    }

    fn open(ring: &KeyRing<Names>, place: Place, revision: u64, envelope: &[u8]) -> Result<Self, Breach> {
        let plaintext = ring
            .open(&place.at(revision, Id::ZERO), envelope)
            .map_err(breach("a manifest"))?;
        parse(&plaintext).ok_or(Breach::Tampered("a manifest"))
    }

    fn belonging_to(self, uid: &str) -> Result<Self, Breach> {
        if self.uid == uid {
            Ok(self)
        } else {
            Err(Breach::Tampered("the environment: another object's"))
        }
    }

    /// Holds the rows that are there against those that must be.
    pub(crate) fn check_rows(&self, rows: &[Row]) -> Result<(), Breach> {
        let listed: HashMap<_, _> = self.rows.iter().copied().collect();
        if rows.len() != listed.len() {
            return Err(Breach::Tampered("the rows: one is missing or added"));
        }
        for row in rows {
            match listed.get(&row.id) {
                None => return Err(Breach::Tampered("the rows: one is missing or added")),
                Some(digest) if *digest != entry::digest(row) => {
                    return Err(Breach::Tampered("the rows: one is replaced"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// How many variables the revision has.
    pub(crate) const fn entries(&self) -> usize {
        self.rows.len()
    }

    /// How the current manifest's history will remember this revision.
    pub(crate) fn remembered(&self, revision: u64) -> HistoryEntry {
        HistoryEntry {
            revision,
            entries: u32::try_from(self.entries()).unwrap_or(u32::MAX),
        }
    }
}

/// What a manifest says about these rows.
pub(crate) fn list(rows: &[Row]) -> Vec<(Id, [u8; 32])> {
    let mut listed: Vec<_> = rows.iter().map(|row| (row.id, entry::digest(row))).collect();
    listed.sort_unstable_by_key(|(id, _)| *id);
    listed
}

fn count(writer: &mut Writer, count: usize) {
    writer.fixed(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn parse(plaintext: &SecretBytes) -> Option<Manifest> {
    let mut reader = Reader::new(plaintext);
    let [kind] = reader.fixed()?;
    if !matches!(kind, KIND | KIND_BEFORE) {
        return None;
    }
    let current = reader.flag()?;
    let writes = reader.long()?;
    let restored_from = if kind == KIND { reader.long()? } else { 0 };
    let digest = reader.fixed()?;
    let source = reader.fixed()?;
    let digest_key = SecretBytes::copy_of(&zeroize::Zeroizing::new(reader.fixed::<32>()?)[..]);
    let uid = std::str::from_utf8(reader.variable()?).ok()?.to_owned();
    let rows = reader.list(ROW, |reader| {
        Some((Id::from_bytes(reader.fixed()?), reader.fixed()?))
    })?;
    if !rows.is_sorted_by(|(a, _), (b, _)| a < b) {
        return None;
    }
    let created = reader.list(4, |reader| {
        Name::parse(std::str::from_utf8(reader.variable()?).ok()?).ok()
    })?;
    let history = reader.list(PAST, |reader| {
        let (revision, entries) = (reader.long()?, reader.number()?);
        Some(HistoryEntry { revision, entries })
    })?;
    reader.end()?;
    Some(Manifest {
        current,
        writes,
        uid,
        rows,
        digest,
        source,
        restored_from: (restored_from > 0).then_some(restored_from),
        digest_key: DigestKey::try_from(digest_key).ok()?,
        created,
        history,
    })
}

#[cfg(test)]
mod tests;
