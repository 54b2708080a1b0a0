//! Real connections: many, slow, cut off, endless.

use std::net::SocketAddr;

use tempfile::TempDir;

use super::*;

struct Server {
    address: SocketAddr,
    files: TempDir,
    behind: watch::Sender<bool>,
}

/// On a port that is free.
async fn start() -> Server {
    let files = tempfile::tempdir_in("/dev/shm").unwrap();
    let (behind, seen) = watch::channel(false);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let health = Health::of(Target::open(files.path(), 0o400).unwrap(), seen);
    tokio::spawn(accept(listener, health));
    Server {
        address,
        files,
        behind,
    }
}

/// All that is answered to these bytes, until the server ends the connection.
async fn send(address: SocketAddr, request: &[u8]) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    // The server may have ended it before it was sent whole.
    let _sent = tcp.write_all(request).await;
    let mut answer = Vec::new();
    let _end = timeout(Duration::from_secs(30), tcp.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8(answer).unwrap()
}

async fn ready(server: &Server) -> String {
    let answer = send(server.address, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, line) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {}", head.split(' ').nth(1).unwrap(), line.trim_end())
}

#[tokio::test]
async fn ready_means_that_the_files_are_there_and_nothing_newer_is_known() {
    let server = start().await;
    assert!(
        ready(&server)
            .await
            .starts_with("503 the variables are not there yet")
    );
    std::fs::write(server.files.path().join(GATE_ENV), "").unwrap();
    assert_eq!(ready(&server).await, "200 ok");
    server.behind.send_replace(true);
    assert!(
        ready(&server)
            .await
            .starts_with("503 newer variables could not be written")
    );
    server.behind.send_replace(false);
    assert_eq!(ready(&server).await, "200 ok");
}

#[tokio::test]
async fn a_request_that_is_too_long_is_answered_before_its_end() {
    let server = start().await;
    let endless = vec![b'a'; 4 * http::HEAD];
    assert!(send(server.address, &endless).await.starts_with("HTTP/1.1 431 "));
    let body = [
        &b"GET /healthz HTTP/1.1\r\nContent-Length: 40000\r\n\r\n"[..],
        &vec![b'a'; 40_000],
    ]
    .concat();
    assert!(
        send(server.address, &body).await.starts_with("HTTP/1.1 200 "),
        "a body is not looked at"
    );
}

#[tokio::test]
async fn who_says_nothing_or_stops_is_hung_up_on() {
    let server = start().await;
    for part in [&b""[..], b"GET /healthz HT"] {
        assert_eq!(send(server.address, part).await, "");
    }
}

#[tokio::test]
async fn who_goes_without_a_whole_request_does_no_harm() {
    let server = start().await;
    for _ in 0..3 * CONNECTIONS {
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(b"GET /hea").await.unwrap();
    }
    assert!(ready(&server).await.starts_with("503 "));
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_understood() {
    let server = start().await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    for byte in b"HEAD /healthz HTTP/1.1\r\n\r\n" {
        tcp.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn those_who_hold_every_connection_keep_the_others_waiting_for_a_moment_only() {
    let server = start().await;
    let mut silent = Vec::new();
    for _ in 0..3 * CONNECTIONS {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert!(ready(&server).await.starts_with("503 "));
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let server = start().await;
    let all = (0..200).map(|_| tokio::spawn(send(server.address, b"GET /healthz HTTP/1.1\r\n\r\n")));
    for one in all.collect::<Vec<_>>() {
        assert!(one.await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    }
}
