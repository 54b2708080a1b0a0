//! Images that are found, and how.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::server::{Asked, Authority, Reply};
use super::*;

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:secret")))
}

fn refuse(challenge: &str) -> Option<Reply> {
    let headers = vec![("www-authenticate", challenge.to_owned())];
    Some(Reply::Http(401, headers, Vec::new()))
}

fn token(token: &str) -> Option<Reply> {
    let body = json!({ "token": token }).to_string().into_bytes();
    Some(Reply::Http(200, Vec::new(), body))
}

#[tokio::test]
async fn what_an_image_runs_is_in_its_config() {
    let server = Server::start().await;
    let digest = server.image("team/app", "1", &["/bin/app", "--serve"], &["all"]);
    let found = look(&images(&server), &server, "team/app:1").await.unwrap();
    assert_eq!(found.image, format!("{}/team/app@{digest}", server.name()));
    assert_eq!(found.entrypoint, words(&["/bin/app", "--serve"]));
    assert_eq!(found.cmd, words(&["all"]));
    assert!(server.asked().iter().all(|asked| asked.authorization.is_none()));
}

#[tokio::test]
async fn a_digest_pins_an_image_whatever_its_tag_says() {
    let server = Server::start().await;
    let old = server.image("app", "1", &["old"], &[]);
    server.image("app", "1", &["new"], &[]);
    let found = look(&images(&server), &server, &format!("app:1@{old}")).await;
    assert_eq!(found.unwrap().entrypoint, words(&["old"]));
}

#[tokio::test]
async fn of_several_platforms_the_pods_is_taken() {
    let server = Server::start().await;
    let amd = server.image("app", "amd", &["amd"], &[]);
    let arm = server.image("app", "arm", &["arm"], &[]);
    let all = [
        ("windows", "amd64", arm.as_str()),
        ("linux", "amd64", &amd),
        ("linux", "arm64", &arm),
    ];
    let index = server.index("app", "1", &all);
    let (images, name) = (images(&server), format!("{}/app:1", server.name()));
    for (architecture, entrypoint) in [("amd64", "amd"), ("arm64", "arm")] {
        let found = images.look(&name, architecture, &Arc::default()).await.unwrap();
        assert_eq!(found.entrypoint, words(&[entrypoint]));
        assert!(
            found.image.ends_with(&index),
            "the index is what the tag stands for"
        );
    }
    let missing = images.look(&name, "s390x", &Arc::default()).await;
    assert_eq!(missing, Err(Problem::Architecture("s390x".to_owned())));
    server.index("app", "nested", &[("linux", "amd64", &index)]);
    let nested = look(&images, &server, "app:nested").await;
    assert_eq!(nested, Err(Problem::Malformed("manifest")));
}

/// A registry with a token service: repository `open` is for everybody, `closed` for alice.
async fn with_tokens() -> Server {
    let server = Server::start().await;
    let realm = server.url("/token");
    server.script(move |asked: &Asked| {
        let sent = asked.authorization.as_deref();
        let scope = |name: &str| asked.path.contains(&format!("scope=repository%3A{name}%3Apull"));
        if asked.path.starts_with("/token?") {
            return match sent {
                None if scope("open") => token("for-open"),
                Some(sent) if sent == basic("alice") && scope("closed") => token("for-closed"),
                _ => Some(Reply::Http(401, Vec::new(), Vec::new())),
            };
        }
        let open = asked.path.starts_with("/v2/open/");
        let needed = if open {
            "Bearer for-open"
        } else {
            "Bearer for-closed"
        };
        if sent == Some(needed) {
            return None;
        }
        refuse(&format!("Bearer realm=\"{realm}\",service=\"registry\""))
    });
    server.image("open", "1", &["open"], &[]);
    server.image("closed", "1", &["closed"], &[]);
    server
}

#[tokio::test]
async fn a_token_is_fetched_once_a_look_up_and_credentials_go_to_its_service_only() {
    let server = with_tokens().await;
    let images = images(&server);
    assert!(look(&images, &server, "open:1").await.is_ok());
    let tokens = server
        .paths()
        .into_iter()
        .filter(|path| path.starts_with("/token"));
    assert_eq!(tokens.count(), 1);

    let (closed, alice) = (
        format!("{}/closed:1", server.name()),
        secrets(&server, &["alice"]),
    );
    let found = images.look(&closed, "amd64", &alice).await.unwrap();
    assert_eq!(found.entrypoint, words(&["closed"]));
    let mut sent = server.asked();
    sent.retain(|asked| asked.authorization == Some(basic("alice")));
    assert_eq!(sent.len(), 1);
    assert!(sent[0].path.starts_with("/token?"));
}

#[tokio::test]
async fn without_the_right_credentials_it_is_denied_and_the_next_ones_are_tried() {
    let server = with_tokens().await;
    let images = images(&server);
    let closed = format!("{}/closed:1", server.name());
    for users in [&[][..], &["mallory"]] {
        let denied = images.look(&closed, "amd64", &secrets(&server, users)).await;
        assert_eq!(denied, Err(Problem::Denied), "{users:?}");
    }
    let both = secrets(&server, &["mallory", "alice"]);
    assert!(images.look(&closed, "amd64", &both).await.is_ok());
}

#[tokio::test]
async fn basic_authentication_is_answered() {
    let server = Server::start().await;
    server.image("app", "1", &["app"], &[]);
    server.script(|asked: &Asked| match asked.authorization.as_deref() {
        Some(sent) if sent == basic("alice") => None,
        _ => refuse("Basic realm=\"registry\""),
    });
    let (images, name) = (images(&server), format!("{}/app:1", server.name()));
    let alice = secrets(&server, &["alice"]);
    assert!(images.look(&name, "amd64", &alice).await.is_ok());
    let nobody = images.look(&name, "amd64", &Arc::default()).await;
    assert_eq!(nobody, Err(Problem::Denied));
}

#[tokio::test]
async fn a_redirect_is_followed_and_credentials_are_not_sent_along() {
    let authority = Authority::new();
    let tls = Some(&rustls::version::TLS13);
    let (registry, storage) = (
        Server::of(&authority, tls).await,
        Server::of(&authority, tls).await,
    );
    registry.image("app", "1", &["app"], &[]);
    storage.image("app", "1", &["app"], &[]);
    let to = storage.url("");
    registry.script(move |asked: &Asked| {
        if asked.authorization.as_deref() != Some(&basic("alice")) {
            return refuse("Basic realm=\"registry\"");
        }
        let location = vec![("location", format!("{to}{}", asked.path))];
        let blob = asked.path.contains("/blobs/");
        blob.then(|| Reply::Http(307, location, Vec::new()))
    });
    // What it was led to asks as well: it gets a token that was got as nobody.
    let realm = storage.url("/token");
    storage.script(move |asked: &Asked| {
        if asked.path.starts_with("/token?") {
            return token("anonymous");
        }
        match asked.authorization.as_deref() {
            Some("Bearer anonymous") => None,
            _ => refuse(&format!("Bearer realm=\"{realm}\"")),
        }
    });
    let name = format!("{}/app:1", registry.name());
    let alice = secrets(&registry, &["alice"]);
    let found = images(&registry).look(&name, "amd64", &alice).await.unwrap();
    assert_eq!(found.entrypoint, words(&["app"]));
    let seen = storage.asked();
    assert_eq!(seen.len(), 3, "{seen:?}");
    let alice = Some(basic("alice"));
    assert!(seen.iter().all(|asked| asked.authorization != alice), "{seen:?}");
}

fn settings(registries: &[&str], plain: &[&str], server: &Server) -> Images {
    let settings = Settings {
        registries: Registries::parse(registries.iter().copied()).unwrap(),
        plain: Registries::parse(plain.iter().copied()).unwrap(),
        bundle: Some(server.ca.clone().into_bytes()),
    };
    Images::new(settings, Metrics::new()).unwrap()
}

#[tokio::test]
async fn plain_http_is_spoken_where_it_is_listed_only() {
    let server = Server::of(&Authority::new(), None).await;
    server.image("app", "1", &["app"], &[]);
    let lab = settings(&["*"], &[&server.name()], &server);
    assert!(look(&lab, &server, "app:1").await.is_ok());
    server.asked();
    let spoken = look(&settings(&["*"], &[], &server), &server, "app:1").await;
    assert!(matches!(spoken, Err(Problem::Unanswered(_))), "{spoken:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_registry_that_is_not_listed_is_not_even_connected_to() {
    let server = Server::start().await;
    server.image("app", "1", &["app"], &[]);
    let images = settings(&["docker.io", "localhost"], &[], &server);
    assert_eq!(look(&images, &server, "app:1").await, Err(Problem::NotListed));
    assert!(images.may_ask("redis"));
    assert!(!images.may_ask(&format!("{}/app:1", server.name())));
    assert!(server.asked().is_empty());
}
