//! Until when a request is its client's business, and from when on ours: once it is here completely, its connection
//! stays until there is a response.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

use super::bench::{Sitting, Stay};

/// A request and its response.
#[derive(Clone)]
struct Exchange(Arc<Mutex<Phase>>);

enum Phase {
    /// Some of the request is missing.
    Arriving(Sitting),
    Answering(#[expect(dead_code, reason = "held for its drop")] Stay),
    Over,
}

/// The body of a request, which tells when it is here: when it has ended, or is not read any further.
pub(super) struct Arriving<B> {
    body: B,
    exchange: Exchange,
}

/// The response is being made until this is dropped.
pub(super) struct Answering(Exchange);

/// A request on a connection that sits here.
pub(super) fn arriving<B: Body>(body: B, sitting: Sitting) -> (Arriving<B>, Answering) {
    let exchange = Exchange(Arc::new(Mutex::new(Phase::Arriving(sitting))));
    let body = Arriving {
        body,
        exchange: exchange.clone(),
    };
    body.look();
    (body, Answering(exchange))
}

impl Exchange {
    fn arrived(&self) {
        let mut phase = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Arriving(sitting) = &*phase {
            *phase = Phase::Answering(sitting.stay());
        }
    }
}

impl<B: Body> Arriving<B> {
    fn look(&self) {
        if self.body.is_end_stream() {
            self.exchange.arrived();
        }
    }
}

impl<B: Body + Unpin> Body for Arriving<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match frame {
            Poll::Ready(None) => self.exchange.arrived(),
            Poll::Ready(Some(_)) => self.look(),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Arriving<B> {
    fn drop(&mut self) {
        self.exchange.arrived();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut phase = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *phase = Phase::Over;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{IpAddr, Ipv4Addr};

    use bytes::Bytes;
    use http::HeaderMap;
    use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
    use tokio::sync::Semaphore;

    use super::super::bench::Benches;
    use super::super::line::Line;
    use super::*;
    use crate::crowd::Crowd;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn sitting() -> (Sitting, Arc<Line>) {
        let line = Arc::new(Line::default());
        let benches = Benches::new(1, 4, Arc::clone(&line));
        let seat = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (benches.seat(seat, Crowd::new(1).enter(PEER).unwrap()), line)
    }

    fn may_be_displaced(line: &Line) -> bool {
        line.displace(|_| true).is_some()
    }

    #[test]
    fn a_request_without_a_body_is_here_at_once() {
        let (sitting, line) = sitting();
        let (_body, _answering) = arriving(Empty::<Bytes>::new(), sitting.clone());
        assert!(!may_be_displaced(&line));
    }

    #[tokio::test]
    async fn a_body_is_here_at_its_end() {
        let (sitting, line) = sitting();
        let frames = [
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"half"))),
            Ok(Frame::trailers(HeaderMap::new())),
        ];
        let (mut body, answering) = arriving(StreamBody::new(futures::stream::iter(frames)), sitting.clone());
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert!(body.frame().await.unwrap().unwrap().is_trailers());
        assert!(!sitting.is_kept(), "whether more comes is not known yet");
        assert!(body.frame().await.is_none() && sitting.is_kept());
        assert!(!may_be_displaced(&line));
        drop(answering);
        assert!(may_be_displaced(&line));
    }

    #[tokio::test]
    async fn from_its_end_or_when_it_is_left_a_body_keeps_its_connection_until_the_response() {
        for read in [true, false] {
            let (sitting, line) = sitting();
            let (mut body, answering) = arriving(Full::<Bytes>::from("all"), sitting.clone());
            assert_eq!(body.size_hint().exact(), Some(3));
            if read {
                assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "all");
                assert!(body.is_end_stream());
            } else {
                drop(body);
            }
            assert!(!may_be_displaced(&line));
            drop(answering);
            assert!(may_be_displaced(&line), "{read}");
        }
    }

    #[test]
    fn a_request_that_was_given_up_keeps_nothing() {
        let (sitting, line) = sitting();
        let (body, answering) = arriving(Full::<Bytes>::from("half"), sitting.clone());
        drop(answering);
        drop(body);
        assert!(may_be_displaced(&line));
    }
}
