//! What a recovery changes: the keys of the copy, and the log that tells of it.

use splitvault_crypto::{DigestKey, Id, KeyId};

use super::{Found, Outcome};
use crate::error::{OpenError, RecoveryError};
use crate::kek::Keks;
use crate::keys::{Cause, Deed, KeyChange, KeyEvent, KeyState, LifeStore as _, Ring, Root, Step, WrappedKey};
use crate::sqlite::SqliteKeys;
use crate::vault::first;
use crate::vault::log::Chain;

/// Writes what was found into the copy, in one transaction, with the events that tell of it.
pub(super) async fn write(
    copy: &SqliteKeys,
    root: &Root,
    keks: &Keks,
    outcomes: Vec<Outcome<'_>>,
    mac: Option<DigestKey>,
    at: u64,
) -> Result<(), RecoveryError> {
    let (mut steps, mut told, mut new_mac) = (Vec::new(), Vec::new(), None);
    let is_log_new = mac.is_none();
    for outcome in outcomes {
        let Outcome { key, found, wrapped } = outcome;
        if is_log_new && !matches!(found, Found::Dropped | Found::Replaced) {
            steps.push(step(key, key.state));
            told.extend(remembered(key));
        }
        match (found, wrapped) {
            (Found::Newer | Found::Escrow, Some(to)) => {
                let from = key.wrapped.clone().unwrap_or_default();
                steps.push(Step::Rewrap { id: key.id, from, to });
                told.push((key.ring, key.id, Deed::Rewrapped));
            }
            (Found::Dropped | Found::Replaced, _) => {
                steps.push(step(key, KeyState::Destroyed));
                told.push((key.ring, key.id, Deed::Destroyed));
            }
            (Found::InPlace | Found::Newer | Found::Escrow, _) => {}
        }
        if found == Found::Replaced {
            let (fresh, key) = replacement(keks, root.installation, key.ring, at).await?;
            new_mac = key.or(new_mac);
            told.extend(made(&fresh));
            steps.push(Step::Insert(fresh));
        }
    }
    if steps.is_empty() {
        return Ok(());
    }
    if is_log_new && new_mac.is_none() {
        // A database from before there was one.
        let (fresh, key) = replacement(keks, root.installation, Ring::Mac, at).await?;
        new_mac = key;
        told.extend(made(&fresh));
        steps.push(Step::Insert(fresh));
    }
    let mac = mac.or(new_mac).ok_or(OpenError::Missing {
        ring: Ring::Mac.label(),
    })?;
    let last = root.last.as_ref().filter(|_| !is_log_new);
    let events = events(&mac, root.installation, last, told, at);
    let change = change(steps, events, last);
    if is_log_new {
        copy.change_with_new_log(&change).await?;
    } else {
        copy.change(&change).await?;
        copy.checkpoint().await?;
    }
    Ok(())
}

fn made(fresh: &WrappedKey) -> [(Ring, KeyId, Deed); 2] {
    [Deed::Created, Deed::Activated].map(|deed| (fresh.ring, fresh.id, deed))
}

/// A new key for a ring whose key is lost; a MAC key also as itself.
async fn replacement(
    keks: &Keks,
    installation: Id,
    ring: Ring,
    at: u64,
) -> Result<(WrappedKey, Option<DigestKey>), RecoveryError> {
    let (mut fresh, key) = if ring == Ring::Mac {
        let (fresh, key) = first::mac_key(keks, installation).await?;
        (fresh, Some(key))
    } else {
        (first::key_pair(keks, installation).await?, None)
    };
    (fresh.state, fresh.activated, fresh.drawn) = (KeyState::Active, at, at);
    Ok((fresh, key))
}

/// What a log that begins anew says of a key that is there.
fn remembered(key: &WrappedKey) -> Vec<(Ring, KeyId, Deed)> {
    let deeds: &[Deed] = match key.state {
        KeyState::Pending => &[Deed::Created],
        KeyState::Active => &[Deed::Created, Deed::Activated],
        KeyState::Retiring => &[Deed::Created, Deed::Activated, Deed::Retired],
        KeyState::Drained | KeyState::Destroyed => {
            &[Deed::Created, Deed::Activated, Deed::Retired, Deed::Drained]
        }
    };
    deeds.iter().map(|deed| (key.ring, key.id, *deed)).collect()
}

fn events(
    mac: &DigestKey,
    installation: Id,
    last: Option<&KeyEvent>,
    told: Vec<(Ring, KeyId, Deed)>,
    at: u64,
) -> Vec<KeyEvent> {
    let mut chain = Chain::new(mac, installation, last);
    for (ring, key, deed) in told {
        let cause = match deed {
            Deed::Created | Deed::Activated if last.is_none() => Cause::Founded,
            Deed::Created
            | Deed::Activated
            | Deed::Retired
            | Deed::Drained
            | Deed::Destroyed
            | Deed::Rewrapped
            | Deed::Escrowed => Cause::Requested,
        };
        chain.append(at, ring, key, deed, cause);
    }
    chain.into_events()
}

/// New keys know the event that brought them, as those that go on do.
fn change(steps: Vec<Step>, events: Vec<KeyEvent>, last: Option<&KeyEvent>) -> KeyChange {
    let entered = events.last().map_or(0, |event| event.sequence);
    let steps = steps.into_iter().map(|step| match step {
        Step::Insert(key) => Step::Insert(WrappedKey { entered, ..key }),
        other => other,
    });
    KeyChange {
        epoch: None,
        expected: last.map_or(0, |last| last.sequence),
        steps: steps.collect(),
        events,
    }
}

const fn step(key: &WrappedKey, to: KeyState) -> Step {
    Step::Move {
        id: key.id,
        from: key.state,
        to,
        activated: None,
    }
}
