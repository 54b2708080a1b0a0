//! What can be wrong with a plugin, told to people. Nothing that a plugin says of a key or of a one-time key is here:
//! an answer to Encrypt or Decrypt that failed is shown by its code only.

use std::io;
use std::time::Duration;

use tonic::Code;

use crate::answer::{ANNOTATIONS_MAX, CIPHERTEXT_MAX, KEY_NAME_MAX};

/// Characters of a plugin's own words that are shown.
const SHOWN: usize = 200;

/// Why a plugin is of no use now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody listens at the socket, or we may not connect.
    #[error("cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// It took the connection, or the request, and did not answer.
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// It says so itself.
    #[error("it says of its health: {healthz:?}")]
    Unhealthy {
        /// Its words, shortened.
        healthz: String,
    },
    /// It is no KMS v2 plugin.
    #[error("it speaks version {got:?} of the protocol instead of v2")]
    Version {
        /// What it says, shortened.
        got: String,
    },
    /// `v2` became `v2beta1` or the other way round; the protocol forbids that while a client runs.
    #[error("its version of the protocol changed: restart what uses it")]
    VersionChanged,
    /// Empty or too long.
    #[error("its key_id has {got} bytes instead of 1 to {KEY_NAME_MAX}")]
    KeyName {
        /// How many bytes.
        got: usize,
    },
    /// An answer to Encrypt or Decrypt breaks the protocol's rules.
    #[error(
        "its answer breaks the rules of KMS v2: 1 to {CIPHERTEXT_MAX} bytes of ciphertext, annotations that are domain \
         names with at most {ANNOTATIONS_MAX} bytes"
    )]
    Answer,
    /// Status is authoritative; what another key encrypted is not kept.
    #[error("it encrypts under the key {encrypted}, but its status names {status}")]
    Mismatch {
        /// Hash of the key that the status names.
        status: String,
        /// Hash of the key that encrypted.
        encrypted: String,
    },
    /// It came back to a key that it had left a moment ago.
    #[error("its key_id goes back and forth, last to {key}: do two plugins share the socket, or a key ring?")]
    Unsteady {
        /// Hash of the key that it came back to.
        key: String,
    },
    /// A call failed.
    #[error("{operation} failed with {code:?}; its own log tells more (uid {uid})")]
    Failed {
        /// `Status`, `Encrypt` or `Decrypt`.
        operation: &'static str,
        /// gRPC's code.
        code: Code,
        /// What the request was marked with; empty for Status.
        uid: String,
    },
}

impl Fault {
    /// Whether the plugin refused this very ciphertext, so that another try will not help.
    pub(crate) const fn is_refusal(&self) -> bool {
        match self {
            Self::Failed { code, .. } => matches!(
                code,
                Code::InvalidArgument | Code::NotFound | Code::OutOfRange | Code::DataLoss
            ),
            Self::Answer => true,
            Self::Connect(_)
            | Self::TimedOut(_)
            | Self::Unhealthy { .. }
            | Self::Version { .. }
            | Self::VersionChanged
            | Self::KeyName { .. }
            | Self::Mismatch { .. }
            | Self::Unsteady { .. } => false,
        }
    }
}

/// The beginning of a text from outside, on one line.
pub(crate) fn legible(text: &str) -> String {
    let shown = text.chars().take(SHOWN);
    shown
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}
