//! What stands in the audit trail.

use std::io;
use std::sync::Mutex;

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::super::*;
use super::{review, world};

#[derive(Clone, Default)]
struct Trail(Arc<Mutex<Vec<u8>>>);

impl io::Write for Trail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Trail {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Trail {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
        lines
            .filter(|line| line["target"] == "splitvault::audit")
            .map(|line| line["fields"].clone())
            .collect()
    }
}

#[tokio::test]
async fn each_answer_and_each_failed_review_is_one_line() {
    let (world, trail) = (world().await, Trail::default());
    // While there is one dispatcher only, tracing asks the thread that comes to a callsite first whether anybody
    // listens, and remembers that for all: another test's thread would say no.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(trail.clone())
        .finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let tag = world.delivered(None).await.tag;
    assert_eq!(world.ask("good", Some(&tag)).await.0, 204);
    assert_eq!(world.refused("CANARYtoken").await, Reason::Unauthenticated);
    world
        .server
        .token("audience", review("web-1", "u-1", "other", "web"));
    let request = world.request(None);
    let mut request = http::Request::post(DELIVER_PATH)
        .header("authorization", "Bearer audience")
        .body(Body::from(request))
        .unwrap();
    request.extensions_mut().insert(Peer([10, 0, 0, 7].into()));
    assert_eq!(world.answer(request).await.status(), 401);
    let lines = trail.lines();
    let reasons: Vec<_> = lines
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["Delivered", "Current", "Unauthenticated", "Unauthenticated"]
    );
    assert_eq!(lines[0]["vault_secrets"], "web:1");
    assert_eq!(lines[1]["vault_secrets"], "web:1");
    assert_eq!(lines[3]["peer"], "10.0.0.7");
    assert!(!String::from_utf8_lossy(&trail.0.lock().unwrap()).contains("CANARY"));
}
