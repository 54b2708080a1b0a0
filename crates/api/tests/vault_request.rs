//! Requests: what they amount to, who may have them done, and what is said about them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use splitvault_api::{
    Action, COMPLETE, Demand, DemandError, FAILED, Outcome, Standing, VaultRequest, VaultRequestSpec,
    VaultRequestStatus, request_conditions,
};

fn spec(value: Value) -> VaultRequestSpec {
    serde_json::from_value(value).unwrap()
}

fn demand(value: Value) -> Result<Demand, DemandError> {
    Demand::try_from(&spec(value))
}

/// One good spec for each action.
fn good() -> Vec<Value> {
    vec![
        json!({"action": "Reveal", "vaultSecretName": "web", "publicKey": "k", "revision": 3}),
        json!({"action": "Rotate", "vaultSecretName": "web"}),
        json!({"action": "Rollback", "vaultSecretName": "web", "revision": 3}),
        json!({"action": "Reseal", "vaultSecretName": "web"}),
        json!({"action": "RotateMasterKey", "ring": "All"}),
        json!({"action": "RotateSealingKey"}),
        json!({"action": "RotateCertificateAuthority"}),
        json!({"action": "Rewrap"}),
        json!({"action": "AuditKeys", "publicKey": "k"}),
        json!({"action": "Prune", "dryRun": true}),
    ]
}

#[test]
fn a_request_reads_back_as_it_was_written() {
    for value in good() {
        let object = json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest",
            "metadata": {"name": "a", "namespace": "shop"}, "spec": value,
        });
        let read: VaultRequest = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), object);
    }
}

#[test]
fn a_stamp_reads_back_to_the_byte_so_that_its_mac_holds() {
    let stamped = json!({
        "action": "Rotate", "vaultSecretName": "web",
        "requester": {
            "username": "anna", "uid": "u-1", "groups": ["b", "a"],
            "extra": [{"key": "example.org/z", "values": ["2", "1"]}],
            "time": "2026-01-01T00:00:00Z", "nonce": "0".repeat(32), "mac": "f".repeat(64),
        },
    });
    let first = serde_json::to_vec(&spec(stamped)).unwrap();
    let again: VaultRequestSpec = serde_json::from_slice(&first).unwrap();
    assert_eq!(serde_json::to_vec(&again).unwrap(), first);
}

#[test]
fn each_action_has_what_it_needs_and_a_permission_of_its_own_resource() {
    let mut seen = BTreeSet::new();
    for value in good() {
        let spec = spec(value);
        let demand = Demand::try_from(&spec).unwrap();
        let permission = demand.permission();
        seen.insert(spec.action.as_str());
        if spec.action.is_cluster_wide() {
            assert_eq!((permission.resource, permission.name), ("masterkeys", None));
        } else {
            assert_eq!(
                (permission.resource, permission.name),
                ("vaultsecrets", Some("web"))
            );
        }
    }
    assert_eq!(seen.len(), Action::ALL.len());
}

#[test]
fn only_reading_the_object_itself_gives_a_resealed_payload_and_nothing_else() {
    let gets = good()
        .into_iter()
        .map(|value| demand(value).unwrap())
        .filter(|demand| demand.permission().verb == "get");
    assert_eq!(gets.count(), 1);
}

#[test]
fn what_slips_past_the_schema_is_refused() {
    for (value, field) in [
        (json!({"action": "Rotate"}), "vaultSecretName"),
        (
            json!({"action": "Rollback", "vaultSecretName": "web"}),
            "revision",
        ),
        (json!({"action": "Reveal", "vaultSecretName": "web"}), "publicKey"),
        (json!({"action": "RotateMasterKey"}), "ring"),
        (json!({"action": "AuditKeys"}), "publicKey"),
    ] {
        assert!(
            matches!(demand(value), Err(DemandError::Missing { field: got, .. }) if got == field),
            "{field}"
        );
    }
    for revision in [0, -1, i64::MIN] {
        let value = json!({"action": "Rollback", "vaultSecretName": "web", "revision": revision});
        assert_eq!(
            demand(value),
            Err(DemandError::OutOfRange { field: "revision" }),
            "{revision}"
        );
    }
    for ttl in [0, -1, 3601] {
        let value = json!({"action": "Rewrap", "ttlSeconds": ttl});
        assert_eq!(
            demand(value),
            Err(DemandError::OutOfRange { field: "ttlSeconds" }),
            "{ttl}"
        );
    }
    assert!(serde_json::from_value::<VaultRequestSpec>(json!({"action": "Destroy"})).is_err());
}

#[test]
fn a_request_stays_a_minute_unless_told_otherwise() {
    let ttl = |value| spec(value).ttl();
    assert_eq!(ttl(json!({"action": "Rewrap"})), Duration::from_secs(60));
    assert_eq!(
        ttl(json!({"action": "Rewrap", "ttlSeconds": 5})),
        Duration::from_secs(5)
    );
}

fn time(seconds: i64) -> Time {
    serde_json::from_value(json!(format!("2026-01-01T00:00:{seconds:02}Z"))).unwrap()
}

#[test]
fn exactly_the_conditions_that_an_outcome_means_are_true() {
    for outcome in Outcome::ALL {
        let conditions = request_conditions(&[], outcome, "m", Some(1), &time(0));
        let holds: Vec<_> = conditions
            .iter()
            .filter(|condition| condition.status == "True")
            .map(|condition| condition.type_.as_str())
            .collect();
        let expected: &[&str] = match outcome.standing() {
            Standing::Open => &["Reconciling"],
            Standing::Done => &[COMPLETE],
            Standing::Failed => &[FAILED, "Stalled"],
        };
        assert_eq!(holds, expected, "{outcome}");
        let status = VaultRequestStatus {
            conditions,
            ..VaultRequestStatus::default()
        };
        assert_eq!(
            status.is_over(),
            outcome.standing() != Standing::Open,
            "{outcome}"
        );
    }
    assert!(!VaultRequestStatus::default().is_over());
}

#[test]
fn outcomes_have_distinct_names() {
    let names: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    assert_eq!(names.len(), Outcome::ALL.len());
}
