//! The arrows between the crates, read from cargo's own graph.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each may link, directly or not (docs/architecture.md).
const ARROWS: [(&str, &[&str]); 10] = [
    ("splitvault-crypto", &[]),
    ("splitvault-values", &[]),
    ("splitvault-dotenv", &["splitvault-crypto"]),
    ("splitvault-wire", &["splitvault-crypto"]),
    (
        "splitvault-vault",
        &["splitvault-crypto", "splitvault-dotenv", "splitvault-values"],
    ),
    ("splitvault-api", &[]),
    ("splitvault-store", &["splitvault-values"]),
    (
        "splitvault-sidecar",
        &["splitvault-crypto", "splitvault-dotenv", "splitvault-wire"],
    ),
    (
        "splitvault",
        &["splitvault-api", "splitvault-crypto", "splitvault-dotenv"],
    ),
    (
        "splitvault-operator",
        &[
            "splitvault-api",
            "splitvault-crypto",
            "splitvault-dotenv",
            "splitvault-values",
            "splitvault-vault",
            "splitvault-wire",
        ],
    ),
];

/// Crates of others that a program must not link.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    (
        "splitvault-store",
        &["kube", "k8s-openapi", "aes-gcm", "hkdf", "hpke"],
    ),
    (
        "splitvault-sidecar",
        &["kube", "k8s-openapi", "sqlx", "clap", "reqwest", "tonic"],
    ),
    ("splitvault", &["sqlx"]),
    ("splitvault-crypto", &["tokio", "sqlx", "kube", "hyper"]),
    ("splitvault-dotenv", &["tokio", "sqlx", "kube", "hyper"]),
];

#[test]
fn each_crate_links_only_what_its_arrows_allow() {
    let graph = Graph::read();
    for (name, allowed) in ARROWS {
        let mut ours: BTreeSet<_> = graph
            .reach(name)
            .into_iter()
            .filter(|n| n.starts_with("splitvault"))
            .collect();
        ours.remove(name);
        let allowed: BTreeSet<_> = allowed.iter().map(|n| (*n).to_owned()).collect();
        let extra: Vec<_> = ours.difference(&allowed).collect();
        assert!(
            extra.is_empty(),
            "{name} links {extra:?}, which its arrows do not allow"
        );
    }
}

#[test]
fn each_member_has_its_arrows_named_here() {
    let named: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut members = Graph::read().members;
    members.remove("splitvault-tests");
    assert_eq!(members, named);
}

#[test]
fn no_program_links_what_it_must_not() {
    let graph = Graph::read();
    for (name, forbidden) in FORBIDDEN {
        let reached = graph.reach(name);
        for other in forbidden {
            assert!(!reached.contains(*other), "{name} links {other}");
        }
    }
    // A positive control: the walk does reach what is deep down.
    assert!(graph.reach("splitvault-operator").contains("kube"));
    assert!(graph.reach("splitvault-store").contains("sqlx"));
}

#[test]
fn one_tls_provider_is_linked() {
    let graph = Graph::read();
    for (name, _) in ARROWS {
        assert!(
            !graph.reach(name).contains("ring"),
            "{name} links ring beside aws-lc-rs"
        );
    }
}

/// Which package links which, without development dependencies.
struct Graph {
    members: BTreeSet<String>,
    names: BTreeMap<String, String>,
    arrows: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--locked", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo metadata");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let names: BTreeMap<_, _> = list(&metadata["packages"])
            .iter()
            .map(|p| (text(&p["id"]), text(&p["name"])))
            .collect();
        let members = list(&metadata["workspace_members"])
            .iter()
            .map(|id| names[&text(id)].clone())
            .collect();
        let arrows = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                let linked = list(&node["deps"])
                    .into_iter()
                    .filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()))
                    .map(|dep| text(&dep["pkg"]))
                    .collect();
                (text(&node["id"]), linked)
            })
            .collect();
        Self {
            members,
            names,
            arrows,
        }
    }

    fn reach(&self, name: &str) -> BTreeSet<String> {
        let start = self.names.iter().find(|(_, n)| *n == name).expect("a package").0;
        let (mut seen, mut open) = (BTreeSet::from([start.clone()]), vec![start.clone()]);
        while let Some(id) = open.pop() {
            for next in self.arrows.get(&id).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen.iter().map(|id| self.names[id].clone()).collect()
    }
}
