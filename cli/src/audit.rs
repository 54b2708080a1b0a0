//! `splitvault audit keys`: the log of all key events, as the operator answers it to a key that is made here.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::json;
use splitvault_api::{Action, KeyTrail, TrailEvent, VaultRequest, VaultRequestSpec};
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair};

use crate::args::{AuditKeys, TableFormat};
use crate::cluster::{self, Connection};
use crate::fault::Fault;
use crate::output;
use crate::request::{Ask, forget};

/// A rotation begins at the first look after the ceiling, and goes on when the operator was away.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Prints the log; the exit code tells whether it holds.
pub(crate) fn audit(args: &AuditKeys) -> Result<ExitCode, Fault> {
    let trail = cluster::block_on(fetch(args))?;
    let keys = lives(&trail);
    let problems = problems(&trail, &keys);
    let text = match args.output {
        TableFormat::Table => table(&trail, &keys),
        TableFormat::Json => {
            let keys: Vec<_> = keys.iter().map(Life::to_json).collect();
            let all = json!({"holds": problems.is_empty(), "problems": problems, "keys": keys,
                "ceilingSeconds": trail.ceiling_seconds, "events": trail.events});
            format!("{all:#}\n")
        }
    };
    output::print(text.as_bytes())?;
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Fault::failure(problems.join("; "))
        .next("find out who wrote to the key database, or what kept the operator from rotating"))
}

async fn fetch(args: &AuditKeys) -> Result<KeyTrail, Fault> {
    let at = Connection::open(&args.cluster).await?;
    let pair = KeyPair::make(Algorithm::X25519).map_err(|error| Fault::failure(error.to_string()))?;
    let ask = Ask {
        at: &at,
        namespace: &args.cluster.operator_namespace,
        spec: VaultRequestSpec {
            public_key: Some(pair.public().to_text()),
            ..VaultRequestSpec::of(Action::AuditKeys)
        },
    };
    let done = ask.answer(args.timeout).await?;
    forget(&at, &done).await;
    open(&pair, &done).ok_or_else(|| {
        Fault::failure("the answer does not open: it is not the operator's, or was altered")
            .next("is this CLI of the operator's version? `splitvault version` tells")
    })
}

fn open(pair: &KeyPair, request: &VaultRequest) -> Option<KeyTrail> {
    let answer = request.status.as_ref()?.answer.as_ref()?;
    let request_uid = request.metadata.uid.as_deref()?;
    let sealed = STANDARD.decode(answer).ok()?;
    let text = pair.open(&Context::Answer { request_uid }, &sealed).ok()?;
    // EXPOSE: ids of keys and times; no secret.
    serde_json::from_slice(text.expose()).ok()
}

/// The rings of master keys.
const MASTER: [&str; 2] = ["names", "values"];

/// What the log says of one key.
struct Life<'a> {
    key_id: &'a str,
    ring: &'a str,
    activated: Option<Timestamp>,
    retired: Option<Timestamp>,
    destroyed: Option<Timestamp>,
    /// For how long it sealed.
    sealed: SignedDuration,
    outlived: bool,
}

impl Life<'_> {
    fn to_json(&self) -> serde_json::Value {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        json!({"keyID": self.key_id, "ring": self.ring, "activated": time(self.activated), "retired": time(self.retired),
            "destroyed": time(self.destroyed), "sealedSeconds": self.sealed.as_secs(), "outlivedCeiling": self.outlived})
    }
}

fn lives(trail: &KeyTrail) -> Vec<Life<'_>> {
    let mut keys: Vec<&str> = Vec::new();
    for event in &trail.events {
        if !keys.contains(&&*event.key_id) {
            keys.push(&event.key_id);
        }
    }
    let ceiling = trail
        .ceiling_seconds
        .and_then(|seconds| i64::try_from(seconds).ok());
    let life = |key_id| {
        let of: Vec<&TrailEvent> = trail
            .events
            .iter()
            .filter(|event| event.key_id == key_id)
            .collect();
        let when = |what: &str| {
            of.iter()
                .find(|event| event.event == what)
                .map(|event| event.time.0)
        };
        let (activated, retired) = (when("activated"), when("retired"));
        let until = retired.unwrap_or(trail.time.0);
        let sealed = activated.map_or(SignedDuration::ZERO, |from| until.duration_since(from));
        Life {
            key_id,
            ring: of.first().map_or("", |event| &*event.ring),
            activated,
            retired,
            destroyed: when("destroyed"),
            sealed,
            // The ceiling is for what rotates by itself.
            outlived: of.iter().any(|event| MASTER.contains(&&*event.ring))
                && ceiling.is_some_and(|ceiling| sealed > SignedDuration::from_secs(ceiling) + GRACE),
        }
    };
    keys.into_iter().map(life).collect()
}

fn problems(trail: &KeyTrail, keys: &[Life<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(sequence) = trail.broken_at {
        problems.push(format!(
            "the log is broken at event {sequence}: somebody altered it or took something out"
        ));
    }
    let gap = trail
        .events
        .iter()
        .zip(1..)
        .find(|(event, number)| event.sequence != *number);
    if let Some((event, number)) = gap {
        problems.push(format!(
            "the log goes on with event {} where {number} was expected",
            event.sequence
        ));
    }
    for key in keys.iter().filter(|key| key.outlived) {
        let days = key.sealed.as_hours() / 24;
        problems.push(format!(
            "key {} of {} sealed for {days} days, longer than the ceiling",
            key.key_id, key.ring
        ));
    }
    problems
}

fn table(trail: &KeyTrail, keys: &[Life<'_>]) -> String {
    let mut text = format!(
        "{:<7}  {:<16}  {:<20}  {:<20}  {:<20}  {}\n",
        "RING", "KEY", "ACTIVATED", "RETIRED", "DESTROYED", "SEALED FOR"
    );
    for key in keys {
        let time = |time: Option<Timestamp>| match time.map(|time| Timestamp::from_second(time.as_second())) {
            Some(Ok(time)) => time.to_string(),
            Some(Err(_)) | None => "-".to_owned(),
        };
        let hours = key.sealed.as_hours();
        let note = if key.outlived {
            "  LONGER THAN THE CEILING"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:<7}  {:<16}  {:<20}  {:<20}  {:<20}  {}d{}h{note}\n",
            key.ring,
            key.key_id,
            time(key.activated),
            time(key.retired),
            time(key.destroyed),
            hours / 24,
            hours % 24
        ));
    }
    let ceiling = trail.ceiling_seconds.map_or_else(
        || "no ceiling is configured".to_owned(),
        |seconds| format!("the ceiling is {} days", seconds / 86_400),
    );
    let chain = if trail.broken_at.is_none() {
        "the chain is whole"
    } else {
        "the chain is BROKEN"
    };
    text.push_str(&format!("{} events; {chain}; {ceiling}\n", trail.events.len()));
    text
}
