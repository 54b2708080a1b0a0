//! What is asked once, and who learns of it.

use futures::future::join_all;

use super::server::{Asked, Reply};
use super::*;

#[tokio::test]
async fn what_was_found_is_not_asked_for_again() {
    let server = Server::start().await;
    let images = images(&server);
    let digest = server.image("app", "1", &["app"], &[]);
    let first = look(&images, &server, "app:1").await;
    assert!(first.is_ok());
    assert_eq!(server.paths().len(), 2);
    for again in ["app:1", &format!("app@{digest}"), &format!("app:other@{digest}")] {
        assert_eq!(look(&images, &server, again).await, first);
    }
    assert!(server.paths().is_empty());
    server.image("app", "2", &["app"], &[]);
    assert_eq!(look(&images, &server, "app:2").await, first);
    assert_eq!(
        server.paths(),
        ["/v2/app/manifests/2"],
        "another tag of the same image"
    );
}

#[tokio::test]
async fn what_was_not_found_is_asked_for_again() {
    let server = Server::start().await;
    let images = images(&server);
    assert_eq!(look(&images, &server, "app:1").await, Err(Problem::Missing));
    server.image("app", "1", &["app"], &[]);
    assert!(look(&images, &server, "app:1").await.is_ok());
}

#[tokio::test]
async fn a_namespace_without_the_pull_secret_learns_nothing_from_one_that_has_it() {
    let server = Server::start().await;
    let digest = server.image("app", "1", &["app"], &[]);
    server.script(|asked: &Asked| {
        let challenge = vec![("www-authenticate", "Basic realm=\"x\"".to_owned())];
        let nobody = asked.authorization.is_none();
        nobody.then(|| Reply::Http(401, challenge, Vec::new()))
    });
    let images = images(&server);
    let names = [
        format!("{}/app:1", server.name()),
        format!("{}/app@{digest}", server.name()),
    ];
    let (alice, bob) = (secrets(&server, &["alice"]), secrets(&server, &["bob"]));
    for name in &names {
        assert!(images.look(name, "amd64", &alice).await.is_ok());
    }
    for name in &names {
        let nobody = images.look(name, "amd64", &Arc::default()).await;
        assert_eq!(nobody, Err(Problem::Denied), "{name}");
    }
    server.asked();
    assert!(images.look(&names[0], "amd64", &bob).await.is_ok());
    assert!(!server.asked().is_empty(), "others are held against the registry");
    let same = secrets(&server, &["alice"]);
    assert!(images.look(&names[0], "amd64", &same).await.is_ok());
    assert!(
        server.asked().is_empty(),
        "the same credentials in another secret are the same"
    );
}

#[tokio::test]
async fn many_pods_of_one_image_at_once_ask_once() {
    let server = Server::start().await;
    server.image("app", "1", &["app"], &[]);
    let images = images(&server);
    let all = join_all((0..200).map(|_| look(&images, &server, "app:1"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.paths().len(), 2);
}

#[tokio::test]
async fn outcomes_are_counted() {
    let (server, metrics) = (Server::start().await, Metrics::new());
    let settings = Settings {
        registries: Registries::parse([server.name().as_str()]).unwrap(),
        plain: Registries::default(),
        bundle: Some(server.ca.clone().into_bytes()),
    };
    let images = Images::new(settings, metrics.clone()).unwrap();
    server.image("app", "1", &["app"], &[]);
    for image in ["app:1", "app:1", "app:2"] {
        let _either = look(&images, &server, image).await;
    }
    for image in ["redis", "A B"] {
        let _refused = images.look(image, "amd64", &Arc::default()).await;
    }
    let text = metrics.encode().unwrap();
    for outcome in ["found", "cached", "missing", "not_listed", "malformed_reference"] {
        let line = format!("splitvault_image_lookups_total{{outcome=\"{outcome}\"}} 1");
        assert!(text.contains(&line), "{outcome}\n{text}");
    }
}
