//! How the plugin misbehaves: each whim is a file of that name in `DIRECTORY/whims`, its content the detail.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What it can be told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whim {
    /// `hang`: takes requests and does not answer.
    Hang,
    /// `slow`: answers after that many milliseconds.
    Slow,
    /// `unhealthy`: says that of its health.
    Unhealthy,
    /// `version`: says that it speaks this one.
    Version,
    /// `key-id`: names this key in its status.
    KeyId,
    /// `flip`: its status names the last two keys in turn.
    Flip,
    /// `huge`: its ciphertexts have that many bytes.
    Huge,
    /// `annotation`: answers an annotation of that name.
    Annotation,
    /// `plaintext`: decrypts to that, whatever it is given.
    Plaintext,
    /// `refuse`: fails Encrypt and Decrypt with that, as a plain error of Go does.
    Refuse,
}

/// The directory of whims.
#[derive(Debug)]
pub(crate) struct Whims(PathBuf);

impl Whims {
    pub(crate) fn of(directory: &Path) -> Self {
        Self(directory.join("whims"))
    }

    /// The detail, when it has this whim now.
    pub(crate) fn has(&self, whim: Whim) -> Option<String> {
        fs::read_to_string(self.0.join(whim.name())).ok()
    }

    /// Before each answer.
    pub(crate) async fn wait(&self) {
        if self.has(Whim::Hang).is_some() {
            std::future::pending::<()>().await;
        }
        let slow = self.has(Whim::Slow).and_then(|text| text.trim().parse().ok());
        if let Some(milliseconds) = slow {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    }
}

impl Whim {
    const fn name(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::Unhealthy => "unhealthy",
            Self::Version => "version",
            Self::KeyId => "key-id",
            Self::Flip => "flip",
            Self::Huge => "huge",
            Self::Annotation => "annotation",
            Self::Plaintext => "plaintext",
            Self::Refuse => "refuse",
        }
    }
}
