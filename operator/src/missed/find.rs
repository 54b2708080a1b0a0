//! Whether a pod started without the variables that it asks for, told from its metadata. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use splitvault_api::annotations;

/// VaultSecrets that one annotation may name; what is beyond was not admitted by anybody.
const NAMES: usize = 32;
/// Owners that certainly make a pod anew. A Job counts a pod that is evicted as failed, and is left alone.
const MAKERS: [(&str, &str); 4] = [
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "ReplicationController"),
];

/// A pod that started without the variables that it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// The VaultSecrets that it asks for.
    pub(super) asked: Vec<String>,
    /// The UID of what makes it anew when it is gone, if anything does.
    pub(super) maker: Option<String>,
}

/// `None` for every other pod, and for one that is on its way out.
pub(super) fn missed(metadata: &ObjectMeta) -> Option<Pod> {
    let annotations = metadata.annotations.as_ref()?;
    let asked = annotations.get(annotations::INJECT)?;
    if annotations.contains_key(annotations::INJECTED) || metadata.deletion_timestamp.is_some() {
        return None;
    }
    let names = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut owners = metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true));
    let maker = owner.filter(|owner| MAKERS.contains(&(owner.api_version.as_str(), owner.kind.as_str())));
    Some(Pod {
        namespace: metadata.namespace.clone()?,
        name: metadata.name.clone()?,
        uid: metadata.uid.clone()?,
        asked: names.take(NAMES).map(str::to_owned).collect(),
        maker: maker.map(|owner| owner.uid.clone()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Option<Pod> {
        let mut metadata = json!({"name": "web-1", "namespace": "shop", "uid": "p-1",
            "annotations": {annotations::INJECT: "web, db"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs-1", "controller": true}]});
        change(&mut metadata);
        missed(&serde_json::from_value(metadata).unwrap())
    }

    #[test]
    fn one_that_asks_and_has_no_marker_is_missed() {
        let pod = read(|_| {}).unwrap();
        assert_eq!(
            (pod.asked, pod.maker.as_deref()),
            (vec!["web".to_owned(), "db".to_owned()], Some("rs-1"))
        );
        let others: [fn(&mut Value); 5] = [
            |m| m["annotations"] = json!({}),
            |m| m["annotations"] = Value::Null,
            |m| m["annotations"][annotations::INJECTED] = json!("0.1.0"),
            |m| m["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            |m| m["annotations"] = json!({"splitvault.dev/injects": "web"}),
        ];
        for (number, change) in others.into_iter().enumerate() {
            assert_eq!(read(change), None, "change {number}");
        }
    }

    #[test]
    fn only_what_is_certainly_made_anew_has_a_maker() {
        for (version, kind, controls) in [
            ("batch/v1", "Job", true),
            ("v1", "Node", true),
            ("example.org/v1", "ReplicaSet", true),
            ("apps/v1", "ReplicaSet", false),
        ] {
            let pod = read(|m| {
                m["ownerReferences"] = json!([{"apiVersion": version, "kind": kind, "name": "x", "uid": "x", "controller": controls}]);
            });
            assert_eq!(pod.unwrap().maker, None, "{version} {kind}");
        }
        assert_eq!(read(|m| m["ownerReferences"] = Value::Null).unwrap().maker, None);
    }

    #[test]
    fn a_hostile_annotation_is_bounded() {
        let pod = read(|m| m["annotations"][annotations::INJECT] = json!("a,".repeat(100_000))).unwrap();
        assert_eq!(pod.asked.len(), NAMES);
        assert_eq!(
            read(|m| m["annotations"][annotations::INJECT] = json!(" , ,"))
                .unwrap()
                .asked,
            [] as [String; 0]
        );
    }
}
