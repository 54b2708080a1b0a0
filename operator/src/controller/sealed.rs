//! Which sealing key a VaultSecret needs, held against those that there are. Pure, but for the tally.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt as _;
use splitvault_api::VaultSecret;
use splitvault_crypto::sealing::KeyPair;

use crate::metrics::Metrics;

/// How a payload is sealed that is not sealed to the current key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// To an older key that still opens.
    Old,
    /// To a key that there is not, or not any more.
    Unknown,
}

impl Standing {
    const ALL: [Self; 2] = [Self::Old, Self::Unknown];

    /// The label in metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::Unknown => "unknown",
        }
    }
}

/// How the object's payload is sealed; `None` when it has none or when it is as it should be.
pub(super) fn standing<'a>(
    object: &VaultSecret,
    keys: impl IntoIterator<Item = &'a KeyPair>,
) -> Option<Standing> {
    let stated = stated(object)?;
    let mut ids = keys.into_iter().map(|pair| pair.id().to_string());
    if ids.next().as_deref() == Some(stated) {
        return None;
    }
    let is_there = ids.any(|id| id == stated);
    Some(if is_there {
        Standing::Old
    } else {
        Standing::Unknown
    })
}

/// What a person is told about an object whose payload is sealed to an older key than `current`.
pub(super) fn advice(object: &VaultSecret, current: &KeyPair) -> Option<String> {
    let (stated, name, namespace) = (stated(object)?, object.name_any(), object.namespace()?);
    Some(format!(
        "sealed to key {stated}, while the current one is {}; it still opens. Mend the manifest with: splitvault \
         reseal {name} -n {namespace}",
        current.id()
    ))
}

fn stated(object: &VaultSecret) -> Option<&str> {
    let sealed = object.spec.source.as_ref()?.sealed.as_ref()?;
    Some(&sealed.key_id)
}

/// The objects that are not sealed to the current key, by UID.
#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<String, Standing>>);

impl Tally {
    /// Notes how this object is sealed, and tells how many there are.
    pub(super) fn note(&self, uid: &str, standing: Option<Standing>, metrics: &Metrics) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match standing {
            Some(standing) => all.insert(uid.to_owned(), standing),
            None => all.remove(uid),
        };
        if before == standing {
            return;
        }
        for standing in Standing::ALL {
            let count = all.values().filter(|held| **held == standing).count();
            metrics.sealed(standing.as_str(), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use splitvault_crypto::sealing::Algorithm;

    use super::*;

    fn sealed_to(key: &str) -> VaultSecret {
        let object = json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"source": {"sealed": {"keyID": key, "payload": ""}}},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn only_the_current_key_is_as_it_should_be() {
        let keys: [_; 3] = std::array::from_fn(|_| KeyPair::make(Algorithm::X25519).unwrap());
        let [current, old, gone] = &keys;
        let standing = |key: &KeyPair| standing(&sealed_to(&key.id().to_string()), [current, old]);
        assert_eq!(standing(current), None);
        assert_eq!(standing(old), Some(Standing::Old));
        assert_eq!(standing(gone), Some(Standing::Unknown));
        let advice = advice(&sealed_to(&old.id().to_string()), current).unwrap();
        assert!(advice.contains("splitvault reseal web -n shop"), "{advice}");
        assert!(advice.contains(&old.id().to_string()) && advice.contains(&current.id().to_string()));
    }

    #[test]
    fn what_is_counted_follows_each_object() {
        let (tally, metrics) = (Tally::default(), Metrics::new());
        let counts = || {
            let text = metrics.encode().unwrap();
            let of = |state: &str| {
                let line = format!("splitvault_sealed_objects{{state=\"{state}\"}} ");
                let found = text.lines().find_map(|text| text.strip_prefix(&line));
                found.map(str::to_owned).unwrap_or_default()
            };
            [of("old"), of("unknown")]
        };
        tally.note("a", Some(Standing::Old), &metrics);
        tally.note("b", Some(Standing::Old), &metrics);
        tally.note("a", Some(Standing::Unknown), &metrics);
        assert_eq!(counts(), ["1", "1"]);
        tally.note("a", None, &metrics);
        tally.note("b", None, &metrics);
        tally.note("c", None, &metrics);
        assert_eq!(counts(), ["0", "0"]);
    }
}
