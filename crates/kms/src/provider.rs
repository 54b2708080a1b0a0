//! A plugin that is watched: its status is asked about once a minute, and at once after something failed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use splitvault_crypto::OneTimeKey;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::address::Address;
use crate::answer::{Encrypted, KeyName};
use crate::client::{Client, Deadline};
use crate::fault::Fault;
use crate::health::{Health, Memory, State};

/// Between two looks at a plugin that is up.
const POLL: Duration = Duration::from_secs(60);
/// Between the first looks at one that is not.
const SOON: Duration = Duration::from_secs(1);
/// Between later ones.
const LATER: Duration = Duration::from_secs(10);

/// A KMS v2 plugin. Share it through an `Arc` when both rings use the same one.
#[derive(Debug)]
pub struct Provider {
    client: Client,
    memory: Mutex<Memory>,
    health: watch::Sender<Health>,
    failed: Notify,
}

impl Provider {
    /// Knows where the plugin is; asks nothing yet.
    pub fn new(address: Address, deadline: Deadline) -> Self {
        Self {
            client: Client::new(address, deadline),
            memory: Mutex::default(),
            health: watch::Sender::new(Health::UNASKED),
            failed: Notify::new(),
        }
    }

    /// Where it is, and its name.
    pub const fn address(&self) -> &Address {
        self.client.address()
    }

    /// How it is, whenever that changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Asks it for its status again and again; never ends by itself.
    pub async fn watch(self: Arc<Self>) {
        let mut faults = 0_u32;
        loop {
            faults = if self.look().await.is_ok() {
                0
            } else {
                faults.saturating_add(1)
            };
            let pause = match faults {
                0 => POLL,
                1..=3 => SOON,
                _ => LATER,
            };
            // Whether it is time or something failed: look.
            let _elapsed = tokio::time::timeout(pause, self.failed.notified()).await;
        }
    }

    /// Asks for the status: which key it encrypts under now.
    ///
    /// # Errors
    /// Why it must not be asked to encrypt.
    pub async fn look(&self) -> Result<KeyName, Fault> {
        let status = self.client.status().await;
        let key = status.and_then(|status| self.remembering().observe(status, Instant::now()));
        self.record(key.as_ref());
        key
    }

    /// The key that it encrypts under, as of a minute ago at most.
    pub(crate) async fn key(&self) -> Result<KeyName, Fault> {
        let known = self.health.borrow().clone();
        match known.key {
            Some(key) if known.state == State::Up && self.remembering().is_fresh(POLL) => Ok(key),
            _ => self.look().await,
        }
    }

    /// Has it encrypt a one-time key, under the key that its status names and no other.
    pub(crate) async fn encrypt(&self, key: &OneTimeKey) -> Result<Encrypted, Fault> {
        let named = self.look().await?;
        let encrypted = self.told(self.client.encrypt(key).await)?;
        // It may have rotated between the two answers; then its status names the new key now.
        if encrypted.key != named {
            let named = self.look().await?;
            if encrypted.key != named {
                return self.told(Err(Fault::Mismatch {
                    status: named.hash(),
                    encrypted: encrypted.key.hash(),
                }));
            }
        }
        Ok(encrypted)
    }

    /// Has it decrypt a one-time key. Whatever its status: what opens, opens.
    pub(crate) async fn decrypt(&self, encrypted: &Encrypted) -> Result<OneTimeKey, Fault> {
        let opened = self.client.decrypt(encrypted).await;
        match &opened {
            // A ciphertext that is refused says nothing of the plugin.
            Err(fault) if fault.is_refusal() => opened,
            _ => self.told(opened),
        }
    }

    fn remembering(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure.
    fn told<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &result {
            self.record(Err(fault));
        }
        result
    }

    fn record(&self, key: Result<&KeyName, &Fault>) {
        let before = self.health.borrow().clone();
        let after = match key {
            Ok(key) => Health {
                state: State::Up,
                key: Some(key.clone()),
            },
            Err(fault) => Health {
                state: State::Down(fault.clone()),
                key: before.key.clone(),
            },
        };
        if !after.is_news(&before) {
            return;
        }
        self.tell(&before, &after);
        // Whoever watches may sleep for a minute; a fault is looked at at once.
        if before.is_up() {
            self.failed.notify_one();
        }
        self.health.send_replace(after);
    }

    /// One line for each change.
    fn tell(&self, before: &Health, after: &Health) {
        let provider = self.address().to_string();
        let key = after.key.as_ref().map(KeyName::hash);
        match &after.state {
            State::Unasked => {}
            State::Down(fault) => tracing::error!(
                provider,
                "the KMS plugin is of no use: {fault}; keys that are unwrapped stay in use, no new ones are made"
            ),
            State::Up if before.is_up() => {
                tracing::warn!(provider, key, "the KMS plugin encrypts under another key now");
            }
            State::Up => tracing::info!(provider, key, "the KMS plugin is up"),
        }
    }
}
