//! The arrows between the crates, as cargo itself resolves them for each program.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Which of our crates each may link, directly or not (docs/architecture.md).
const ARROWS: [(&str, &[&str]); 11] = [
    ("splitvault-crypto", &[]),
    ("splitvault-values", &[]),
    ("splitvault-dotenv", &["splitvault-crypto"]),
    ("splitvault-wire", &["splitvault-crypto"]),
    (
        "splitvault-vault",
        &["splitvault-crypto", "splitvault-dotenv", "splitvault-values"],
    ),
    (
        "splitvault-kms",
        &[
            "splitvault-crypto",
            "splitvault-dotenv",
            "splitvault-values",
            "splitvault-vault",
        ],
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
            "splitvault-kms",
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
    for (name, allowed) in ARROWS {
        let mut ours: BTreeSet<_> = linked(name)
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
    let metadata = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let mut members: BTreeSet<_> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    members.remove("splitvault-tests");
    let named: BTreeSet<_> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, named);
}

#[test]
fn no_program_links_what_it_must_not() {
    for (name, forbidden) in FORBIDDEN {
        let reached = linked(name);
        for other in forbidden {
            assert!(!reached.contains(*other), "{name} links {other}");
        }
    }
    // A positive control: what is deep down is seen.
    assert!(linked("splitvault-operator").contains("kube-core"));
    assert!(linked("splitvault-store").contains("sqlx-core"));
}

#[test]
fn one_tls_provider_is_linked() {
    for (name, _) in ARROWS {
        assert!(
            !linked(name).contains("ring"),
            "{name} links ring beside aws-lc-rs"
        );
    }
    assert!(
        linked("splitvault-operator").contains("aws-lc-rs"),
        "a positive control"
    );
}

/// Names of all packages that a package links, itself included; not what only its tests or its build need.
fn linked(package: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges=normal",
        "--prefix=none",
        "--format={p}",
    ]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
