//! Look-ups at real servers on the loopback interface, honest and not.

use std::sync::Arc;

use serde_json::json;

use super::flights::Outcome;
use super::keyring::{Form, Keyring};
use super::*;
use crate::metrics::Metrics;
use server::Server;

mod hostile;
mod pulls;
pub(crate) mod server;
mod sharing;

/// Look-ups that trust this server.
pub(crate) fn images(server: &Server) -> Images {
    let settings = Settings {
        registries: Registries::parse(["*"]).unwrap(),
        plain: Registries::default(),
        bundle: Some(server.ca.clone().into_bytes()),
    };
    Images::new(settings, Metrics::new()).unwrap()
}

/// Pull secrets with these users, password `secret`, for all of localhost.
fn secrets(server: &Server, users: &[&str]) -> Arc<PullSecrets> {
    let mut keyring = Keyring::default();
    for user in users {
        let entries = json!({server.name(): {"username": user, "password": "secret"}});
        keyring.add(Form::Cfg, entries.to_string().as_bytes());
    }
    Arc::new(PullSecrets::of(keyring))
}

async fn look(images: &Images, server: &Server, image: &str) -> Outcome {
    let image = format!("{}/{image}", server.name());
    images.look(&image, "amd64", &Arc::default()).await
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
