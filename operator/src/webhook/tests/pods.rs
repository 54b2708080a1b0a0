//! Pods that ask for variables, and those that do not.

use super::*;

#[tokio::test]
async fn exposed_names_become_variables_by_kubelet() {
    let pod = pod(false);
    let got = patched(&pod, &Cluster::new(vec![web(true)]).admit(&pod).await);
    assert_eq!(got["spec"]["containers"][0]["env"][0]["name"], "GREETING");
    assert_eq!(got["spec"]["initContainers"][0]["image"], "sidecar:1");
    assert_eq!(
        got["spec"]["initContainers"][0]["env"][1],
        json!({"name": "SPLITVAULT_CA", "value": "PEM"})
    );
}

#[tokio::test]
async fn hidden_names_are_not_even_looked_up() {
    let pod = pod(true);
    let mut cluster = Cluster::new(vec![web(false)]);
    cluster.names = Err(Unavailable);
    let response = cluster.admit(&pod).await;
    assert_eq!(
        patched(&pod, &response)["spec"]["containers"][0]["command"][1],
        "exec"
    );
    assert_eq!(response["warnings"], Value::Null);
}

#[tokio::test]
async fn a_pod_that_does_not_ask_is_left_alone_without_any_look_up() {
    let mut pod = pod(true);
    let cluster = Cluster::new(Vec::new());
    for annotations in [Value::Null, json!({}), json!({"example.org/a": "b"})] {
        pod["metadata"]["annotations"] = annotations;
        let response = cluster.admit(&pod).await;
        assert_eq!(
            (&response["allowed"], &response["patch"]),
            (&json!(true), &Value::Null)
        );
    }
    assert!(cluster.asked().is_empty());
}

#[tokio::test]
async fn an_injected_pod_and_a_static_one_are_left_alone() {
    let cluster = Cluster::new(vec![web(false)]);
    let once = patched(&pod(true), &cluster.admit(&pod(true)).await);
    assert_eq!(
        cluster.admit(&once).await,
        json!({"uid": "review-1", "allowed": true})
    );
    let mut mirror = pod(true);
    mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("x");
    assert_eq!(
        cluster.admit(&mirror).await,
        json!({"uid": "review-1", "allowed": true})
    );
}

#[tokio::test]
async fn a_pod_that_another_webhook_put_something_first_in_gets_ours_first_again_and_nothing_else() {
    let cluster = Cluster::new(vec![web(false)]);
    let mut once = patched(&pod(true), &cluster.admit(&pod(true)).await);
    let asked = cluster.asked().len();
    let init = once["spec"]["initContainers"].as_array_mut().unwrap();
    init.insert(
        0,
        json!({"name": "istio-proxy", "image": "proxy:1", "restartPolicy": "Always"}),
    );
    let again = patched(&once, &cluster.admit(&once).await);
    let mut expected = once.clone();
    expected["spec"]["initContainers"]
        .as_array_mut()
        .unwrap()
        .swap(0, 1);
    assert_eq!(again, expected);
    assert_eq!(cluster.asked().len(), asked, "nothing is looked up for that");
    assert_eq!(
        cluster.admit(&again).await,
        json!({"uid": "review-1", "allowed": true})
    );
}

#[tokio::test]
async fn what_another_webhook_undid_is_told_and_left_as_it_is() {
    let cluster = Cluster::new(vec![web(false)]);
    let mut once = patched(&pod(true), &cluster.admit(&pod(true)).await);
    once["spec"]["containers"][0]["command"] = json!(["app"]);
    let mut response = cluster.admit(&once).await;
    let warnings = response["warnings"].take();
    assert_eq!(
        response,
        json!({"uid": "review-1", "allowed": true, "warnings": null})
    );
    assert_eq!(warnings.as_array().unwrap().len(), 1);
    let warning = warnings[0].as_str().unwrap();
    assert!(warning.contains("container app starts without"), "{warning}");
}

#[tokio::test]
async fn only_the_making_of_a_pod_is_an_occasion() {
    let cluster = Cluster::new(vec![web(false)]);
    for operation in ["UPDATE", "DELETE", "CONNECT"] {
        let response = cluster
            .review("/mutate-pods", &review(operation, &pod(true), &Value::Null))
            .await;
        assert_eq!(
            response,
            json!({"uid": "review-1", "allowed": true}),
            "{operation}"
        );
    }
    let mut ephemeral = review("CREATE", &pod(true), &Value::Null);
    ephemeral["request"]["subResource"] = json!("ephemeralcontainers");
    assert_eq!(
        cluster.review("/mutate-pods", &ephemeral).await,
        json!({"uid": "review-1", "allowed": true})
    );
}

#[tokio::test]
async fn a_missing_vault_secret_is_waited_for_by_a_command_and_else_tried_again() {
    let cluster = Cluster::new(Vec::new());
    let response = cluster.admit(&pod(true)).await;
    assert_eq!(
        patched(&pod(true), &response)["spec"]["containers"][0]["command"][1],
        "exec"
    );
    assert!(response["warnings"][0].as_str().unwrap().contains("web"));
    let (code, message) = refusal(&cluster.admit(&pod(false)).await);
    assert_eq!(code, 503);
    assert!(message.contains("does not exist yet"), "{message}");
}

#[tokio::test]
async fn a_vault_secret_of_another_namespace_is_none() {
    let mut other = web(true);
    other["metadata"]["namespace"] = json!("other");
    let (code, _) = refusal(&Cluster::new(vec![other]).admit(&pod(false)).await);
    assert_eq!(code, 503);
}

#[tokio::test]
async fn names_that_cannot_be_told_yet_are_worth_another_try() {
    let (mut changed, mut stored, mut down) = (
        Cluster::new(vec![web(true)]),
        Cluster::new(vec![web(true)]),
        Cluster::new(vec![web(true)]),
    );
    let mut newer = web(true);
    newer["metadata"]["generation"] = json!(3);
    changed.objects = Arc::new(vec![newer]);
    stored.names = Ok(None);
    down.names = Err(Unavailable);
    for cluster in [changed, stored, down] {
        assert_eq!(refusal(&cluster.admit(&pod(false)).await).0, 503);
        assert_eq!(
            patched(&pod(true), &cluster.admit(&pod(true)).await)["spec"]["containers"][0]["command"][1],
            "exec"
        );
    }
}

#[tokio::test]
async fn a_service_account_that_is_not_listed_learns_no_name() {
    let mut object = web(true);
    object["spec"]["access"] = json!({"serviceAccounts": ["other"]});
    let cluster = Cluster::new(vec![object]);
    let response = cluster.admit(&pod(true)).await;
    assert!(!patched(&pod(true), &response).to_string().contains("GREETING"));
    assert!(response["warnings"][0].as_str().unwrap().contains("spec.access"));
    let (code, message) = refusal(&cluster.admit(&pod(false)).await);
    assert_eq!(code, 403);
    assert!(
        message.contains("spec.access") && !message.contains("GREETING"),
        "{message}"
    );

    let mut nobody = pod(true);
    nobody["spec"]["serviceAccountName"] = Value::Null;
    let mut object = web(true);
    object["spec"]["access"] = json!({"serviceAccounts": ["default"]});
    let got = patched(&nobody, &Cluster::new(vec![object]).admit(&nobody).await);
    assert_eq!(
        got["spec"]["containers"][0]["env"][0]["name"], "GREETING",
        "no name means default"
    );
}

#[tokio::test]
async fn labels_that_are_not_selected_learn_no_name() {
    let mut object = web(true);
    object["spec"]["access"] = json!({"podSelector": {"matchLabels": {"app": "web"}}});
    let cluster = Cluster::new(vec![object]);
    for labels in [Value::Null, json!({"app": "db"}), json!({"apps": "web"})] {
        let mut pod = pod(true);
        pod["metadata"]["labels"] = labels;
        let response = cluster.admit(&pod).await;
        assert!(!patched(&pod, &response).to_string().contains("GREETING"));
        assert!(response["warnings"][0].as_str().unwrap().contains("podSelector"));
    }
    let mut selected = pod(true);
    selected["metadata"]["labels"] = json!({"app": "web", "tier": "front"});
    let got = patched(&selected, &cluster.admit(&selected).await);
    assert_eq!(got["spec"]["containers"][0]["env"][0]["name"], "GREETING");
}

/// A VaultSecret of namespace `vault`, for pods of the test's namespace, as the cluster consents to.
#[tokio::test]
async fn a_foreign_vaultsecret_takes_two_consents_and_is_not_told_from_a_missing_one() {
    let mut foreign = web(true);
    foreign["metadata"]["namespace"] = json!("vault");
    let mut open = foreign.clone();
    open["spec"]["access"] = json!({"namespaces": [{"name": "shop"}]});
    let mut asking = pod(true);
    asking["metadata"]["annotations"]["splitvault.dev/inject"] = json!("vault/web");
    let mut closed = Cluster::new(vec![open.clone()]);
    closed.consent = Consent::default();
    let answers = [
        closed.admit(&asking).await,
        Cluster::new(vec![foreign]).admit(&asking).await,
        Cluster::new(Vec::new()).admit(&asking).await,
    ];
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        let warning = answer["warnings"][0].as_str().unwrap();
        assert!(warning.contains("spec.access.namespaces") && warning.contains("crossNamespace.allowed"));
        assert!(!patched(&asking, answer).to_string().contains("GREETING"));
    }
    assert!(
        closed.asked().iter().all(|path| !path.contains("/vault/")),
        "not even looked for"
    );
    let got = patched(&asking, &Cluster::new(vec![open]).admit(&asking).await);
    assert_eq!(got["spec"]["containers"][0]["env"][0]["name"], "GREETING");
    let environment = got["spec"]["initContainers"][0]["env"].to_string();
    assert!(environment.contains(r#""value":"vault/web""#), "{environment}");
}

#[tokio::test]
async fn an_older_cluster_gets_exec_and_a_startup_probe() {
    let mut cluster = Cluster::new(vec![web(true)]);
    cluster.version = Some("34");
    let got = patched(&pod(true), &cluster.admit(&pod(true)).await);
    assert!(got["spec"]["initContainers"][0]["startupProbe"].is_object());
    assert!(!got.to_string().contains("fileKeyRef"));
}

#[tokio::test]
async fn without_an_api_server_or_a_certificate_nothing_is_guessed() {
    let mut cluster = Cluster::new(vec![web(false)]);
    cluster.version = None;
    assert_eq!(refusal(&cluster.admit(&pod(true)).await).0, 503);

    let cluster = Cluster::new(vec![web(false)]);
    let state = WebhookState {
        client: cluster.client(),
        latest: Latest::new(cluster.client()),
        names: Arc::new(cluster.clone()),
        images: None,
        config: Arc::new(InjectConfig {
            image: String::new(),
            pull_policy: String::new(),
            operator_url: String::new(),
            log_level: String::new(),
            environment_files: None,
        }),
        ca: Arc::new(ArcSwap::from_pointee(String::new())),
        stamps: stamps(),
        namespace: "splitvault-system".to_owned(),
        consent: Consent::default(),
        metrics: Metrics::new(),
    };
    let webhook = Webhook {
        state,
        kubelets: Arc::default(),
    };
    let review = Review::parse(review("CREATE", &pod(true), &Value::Null).to_string().as_bytes()).unwrap();
    assert!(matches!(
        crate::webhook::pods::admit(&webhook, &review).await,
        Answer::Refused { passing: true, .. }
    ));
}

#[tokio::test]
async fn a_vaultsecret_is_asked_for_once_for_many_pods_and_again_before_one_is_refused() {
    let settled = |account: &str| {
        let mut web = web(true);
        web["spec"]["access"] = json!({"serviceAccounts": [account]});
        web["status"]["digest"] = json!("00");
        web["metadata"]["resourceVersion"] = json!(account);
        web
    };
    let mut cluster = Cluster::new(vec![settled("web")]);
    let latest = Latest::new(cluster.client());
    latest.watch();
    cluster.latest = Some(latest.clone());
    let looks = |cluster: &Cluster| {
        let asked = cluster.asked();
        asked.iter().filter(|path| path.contains("vaultsecrets")).count()
    };
    for _ in 0..3 {
        assert_eq!(cluster.admit(&pod(false)).await["allowed"], true);
    }
    assert_eq!(looks(&cluster), 1);
    let mut other = pod(false);
    other["spec"]["serviceAccountName"] = json!("other");
    assert!(refusal(&cluster.admit(&other).await).1.contains("access"));
    assert_eq!(looks(&cluster), 2);
    latest.changed("shop", "web", "2");
    assert_eq!(cluster.admit(&pod(false)).await["allowed"], true);
    assert_eq!(looks(&cluster), 3);
}

#[tokio::test]
async fn the_versions_are_asked_once() {
    let cluster = Cluster::new(vec![web(false)]);
    let kubelets = Kubelets::default();
    for _ in 0..3 {
        assert!(kubelets.look(&cluster.client()).await.unwrap().environment_files);
    }
    assert_eq!(cluster.asked(), ["/version", "/api/v1/nodes"]);
}

#[tokio::test]
async fn one_old_kubelet_on_any_page_of_nodes_decides_for_all() {
    let looked = async |nodes: Vec<&'static [&'static str]>| {
        let cluster = Cluster {
            nodes,
            ..Cluster::new(vec![])
        };
        Kubelets::default().look(&cluster.client()).await.unwrap()
    };
    let (new, old): (&[_], &[_]) = (&["v1.37.2", "v1.36.0"], &["v1.37.2", "v1.34.9-gke.1"]);
    assert!(looked(vec![new, new]).await.environment_files);
    assert!(!looked(vec![new, old]).await.environment_files);
    assert!(!looked(vec![old, new]).await.environment_files);
    let restarts = looked(vec![&["v1.35.0"]]).await;
    assert!(restarts.environment_files && !restarts.restart_in_place);
    assert!(looked(vec![&[]]).await.environment_files, "no node yet");
    assert!(!looked(vec![]).await.environment_files, "not for us to see");
}

#[tokio::test]
async fn whoever_installs_may_know_better_than_versions_tell() {
    for (nodes, setting, kubelet) in [
        (&["v1.34.0"][..], Some(true), true),
        (&["v1.37.2"], Some(false), false),
        (&["v1.34.0"], None, false),
    ] {
        let cluster = Cluster {
            nodes: vec![nodes],
            environment_files: setting,
            ..Cluster::new(vec![web(true)])
        };
        let pod = pod(true);
        let got = patched(&pod, &cluster.admit(&pod).await);
        assert_eq!(
            got.to_string().contains("fileKeyRef"),
            kubelet,
            "{nodes:?} {setting:?}"
        );
    }
}

#[tokio::test]
async fn annotations_that_cannot_be_understood_are_refused_by_name() {
    let cluster = Cluster::new(vec![web(true)]);
    for (name, value) in [
        ("inject", "We b"),
        ("mode", "enviroment"),
        ("refrehs", "5m"),
        ("on-change", "Restart"),
    ] {
        let mut pod = pod(true);
        pod["metadata"]["annotations"][format!("splitvault.dev/{name}")] = json!(value);
        let (code, message) = refusal(&cluster.admit(&pod).await);
        assert_eq!(code, 403);
        assert!(message.contains(name), "{message}");
    }
}

#[tokio::test]
async fn a_pod_is_stamped_with_the_content_that_there_was_and_not_with_anybody_elses_word() {
    let mut pod = pod(true);
    pod["metadata"]["annotations"]["splitvault.dev/content"] = json!("web=forged");
    pod["metadata"]["annotations"]["splitvault.dev/restarted-for"] = json!("web=0123456789abcdef");
    let mut object = web(false);
    object["metadata"]["uid"] = json!("v-1");
    object["status"]["digest"] = json!("d1");
    let got = patched(&pod, &Cluster::new(vec![object.clone()]).admit(&pod).await);
    let annotations = &got["metadata"]["annotations"];
    let tag = crate::restart::tag::content("v-1", "d1");
    assert_eq!(annotations["splitvault.dev/content"], json!(format!("web={tag}")));
    assert_eq!(
        annotations["splitvault.dev/restarted-for"],
        "web=0123456789abcdef"
    );
    // It will have that of the next object of this name.
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let waits = patched(&pod, &Cluster::new(vec![object]).admit(&pod).await);
    assert_eq!(
        waits["metadata"]["annotations"].get("splitvault.dev/content"),
        None
    );
}

#[tokio::test]
async fn a_vaultsecret_of_the_pods_own_namespace_is_named_without_it() {
    let mut pod = pod(true);
    pod["metadata"]["annotations"]["splitvault.dev/inject"] = json!("db,shop/web");
    let cluster = Cluster::new(vec![web(false)]);
    let (code, message) = refusal(&cluster.admit(&pod).await);
    assert!(
        code == 403 && message.contains("item 2 is in the pod's own namespace: write web"),
        "{message}"
    );
    assert!(cluster.asked().is_empty());
}
