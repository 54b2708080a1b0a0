//! Events that people see in `kubectl describe`: never faster than one per object and reason in a while, and never
//! with anything that is not in a status anyway.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;

use crate::fault::Fault;

/// The same reason for the same object is told again after this.
const QUIET: Duration = Duration::from_secs(5 * 60);
/// Objects and reasons remembered; beyond that nothing new is told until some are old.
const REMEMBERED: usize = 8192;

const CONTROLLER: &str = "splitvault.dev/operator";

/// Whether an event is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Things go as they should.
    Normal,
    /// Someone may have to do something.
    Warning,
}

/// Writes events. Losing one is no failure.
pub struct Events {
    client: Client,
    pod: String,
    told: Mutex<Told>,
}

impl Events {
    /// Events that say they come from this pod.
    pub fn new(client: Client, pod: Option<String>) -> Self {
        Self {
            client,
            pod: pod.unwrap_or_else(|| CONTROLLER.to_owned()),
            told: Mutex::default(),
        }
    }

    /// Tells about a change of an object's state; the caller sees to it that it is one.
    pub async fn changed(&self, object: &ObjectReference, tone: Tone, reason: &str, note: &str) {
        self.publish(object, tone, "Reconcile", reason, note).await;
    }

    /// Warns on an object, unless the same reason was told lately.
    pub async fn warn(&self, object: &ObjectReference, action: &str, reason: &'static str, note: &str) {
        let uid = object.uid.clone().unwrap_or_default();
        if self.may_tell(uid, reason) {
            self.publish(object, Tone::Warning, action, reason, note).await;
        }
    }

    fn may_tell(&self, uid: String, reason: &'static str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.admit(uid, reason, Instant::now())
    }

    async fn publish(&self, object: &ObjectReference, tone: Tone, action: &str, reason: &str, note: &str) {
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let event = self.event(object, tone, action, reason, note);
        if let Err(error) = api.create(&PostParams::default(), &event).await {
            tracing::debug!(fault = %Fault::from(error), reason, "an event is lost");
        }
    }

    fn event(&self, object: &ObjectReference, tone: Tone, action: &str, reason: &str, note: &str) -> Event {
        let now = Timestamp::now();
        let name = object.name.as_deref().unwrap_or("unknown");
        // As client-go names them; a note holds at most 1 KiB.
        let name = format!("{}.{:x}", &name[..name.len().min(200)], now.as_nanosecond());
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: object.namespace.clone(),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.pod.clone()),
            action: Some(action.to_owned()),
            reason: Some(reason.to_owned()),
            regarding: Some(object.clone()),
            note: Some(note.chars().take(1000).collect()),
            type_: Some(match tone {
                Tone::Normal => "Normal".to_owned(),
                Tone::Warning => "Warning".to_owned(),
            }),
            ..Event::default()
        }
    }
}

#[derive(Default)]
struct Told(HashMap<(String, &'static str), Instant>);

impl Told {
    fn admit(&mut self, uid: String, reason: &'static str, now: Instant) -> bool {
        let key = (uid, reason);
        if self
            .0
            .get(&key)
            .is_some_and(|then| now.duration_since(*then) < QUIET)
        {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, then| now.duration_since(*then) < QUIET);
        }
        if self.0.len() >= REMEMBERED {
            return false;
        }
        self.0.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_in_a_while() {
        let (mut told, now) = (Told::default(), Instant::now());
        assert!(told.admit("a".to_owned(), "NotReady", now));
        assert!(!told.admit("a".to_owned(), "NotReady", now + QUIET / 2));
        assert!(told.admit("a".to_owned(), "NotAllowed", now));
        assert!(told.admit("b".to_owned(), "NotReady", now));
        assert!(told.admit("a".to_owned(), "NotReady", now + QUIET));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut told, now) = (Told::default(), Instant::now());
        for pod in 0..REMEMBERED {
            assert!(told.admit(pod.to_string(), "NotReady", now));
        }
        assert!(!told.admit("one more".to_owned(), "NotReady", now));
        assert!(told.admit("one more".to_owned(), "NotReady", now + QUIET));
        assert_eq!(told.0.len(), 1);
    }
}
