//! What a sealed message is for.

use crate::fields;
use crate::id::{Id, KeyId};

/// The use and the object that a message is sealed for; it opens for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context<'a> {
    /// A payload in a VaultSecret manifest: copied into another namespace or under another name, it is refused.
    Manifest {
        /// The namespace of the VaultSecret.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A delivery to a pod's ephemeral key.
    Delivery {
        /// The pod's UID.
        pod_uid: &'a str,
    },
    /// An answer to a VaultRequest's ephemeral key.
    Answer {
        /// The request's UID.
        request_uid: &'a str,
    },
    /// A master key for the offline recipient.
    Escrow {
        /// The installation.
        installation: Id,
        /// Whose key: `names` or `values`.
        ring: &'a str,
        /// Its id.
        key: KeyId,
    },
}

impl Context<'_> {
    /// The HPKE `info`: format, use, and what it is about, each behind its length.
    pub(super) fn info(&self) -> Vec<u8> {
        let format = b"splitvault/sealed/v1".as_slice();
        match self {
            Self::Manifest { namespace, name } => {
                fields::encode(&[format, b"manifest", namespace.as_bytes(), name.as_bytes()])
            }
            Self::Delivery { pod_uid } => fields::encode(&[format, b"delivery", pod_uid.as_bytes()]),
            Self::Answer { request_uid } => fields::encode(&[format, b"answer", request_uid.as_bytes()]),
            Self::Escrow {
                installation,
                ring,
                key,
            } => fields::encode(&[
                format,
                b"escrow",
                installation.as_bytes(),
                ring.as_bytes(),
                key.as_bytes(),
            ]),
        }
    }
}
