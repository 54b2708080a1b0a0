//! How one CA follows another, as the Secret `splitvault-ca` tells it. No I/O; the time is given.
//!
//! ```text
//! stage       ca.crt       ca.key  next.key  since   cross.crt
//! settled     A            A
//! announced   A, B         A       B         when    (of earlier ones)
//! overlap     B, A         B                 when    B by A, …
//! settled     B            B                         B by A, …
//! ```
//!
//! Each step is one write of the Secret, so that a crash leaves a whole stage. Whoever trusts what one stage
//! trusted gets along with what the stage before and the stage after it show; through `cross.crt`, which a server
//! shows beside its own certificate, a client that still trusts nothing but A gets along with B too.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use k8s_openapi::jiff::Timestamp;
use splitvault_crypto::{SecretBytes, SecretString};

use super::authority::{Authority, CROSSED, Issued, Leaf, is_certificate};
use super::progress::{Progress, moment};
use super::{OPERATOR_IDENTITY, PkiError};

/// The certificates that are trusted, the signing one first.
pub(super) const BUNDLE: &str = "ca.crt";
/// The key of the first.
pub(super) const KEY: &str = "ca.key";
/// The key of the second, which is to sign next.
pub(super) const NEXT_KEY: &str = "next.key";
/// When the stage began (RFC 3339).
pub(super) const SINCE: &str = "since";
/// The signing CA as its predecessors signed it, the newest first.
pub(super) const CROSS: &str = "cross.crt";

const END: &str = "-----END CERTIFICATE-----";

/// How long each stage lasts, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A CA that is older is replaced.
    pub max_age: Duration,
    /// How long a new one is trusted before it signs: longer than any sidecar waits between two refreshes.
    pub announce: Duration,
    /// How long the old one is trusted after it signed last: longer than what it signed is valid.
    pub overlap: Duration,
}

/// A CA, and the one that comes after or went before it.
pub(super) struct Succession {
    trusted: Vec<String>,
    key: SecretString,
    crossed: Vec<String>,
    stage: Stage,
}

enum Stage {
    Settled,
    Announced { key: SecretString, since: SystemTime },
    Overlap { since: SystemTime },
}

impl Succession {
    /// The first of all.
    ///
    /// # Errors
    /// As [`Authority::make`].
    pub(super) fn found(now: SystemTime) -> Result<Self, PkiError> {
        let (authority, key) = Authority::make(now)?;
        Ok(Self {
            trusted: blocks(authority.bundle()),
            key,
            crossed: Vec::new(),
            stage: Stage::Settled,
        })
    }

    /// Reads the data of the Secret.
    ///
    /// # Errors
    /// [`PkiError::Authority`] for anything but one whole stage.
    pub(super) fn parse(mut data: BTreeMap<String, SecretBytes>) -> Result<Self, PkiError> {
        let mut text = |name| {
            let text = data.remove(name).map(SecretString::try_from).transpose();
            text.map_err(|_| PkiError::Authority)
        };
        let (bundle, key) = (text(BUNDLE)?, text(KEY)?);
        let (next, since, crossed) = (text(NEXT_KEY)?, text(SINCE)?, text(CROSS)?);
        // EXPOSE: certificates and a time are public.
        let public = |text: &SecretString| text.expose().to_owned();
        let since = since.map(|since| instant(&public(&since)).ok_or(PkiError::Authority));
        let stage = match (next, since.transpose()?) {
            (None, None) => Stage::Settled,
            (Some(key), Some(since)) => Stage::Announced { key, since },
            (None, Some(since)) => Stage::Overlap { since },
            (Some(_), None) => return Err(PkiError::Authority),
        };
        let read = Self {
            trusted: blocks(&public(&bundle.ok_or(PkiError::Authority)?)),
            key: key.ok_or(PkiError::Authority)?,
            crossed: crossed
                .map(|crossed| blocks(&public(&crossed)))
                .unwrap_or_default(),
            stage,
        };
        read.check()?;
        Ok(read)
    }

    /// Whether each key is there with its certificate.
    fn check(&self) -> Result<(), PkiError> {
        self.authority()?;
        let mut all = self.trusted.iter().chain(&self.crossed);
        if !all.all(|pem| is_certificate(pem)) {
            return Err(PkiError::Authority);
        }
        match &self.stage {
            Stage::Settled => Ok(()),
            Stage::Announced { .. } => self.successor().map(drop),
            Stage::Overlap { .. } => self.trusted.get(1).map(drop).ok_or(PkiError::Authority),
        }
    }

    /// What the Secret is to hold; `None` for what it must not.
    pub(super) fn data(&self) -> [(&'static str, Option<SecretString>); 5] {
        // EXPOSE: the Secret is where the CA's keys are kept.
        let secret = |key: &SecretString| Some(SecretString::copy_of(key.expose()));
        let public = |text: String| (!text.is_empty()).then(|| SecretString::from(text));
        let next = match &self.stage {
            Stage::Announced { key, .. } => secret(key),
            Stage::Settled | Stage::Overlap { .. } => None,
        };
        [
            (BUNDLE, public(self.trusted.concat())),
            (KEY, secret(&self.key)),
            (NEXT_KEY, next),
            (SINCE, self.since().and_then(|since| public(moment(since)))),
            (CROSS, public(self.crossed.concat())),
        ]
    }

    /// The CA that signs.
    ///
    /// # Errors
    /// [`PkiError::Authority`] when the key is not the first certificate's.
    pub(super) fn authority(&self) -> Result<Authority, PkiError> {
        // EXPOSE: the CA signs with its key.
        let authority = Authority::parse(self.trusted.concat().as_bytes(), self.key.expose().as_bytes())?;
        Ok(authority.shown_with(self.crossed.concat()))
    }

    /// The one that is to sign next, on its own; `None` when none is announced.
    ///
    /// # Errors
    /// [`PkiError::Authority`] when its key is not the second certificate's.
    pub(super) fn successor(&self) -> Result<Option<Authority>, PkiError> {
        let Stage::Announced { key, .. } = &self.stage else {
            return Ok(None);
        };
        let certificate = self.trusted.get(1).ok_or(PkiError::Authority)?;
        // EXPOSE: as above.
        Authority::parse(certificate.as_bytes(), key.expose().as_bytes()).map(Some)
    }

    /// How many are trusted.
    pub(super) fn trusted(&self) -> usize {
        self.trusted.len()
    }

    /// What a client of the store trusts (PEM) and shows in the next stage of a rotation.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub(super) fn trial(&self, now: SystemTime) -> Result<Option<(String, Issued)>, PkiError> {
        let (bundle, authority) = match &self.stage {
            Stage::Settled => return Ok(None),
            Stage::Announced { .. } => (
                self.trusted.concat(),
                self.successor()?.ok_or(PkiError::Authority)?,
            ),
            Stage::Overlap { .. } => {
                let others = self.trusted.iter().enumerate().filter(|(at, _)| *at != 1);
                (others.map(|(_, pem)| pem.as_str()).collect(), self.authority()?)
            }
        };
        let issued = authority.issue(Leaf::Client(OPERATOR_IDENTITY), now)?;
        Ok(Some((bundle, issued)))
    }

    /// Whether the next step's time has come.
    pub(super) fn is_due(&self, now: SystemTime, pace: &Pace) -> Result<bool, PkiError> {
        let ends = match self.since() {
            None => self.authority()?.made() + pace.max_age,
            Some(_) => self.ends(pace).unwrap_or(now),
        };
        Ok(ends <= now)
    }

    /// The next stage. The caller sees to it that everything shown and trusted in this one has arrived.
    ///
    /// # Errors
    /// When a certificate cannot be made.
    pub(super) fn next(&self, now: SystemTime) -> Result<Self, PkiError> {
        match &self.stage {
            Stage::Settled => self.announce(now),
            Stage::Announced { key, .. } => self.hand_over(key, now),
            Stage::Overlap { .. } => {
                let mut next = self.copy();
                next.trusted.remove(1);
                next.stage = Stage::Settled;
                Ok(next)
            }
        }
    }

    fn announce(&self, now: SystemTime) -> Result<Self, PkiError> {
        let (authority, key) = Authority::make(now)?;
        let mut next = self.copy();
        next.trusted.insert(1, authority.bundle().to_owned());
        next.stage = Stage::Announced { key, since: now };
        Ok(next)
    }

    fn hand_over(&self, key: &SecretString, now: SystemTime) -> Result<Self, PkiError> {
        let successor = self.successor()?.ok_or(PkiError::Authority)?;
        let mut next = self.copy();
        next.crossed.insert(0, self.authority()?.cross_sign(&successor)?);
        next.crossed.truncate(usize::from(CROSSED));
        next.trusted.swap(0, 1);
        // EXPOSE: the same key, zeroized as well. The old one's key is kept nowhere.
        next.key = SecretString::copy_of(key.expose());
        next.stage = Stage::Overlap { since: now };
        Ok(next)
    }

    /// How far it is.
    ///
    /// # Errors
    /// As [`Succession::authority`].
    pub(super) fn progress(&self, pace: &Pace) -> Result<Progress, PkiError> {
        let ends = self.ends(pace);
        Ok(match (&self.stage, ends) {
            (Stage::Announced { .. }, Some(signs)) => Progress::Announced { signs },
            (Stage::Overlap { .. }, Some(ends)) => Progress::Overlap { ends },
            _ => Progress::Settled {
                made: self.authority()?.made(),
            },
        })
    }

    fn since(&self) -> Option<SystemTime> {
        match &self.stage {
            Stage::Settled => None,
            Stage::Announced { since, .. } | Stage::Overlap { since } => Some(*since),
        }
    }

    /// When this stage of a rotation may end.
    fn ends(&self, pace: &Pace) -> Option<SystemTime> {
        match &self.stage {
            Stage::Settled => None,
            Stage::Announced { since, .. } => Some(*since + pace.announce),
            Stage::Overlap { since } => Some(*since + pace.overlap),
        }
    }

    pub(super) fn copy(&self) -> Self {
        // EXPOSE: the same keys, zeroized as well.
        let key = |key: &SecretString| SecretString::copy_of(key.expose());
        Self {
            trusted: self.trusted.clone(),
            key: key(&self.key),
            crossed: self.crossed.clone(),
            stage: match &self.stage {
                Stage::Settled => Stage::Settled,
                Stage::Announced { key: next, since } => Stage::Announced {
                    key: key(next),
                    since: *since,
                },
                Stage::Overlap { since } => Stage::Overlap { since: *since },
            },
        }
    }
}

/// Each certificate of a bundle, ended by one line break.
fn blocks(pem: &str) -> Vec<String> {
    let whole = pem.split_inclusive(END).filter(|block| block.ends_with(END));
    whole.map(|block| format!("{}\n", block.trim_start())).collect()
}

fn instant(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests;
