//! The three methods of the protocol.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use splitvault_kms::proto::key_management_service_server::KeyManagementService;
use splitvault_kms::proto::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, StatusRequest, StatusResponse,
};
use tonic::{Request, Response, Status};

use crate::keys::Keys;
use crate::whims::{Whim, Whims};

/// An annotation that has to come back.
const ANNOTATION: &str = "form.kms.splitvault.dev";

/// The plugin.
#[derive(Debug)]
pub(crate) struct Plugin {
    keys: Keys,
    whims: Whims,
    flips: AtomicUsize,
}

impl Plugin {
    pub(crate) fn new(keys: Keys, whims: Whims) -> Self {
        Self {
            keys,
            whims,
            flips: AtomicUsize::new(0),
        }
    }

    fn current(&self) -> Result<String, Status> {
        let names = self.keys.names().map_err(internal)?;
        names
            .into_iter()
            .next_back()
            .ok_or_else(|| Status::unavailable("no key"))
    }

    fn named(&self) -> Result<String, Status> {
        if let Some(name) = self.whims.has(Whim::KeyId) {
            return Ok(name);
        }
        if self.whims.has(Whim::Flip).is_none() {
            return self.current();
        }
        let names = self.keys.names().map_err(internal)?;
        let turn = self.flips.fetch_add(1, Ordering::Relaxed) % 2;
        names
            .into_iter()
            .rev()
            .nth(turn)
            .ok_or_else(|| Status::unavailable("one key"))
    }

    async fn begin(&self, uid: &str) -> Result<(), Status> {
        self.whims.wait().await;
        if uid.is_empty() {
            return Err(Status::invalid_argument("no uid"));
        }
        match self.whims.has(Whim::Refuse) {
            Some(why) => Err(Status::unknown(why)),
            None => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl KeyManagementService for Plugin {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        self.whims.wait().await;
        let has = |whim, usual: &str| self.whims.has(whim).unwrap_or_else(|| usual.to_owned());
        Ok(Response::new(StatusResponse {
            version: has(Whim::Version, "v2"),
            healthz: has(Whim::Unhealthy, "ok"),
            key_id: self.named()?,
        }))
    }

    async fn encrypt(&self, request: Request<EncryptRequest>) -> Result<Response<EncryptResponse>, Status> {
        let request = request.into_inner();
        self.begin(&request.uid).await?;
        let key_id = self.current()?;
        let mut ciphertext = self.keys.encrypt(&key_id, &request.plaintext).map_err(internal)?;
        if let Some(size) = self.whims.has(Whim::Huge) {
            ciphertext = vec![0; size.trim().parse().map_err(internal)?];
        }
        let name = self.whims.has(Whim::Annotation);
        let name = name.unwrap_or_else(|| ANNOTATION.to_owned());
        Ok(Response::new(EncryptResponse {
            ciphertext,
            key_id,
            annotations: BTreeMap::from([(name, b"1".to_vec())]),
        }))
    }

    async fn decrypt(&self, request: Request<DecryptRequest>) -> Result<Response<DecryptResponse>, Status> {
        let request = request.into_inner();
        self.begin(&request.uid).await?;
        if let Some(plaintext) = self.whims.has(Whim::Plaintext) {
            let plaintext = plaintext.into_bytes();
            return Ok(Response::new(DecryptResponse { plaintext }));
        }
        if request.annotations.get(ANNOTATION).map(Vec::as_slice) != Some(b"1") {
            return Err(Status::invalid_argument("the annotation did not come back"));
        }
        let opened = self.keys.decrypt(&request.key_id, &request.ciphertext);
        let plaintext = opened.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(DecryptResponse { plaintext }))
    }
}

fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
