//! The offline recipient: to whom master keys are sealed before they are destroyed.

use std::path::Path;

use anyhow::Context as _;
use splitvault_crypto::sealing::{Algorithm, PublicKey};

/// What a public key in text begins with, and a private one too.
const TEXT: &str = "splitvault-sealing-";
/// No public key is longer.
const MOST: u64 = 64 * 1024;

/// To whom master keys are sealed before they are destroyed.
#[derive(Debug, Clone, clap::Args)]
pub struct Escrow {
    /// The public key of an offline recipient, or a file with it (see `splitvault escrow keygen`): master keys are sealed
    /// to it before they are destroyed, so that old backups stay readable on purpose.
    #[arg(
        long,
        env = "SPLITVAULT_ESCROW_RECIPIENT",
        value_name = "KEY|FILE",
        hide_env_values = true
    )]
    pub escrow_recipient: Option<String>,
}

impl Escrow {
    /// The recipient, if there is one.
    ///
    /// # Errors
    /// What is no public X-Wing key is refused; the text itself is not repeated, because it might be the private one.
    pub fn recipient(&self) -> anyhow::Result<Option<PublicKey>> {
        let Some(text) = self.escrow_recipient.as_deref().map(str::trim) else {
            return Ok(None);
        };
        if text.is_empty() {
            return Ok(None);
        }
        let read = if text.starts_with(TEXT) {
            parse(text)
        } else {
            parse_file(Path::new(text))
        };
        read.map(Some)
            .context("SPLITVAULT_ESCROW_RECIPIENT is no public key of `splitvault escrow keygen`")
    }
}

fn parse_file(path: &Path) -> anyhow::Result<PublicKey> {
    let size = std::fs::metadata(path).context("cannot read the file")?.len();
    anyhow::ensure!(size <= MOST, "the file is too large");
    parse(&std::fs::read_to_string(path).context("cannot read the file")?)
}

fn parse(text: &str) -> anyhow::Result<PublicKey> {
    let key: PublicKey = text.parse()?;
    // What is escrowed is kept for years.
    anyhow::ensure!(key.algorithm() == Algorithm::XWing, "it must be an X-Wing key");
    Ok(key)
}

#[cfg(test)]
mod tests {
    use splitvault_crypto::sealing::KeyPair;

    use super::*;

    fn recipient(text: &str) -> anyhow::Result<Option<PublicKey>> {
        let escrow_recipient = Some(text.to_owned());
        Escrow { escrow_recipient }.recipient()
    }

    #[test]
    fn a_recipient_is_a_public_key_as_text_or_in_a_file() {
        let pair = KeyPair::make(Algorithm::XWing).unwrap();
        let text = pair.public().to_text();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{text}\n")).unwrap();
        for given in [text.as_str(), file.path().to_str().unwrap()] {
            assert!(recipient(given).unwrap().as_ref() == Some(pair.public()));
        }
        assert!(
            recipient(" ").unwrap().is_none(),
            "as an unset chart value gives it"
        );
        let none = Escrow {
            escrow_recipient: None,
        };
        assert!(none.recipient().unwrap().is_none());
    }

    #[test]
    fn what_is_no_public_key_is_refused_and_a_private_one_is_not_repeated() {
        let pair = KeyPair::make(Algorithm::XWing).unwrap();
        let private = pair.to_text();
        let short = KeyPair::make(Algorithm::X25519).unwrap().public().to_text();
        let truncated = &pair.public().to_text()[..200];
        for text in [
            private.expose(),
            &short,
            truncated,
            "/nowhere",
            "/",
            "splitvault-sealing-v1:xwing:",
        ] {
            let refused = format!("{:#}", recipient(text).unwrap_err());
            assert!(!refused.contains(text.trim()), "{refused}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), private.expose()).unwrap();
        assert!(recipient(file.path().to_str().unwrap()).is_err());
    }
}
