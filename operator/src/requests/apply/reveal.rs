//! Answering the variables of a VaultSecret, to the one key that was made for this request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use splitvault_api::Outcome;
use splitvault_crypto::SealError;
use splitvault_crypto::sealing::{Algorithm, Context as Sealed, PublicKey};
use splitvault_dotenv::{Dialect, write};

use super::Target;
use crate::requests::status::{Said, Verdict};
use crate::requests::{Context, Failure};

/// Characters of base64 that the schema takes.
const LIMIT: usize = 1_500_000;

impl Context {
    pub(super) async fn reveal(
        &self,
        target: &Target,
        revision: Option<u64>,
        key: &str,
        request_uid: &str,
    ) -> Result<Verdict, Failure> {
        let key = parse(key)?;
        let _turn = self.bounds.reveals.acquire().await;
        let read = match revision {
            Some(revision) => self.vault.read_revision(&target.uid, revision).await?,
            None => self.vault.read(&target.uid).await?,
        };
        let revision = revision.unwrap_or(target.revision);
        let environment = read.ok_or(Failure::UnknownRevision(revision))?;
        let text = write(&environment.dotenv, Dialect::Npm).map_err(|_| Failure::Unwritable)?;
        // EXPOSE: sealed to the requester's key here.
        let answer = seal(&key, request_uid, text.expose().as_bytes())?;
        let message = format!(
            "revision {} is answered, sealed to the request's key",
            environment.revision
        );
        let said = Said {
            revision: Some(environment.revision),
            answer: Some(answer),
            ..Said::default()
        };
        Ok(Verdict::new(Outcome::Done, message, said))
    }
}

/// A key that answers are sealed to: what lives for a minute needs no other than X25519.
pub(in crate::requests) fn parse(text: &str) -> Result<PublicKey, Failure> {
    let key: PublicKey = text.parse().map_err(|_| Failure::PublicKey)?;
    Some(key)
        .filter(|key| key.algorithm() == Algorithm::X25519)
        .ok_or(Failure::PublicKey)
}

pub(super) fn seal(key: &PublicKey, request_uid: &str, text: &[u8]) -> Result<String, Failure> {
    let sealed = key
        .seal(&Sealed::Answer { request_uid }, text)
        .map_err(|error| match error {
            SealError::TooLarge { .. } => Failure::TooLarge,
            SealError::Random | SealError::Cipher => {
                Failure::Internal("the operator cannot encrypt".to_owned())
            }
        })?;
    Some(STANDARD.encode(sealed))
        .filter(|answer| answer.len() <= LIMIT)
        .ok_or(Failure::TooLarge)
}
