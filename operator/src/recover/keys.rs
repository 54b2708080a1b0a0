//! `recover keys`: the keys of an old copy go under the key-encryption keys of today.

use std::fmt::Write as _;
use std::time::SystemTime;

use anyhow::Context as _;
use serde_json::json;
use splitvault_vault::{Found, LifeStore, Recovered, RecoveryError, RecoverySources};

use super::{Format, Keys, files};

pub(super) async fn recover(args: &Keys) -> anyhow::Result<()> {
    let keks = files::keks(&args.keks)?;
    let recipient = args.escrow_key.as_deref().map(files::recipient).transpose()?;
    let copy = files::key_database(&args.database).await?;
    let newer = match &args.newer {
        Some(path) => Some(files::key_database(path).await?),
        None => None,
    };
    let sources = RecoverySources {
        keks: &keks,
        newer: newer.as_ref().map(|newer| newer as &dyn LifeStore),
        recipient: recipient.as_ref(),
    };
    let recovered = splitvault_vault::recover(&copy, &sources, SystemTime::now(), !args.dry_run).await;
    copy.close().await;
    if let Some(newer) = &newer {
        newer.close().await;
    }
    let recovered = recovered.map_err(|error| advise(error, args));
    let recovered = recovered.with_context(|| format!("{} was not changed", args.database.display()))?;
    let told = match args.output {
        Format::Text => text(&recovered, args),
        Format::Json => json(&recovered, args),
    };
    files::print(told.as_bytes())
}

/// What to do next about keys that were not found.
fn advise(error: RecoveryError, args: &Keys) -> anyhow::Error {
    let is_lost = matches!(error, RecoveryError::Lost(_));
    let error = anyhow::Error::from(error);
    match (is_lost, &args.newer, &args.escrow_key) {
        (false, _, _) => error,
        (true, None, _) => error.context("give a newer key database of the installation with --newer"),
        (true, Some(_), None) => error.context("if they were escrowed, give the private key with --escrow-key"),
        (true, Some(_), Some(_)) => error.context(
            "a key is in escrow only if it was destroyed while this recipient was configured; one that was still in use \
             is in the newer database, under the key-encryption keys of then",
        ),
    }
}

fn text(recovered: &Recovered, args: &Keys) -> String {
    let mut text = format!("installation {}\n", recovered.installation);
    for key in &recovered.keys {
        let (ring, state) = (key.ring.label(), key.state.label());
        // Writing to a string does not fail.
        let _ = writeln!(text, "{ring:8} {}  {state:9} {}", key.id, told(key.found));
    }
    if recovered.is_log_new {
        text.push_str("the key of the key log is lost: the log begins anew\n");
    }
    let path = args.database.display();
    let end = if args.dry_run {
        format!("nothing was changed in {path}: this was a dry run\n")
    } else {
        format!("{path} is under the given key-encryption keys now\n")
    };
    text + &end
}

const fn told(found: Found) -> &'static str {
    match found {
        Found::InPlace => "is under the given key-encryption key already",
        Found::Newer => "taken from the newer key database",
        Found::Escrow => "taken from escrow",
        Found::Replaced => "lost; a new one takes its place",
        Found::Dropped => "lost; not needed, counts as destroyed",
    }
}

fn json(recovered: &Recovered, args: &Keys) -> String {
    let keys = recovered.keys.iter().map(|key| {
        json!({
            "ring": key.ring.label(),
            "id": key.id.to_string(),
            "state": key.state.label(),
            "found": match key.found {
                Found::InPlace => "inPlace",
                Found::Newer => "newer",
                Found::Escrow => "escrow",
                Found::Replaced => "replaced",
                Found::Dropped => "dropped",
            },
        })
    });
    let told = json!({
        "installation": recovered.installation.to_string(),
        "keys": keys.collect::<Vec<_>>(),
        "newKeyLog": recovered.is_log_new,
        "changed": !args.dry_run,
    });
    format!("{told:#}\n")
}
