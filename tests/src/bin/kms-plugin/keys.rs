//! The plugin's keys: one file each, and what is done with them.

use std::fs;
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::{Context, Result};

const NONCE: usize = 12;

/// A directory of keys.
#[derive(Debug)]
pub(crate) struct Keys(PathBuf);

impl Keys {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let keys = Self(directory.to_owned());
        if keys.names()?.is_empty() {
            let mut key = [0; 32];
            getrandom::fill(&mut key)?;
            fs::write(directory.join("key-1.key"), key)?;
        }
        Ok(keys)
    }

    /// All of them, the one that encrypts last.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for file in fs::read_dir(&self.0)? {
            let name = file?.file_name();
            names.extend(
                name.to_str()
                    .and_then(|name| name.strip_suffix(".key"))
                    .map(str::to_owned),
            );
        }
        names.sort();
        Ok(names)
    }

    /// `nonce 12 ‖ ciphertext ‖ tag`, bound to the key's name.
    pub(crate) fn encrypt(&self, name: &str, msg: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let aad = name.as_bytes();
        let ciphertext = self
            .cipher(name)?
            .encrypt(&Nonce::from(nonce), Payload { msg, aad })
            .map_err(|_| anyhow::anyhow!("cannot encrypt"))?;
        Ok([nonce.as_slice(), &ciphertext].concat())
    }

    pub(crate) fn decrypt(&self, name: &str, ciphertext: &[u8]) -> Result<Vec<u8>> {
        let (nonce, msg) = ciphertext.split_first_chunk::<NONCE>().context("too short")?;
        let aad = name.as_bytes();
        self.cipher(name)?
            .decrypt(&Nonce::from(*nonce), Payload { msg, aad })
            .map_err(|_| anyhow::anyhow!("not encrypted under {name}"))
    }

    fn cipher(&self, name: &str) -> Result<Aes256Gcm> {
        anyhow::ensure!(self.names()?.iter().any(|known| known == name), "no key {name}");
        let key = fs::read(self.0.join(format!("{name}.key")))?;
        Ok(Aes256Gcm::new_from_slice(&key)?)
    }
}
