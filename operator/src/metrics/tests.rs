use std::collections::BTreeSet;

use super::*;

const OPERATIONS: &str = include_str!("../../../docs/operations.md");

#[test]
fn the_handbook_has_every_metric_and_no_other() {
    let metrics = Metrics::new();
    let took = Duration::from_millis(1);
    metrics.reconciled("Synced", took);
    metrics.delivered("Delivered", took);
    metrics.admission("mutate", "allowed", took);
    metrics.image_looked_up("found");
    metrics.handshake("delivery", "accepted");
    metrics.swept("Done", 1);
    metrics.requested("Rotate", "Done");
    drop(metrics.waits());
    metrics.problem("HttpFailed");
    metrics.kek_up("names", "kms", true);
    metrics.kek_key("names", "kms", None, "sha256:00".to_owned());
    metrics.sealed("old", 1);
    metrics.master_keys("names", "active", 1);
    metrics.rotation_begun("names", "drawn");
    metrics.restarted("Restarted");
    metrics.evicted("Evicted");
    let text = metrics.encode().unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: BTreeSet<String> = types
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("{name}_total"),
            (name, "info") => format!("{name}_info"),
            (name, _) => name.to_owned(),
        })
        .collect();
    let words = OPERATIONS.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    let told: BTreeSet<String> = words
        .filter(|word| word.starts_with("splitvault_") && !word.starts_with("splitvault_store_"))
        .map(str::to_owned)
        .collect();
    let shown_here: BTreeSet<String> = shown
        .iter()
        .filter(|name| *name != "splitvault_store_up")
        .cloned()
        .collect();
    assert_eq!(told, shown_here);
    assert!(OPERATIONS.contains("splitvault_store_up"));
}

#[test]
fn a_key_that_was_left_is_no_longer_shown() {
    let metrics = Metrics::new();
    metrics.kek_key("names", "kms", None, "sha256:00".to_owned());
    metrics.kek_key(
        "names",
        "kms",
        Some("sha256:00".to_owned()),
        "sha256:11".to_owned(),
    );
    let text = metrics.encode().unwrap();
    assert!(
        text.contains("sha256:11") && !text.contains("sha256:00"),
        "{text}"
    );
}

#[test]
fn the_handbook_has_every_reason() {
    for reason in splitvault_api::Reason::ALL {
        assert!(OPERATIONS.contains(&format!("\n| `{reason}` |")), "{reason}");
    }
    let requests = OPERATIONS.split("\n## Requests\n").nth(1).unwrap_or_default();
    for outcome in splitvault_api::Outcome::ALL {
        assert!(requests.contains(&format!("`{outcome}`")), "{outcome}");
    }
    for action in splitvault_api::Action::ALL {
        assert!(requests.contains(&format!("`{}`", action.as_str())), "{action:?}");
    }
}
