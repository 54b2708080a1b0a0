//! The reference plugin as a child process, and a hand on its directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use splitvault_kms::{Deadline, Fault, Provider};

/// Far below the usual 3 s, so that a plugin that hangs is found out soon.
const DEADLINE: Deadline = Deadline(Duration::from_millis(500));

/// A plugin that runs; killed at the end.
pub(crate) struct Plugin {
    home: tempfile::TempDir,
    process: Option<Child>,
}

impl Plugin {
    /// Starts it on a socket and keys of its own, and waits until it answers.
    pub(crate) async fn start() -> Self {
        let mut plugin = Self {
            home: tempfile::tempdir().unwrap(),
            process: None,
        };
        plugin.restart().await;
        plugin
    }

    pub(crate) async fn restart(&mut self) {
        let process = Command::new(env!("CARGO_BIN_EXE_kms-plugin"))
            .arg(self.socket())
            .arg(self.home.path())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        // Whatever it answers: it answers.
        let answers = |fault| !matches!(fault, Fault::Connect(_));
        for _ in 0..500 {
            if self.provider().look().await.map_or_else(answers, |_| true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the plugin does not start");
    }

    /// SIGKILL: the socket stays behind, with nobody at it.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join("kms.sock")
    }

    /// A client that remembers nothing yet.
    pub(crate) fn provider(&self) -> Arc<Provider> {
        self.named("kms")
    }

    pub(crate) fn named(&self, name: &str) -> Arc<Provider> {
        provider(name, &self.socket())
    }

    /// A new key, which encrypts from now on.
    pub(crate) fn rotate(&self, name: &str) {
        let key: [u8; 32] =
            std::array::from_fn(|n| u8::try_from(n).unwrap() ^ name.as_bytes()[name.len() - 1]);
        self.put_key(name, &key);
    }

    pub(crate) fn put_key(&self, name: &str, key: &[u8]) {
        // Whole or not at all: the plugin reads it at any moment.
        let new = self.home.path().join("new");
        fs::write(&new, key).unwrap();
        fs::rename(new, self.home.path().join(format!("{name}.key"))).unwrap();
    }

    pub(crate) fn key(&self, name: &str) -> Vec<u8> {
        fs::read(self.home.path().join(format!("{name}.key"))).unwrap()
    }

    pub(crate) fn lose(&self, name: &str) {
        fs::remove_file(self.home.path().join(format!("{name}.key"))).unwrap();
    }

    pub(crate) fn whim(&self, whim: &str, detail: &str) {
        let whims = self.home.path().join("whims");
        fs::create_dir_all(&whims).unwrap();
        fs::write(whims.join(whim), detail).unwrap();
    }

    pub(crate) fn behave(&self) {
        fs::remove_dir_all(self.home.path().join("whims")).unwrap();
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

pub(crate) fn provider(name: &str, socket: &Path) -> Arc<Provider> {
    let address = format!("{name}=unix://{}", socket.display());
    Arc::new(Provider::new(address.parse().unwrap(), DEADLINE))
}
