//! The chain of the key log: each event's MAC covers the one before.
//!
//! `mac = HMAC-SHA-256(MAC key, fields("splitvault/key-log/v1", installation, MAC before, sequence, at, ring, key, deed,
//! cause))`; before the first event it is 32 zeros.

use splitvault_crypto::{DigestKey, Id, KeyId};

use super::Vault;
use crate::error::{RotationError, TrailError};
use crate::keys::{Cause, Deed, KeyEvent, Ring, Root};

/// Events on one page.
const PAGE: u32 = 500;

/// Appends to a log.
pub(super) struct Chain<'a> {
    key: &'a DigestKey,
    installation: Id,
    sequence: u64,
    mac: [u8; 32],
    events: Vec<KeyEvent>,
}

impl<'a> Chain<'a> {
    /// Goes on after this event; from the beginning without one.
    pub(super) fn new(key: &'a DigestKey, installation: Id, last: Option<&KeyEvent>) -> Self {
        Self {
            key,
            installation,
            sequence: last.map_or(0, |last| last.sequence),
            mac: last.map_or([0; 32], |last| last.mac),
            events: Vec::new(),
        }
    }

    pub(super) fn append(&mut self, at: u64, ring: Ring, key: KeyId, deed: Deed, cause: Cause) {
        let mut event = KeyEvent {
            sequence: self.sequence + 1,
            at,
            ring,
            key,
            deed,
            cause,
            mac: [0; 32],
        };
        event.mac = with_parts(self.installation, &self.mac, &event, |parts| self.key.mac(parts));
        (self.sequence, self.mac) = (event.sequence, event.mac);
        self.events.push(event);
    }

    pub(super) fn into_events(self) -> Vec<KeyEvent> {
        self.events
    }

    /// Whether an event that was read is the next one.
    fn follow(&mut self, event: &KeyEvent) -> bool {
        let follows = event.sequence == self.sequence + 1
            && with_parts(self.installation, &self.mac, event, |parts| {
                self.key.verify(parts, &event.mac)
            });
        (self.sequence, self.mac) = (event.sequence, event.mac);
        follows
    }
}

fn with_parts<T>(
    installation: Id,
    before: &[u8; 32],
    event: &KeyEvent,
    with: impl FnOnce(&[&[u8]]) -> T,
) -> T {
    with(&[
        b"splitvault/key-log/v1",
        installation.as_bytes(),
        before,
        &event.sequence.to_be_bytes(),
        &event.at.to_be_bytes(),
        event.ring.label().as_bytes(),
        event.key.as_bytes(),
        event.deed.label().as_bytes(),
        event.cause.label().as_bytes(),
    ])
}

/// The end of the key log, to be remembered outside the key database: who has it notices a log that was cut off or put
/// back. Tells nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// The number of the last event.
    pub sequence: u64,
    /// Its MAC.
    pub mac: [u8; 32],
}

impl LogHead {
    /// The end of the log in this root; before the first event, number 0.
    pub(super) fn of(root: &Root) -> Self {
        Self {
            sequence: root.sequence(),
            mac: root.last.as_ref().map_or([0; 32], |last| last.mac),
        }
    }

    /// Whether this is later than the end of the log in this root, or the end of another log as long.
    pub(super) fn is_after(&self, root: &Root) -> bool {
        let there = Self::of(root);
        self.sequence > there.sequence || (self.sequence == there.sequence && self.mac != there.mac)
    }
}

impl Vault {
    /// Whether the log in `root` goes on from `seen`.
    ///
    /// # Errors
    /// [`RotationError::RolledBack`] when it does not: an older database was put back, or one that parted from it.
    pub(super) async fn check_grown(&self, seen: &LogHead, root: &Root) -> Result<(), RotationError> {
        if seen.is_after(root) {
            return Err(RotationError::RolledBack);
        }
        if seen.sequence < root.sequence() {
            self.check_log(seen).await?;
        }
        Ok(())
    }

    /// The whole key log, checked.
    ///
    /// # Errors
    /// [`TrailError::Broken`] with the first event that does not follow the one before it.
    pub async fn key_log(&self) -> Result<Vec<KeyEvent>, TrailError> {
        let mut chain = Chain::new(&self.mac, self.installation, None);
        let mut log: Vec<KeyEvent> = Vec::new();
        loop {
            let after = log.last().map_or(0, |event| event.sequence);
            let page = self.keys.events(after, PAGE).await?;
            if page.is_empty() {
                return Ok(log);
            }
            for event in &page {
                if !chain.follow(event) {
                    return Err(TrailError::Broken {
                        sequence: event.sequence,
                    });
                }
            }
            log.extend(page);
        }
    }

    /// The end of the key log now.
    ///
    /// # Errors
    /// See [`RotationError`].
    pub async fn log_head(&self) -> Result<LogHead, RotationError> {
        Ok(LogHead::of(&self.root().await?))
    }

    /// Whether this end of the key log was told to [`Self::witnessed`] last.
    pub fn is_witnessed(&self, head: &LogHead) -> bool {
        self.presence.witnessed(None).as_ref() == Some(head)
    }

    /// Notes that this end of the key log is remembered elsewhere.
    pub fn witnessed(&self, head: LogHead) {
        self.presence.witnessed(Some(head));
    }

    /// Holds the key log against its end as it was remembered elsewhere.
    ///
    /// # Errors
    /// [`RotationError::RolledBack`] when that event is not in the log: an older database was put back.
    pub async fn check_log(&self, remembered: &LogHead) -> Result<(), RotationError> {
        let before = remembered.sequence.checked_sub(1);
        let found = match before {
            Some(before) => self.keys.events(before, 1).await?,
            None => return Ok(()),
        };
        match found.first() {
            Some(event) if event.sequence == remembered.sequence && event.mac == remembered.mac => Ok(()),
            _ => Err(RotationError::RolledBack),
        }
    }
}
