//! More clients than a server has places for, most of which never ask anything.

use axum::body::Bytes;
use axum::routing::post;

use super::*;

const HERE: [u8; 4] = [127, 0, 0, 1];
const THERE: [u8; 4] = [127, 0, 0, 2];
const HALF_HEADER: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nx-";
const HALF_HEADER_REST: &[u8] = b"y: z\r\n\r\n";
const SLOW: &[u8] = b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
const HALF_BODY: &[u8] = b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf";
/// The preface of HTTP/2, and settings that set nothing.
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// `/body` answers how long a body was; `/slow` and `/hold` have the whole of it, and wait until they are let go.
struct Slow {
    begun: Arc<Notify>,
    go: Arc<Notify>,
}

impl Slow {
    fn router() -> (Self, Router) {
        let (begun, go) = <(Arc<Notify>, Arc<Notify>)>::default();
        let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
        let slow = async move |_all: Bytes| {
            tell.notify_one();
            wait.notified().await;
            "at last"
        };
        let router = holding(&begun, &go)
            .route("/body", post(async |body: Bytes| body.len().to_string()))
            .route("/slow", post(slow));
        (Self { begun, go }, router)
    }
}

impl Served {
    fn counted(&self, outcome: &str) -> usize {
        let text = self.metrics.encode().unwrap();
        let line = format!("splitvault_handshakes_total{{server=\"test\",outcome=\"{outcome}\"}} ");
        let count = text.lines().find_map(|text| text.strip_prefix(&line));
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// A client that says this, and no more.
    async fn says(&self, address: [u8; 4], what: &[u8]) -> ClientStream<TcpStream> {
        let mut stream = self.from(address).await;
        stream.write_all(what).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    /// A newcomer that asks, and stays.
    async fn is_answered(&self, address: [u8; 4]) -> ClientStream<TcpStream> {
        let mut stream = self.from(address).await;
        goes_on(&mut stream, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "hello").await;
        stream
    }
}

async fn is_closed(stream: &mut ClientStream<TcpStream>) {
    let mut rest = Vec::new();
    let _ended = stream.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP/1.1"), "it was answered");
}

/// Says the rest, and is answered: it was not closed.
async fn goes_on(stream: &mut ClientStream<TcpStream>, rest: &[u8], expected: &str) {
    stream.write_all(rest).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with(expected) {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
}

#[tokio::test]
async fn whoever_fills_the_share_of_its_address_without_asking_keeps_no_newcomer_out() {
    let (_, router) = Slow::router();
    let served = served(router, 5 * SHARE).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let mut all = Vec::new();
    for what in [b"".as_slice(), HALF_HEADER, HTTP_2, HALF_BODY] {
        all.push(served.says(HERE, what).await);
    }
    assert_eq!(served.counted("displaced"), 0, "there was room");

    let mut newcomers = vec![served.is_answered(HERE).await];
    assert_eq!(silent.read(&mut [0]).await.unwrap_or_default(), 0);
    for (before, longest) in all.iter_mut().enumerate() {
        assert_eq!(served.counted("displaced"), before + 1, "one for each");
        newcomers.push(served.is_answered(HERE).await);
        is_closed(longest).await;
    }
    assert_eq!(served.counted("displaced"), newcomers.len());
    assert_eq!(served.counted("accepted"), all.len() + newcomers.len());
}

#[tokio::test]
async fn whoever_fills_all_places_without_asking_keeps_no_newcomer_out() {
    let served = served(hello(), 2 * SHARE).await;
    let mut all = Vec::new();
    for last in 1..=8 {
        for _ in 0..2 {
            all.push(served.says([127, 0, 1, last], HALF_HEADER).await);
        }
    }
    assert_eq!((all.len(), served.counted("displaced")), (2 * SHARE, 0));
    let _newcomer = served.is_answered(THERE).await;
    is_closed(&mut all[0]).await;
    assert_eq!(served.counted("displaced"), 1);
    goes_on(&mut all[1], HALF_HEADER_REST, "hello").await;
    // Which is then the last in line.
    let _newcomer = served.is_answered(THERE).await;
    is_closed(&mut all[2]).await;
    assert_eq!(served.counted("displaced"), 2);
}

#[tokio::test]
async fn whoever_is_being_answered_gives_way_to_nobody() {
    let (slow, router) = Slow::router();
    // One for each address.
    let served = served(router, 2).await;
    let mut first = served.says(HERE, SLOW).await;
    slow.begun.notified().await;
    assert!(served.try_from(HERE).await.is_err());
    assert_eq!(served.counted("too_many_of_peer"), 1);
    let mut second = served.says(THERE, SLOW).await;
    slow.begun.notified().await;
    assert!(served.try_from([127, 0, 0, 3]).await.is_err());
    assert_eq!(served.counted("too_many"), 1);

    slow.go.notify_waiters();
    goes_on(&mut first, b"", "at last").await;
    goes_on(&mut second, b"", "at last").await;
    assert_eq!(served.counted("displaced"), 0);
    let _newcomer = served.is_answered(HERE).await;
    is_closed(&mut first).await;
    assert_eq!(served.counted("displaced"), 1, "once it was answered");
}

#[tokio::test]
async fn whoever_is_held_back_gives_way_to_nobody() {
    let (slow, router) = Slow::router();
    let served = served(router, 2).await;
    let mut waits = hold(&served).await;
    slow.begun.notified().await;
    assert!(served.try_from(HERE).await.is_err());
    assert_eq!(served.counted("too_many_of_peer"), 1);
    // It has no seat, and so others do not want it.
    let _others = (
        served.is_answered(THERE).await,
        served.is_answered([127, 0, 0, 3]).await,
    );
    slow.go.notify_waiters();
    goes_on(&mut waits, b"", "at last").await;
    assert_eq!(served.counted("displaced"), 0);
    let _newcomer = served.is_answered([127, 0, 0, 4]).await;
    goes_on(&mut waits, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "hello").await;
    assert_eq!(served.counted("displaced"), 1, "one of the others");
}

#[tokio::test]
async fn nobody_gives_way_while_there_is_room() {
    let served = served(hello(), 4 * SHARE).await;
    let mut all = Vec::new();
    for address in [HERE, HERE, HERE, THERE, THERE, THERE] {
        all.push(served.says(address, HALF_HEADER).await);
    }
    let _newcomers = (served.is_answered(HERE).await, served.is_answered(THERE).await);
    for stream in &mut all {
        goes_on(stream, HALF_HEADER_REST, "hello").await;
    }
    assert_eq!(served.counted("displaced"), 0);
}

#[tokio::test]
async fn each_of_a_hundred_newcomers_is_given_way_to_once() {
    let served = served(hello(), 100 * SHARE).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(served.address).await.unwrap());
    }
    let newcomers = futures::future::join_all((0..100).map(|_| served.is_answered(HERE))).await;
    assert_eq!(newcomers.len(), 100);
    assert_eq!(served.counted("displaced"), 100);
    for mut silent in silent {
        assert_eq!(silent.read(&mut [0]).await.unwrap_or_default(), 0);
    }
}
