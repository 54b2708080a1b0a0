//! Requests that do not come to their end, in the way of those that do.

use std::convert::Infallible;
use std::task::Poll;

use axum::body::Bytes;
use tokio::task::JoinSet;

use super::super::*;
use super::{World, world};

impl World {
    /// A request whose body never ends, once all that there is of it was read.
    async fn half_sent(&self, all: &mut JoinSet<Response>) {
        let (tell, mut told) = watch::channel(());
        let mut half = Some(Bytes::from_static(b"{\"vaultSecrets\":"));
        let body = futures::stream::poll_fn(move |_| match half.take() {
            Some(half) => Poll::Ready(Some(Ok::<_, Infallible>(half))),
            None => {
                tell.send_replace(());
                Poll::Pending
            }
        });
        let request = http::Request::post(DELIVER_PATH).body(Body::from_stream(body));
        let router = self.router.clone();
        all.spawn(async move {
            tower::ServiceExt::oneshot(router, request.unwrap())
                .await
                .unwrap()
        });
        // An error when it was refused.
        told.changed().await.unwrap();
    }
}

#[tokio::test]
async fn more_half_sent_requests_than_may_queue_keep_no_other_waiting() {
    let (world, mut all) = (world().await, JoinSet::new());
    for _ in 0..=QUEUE {
        world.half_sent(&mut all).await;
    }
    world.delivered(None).await;
    assert_eq!(all.len(), QUEUE + 1);
    assert!(all.try_join_next().is_none(), "all are still there");
}
