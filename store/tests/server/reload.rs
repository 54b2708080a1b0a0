//! Certificates that change under a running server.

use std::fs;
use std::time::Instant;

use splitvault_values::ValueStore as _;

use crate::certificates::Authority;
use crate::fixture::{LOOK, Server, eventually};
use crate::handshake::greet;

#[tokio::test]
async fn new_certificates_are_taken_up_and_open_connections_go_on() {
    let server = Server::start().await;
    let before = server.operator();
    before.list(None, 1).await.unwrap();

    let next = Authority::new();
    next.write(server.directory.path());
    eventually("the new authority's operator is let in", async || {
        greet(server.address, next.operator_config()).await.is_ok()
    })
    .await;
    let old = greet(server.address, server.authority.operator_config()).await;
    assert!(old.is_err(), "the old authority is not trusted any more");
    before.list(None, 1).await.unwrap();
}

#[tokio::test]
async fn a_broken_set_keeps_the_old_one() {
    let server = Server::start().await;
    let other = Authority::new().store();
    let broken: [(&str, &str); 4] = [
        ("tls.key", "garbage"),
        ("tls.key", &other.key),
        ("tls.crt", ""),
        ("ca.crt", "-----BEGIN NOTHING-----"),
    ];
    for (file, content) in broken {
        fs::write(server.directory.path().join(file), content).unwrap();
        let looks = Instant::now() + 5 * LOOK;
        while Instant::now() < looks {
            greet(server.address, server.authority.operator_config())
                .await
                .unwrap();
        }
    }
    fs::remove_file(server.directory.path().join("tls.crt")).unwrap();
    greet(server.address, server.authority.operator_config())
        .await
        .unwrap();

    let next = Authority::new();
    next.write(server.directory.path());
    eventually("a good set is taken up after the broken ones", async || {
        greet(server.address, next.operator_config()).await.is_ok()
    })
    .await;
}
