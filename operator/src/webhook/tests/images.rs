//! Containers without a command, hidden names, and a registry.

use super::*;
use crate::image::tests::images;
use crate::image::tests::server::{Asked, Reply, Server};

async fn cluster(server: &Server) -> Cluster {
    let mut cluster = Cluster::new(vec![web(false)]);
    cluster.images = Some(images(server));
    cluster
}

fn bare(image: &str) -> Value {
    let mut pod = pod(false);
    pod["spec"]["containers"][0]["image"] = json!(image);
    pod
}

#[tokio::test]
async fn a_container_without_a_command_runs_what_its_image_says() {
    let server = Server::start().await;
    let digest = server.image("app", "1", &["/bin/app"], &["--serve"]);
    let pod = bare(&format!("{}/app:1", server.name()));
    let got = patched(&pod, &cluster(&server).await.admit(&pod).await);
    let container = &got["spec"]["containers"][0];
    let command = json!(["/splitvault/splitvault-sidecar", "exec", "--", "/bin/app"]);
    assert_eq!(
        (&container["command"], &container["args"]),
        (&command, &json!(["--serve"]))
    );
    assert_eq!(
        container["image"], pod["spec"]["containers"][0]["image"],
        "it stays"
    );
    let told = format!(
        "app=exec (entrypoint of {}/app@{digest}; names hidden)",
        server.name()
    );
    assert_eq!(
        got["metadata"]["annotations"]["splitvault.dev/injected-as"],
        json!(told)
    );
}

#[tokio::test]
async fn nobody_is_asked_where_that_is_off_or_not_needed() {
    let server = Server::start().await;
    server.image("app", "1", &["/bin/app"], &[]);
    let image = format!("{}/app:1", server.name());
    let (code, message) = refusal(&Cluster::new(vec![web(false)]).admit(&bare(&image)).await);
    assert!(code == 403 && message.contains("exposeNames"), "{message}");

    let mut with_command = bare(&image);
    with_command["spec"]["containers"][0]["command"] = json!(["app"]);
    with_command["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);
    let cluster = cluster(&server).await;
    assert_eq!(cluster.admit(&with_command).await["allowed"], true);
    let mut open = cluster.clone();
    open.objects = Arc::new(vec![web(true)]);
    assert_eq!(open.admit(&bare(&image)).await["allowed"], true);
    assert!(server.asked().is_empty());
    assert!(
        cluster.asked().iter().all(|path| !path.contains("/secrets/")),
        "no pull secret is read"
    );
}

#[tokio::test]
async fn a_registry_that_is_away_is_tried_again_and_one_that_refuses_is_not() {
    let server = Server::start().await;
    let (cluster, image) = (cluster(&server).await, format!("{}/app:1", server.name()));
    for (status, code) in [(503, 503), (429, 503), (404, 403), (403, 403)] {
        server.script(move |_| Some(Reply::Http(status, Vec::new(), Vec::new())));
        let (got, message) = refusal(&cluster.admit(&bare(&image)).await);
        assert_eq!(got, code, "{status}: {message}");
        assert!(
            message.contains("container app ") && message.contains(&image),
            "{message}"
        );
    }
    drop(server);
    let (got, message) = refusal(&cluster.admit(&bare(&image)).await);
    assert!(got == 503 && message.contains("connected to"), "{message}");
}

#[tokio::test]
async fn the_pods_own_pull_secret_is_used_and_a_missing_grant_told() {
    let server = Server::start().await;
    server.image("app", "1", &["/bin/app"], &[]);
    let sent = format!("Basic {}", STANDARD.encode("alice:CANARY"));
    server.script(move |asked: &Asked| {
        let challenge = vec![("www-authenticate", "Basic realm=\"x\"".to_owned())];
        let right = asked.authorization.as_deref() == Some(&sent);
        (!right).then(|| Reply::Http(401, challenge, Vec::new()))
    });
    let mut pod = bare(&format!("{}/app:1", server.name()));
    pod["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);

    let mut granted = cluster(&server).await;
    let auths = json!({"auths": {server.name(): {"username": "alice", "password": "CANARY"}}});
    granted.secret = (
        200,
        json!({"kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull", "namespace": "shop", "resourceVersion": "1"},
        "data": {".dockerconfigjson": STANDARD.encode(auths.to_string())}}),
    );
    let response = granted.admit(&pod).await;
    let got = patched(&pod, &response);
    assert_eq!(got["spec"]["containers"][0]["command"][3], "/bin/app");
    assert!(!got.to_string().contains("CANARY"));
    assert!(
        granted
            .asked()
            .contains(&"/api/v1/namespaces/shop/secrets/pull".to_owned()),
        "of the pod's namespace"
    );

    let mut ungranted = granted.clone();
    ungranted.secret = (403, Value::Null);
    let (code, message) = refusal(&ungranted.admit(&pod).await);
    assert_eq!(code, 403);
    assert!(
        message.contains("pull secret pull,") && message.contains("namespace shop"),
        "{message}"
    );

    let mut away = granted.clone();
    away.secret = (503, Value::Null);
    assert_eq!(refusal(&away.admit(&pod).await).0, 503);
}

#[tokio::test]
async fn a_pod_of_very_many_images_is_refused_and_asks_for_few() {
    let server = Server::start().await;
    let mut pod = bare("");
    let containers = (0..40).map(|number| {
        server.image("app", &number.to_string(), &["app"], &[]);
        json!({"name": format!("c{number}"), "image": format!("{}/app:{number}", server.name())})
    });
    pod["spec"]["containers"] = containers.collect();
    let (code, message) = refusal(&cluster(&server).await.admit(&pod).await);
    assert!(code == 403 && message.contains("at most 16 images"), "{message}");
    assert!(server.asked().len() <= 16 * 2);
}
