//! What concerns the installation's keys. A rotation is begun once: the number of the last key event is written down
//! first, and whatever was begun for it stands in the key log.

use std::time::SystemTime;

use splitvault_api::{Begun, Outcome, Progress, RingName};
use splitvault_vault::keys::{Deed, KeyEvent};
use splitvault_vault::{Cause, Ring};

use super::progress;
use super::stage::{Stage, stage};
use crate::requests::plan::Observed;
use crate::requests::status::{Said, Verdict};
use crate::requests::{Context, Failure};

impl Context {
    /// Begins the rotation of these rings, or tells how far it is.
    pub(super) async fn rotate_masters(
        &self,
        observed: &Observed,
        rings: RingName,
    ) -> Result<Verdict, Failure> {
        let begun = observed.begun();
        if !begun.is_empty() {
            return self.follow(begun).await;
        }
        let Some(base) = observed.base() else {
            return self.note_log().await;
        };
        let mut begun = Vec::new();
        for ring in masters(rings) {
            begun.push(Begun {
                ring: named(*ring),
                key_id: self.begin(*ring, base).await?,
            });
        }
        let said = Said {
            begun,
            progress: Some(progress(0, 1, "Pending")),
            ..Said::default()
        };
        Ok(Verdict::new(
            Outcome::Progressing,
            "another master key was made",
            said,
        ))
    }

    /// Makes another key pair to seal to.
    pub(super) async fn rotate_sealing(&self, observed: &Observed) -> Result<Verdict, Failure> {
        let Some(base) = observed.base() else {
            return self.note_log().await;
        };
        let id = self.begin(Ring::Sealing, base).await?;
        let said = Said {
            progress: Some(progress(1, 1, "Done")),
            ..Said::default()
        };
        let message = format!("key {id} is the one to seal to; what is sealed to older keys still opens");
        Ok(Verdict::new(Outcome::Done, message, said))
    }

    /// Makes another certificate authority; one that is on its way is that one.
    pub(super) async fn rotate_authority(&self) -> Result<Verdict, Failure> {
        let started = self.authority.start(SystemTime::now()).await;
        let progress = started.map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(Verdict::new(Outcome::Done, progress.to_string(), Said::default()))
    }

    /// Wraps every key that is not under its provider's current one.
    pub(super) async fn rewrap(&self) -> Result<Verdict, Failure> {
        let message = match self.vault.rewrap(SystemTime::now()).await? {
            0 => "every key is under the current key-encryption key already".to_owned(),
            1 => "a key is wrapped anew".to_owned(),
            count => format!("{count} keys are wrapped anew"),
        };
        Ok(Verdict::new(Outcome::Done, message, Said::default()))
    }

    /// Writes down where the key log is before anything is begun.
    async fn note_log(&self) -> Result<Verdict, Failure> {
        let said = Said {
            base_revision: Some(self.vault.log_head().await?.sequence),
            ..Said::default()
        };
        Ok(Verdict::new(Outcome::Progressing, "taken up", said))
    }

    /// The key that was made for this ring since the log was there, else a new one.
    async fn begin(&self, ring: Ring, base: u64) -> Result<String, Failure> {
        let ours = |event: &&KeyEvent| {
            event.sequence > base
                && (event.ring, event.deed, event.cause) == (ring, Deed::Created, Cause::Requested)
        };
        if let Some(made) = self.vault.key_log().await?.iter().find(ours) {
            return Ok(made.key.to_string());
        }
        let made = match ring {
            Ring::Names | Ring::Values => {
                self.vault
                    .begin_rotation(ring, Cause::Requested, SystemTime::now())
                    .await?
            }
            Ring::Sealing => {
                self.vault
                    .rotate_sealing_key(Cause::Requested, SystemTime::now())
                    .await?
            }
            Ring::Mac => return Err(Failure::NotSupported),
        };
        Ok(made.to_string())
    }

    async fn follow(&self, begun: &[Begun]) -> Result<Verdict, Failure> {
        let (found, log) = (self.vault.progress().await?, self.vault.key_log().await?);
        let mut stages = Vec::new();
        for key in begun {
            for ring in masters(key.ring) {
                let stage = stage(found.keys(*ring), &log, &key.key_id);
                stages.push(stage.ok_or(Failure::KeysRolledBack)?);
            }
        }
        Ok(told(stages.into_iter().min().unwrap_or(Stage::Done), &found))
    }
}

fn told(stage: Stage, found: &splitvault_vault::Progress) -> Verdict {
    let (total, quarantined) = (found.environments, found.quarantined.len());
    let done = total.saturating_sub(found.remaining);
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (state, message) = match stage {
        Stage::Pending => ("Pending", "the new key is made known to every replica".to_owned()),
        Stage::Encrypting if quarantined > 0 => (
            "Encrypting",
            format!("{quarantined} revisions cannot be opened; they keep an old key from being destroyed"),
        ),
        Stage::Encrypting => (
            "Encrypting",
            "everything is encrypted under the new key".to_owned(),
        ),
        Stage::Destroying => (
            "Destroying",
            "nothing is under the old key; it is being destroyed".to_owned(),
        ),
        Stage::Followed => (
            "Done",
            "the keys from before are destroyed, and another rotation has followed".to_owned(),
        ),
        Stage::Done => (
            "Done",
            format!("{total} environments are under the new key, and the old one is destroyed"),
        ),
    };
    let outcome = match stage {
        Stage::Followed | Stage::Done => Outcome::Done,
        Stage::Pending | Stage::Encrypting | Stage::Destroying => Outcome::Progressing,
    };
    let said = Said {
        progress: Some(Progress {
            done: number(done),
            total: number(total),
            state: state.to_owned(),
        }),
        ..Said::default()
    };
    Verdict::new(outcome, message, said)
}

const fn masters(rings: RingName) -> &'static [Ring] {
    match rings {
        RingName::Names => &[Ring::Names],
        RingName::Values => &[Ring::Values],
        RingName::All => &[Ring::Names, Ring::Values],
    }
}

const fn named(ring: Ring) -> RingName {
    match ring {
        Ring::Names => RingName::Names,
        Ring::Values => RingName::Values,
        Ring::Sealing | Ring::Mac => RingName::All,
    }
}
