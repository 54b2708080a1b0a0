//! Who asked: the stamp that the webhook puts on a request, and the check that the controller makes before it believes
//! it. Pure.
//!
//! The API server sets the UID only after mutating webhooks, so a stamp cannot be bound to it. It is bound to namespace,
//! name and spec, to a moment that must be the object's creation, and to a nonce that is taken once ([`super::seen`]).

use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use splitvault_api::{Extra, Requester, VaultRequest, VaultRequestSpec};
use splitvault_vault::Vault;

use crate::controller::{from_hex, to_hex};

/// What the MAC is for, apart from all else that the key signs.
const LABEL: &str = "splitvault/request/v1";
/// Bytes of a stamp in JSON: beyond that, whoever asks is refused rather than cut.
const LIMIT: usize = 64 * 1024;
/// Characters that the API server completes a `generateName` by, and those that it keeps of it.
const RANDOM: usize = 5;
const COMPLETED: usize = 63 - RANDOM;
/// The most between the stamp and the creation of the object: an admission takes 10 s, and clocks differ.
const APART: SignedDuration = SignedDuration::from_secs(60);

/// A key of the whole installation.
pub trait StampKey: Send + Sync {
    /// The MAC over `parts`, for one purpose.
    fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32];
    /// Whether it is that one, in constant time.
    fn verify_mac(&self, label: &str, parts: &[&[u8]], mac: &[u8; 32]) -> bool;
}

impl StampKey for Vault {
    fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        Self::mac(self, label, parts)
    }

    fn verify_mac(&self, label: &str, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        Self::verify_mac(self, label, parts, mac)
    }
}

/// Why nobody can be vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// The API server names no user.
    #[error("the API server says no user")]
    Nobody,
    /// More groups or other words about the user than are taken.
    #[error(
        "there is too much about you to be written down (at most 1024 groups and 64 KiB in all): ask with an account that \
         is in fewer groups"
    )]
    TooLarge,
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system: try again")]
    Random,
}

/// Why a stamp is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unstamped {
    /// There is none.
    #[error("it did not pass the webhook, so nobody vouches for who asked")]
    Missing,
    /// The MAC is of something else.
    #[error("the stamp of who asked does not belong to this request")]
    Wrong,
    /// It was made when the object was not.
    #[error(
        "the stamp of who asked is of another time: it was copied, or clocks differ by more than a minute"
    )]
    OtherTime,
}

/// Writes down who asked.
///
/// # Errors
/// [`StampError`].
pub fn stamp(
    key: &dyn StampKey,
    namespace: &str,
    metadata: &ObjectMeta,
    spec: &VaultRequestSpec,
    user: &UserInfo,
    now: Timestamp,
) -> Result<Requester, StampError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|_| StampError::Random)?;
    let mut requester = of(user).ok_or(StampError::Nobody)?;
    // Whole seconds, as they are written.
    requester.time = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    requester.nonce = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    if !fits(&requester) {
        return Err(StampError::TooLarge);
    }
    let spec = said(spec, &requester);
    let mac = key.mac(LABEL, &parts(namespace, called(metadata), &spec));
    requester.mac = to_hex(&mac);
    Ok(requester)
}

/// Who asked, if that can be believed.
///
/// # Errors
/// [`Unstamped`].
pub fn verify<'a>(key: &dyn StampKey, object: &'a VaultRequest) -> Result<&'a Requester, Unstamped> {
    let requester = object.spec.requester.as_ref().ok_or(Unstamped::Missing)?;
    let metadata = &object.metadata;
    let mac = from_hex(&requester.mac).ok_or(Unstamped::Wrong)?;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let spec = said(&object.spec, requester);
    // A name that the API server completed was not there yet when the stamp was made.
    let completed = metadata.generate_name.as_deref().map(Called::Prefix);
    let completed = completed.filter(|called| called.fits(metadata.name.as_deref()));
    let name = Called::Name(metadata.name.as_deref().unwrap_or_default());
    let holds = |called| key.verify_mac(LABEL, &parts(namespace, called, &spec), &mac);
    if !(holds(name) || completed.is_some_and(holds)) {
        return Err(Unstamped::Wrong);
    }
    // Only the API server sets it, so it is later than what anybody copied.
    let created = metadata.creation_timestamp.as_ref().map(|created| created.0);
    let apart = created.map(|created| created.duration_since(requester.time.0).abs());
    if apart.is_none_or(|apart| apart > APART) {
        return Err(Unstamped::OtherTime);
    }
    Ok(requester)
}

/// Whether this stamp is about this user.
pub fn is_of(requester: &Requester, user: &UserInfo) -> bool {
    of(user).is_some_and(|expected| {
        (
            &expected.username,
            &expected.uid,
            &expected.groups,
            &expected.extra,
        ) == (
            &requester.username,
            &requester.uid,
            &requester.groups,
            &requester.extra,
        )
    })
}

fn of(user: &UserInfo) -> Option<Requester> {
    let extra = |(key, values): (&String, &Vec<String>)| Extra {
        key: key.clone(),
        values: values.clone(),
    };
    Some(Requester {
        username: user.username.clone().filter(|name| !name.is_empty())?,
        uid: user.uid.clone().filter(|uid| !uid.is_empty()),
        groups: user.groups.clone().unwrap_or_default(),
        extra: user.extra.iter().flatten().map(extra).collect(),
        time: Time(Timestamp::UNIX_EPOCH),
        nonce: String::new(),
        mac: String::new(),
    })
}

/// What the schema takes, and no more in all than [`LIMIT`].
fn fits(requester: &Requester) -> bool {
    let short = |text: &String, most: usize| text.chars().count() <= most;
    let extra = |extra: &Extra| {
        short(&extra.key, 512) && extra.values.len() <= 32 && extra.values.iter().all(|v| short(v, 1024))
    };
    short(&requester.username, 1024)
        && requester.uid.iter().all(|uid| short(uid, 1024))
        && requester.groups.len() <= 1024
        && requester.groups.iter().all(|group| short(group, 512))
        && requester.extra.len() <= 32
        && requester.extra.iter().all(extra)
        && serde_json::to_vec(requester).is_ok_and(|json| json.len() <= LIMIT)
}

/// How the object is called when the stamp is made.
#[derive(Clone, Copy)]
enum Called<'a> {
    Name(&'a str),
    /// The API server completes it to a name.
    Prefix(&'a str),
}

impl Called<'_> {
    fn fits(self, name: Option<&str>) -> bool {
        match self {
            Self::Name(own) => name == Some(own),
            Self::Prefix(prefix) => {
                let kept = prefix.get(..COMPLETED.min(prefix.len()));
                let random = name.zip(kept).and_then(|(name, kept)| name.strip_prefix(kept));
                random.is_some_and(|random| random.len() == RANDOM)
            }
        }
    }
}

fn called(metadata: &ObjectMeta) -> Called<'_> {
    match (metadata.name.as_deref(), metadata.generate_name.as_deref()) {
        (Some(name), _) if !name.is_empty() => Called::Name(name),
        (_, prefix) => Called::Prefix(prefix.unwrap_or_default()),
    }
}

/// The spec with this requester and without a MAC, in the one form that its type writes.
fn said(spec: &VaultRequestSpec, requester: &Requester) -> Vec<u8> {
    let mut spec = spec.clone();
    spec.requester = Some(Requester {
        mac: String::new(),
        ..requester.clone()
    });
    // A spec is strings and numbers only: it always has a JSON form.
    serde_json::to_vec(&spec).unwrap_or_default()
}

fn parts<'a>(namespace: &'a str, called: Called<'a>, spec: &'a [u8]) -> [&'a [u8]; 4] {
    let (how, name) = match called {
        Called::Name(name) => ("name", name),
        Called::Prefix(prefix) => ("generateName", prefix),
    };
    [namespace.as_bytes(), how.as_bytes(), name.as_bytes(), spec]
}

#[cfg(test)]
mod tests;
