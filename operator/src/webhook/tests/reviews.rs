//! Bodies that are no reviews, and objects that are none.

use super::*;

const PATHS: [&str; 2] = ["/mutate-pods", "/validate-vaultsecrets"];

#[tokio::test]
async fn what_is_no_review_is_a_bad_request_and_is_not_quoted() {
    let good = review("CREATE", &pod(true), &Value::Null).to_string();
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "{}",
        "[]",
        "null",
        "\"canary-77\"",
        "{\"canary-77\":",
        "\u{feff}{}",
    ]
    .into_iter()
    .map(|body| body.as_bytes().to_vec())
    .collect();
    bodies.push(vec![0xff; 64]);
    bodies.push(vec![b'['; 100_000]);
    bodies.push(good.as_bytes()[..good.len() - 1].to_vec());
    for (field, value) in [
        ("apiVersion", json!("admission.k8s.io/v1beta1")),
        ("kind", json!("canary-77")),
        ("request", Value::Null),
    ] {
        let mut changed = review("CREATE", &pod(true), &Value::Null);
        changed[field] = value;
        bodies.push(changed.to_string().into_bytes());
    }
    for (field, value) in [
        ("uid", json!("")),
        ("uid", Value::Null),
        ("operation", json!(7)),
        ("namespace", json!(["canary-77"])),
    ] {
        let mut changed = review("CREATE", &pod(true), &Value::Null);
        changed["request"][field] = value;
        bodies.push(changed.to_string().into_bytes());
    }
    let cluster = Cluster::new(vec![web(true)]);
    for path in PATHS {
        for body in &bodies {
            let (status, answer) = cluster.post(path, body.clone()).await;
            assert_eq!(
                status,
                StatusCode::BAD_REQUEST,
                "{}",
                String::from_utf8_lossy(body)
            );
            assert!(!String::from_utf8_lossy(&answer).contains("canary"));
        }
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    for path in PATHS {
        let body = vec![b' '; BODY_LIMIT + 1];
        assert_eq!(
            Cluster::new(Vec::new()).post(path, body).await.0,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_none() {
    let router = Cluster::new(Vec::new()).router();
    for (method, path, status) in [
        ("GET", "/mutate-pods", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/", StatusCode::NOT_FOUND),
        ("POST", "/mutate-pods/x", StatusCode::NOT_FOUND),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            router.clone().oneshot(request).await.unwrap().status(),
            status,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn an_object_of_any_shape_gets_an_answer() {
    let cluster = Cluster::new(vec![web(true)]);
    let mut strange = pod(true);
    strange["metadata"]["annotations"]["splitvault.dev/mode"] = json!(7);
    let mut no_spec = pod(true);
    no_spec["spec"] = json!("canary-77");
    for object in [strange, no_spec] {
        let (code, message) = refusal(&cluster.admit(&object).await);
        assert_eq!(code, 403);
        assert!(!message.contains("canary"));
    }
    for object in [Value::Null, json!([]), json!("x"), json!({"metadata": "x"})] {
        assert_eq!(
            cluster.admit(&object).await["allowed"],
            true,
            "it asks for nothing: {object}"
        );
    }
}

#[tokio::test]
async fn answers_are_counted_by_outcome() {
    let cluster = Cluster::new(vec![web(true)]);
    let metrics = Metrics::new();
    let router = router(WebhookState {
        client: cluster.client(),
        latest: Latest::new(cluster.client()),
        names: Arc::new(cluster.clone()),
        images: None,
        config: Arc::new(InjectConfig {
            image: "i".to_owned(),
            pull_policy: "Always".to_owned(),
            operator_url: "https://o:1".to_owned(),
            log_level: "info".to_owned(),
            environment_files: None,
        }),
        ca: Arc::new(ArcSwap::from_pointee("PEM".to_owned())),
        stamps: stamps(),
        namespace: "splitvault-system".to_owned(),
        consent: Consent::default(),
        metrics: metrics.clone(),
    });
    for body in [
        review("CREATE", &pod(false), &Value::Null).to_string(),
        "x".to_owned(),
    ] {
        let request = Request::post("/mutate-pods").body(Body::from(body)).unwrap();
        router.clone().oneshot(request).await.unwrap();
    }
    let text = metrics.encode().unwrap();
    for outcome in ["injected", "malformed"] {
        let line = text
            .lines()
            .find(|line| line.contains(&format!("outcome=\"{outcome}\"")));
        assert!(
            line.is_some_and(|line| line.contains("webhook=\"pods\"") && line.ends_with(" 1")),
            "{text}"
        );
    }
}
