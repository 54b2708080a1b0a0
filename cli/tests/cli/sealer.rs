//! Seals with a key whose private half is at hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use splitvault_api::VaultSecret;
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair, UnsealError};

use crate::program::{Output, Place};

pub(crate) const ENV: &str =
    "# of the shop\nDATABASE_URL='postgres://web:swordfish@db/shop'\nLINES=\"a\\nb\"\n";

pub(crate) struct Sealer {
    pub(crate) place: Place,
    key: KeyPair,
    pub(crate) key_file: String,
}

impl Sealer {
    pub(crate) fn new() -> Self {
        Self::of(Algorithm::XWing)
    }

    pub(crate) fn of(algorithm: Algorithm) -> Self {
        let (place, key) = (Place::new(), KeyPair::make(algorithm).unwrap());
        let key_file = place.file("splitvault.pub", format!("{}\n", key.public().to_text()));
        Self { place, key, key_file }
    }

    pub(crate) fn seal(&self, text: &str, options: &[&str]) -> Output {
        let base = [
            "seal",
            "-",
            "--name",
            "web",
            "-n",
            "shop",
            "--key-file",
            &self.key_file,
        ];
        self.place.run_with(&[&base, options].concat(), text)
    }

    pub(crate) fn sealed(&self, text: &str, options: &[&str]) -> VaultSecret {
        let output = self.seal(text, options);
        assert_eq!(output.code, 0, "{}", output.stderr);
        serde_saphyr::from_str(&output.stdout).unwrap()
    }

    pub(crate) fn open(
        &self,
        object: &VaultSecret,
        namespace: &str,
        name: &str,
    ) -> Result<String, UnsealError> {
        let sealed = object.spec.source.clone().unwrap().sealed.unwrap();
        assert_eq!(sealed.key_id, self.key.id().to_string());
        let payload = STANDARD.decode(sealed.payload).unwrap();
        let opened = self.key.open(&Context::Manifest { namespace, name }, &payload)?;
        Ok(String::from_utf8(opened.expose().to_vec()).unwrap())
    }
}
