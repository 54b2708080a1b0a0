//! The VaultSecrets that a pod asks for.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_vault_secret_that_is_not_delivered_says_why() {
    let with = |change: fn(&mut Value)| {
        let mut object = serde_json::to_value(secret()).unwrap();
        change(&mut object);
        found(|e| e.secrets[0].1 = Looked::Found(serde_json::from_value(object).unwrap()))
    };
    let wrong: [Case<Value>; 4] = [
        (
            |o| o["spec"]["access"] = json!({"serviceAccounts": ["other"]}),
            "ServiceAccount web",
        ),
        (
            |o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            "deleted",
        ),
        (|o| o["status"] = json!({}), "has not looked"),
        (
            |o| {
                o["status"]["conditions"][0]["status"] = json!("False");
                o["status"]["conditions"][0]["reason"] = json!("Tampered");
            },
            "Tampered",
        ),
    ];
    for (change, expected) in wrong {
        let findings = with(change);
        let told = said(&findings, Level::Wrong, "VaultSecret web");
        assert!(told[0].contains(expected), "{expected}: {told:?}");
    }
    let findings = with(|o| {
        o["status"]["conditions"][0]["status"] = json!("False");
        o["status"]["conditions"][0]["reason"] = json!("SourceMissing");
    });
    assert!(is_well(&findings), "the last good revision is delivered");
    assert!(said(&findings, Level::Note, "VaultSecret web")[0].contains("revision 3"));
    assert!(!is_well(&found(|e| e.secrets[0].1 = Looked::Missing)));
    assert!(
        is_well(&found(|e| e.secrets[0].1 = Looked::Forbidden)),
        "a missing right is a finding and no fault"
    );
}
