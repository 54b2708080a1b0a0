//! The providers that the command line names, as the vault takes them; plugins are watched from the start.

use std::sync::Arc;

use kube::Client;
use splitvault_crypto::{FileKek, Names, Purpose, Values};
use splitvault_kms::{Deadline, Health, KmsKek, Provider, State};
use splitvault_vault::keys::Root;
use splitvault_vault::{Kek, Keks, RingKek};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::choice::Choice;
use super::{Files, KekError, Wanted, obtain};
use crate::metrics::Metrics;

/// The providers of both rings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Providers {
    names: Vec<Chosen>,
    values: Vec<Chosen>,
}

#[derive(Debug, Clone)]
enum Chosen {
    File,
    Kms(Arc<Provider>),
}

impl Providers {
    /// The providers of each ring, the one that wraps first; a plugin that both rings name is one.
    pub fn new([names, values]: [Vec<Choice>; 2]) -> Self {
        let mut plugins: Vec<Arc<Provider>> = Vec::new();
        let mut chosen = |choice: Choice| match choice {
            Choice::File => Chosen::File,
            Choice::Kms(address) => {
                let known = plugins.iter().find(|plugin| *plugin.address() == address);
                let plugin = known.cloned().unwrap_or_else(|| {
                    let plugin = Arc::new(Provider::new(address, Deadline::default()));
                    plugins.push(Arc::clone(&plugin));
                    plugin
                });
                Chosen::Kms(plugin)
            }
        };
        Self {
            names: names.into_iter().map(&mut chosen).collect(),
            values: values.into_iter().map(&mut chosen).collect(),
        }
    }

    /// What the vault wraps with. Asks the cluster for the key file when a ring has one, and makes it when no key
    /// that is kept can depend on one that was lost: see [`has_file_keys`].
    ///
    /// # Errors
    /// See [`KekError`].
    pub async fn keks(&self, client: &Client, namespace: &str, in_use: bool) -> Result<Keks, KekError> {
        let is_file = |chosen: &Chosen| matches!(chosen, Chosen::File);
        let wanted = Wanted {
            names: self.names.iter().any(is_file),
            values: self.values.iter().any(is_file),
            wraps: [&self.names, &self.values]
                .into_iter()
                .any(|ring| ring.first().is_some_and(is_file)),
        };
        let files = if wanted.names || wanted.values {
            obtain(client, namespace, in_use, wanted).await?
        } else {
            Files::default()
        };
        Ok(Keks {
            names: ring::<Names>(&self.names, files.names, super::NAMES_KEY)?,
            values: ring::<Values>(&self.values, files.values, super::VALUES_KEY)?,
        })
    }

    /// Asks all plugins for their status again and again, and keeps the metrics; never ends by itself.
    pub async fn watch(self, metrics: Metrics) {
        let mut tasks = JoinSet::new();
        for (ring, chosen) in [("names", &self.names), ("values", &self.values)] {
            match chosen.first() {
                Some(Chosen::Kms(plugin)) => {
                    let (plugin, metrics) = (Arc::clone(plugin), metrics.clone());
                    tasks.spawn(tell(ring, plugin, metrics));
                }
                Some(Chosen::File) | None => metrics.kek_up(ring, "file", true),
            }
        }
        for plugin in self.plugins() {
            tasks.spawn(plugin.watch());
        }
        while tasks.join_next().await.is_some() {}
        std::future::pending().await
    }

    /// The plugins' health, from now on.
    pub(super) fn healths(&self) -> Vec<watch::Receiver<Health>> {
        let plugins = self.plugins().into_iter();
        plugins.map(|plugin| plugin.health()).collect()
    }

    fn plugins(&self) -> Vec<Arc<Provider>> {
        let mut plugins: Vec<Arc<Provider>> = Vec::new();
        for chosen in self.names.iter().chain(&self.values) {
            if let Chosen::Kms(plugin) = chosen
                && !plugins.iter().any(|known| Arc::ptr_eq(known, plugin))
            {
                plugins.push(Arc::clone(plugin));
            }
        }
        plugins
    }
}

fn ring<P: Purpose>(
    chosen: &[Chosen],
    mut file: Option<FileKek<P>>,
    key: &'static str,
) -> Result<RingKek<P>, KekError> {
    let mut ring: Option<RingKek<P>> = None;
    for chosen in chosen {
        let kek: Arc<dyn Kek<P>> = match (chosen, file.take_if(|_| matches!(chosen, Chosen::File))) {
            (Chosen::Kms(plugin), _) => Arc::new(KmsKek::<P>::new(Arc::clone(plugin))),
            (Chosen::File, Some(file)) => Arc::new(file),
            // A former key file that never was.
            (Chosen::File, None) if ring.is_some() => continue,
            (Chosen::File, None) => return Err(KekError::Invalid { key, source: None }),
        };
        ring = Some(match ring {
            None => RingKek::new(kek),
            Some(ring) => ring.and_former(kek),
        });
    }
    ring.ok_or(KekError::Invalid { key, source: None })
}

/// Whether a key of the installation is wrapped by a key file: then a new file would be the wrong one.
pub fn has_file_keys(root: &Root) -> bool {
    let mut wrapped = root.keys.iter().filter_map(|key| key.wrapped.as_deref());
    wrapped.any(is_by_file)
}

/// An envelope's first byte; what a KMS wrapped has another.
pub(super) fn is_by_file(wrapped: &[u8]) -> bool {
    wrapped.first() == Some(&1)
}

async fn tell(ring: &'static str, plugin: Arc<Provider>, metrics: Metrics) {
    let mut health = plugin.health();
    let name = plugin.address().name().to_string();
    let mut shown = None;
    loop {
        let Health { state, key } = health.borrow_and_update().clone();
        metrics.kek_up(ring, &name, state == State::Up);
        if let Some(now) = key.map(|key| key.hash()) {
            metrics.kek_key(ring, &name, shown.replace(now.clone()), now);
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}
