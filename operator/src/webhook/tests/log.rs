//! What the log says of a refusal, and what it does not.

use splitvault_api::annotations;

use super::*;
use crate::fixture::Log;

/// What a person is told, and what the log has of it.
async fn refused(cluster: &Cluster, path: &str, object: &Value) -> (String, Value) {
    let log = Log::default();
    let listening = log.listen();
    let answer = cluster
        .review(path, &review("CREATE", object, &Value::Null))
        .await;
    drop(listening);
    let (_, message) = refusal(&answer);
    let mut lines = log.of("splitvault_operator::webhook");
    assert_eq!(lines.len(), 1, "{lines:?}");
    (message, lines.remove(0))
}

#[tokio::test]
async fn it_has_where_and_what_kind_and_not_what_is_told_to_the_person() {
    let cluster = Cluster::new(vec![web(false)]);
    let mut wrong = pod(true);
    wrong["metadata"]["annotations"]["splitvault.dev/variables"] = json!("PASSWORD=hunter2 S3cretPw!");
    let (message, line) = refused(&cluster, "/mutate-pods", &wrong).await;
    assert!(
        message.contains("item 1 (PASSWORD=…) cannot be understood"),
        "{message}"
    );
    let expected = json!({
        "message": "refused", "webhook": "pods", "namespace": "shop", "object": "web-",
        "refusal": "AnnotationInvalid", "annotation": "splitvault.dev/variables", "passing": false,
    });
    assert_eq!(line, expected);

    let mut named = pod(false);
    named["metadata"]["name"] = json!("é".repeat(200));
    let (message, line) = refused(&cluster, "/mutate-pods", &named).await;
    assert!(message.contains("exposeNames"), "{message}");
    assert_eq!(line["refusal"], "NoCommand");
    assert_eq!(line["object"], json!("é".repeat(126)));
    assert_eq!(line["annotation"], Value::Null);
}

#[tokio::test]
async fn a_value_in_any_annotation_is_in_neither() {
    let cluster = Cluster::new(vec![web(false)]);
    for value in [
        "PASSWORD=hunter2 S3cretPw!",
        "web, PASSWORD: hunter2",
        "postgres://u:hunter2@db",
        "web, hunter2, PASSWORD=hunter2\n!",
    ] {
        for annotation in annotations::ALL {
            let mut pod = pod(true);
            pod["metadata"]["annotations"][annotation] = json!(value);
            let (message, line) = refused(&cluster, "/mutate-pods", &pod).await;
            assert!(!message.contains("hunter2"), "{message}");
            assert!(!line.to_string().contains("hunter2"), "{line}");
            assert_eq!(line["annotation"], annotation);
        }
    }
    // Names that no schema lets through, in places of their own.
    let file = |annotation: &str, value: &str| {
        let mut pod = pod(true);
        pod["metadata"]["annotations"]["splitvault.dev/mode"] = json!("file");
        pod["metadata"]["annotations"][annotation] = json!(value);
        pod
    };
    for pod in [
        file("splitvault.dev/path", "/run/app/.PASSWORD=hunter2.new"),
        file("splitvault.dev/PASSWORD=hunter2", ""),
    ] {
        let (message, line) = refused(&cluster, "/mutate-pods", &pod).await;
        assert!(
            message.contains("PASSWORD=…") && !message.contains("hunter2"),
            "{message}"
        );
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
}

#[tokio::test]
async fn no_name_of_a_variable_is_in_it() {
    let cluster = Cluster::new(Vec::new());
    let mut twice = web(false);
    twice["spec"]["generate"] = json!([{"name": "HIDDEN_NAME"}, {"name": "HIDDEN_NAME"}]);
    let (message, line) = refused(&cluster, "/validate-vaultsecrets", &twice).await;
    assert!(message.contains("HIDDEN_NAME"), "{message}");
    assert_eq!(
        (&line["refusal"], &line["object"]),
        (&json!("SpecInvalid"), &json!("web"))
    );
    assert!(!line.to_string().contains("HIDDEN_NAME"), "{line}");

    let mut picking = pod(true);
    picking["metadata"]["annotations"]["splitvault.dev/variables"] = json!("HIDDEN_NAME, HIDDEN_NAME");
    let (message, line) = refused(&cluster, "/mutate-pods", &picking).await;
    assert!(message.contains("HIDDEN_NAME"), "{message}");
    assert!(!line.to_string().contains("HIDDEN_NAME"), "{line}");
}
