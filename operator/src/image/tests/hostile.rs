//! Servers that are wrong, slow, huge, cut off or up to something.

use super::document::{CONFIG_LIMIT, MANIFEST_LIMIT};
use super::server::{Asked, Authority, INDEX, MANIFEST, Reply};
use super::*;

const TOKEN: &str = "registry's token";
const WITHOUT_TLS: Problem = Problem::Elsewhere("an address without TLS");
const OF_NODE: Problem = Problem::Elsewhere("an address of its node's own network");
const NOWHERE: Problem = Problem::Elsewhere("what is no address");

/// What comes of a server that answers everything alike.
async fn of(reply: Reply) -> Problem {
    let server = Server::start().await;
    server.script(move |_| Some(reply.clone()));
    look(&images(&server), &server, "app:1").await.unwrap_err()
}

fn http(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Reply::Http(status, headers.collect(), body.to_vec())
}

#[tokio::test]
async fn a_certificate_that_is_not_its_own_ends_it_before_anything_is_sent() {
    let (server, other) = (Server::start().await, Server::start().await);
    server.image("app", "1", &["app"], &[]);
    let untrusted = look(&images(&other), &server, "app:1").await;
    assert_eq!(untrusted, Err(Problem::Untrusted));
    let by_address = server.name().replace("localhost", "127.0.0.1");
    let wrong_name = images(&server)
        .look(&format!("{by_address}/app:1"), "amd64", &Arc::default())
        .await;
    assert_eq!(wrong_name, Err(Problem::Untrusted), "it is for localhost");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn older_tls_is_not_spoken() {
    let server = Server::of(&Authority::new(), Some(&rustls::version::TLS12)).await;
    server.image("app", "1", &["app"], &[]);
    let old = look(&images(&server), &server, "app:1").await;
    assert!(matches!(old, Err(Problem::Unanswered(_))), "{old:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn nobody_there_may_pass() {
    let server = Server::start().await;
    let (images, name) = (images(&server), format!("{}/app:1", server.name()));
    drop(server);
    for image in [name.as_str(), "does-not-exist.invalid/app:1"] {
        let gone = images.look(image, "amd64", &Arc::default()).await.unwrap_err();
        assert!(gone.is_passing(), "{gone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_or_drips_is_given_up() {
    let late = Problem::Unanswered("its registry does not answer in time");
    for reply in [Reply::Silence, Reply::Drip] {
        assert_eq!(of(reply).await, late);
    }
}

#[tokio::test]
async fn statuses_are_told_apart_and_nothing_that_a_server_writes_is_passed_on() {
    for (status, expected) in [
        (403, Problem::Denied),
        (401, Problem::Denied),
        (404, Problem::Missing),
        (418, Problem::Status(418)),
        (429, Problem::Status(429)),
        (500, Problem::Status(500)),
        (204, Problem::Status(204)),
        (206, Problem::Status(206)),
    ] {
        let problem = of(http(status, &[("x-canary", "CANARY")], b"")).await;
        assert_eq!(problem, expected);
        assert_eq!(problem.is_passing(), matches!(status, 429 | 500));
        assert!(!problem.to_string().contains("CANARY"));
    }
}

#[tokio::test]
async fn redirects_lead_to_https_and_not_in_circles() {
    let circle = Problem::Elsewhere("too many places one after the other");
    for (location, expected) in [
        ("http://localhost/", WITHOUT_TLS),
        ("http://169.254.169.254/latest/meta-data/", WITHOUT_TLS),
        ("https://169.254.169.254/", OF_NODE),
        ("https://[fe80::1]/", OF_NODE),
        ("file:///etc/passwd", NOWHERE),
        ("//localhost/", NOWHERE),
        ("https://user:password@localhost/", NOWHERE),
        ("", NOWHERE),
        ("/v2/app/manifests/1", circle),
    ] {
        let led = of(http(302, &[("location", location)], b"")).await;
        assert_eq!(led, expected, "{location}");
    }
    assert_eq!(of(http(302, &[], b"")).await, NOWHERE, "no location at all");
}

#[tokio::test]
async fn a_challenge_leads_to_https_or_to_nothing() {
    for (challenge, expected) in [
        ("Bearer realm=\"http://localhost/token\"", WITHOUT_TLS),
        ("Bearer realm=\"https://169.254.169.254/token\"", OF_NODE),
        ("Bearer realm=\"nonsense\"", NOWHERE),
        ("Bearer", Problem::Denied),
        ("Basic realm=\"x\"", Problem::Denied),
        ("Negotiate", Problem::Denied),
    ] {
        let asked = of(http(401, &[("www-authenticate", challenge)], b"")).await;
        assert_eq!(asked, expected, "{challenge}");
    }
}

/// A registry that wants a token, and what its token service answers.
async fn with_token(reply: Reply) -> Server {
    let server = Server::start().await;
    let realm = format!("Bearer realm=\"{}\"", server.url("/token"));
    server.script(move |asked: &Asked| {
        let token = asked.path.starts_with("/token");
        let challenge = http(401, &[("www-authenticate", &realm)], b"");
        Some(if token { reply.clone() } else { challenge })
    });
    server
}

#[tokio::test]
async fn token_services_answer_a_token_themselves() {
    let redirects = Problem::Elsewhere("a token service that redirects");
    let huge = Problem::TooLarge {
        what: TOKEN,
        limit: challenge::TOKEN_LIMIT,
    };
    for (reply, expected) in [
        (http(302, &[("location", "https://localhost/")], b""), redirects),
        (http(200, &[], b"CANARY"), Problem::Malformed(TOKEN)),
        (
            http(200, &[], br#"{"token":"a\nb: c"}"#),
            Problem::Malformed(TOKEN),
        ),
        (http(403, &[], b""), Problem::Denied),
        (http(503, &[], b""), Problem::Status(503)),
        (Reply::Endless, huge),
    ] {
        let server = with_token(reply).await;
        assert_eq!(look(&images(&server), &server, "app:1").await, Err(expected));
    }
}

#[tokio::test]
async fn a_token_that_does_not_help_is_not_asked_for_again_and_again() {
    let server = with_token(http(200, &[], br#"{"token":"t"}"#)).await;
    let denied = look(&images(&server), &server, "app:1").await;
    assert_eq!((denied, server.asked().len()), (Err(Problem::Denied), 3));
}

#[tokio::test]
async fn huge_answers_are_cut_off() {
    let huge = |what, limit| Problem::TooLarge { what, limit };
    let exact = vec![b' '; MANIFEST_LIMIT];
    let more = [exact.as_slice(), b" "].concat();
    assert_eq!(of(Reply::Endless).await, huge("manifest", MANIFEST_LIMIT));
    assert_eq!(of(http(200, &[], &more)).await, huge("manifest", MANIFEST_LIMIT));
    assert_eq!(of(http(200, &[], &exact)).await, Problem::Malformed("manifest"));

    let server = Server::start().await;
    server.image("app", "1", &["app"], &[]);
    server.script(|asked: &Asked| asked.path.contains("/blobs/").then_some(Reply::Endless));
    let config = look(&images(&server), &server, "app:1").await;
    assert_eq!(config, Err(huge("config", CONFIG_LIMIT)));
}

#[tokio::test]
async fn what_is_not_http_or_is_cut_is_no_answer() {
    let many = (0..1000).flat_map(|number| format!("x{number}: y\r\n").into_bytes());
    let many: Vec<u8> = many.collect();
    let long = [b"x: ".to_vec(), vec![b'y'; 1024 * 1024]].concat();
    let ok = |rest: &[u8]| [b"HTTP/1.1 200 OK\r\n", rest].concat();
    for raw in [
        Vec::new(),
        b"\0\0\0\0".to_vec(),
        b"SSH-2.0-OpenSSH\r\n".to_vec(),
        b"HTTP/1.1 200".to_vec(),
        b"HTTP/1.1 999999 OK\r\n\r\n".to_vec(),
        ok(b"content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ok(b"content-length: 100\r\n\r\n{\"schemaVersion\""),
        ok(b"content-length: 99999999999999\r\n\r\n{}"),
        ok(b"transfer-encoding: chunked\r\n\r\nzz\r\n"),
        ok(&[many.as_slice(), b"\r\n"].concat()),
        ok(&[long.as_slice(), b"\r\n\r\n"].concat()),
    ] {
        let shown = String::from_utf8_lossy(&raw[..raw.len().min(60)]).into_owned();
        let problem = of(Reply::Raw(raw)).await;
        assert!(matches!(problem, Problem::Unanswered(_)), "{shown}: {problem:?}");
    }
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_refused() {
    let server = Server::start().await;
    let digest = server.image("app", "1", &["app"], &[]);
    let swapped = http(200, &[], br#"{"os":"linux","config":{"Cmd":["evil"]}}"#);
    let blob = swapped.clone();
    server.script(move |asked: &Asked| asked.path.contains("/blobs/").then(|| blob.clone()));
    let images = images(&server);
    let config = look(&images, &server, "app:1").await;
    assert_eq!(config, Err(Problem::Digest("config")));
    server.script(move |_| Some(swapped.clone()));
    let manifest = look(&images, &server, &format!("app@{digest}")).await;
    assert_eq!(manifest, Err(Problem::Digest("manifest")));
}

#[tokio::test]
async fn what_is_no_image_for_linux_is_refused() {
    let server = Server::start().await;
    let images = images(&server);
    let v1 = "application/vnd.docker.distribution.manifest.v1+json";
    for (content, kind, expected) in [
        ("", MANIFEST, Problem::Malformed("manifest")),
        ("{}", MANIFEST, Problem::Malformed("manifest")),
        ("[]", INDEX, Problem::Malformed("manifest")),
        (r#"{"schemaVersion":2}"#, MANIFEST, Problem::Malformed("manifest")),
        (r#"{"schemaVersion":2,"manifests":[]}"#, INDEX, Problem::NotLinux),
        (r#"{"schemaVersion":2}"#, "text/html", Problem::NotAnImage),
        (r#"{"schemaVersion":1}"#, v1, Problem::NotAnImage),
    ] {
        server.manifest("odd", "1", kind, content.as_bytes());
        let found = look(&images, &server, "odd:1").await;
        assert_eq!(found, Err(expected), "{content} {kind}");
    }
    let malformed = Problem::Malformed("config");
    for (content, expected) in [
        ("", malformed.clone()),
        ("{}", malformed.clone()),
        (r#"{"os":"windows","config":{"Cmd":["cmd"]}}"#, Problem::NotLinux),
        (
            r#"{"os":"linux","config":{"Entrypoint":"sh -c app"}}"#,
            malformed.clone(),
        ),
        (r#"{"os":"linux","config":{"Cmd":[1]}}"#, malformed),
    ] {
        server.config("odd", "1", content.as_bytes());
        let found = look(&images, &server, "odd:1").await;
        assert_eq!(found, Err(expected), "{content}");
    }
}
