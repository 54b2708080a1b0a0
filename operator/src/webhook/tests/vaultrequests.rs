//! Requests: stamped when they are made, checked when every webhook had its way, and never changed.

use serde_json::{Value, json};

use super::{Cluster, patched, refusal};

const MUTATE: &str = "/mutate-vaultrequests";
const VALIDATE: &str = "/validate-vaultrequests";

fn request(spec: Value) -> Value {
    json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest",
        "metadata": {"name": "ask", "namespace": "shop"}, "spec": spec,
    })
}

fn rotate() -> Value {
    json!({"action": "Rotate", "vaultSecretName": "web"})
}

fn review(operation: &str, user: &str, object: &Value, old: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "1", "operation": operation, "namespace": object["metadata"]["namespace"],
            "userInfo": {"username": user, "uid": "u-1", "groups": ["g"], "extra": {"k": ["v"]}},
            "object": object, "oldObject": old,
        },
    })
}

async fn stamp(cluster: &Cluster, user: &str, object: &Value) -> Value {
    let response = cluster
        .review(MUTATE, &review("CREATE", user, object, &Value::Null))
        .await;
    patched(object, &response)
}

/// As the API server completes an object between the two webhooks.
fn completed(mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("r-1");
    object["metadata"]["creationTimestamp"] = json!(k8s_openapi::jiff::Timestamp::now().to_string());
    object
}

async fn validate(cluster: &Cluster, user: &str, object: &Value) -> Value {
    cluster
        .review(VALIDATE, &review("CREATE", user, object, &Value::Null))
        .await
}

#[tokio::test]
async fn who_asks_is_written_down_whatever_the_object_said() {
    let cluster = Cluster::new(Vec::new());
    let mut object = request(rotate());
    object["spec"]["requester"] = json!({
        "username": "root", "groups": ["system:masters"], "time": "2026-01-01T00:00:00Z",
        "nonce": "0".repeat(32), "mac": "0".repeat(64),
    });
    let stamped = stamp(&cluster, "anna", &object).await;
    let requester = &stamped["spec"]["requester"];
    assert_eq!(
        (&requester["username"], &requester["groups"]),
        (&json!("anna"), &json!(["g"]))
    );
    assert_eq!(requester["extra"], json!([{"key": "k", "values": ["v"]}]));
    assert_eq!(requester["mac"].as_str().unwrap().len(), 64);
    let response = validate(&cluster, "anna", &completed(stamped)).await;
    assert_eq!(response["allowed"], true, "{response}");
}

#[tokio::test]
async fn a_stamp_that_is_not_of_whoever_asks_is_refused() {
    let cluster = Cluster::new(Vec::new());
    let stamped = completed(stamp(&cluster, "anna", &request(rotate())).await);
    assert_eq!(refusal(&validate(&cluster, "bert", &stamped).await).0, 403);
    let mut changed = stamped.clone();
    changed["spec"]["vaultSecretName"] = json!("db");
    let (_, message) = refusal(&validate(&cluster, "anna", &changed).await);
    assert!(message.contains("after Splitvault's webhook"), "{message}");
    let unstamped = completed(request(rotate()));
    assert_eq!(refusal(&validate(&cluster, "anna", &unstamped).await).0, 403);
}

#[tokio::test]
async fn a_stamped_request_stamped_again_is_stamped_for_what_it_is_then() {
    let cluster = Cluster::new(Vec::new());
    let mut stamped = stamp(&cluster, "anna", &request(rotate())).await;
    stamped["spec"]["vaultSecretName"] = json!("db");
    let again = stamp(&cluster, "anna", &stamped).await;
    assert_eq!(
        validate(&cluster, "anna", &completed(again)).await["allowed"],
        true
    );
}

#[tokio::test]
async fn what_was_asked_for_and_who_asked_cannot_be_changed() {
    let cluster = Cluster::new(Vec::new());
    let old = completed(stamp(&cluster, "anna", &request(rotate())).await);
    let changes: [fn(&mut Value); 3] = [
        |o| o["spec"]["vaultSecretName"] = json!("db"),
        |o| o["spec"]["requester"]["username"] = json!("root"),
        |o| drop(o["spec"].as_object_mut().unwrap().remove("requester")),
    ];
    for change in changes {
        let mut new = old.clone();
        change(&mut new);
        let response = cluster
            .review(VALIDATE, &review("UPDATE", "anna", &new, &old))
            .await;
        assert_eq!(refusal(&response).0, 403);
    }
    let mut labelled = old.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    let response = cluster
        .review(VALIDATE, &review("UPDATE", "anna", &labelled, &old))
        .await;
    assert_eq!(response["allowed"], true);
}

#[tokio::test]
async fn what_concerns_the_installation_is_taken_in_the_operators_namespace_only() {
    let cluster = Cluster::new(Vec::new());
    for (namespace, allowed) in [("shop", false), ("splitvault-system", true)] {
        let mut object = request(json!({"action": "RotateSealingKey"}));
        object["metadata"]["namespace"] = json!(namespace);
        let stamped = completed(stamp(&cluster, "anna", &object).await);
        let response = validate(&cluster, "anna", &stamped).await;
        assert_eq!(response["allowed"], allowed, "{response}");
    }
}

#[tokio::test]
async fn a_user_with_too_many_groups_is_told_so() {
    let cluster = Cluster::new(Vec::new());
    let mut review = review("CREATE", "anna", &request(rotate()), &Value::Null);
    review["request"]["userInfo"]["groups"] = json!(vec!["g"; 2000]);
    let (code, message) = refusal(&cluster.review(MUTATE, &review).await);
    assert_eq!(code, 403);
    assert!(message.contains("groups"), "{message}");
    review["request"]["userInfo"] = Value::Null;
    assert_eq!(
        refusal(&cluster.review(MUTATE, &review).await).0,
        403,
        "nobody asks"
    );
}

#[tokio::test]
async fn what_is_no_request_is_left_to_the_schema_and_gets_no_stamp() {
    let cluster = Cluster::new(Vec::new());
    for spec in [json!(null), json!("x"), json!({"action": "Destroy"}), json!({})] {
        let response = cluster
            .review(
                MUTATE,
                &review("CREATE", "anna", &request(spec.clone()), &Value::Null),
            )
            .await;
        assert_eq!(
            (&response["allowed"], &response["patch"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(refusal(&validate(&cluster, "anna", &request(spec)).await).0, 403);
    }
}
