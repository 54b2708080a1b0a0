//! The files in `tests/vectors`, and the keys that `ours.json` fixes.

use serde_json::Value;
use splitvault_crypto::{Coordinates, FileKek, Id, KeyId, KeyRing, MasterKey, Purpose};

pub(crate) const OURS: &str = include_str!("../vectors/ours.json");
/// Master keys of [`OURS`], sealed to the offline recipient.
pub(crate) const ESCROW: &str = include_str!("../vectors/escrow.json");

pub(crate) fn load(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap()
}

/// The bytes in a field of hexadecimal digits.
pub(crate) fn hex(object: &Value, field: &str) -> Vec<u8> {
    let digits = text(object, field).as_bytes();
    assert!(digits.len().is_multiple_of(2), "whole bytes");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

pub(crate) fn id(object: &Value, field: &str) -> Id {
    Id::from_bytes(hex(object, field).try_into().unwrap())
}

/// One ring of `ours.json`, its keys read through the public door: the key file, then the wrapped master key.
pub(crate) struct Frozen<P: Purpose> {
    pub(crate) json: Value,
    pub(crate) kek: FileKek<P>,
    pub(crate) at: Coordinates,
    pub(crate) master_id: KeyId,
    pub(crate) master: Vec<u8>,
}

impl<P: Purpose> Frozen<P> {
    pub(crate) fn load() -> Self {
        let json = load(OURS)[P::LABEL].take();
        let revision = hex(&json, "revision").try_into().unwrap();
        Self {
            kek: FileKek::parse(text(&json, "kek").as_bytes()).unwrap(),
            at: Coordinates {
                installation: id(&json, "installation"),
                environment: id(&json, "environment"),
                revision: u64::from_be_bytes(revision),
                entry: id(&json, "entry"),
            },
            master_id: KeyId::from_bytes(hex(&json, "master_id").try_into().unwrap()),
            master: hex(&json, "master"),
            json,
        }
    }

    pub(crate) fn master_key(&self) -> MasterKey<P> {
        let wrapped = hex(&self.json, "wrapped");
        self.kek
            .unwrap(self.at.installation, self.master_id, &wrapped)
            .unwrap()
    }

    pub(crate) fn ring(&self) -> KeyRing<P> {
        KeyRing::new(self.master_key())
    }

    /// `(plaintext, envelope)` of each entry.
    pub(crate) fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.json["entries"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| (hex(entry, "plaintext"), hex(entry, "envelope")))
            .collect()
    }
}
