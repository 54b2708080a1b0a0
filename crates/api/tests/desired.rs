//! Specs, processed or refused, and the conditions that say so.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::{Value, json};
use splitvault_api::{
    Alphabet, Asker, Desired, DesiredSource, READY, RECONCILING, Reason, STALLED, Sealed, SealedPayload,
    SpecError, State, VaultSecretSpec, conditions,
};

fn spec(value: Value) -> VaultSecretSpec {
    serde_json::from_value(value).unwrap()
}

fn refused(value: Value) -> SpecError {
    Desired::try_from(&spec(value)).unwrap_err()
}

fn may(spec: &VaultSecretSpec, service_account: &str) -> bool {
    let asker = Asker {
        namespace: "shop",
        service_account,
        labels: &std::collections::BTreeMap::new(),
    };
    spec.allows("shop", &asker)
}

#[test]
fn absence_has_a_meaning_and_is_not_written_back() {
    let spec = spec(json!({"generate": [{"name": "KEY"}]}));
    let desired = Desired::try_from(&spec).unwrap();
    assert_eq!(
        (
            desired.source,
            desired.history_limit,
            desired.retain,
            desired.suspend
        ),
        (None, 5, false, false)
    );
    assert_eq!(
        (spec.generate[0].length(), spec.generate[0].alphabet()),
        (32, Alphabet::Base64Url)
    );
    assert!(!spec.exposes_names() && may(&spec, "anybody"));
    assert_eq!(
        serde_json::to_value(&spec).unwrap(),
        json!({"generate": [{"name": "KEY"}]})
    );
}

#[test]
fn what_is_set_is_taken() {
    let spec = spec(json!({
        "source": {"secretRef": {"name": "web-env"}}, "historyLimit": 0, "deletionPolicy": "Retain", "suspend": true,
        "exposeNames": true, "access": {"serviceAccounts": ["web"]}, "onChange": "Restart",
    }));
    let desired = Desired::try_from(&spec).unwrap();
    assert_eq!(
        desired.source,
        Some(DesiredSource::SecretRef("web-env".to_owned()))
    );
    assert_eq!(
        (desired.history_limit, desired.retain, desired.suspend),
        (0, true, true)
    );
    assert!(spec.exposes_names() && may(&spec, "web") && !may(&spec, "we") && !may(&spec, ""));
}

#[test]
fn an_output_is_another_secret_than_the_source() {
    let of = |name: &str| json!({"source": {"secretRef": {"name": "a"}}, "output": {"secretName": name}});
    let desired = Desired::try_from(&spec(of("b"))).unwrap();
    assert_eq!(desired.output.as_deref(), Some("b"));
    let error = refused(of("a"));
    assert_eq!(error.reason(), Reason::OutputInvalid);
    assert!(error.to_string().contains("spec.output.secretName"));
}

#[test]
fn an_empty_list_allows_nobody() {
    assert!(!may(&spec(json!({"access": {"serviceAccounts": []}})), "web"));
}

#[test]
fn one_source_or_something_to_generate_is_needed() {
    assert_eq!(refused(json!({})), SpecError::NoSource);
    assert_eq!(refused(json!({"source": {}})), SpecError::NotOneSource);
    let sealed = json!({"keyID": "0000000000000000", "payload": "AA=="});
    assert_eq!(
        refused(json!({"source": {"sealed": sealed, "secretRef": {"name": "a"}}})),
        SpecError::NotOneSource
    );
}

#[test]
fn numbers_that_slip_past_the_schema_are_held() {
    let source = json!({"secretRef": {"name": "a"}});
    assert_eq!(
        refused(json!({"source": source, "historyLimit": -1})),
        SpecError::OutOfRange {
            field: "historyLimit"
        }
    );
    for length in [-1, 0, 7, 1025, i32::MAX] {
        let error = refused(json!({"generate": [{"name": "A", "length": length}]}));
        assert_eq!(
            error,
            SpecError::OutOfRange {
                field: "generate.length"
            }
        );
    }
}

fn sealed(bytes: &[u8], key_id: &str) -> Result<SealedPayload, SpecError> {
    let payload = STANDARD.encode(bytes);
    SealedPayload::try_from(&Sealed {
        key_id: key_id.to_owned(),
        payload,
    })
}

#[test]
fn a_sealed_payload_names_its_key_twice() {
    let bytes = [&[1, 1][..], &[0x0f; 8], b"rest"].concat();
    assert_eq!(sealed(&bytes, "0f0f0f0f0f0f0f0f").unwrap().bytes, bytes);
    let other = sealed(&bytes, "ffffffffffffffff").unwrap_err();
    assert!(matches!(&other, SpecError::OtherKey { found, .. } if found == "0f0f0f0f0f0f0f0f"));
    assert_eq!(other.reason(), Reason::SealedInvalid);
}

#[test]
fn a_damaged_payload_is_refused_and_not_quoted() {
    let payload = |text: &str| {
        let sealed = Sealed {
            key_id: "0f0f0f0f0f0f0f0f".to_owned(),
            payload: text.to_owned(),
        };
        SealedPayload::try_from(&sealed).unwrap_err()
    };
    for text in ["canary!", "AQ", "A===", "AQI=\n", "-_-_"] {
        let error = payload(text);
        assert_eq!(error, SpecError::NotBase64, "{text}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    for length in 0..10 {
        let bytes = [&[1, 2][..], &[0x0f; 8]].concat();
        assert_eq!(
            sealed(&bytes[..length], "0f0f0f0f0f0f0f0f"),
            Err(SpecError::CutOff),
            "{length} bytes"
        );
    }
    for header in [[0, 1], [2, 1], [1, 0], [1, 3]] {
        let bytes = [&header[..], &[0x0f; 8]].concat();
        assert_eq!(
            sealed(&bytes, "0f0f0f0f0f0f0f0f"),
            Err(SpecError::UnknownFormat),
            "{header:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_payload_makes_it_panic(payload in "\\PC{0,60}", key_id in "\\PC{0,20}") {
        let _either = SealedPayload::try_from(&Sealed { key_id, payload });
    }
}

#[test]
fn alphabets_have_each_character_once() {
    for alphabet in [Alphabet::Base64Url, Alphabet::Hex, Alphabet::Alphanumeric] {
        let mut characters = alphabet.characters().to_vec();
        let size = characters.len();
        characters.sort_unstable();
        characters.dedup();
        assert_eq!(characters.len(), size);
    }
    assert_eq!(serde_json::to_value(Alphabet::Base64Url).unwrap(), "base64url");
}

fn time(seconds: i64) -> Time {
    serde_json::from_value(json!(format!("2026-01-01T00:00:{seconds:02}Z"))).unwrap()
}

#[test]
fn exactly_the_condition_that_a_reason_means_is_true() {
    for reason in Reason::ALL {
        let all = conditions(&[], reason, "m", Some(3), &time(0));
        let is = |type_: &str| {
            all.iter()
                .find(|one| one.type_ == type_)
                .is_some_and(|one| one.status == "True")
        };
        let expected = match reason.state() {
            State::Ready => (true, false, false),
            State::Reconciling => (false, true, false),
            State::Stalled => (false, false, true),
            State::Paused => (false, false, false),
        };
        assert_eq!((is(READY), is(RECONCILING), is(STALLED)), expected, "{reason}");
        assert!(
            all.iter()
                .all(|one| one.reason == reason.as_str() && one.observed_generation == Some(3))
        );
    }
}

#[test]
fn the_time_of_a_transition_stays_until_the_next() {
    let first = conditions(&[], Reason::SourceMissing, "a", Some(1), &time(1));
    let same = conditions(&first, Reason::StoreUnavailable, "b", Some(1), &time(2));
    assert!(
        same.iter()
            .all(|one| one.last_transition_time == time(1) && one.message == "b")
    );
    let ready = conditions(&same, Reason::Synced, "c", Some(2), &time(3));
    let when = |type_: &str| {
        ready
            .iter()
            .find(|one| one.type_ == type_)
            .map(|one| one.last_transition_time.clone())
    };
    assert_eq!(
        (when(READY), when(RECONCILING), when(STALLED)),
        (Some(time(3)), Some(time(3)), Some(time(1)))
    );
    assert_eq!(
        conditions(&ready, Reason::Synced, "c", Some(2), &time(9)),
        ready,
        "twice changes nothing"
    );
}

#[test]
fn reasons_have_distinct_names() {
    let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
}
