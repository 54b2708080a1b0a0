//! VaultSecrets that can be processed, and those that cannot.

use super::*;

fn sealed(bytes: &[u8], key_id: &str) -> Value {
    json!({"source": {"sealed": {"keyID": key_id, "payload": STANDARD.encode(bytes)}}})
}

/// Version 1, X-Wing, a key id, and what would be the rest.
fn payload() -> Vec<u8> {
    [&[1, 2], &[0xab; 8][..], &[7; 100]].concat()
}

async fn answer(operation: &str, spec: Value, old: Value) -> Value {
    let object = |spec: Value| match spec {
        Value::Null => Value::Null,
        spec => json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}),
    };
    let review = review(operation, &object(spec), &object(old));
    Cluster::new(Vec::new())
        .review("/validate-vaultsecrets", &review)
        .await
}

#[tokio::test]
async fn what_can_be_processed_is_allowed_as_it_is() {
    for spec in [
        sealed(&payload(), "abababababababab"),
        json!({"source": {"secretRef": {"name": "web-env"}}}),
        json!({"generate": [{"name": "KEY"}], "onChange": "Restart", "deletionPolicy": "Retain", "suspend": true}),
    ] {
        let response = answer("CREATE", spec, Value::Null).await;
        assert_eq!(response, json!({"uid": "review-1", "allowed": true}));
    }
}

#[tokio::test]
async fn what_cannot_is_refused_with_a_sentence_and_without_the_payload() {
    let source = json!({"secretRef": {"name": "web-env"}});
    let both =
        json!({"secretRef": {"name": "web-env"}, "sealed": {"keyID": "abababababababab", "payload": "AA=="}});
    let garbage = json!({"source": {"sealed": {"keyID": "abababababababab", "payload": "canary!"}}});
    for (spec, about) in [
        (
            json!({"source": source, "output": {"secretName": "web-env"}}),
            "spec.output.secretName",
        ),
        (json!({}), "spec.source"),
        (json!({"source": {}}), "exactly one"),
        (json!({"source": both}), "exactly one"),
        (garbage, "base64"),
        (sealed(&payload()[..9], "abababababababab"), "cut off"),
        (sealed(b"", "abababababababab"), "cut off"),
        (sealed(&[9; 100], "0909090909090909"), "format"),
        (sealed(&payload(), "cdcdcdcdcdcdcdcd"), "abababababababab"),
        (json!({"generate": [{"name": "A"}, {"name": "A"}]}), "twice"),
        (json!({"source": "canary!"}), "shape"),
        (json!("canary!"), "shape"),
    ] {
        let (code, message) = refusal(&answer("CREATE", spec.clone(), Value::Null).await);
        assert_eq!(code, 403);
        assert!(
            message.contains(about) && !message.contains("canary"),
            "{spec}: {message}"
        );
        let update = answer("UPDATE", spec, json!({"source": source})).await;
        assert_eq!(update["allowed"], false, "an update is held to the same");
    }
}

#[tokio::test]
async fn a_write_that_leaves_the_spec_alone_always_passes() {
    let bad = json!({"onChange": "Restart"});
    assert_eq!(answer("UPDATE", bad.clone(), bad.clone()).await["allowed"], true);
    assert_eq!(answer("DELETE", Value::Null, bad.clone()).await["allowed"], true);
    assert_eq!(
        answer("UPDATE", bad.clone(), json!({})).await["allowed"],
        false,
        "the control"
    );

    let mut status = review("UPDATE", &json!({"spec": bad}), &json!({"spec": {}}));
    status["request"]["subResource"] = json!("status");
    let response = Cluster::new(Vec::new())
        .review("/validate-vaultsecrets", &status)
        .await;
    assert_eq!(response["allowed"], true);
}

#[tokio::test]
async fn an_update_that_takes_away_what_somebody_may_miss_is_warned_of() {
    let generate = json!([{"name": "A"}]);
    let full = json!({
        "generate": generate, "access": {"serviceAccounts": ["web"]}, "exposeNames": true, "onChange": "Restart",
        "output": {"secretName": "web-env"},
    });
    let without = |fields: &[&str]| {
        let mut spec = full.clone();
        fields.iter().for_each(|field| spec[*field] = Value::Null);
        spec
    };
    let warned = async |new: Value, old: Value| {
        let response = answer("UPDATE", new, old).await;
        assert_eq!(response["allowed"], true, "{response}");
        let warnings = response["warnings"].as_array().cloned().unwrap_or_default();
        let warnings = warnings.iter().map(|one| one.as_str().unwrap().to_owned());
        let warnings: Vec<_> = warnings.collect();
        assert!(warnings.iter().all(|one| one.len() <= 256), "{warnings:?}");
        warnings
    };
    let all = ["access", "exposeNames", "onChange", "output"];
    for field in all {
        let warnings = warned(without(&[field]), full.clone()).await;
        assert!(
            warnings.len() == 1 && warnings[0].contains(&format!("spec.{field} is gone")),
            "{warnings:?}"
        );
    }
    assert_eq!(warned(json!({"generate": generate}), full.clone()).await.len(), 4);
    // What never was there, or says nothing, is not missed; and what is added is not either.
    let nothing = json!({
        "generate": [{"name": "B"}], "access": {"serviceAccounts": []}, "exposeNames": false, "onChange": "None",
    });
    assert_eq!(
        warned(json!({"generate": generate}), nothing.clone()).await,
        [] as [String; 0]
    );
    assert_eq!(warned(full.clone(), nothing).await, [] as [String; 0]);
}
