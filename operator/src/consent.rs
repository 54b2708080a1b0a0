//! The installation's consent to pods of one namespace having VaultSecrets of another. Pure.
//!
//! The owner of a VaultSecret consents in its `spec.access.namespaces`; this is the other half, as ReferenceGrant is in
//! the Gateway API: without both, nothing leaves a namespace.

use std::collections::BTreeSet;
use std::str::FromStr;

/// The pods of one namespace, and the VaultSecrets of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// Where the pods are.
    pub from: String,
    /// Where the VaultSecrets are.
    pub to: String,
}

/// `FROM:TO`, two different namespaces.
impl FromStr for Passage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once(':').ok_or("expected FROM:TO, two namespaces")?;
        let (from, to) = (crate::args::label(from)?, crate::args::label(to)?);
        if from == to {
            return Err("a namespace needs no consent for itself".to_owned());
        }
        Ok(Self { from, to })
    }
}

/// All that the installation consents to; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Consent(BTreeSet<Passage>);

impl Consent {
    /// To these.
    pub fn to(passages: impl IntoIterator<Item = Passage>) -> Self {
        Self(passages.into_iter().collect())
    }

    /// Whether pods of one namespace may have VaultSecrets of another, if their owners consent too.
    pub fn allows(&self, from: &str, to: &str) -> bool {
        from == to
            || self
                .0
                .iter()
                .any(|passage| passage.from == from && passage.to == to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_namespace_by_default() {
        let none = Consent::default();
        assert!(none.allows("shop", "shop") && !none.allows("team-b", "shop"));
    }

    #[test]
    fn consent_is_for_one_direction_and_for_these_two() {
        let consent = Consent::to(["team-b:shop".parse().unwrap()]);
        assert!(consent.allows("team-b", "shop"));
        for (from, to) in [
            ("shop", "team-b"),
            ("team-c", "shop"),
            ("team-b", "pay"),
            ("team", "shop"),
        ] {
            assert!(!consent.allows(from, to), "{from} to {to}");
        }
    }

    #[test]
    fn what_is_no_pair_of_namespaces_is_refused() {
        for text in [
            "", ":", "a", "a:", ":b", "a:a", "a:b:c", "*:shop", "a:*", "A:b", "a: b", "a/b:c",
        ] {
            assert!(text.parse::<Passage>().is_err(), "{text}");
        }
    }
}
