//! Answering the key log to an auditor: ids of keys, times and causes; no key.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use splitvault_api::{KeyTrail, Outcome, TrailEvent};
use splitvault_vault::TrailError;
use splitvault_vault::keys::KeyEvent;

use super::reveal::{parse, seal};
use crate::requests::status::{Said, Verdict};
use crate::requests::{Context, Failure};

impl Context {
    pub(super) async fn audit_keys(&self, key: &str, request_uid: &str) -> Result<Verdict, Failure> {
        let key = parse(key)?;
        let (broken_at, events) = match self.vault.key_log().await {
            Ok(events) => (None, events),
            Err(TrailError::Broken { sequence }) => (Some(sequence), Vec::new()),
            Err(error @ TrailError::Keys(_)) => return Err(error.into()),
        };
        let trail = KeyTrail {
            broken_at,
            ceiling_seconds: Some(self.ceiling.as_secs()),
            time: Time(Timestamp::now()),
            events: events.iter().map(event).collect(),
        };
        let json = serde_json::to_vec(&trail).map_err(|error| Failure::Internal(error.to_string()))?;
        let message = match broken_at {
            None => format!("{} events, sealed to the request's key", events.len()),
            Some(sequence) => format!("the log is broken at event {sequence}"),
        };
        let said = Said {
            answer: Some(seal(&key, request_uid, &json)?),
            ..Said::default()
        };
        Ok(Verdict::new(Outcome::Done, message, said))
    }
}

fn event(event: &KeyEvent) -> TrailEvent {
    let at = i64::try_from(event.at)
        .ok()
        .and_then(|at| Timestamp::from_millisecond(at).ok());
    TrailEvent {
        sequence: event.sequence,
        time: Time(at.unwrap_or_default()),
        ring: event.ring.label().to_owned(),
        key_id: event.key.to_string(),
        event: event.deed.label().to_owned(),
        cause: event.cause.label().to_owned(),
    }
}
