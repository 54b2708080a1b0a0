//! One call, one connection: calls are rare, and a plugin that was restarted is never met on a dead connection.

use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use splitvault_crypto::{Id, OneTimeKey, Random, SecretBytes};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status as Refusal};

use crate::address::Address;
use crate::answer::{Encrypted, Status};
use crate::fault::Fault;
use crate::proto::key_management_service_client::KeyManagementServiceClient;
use crate::proto::{DecryptRequest, EncryptRequest, StatusRequest};

/// Bytes of an answer at most: twice what the rules allow together.
const ANSWER_MAX: usize = 64 * 1024;

/// How long a call may take, connecting included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(pub Duration);

impl Default for Deadline {
    /// 3 s, as the API server's.
    fn default() -> Self {
        Self(Duration::from_secs(3))
    }
}

/// A plugin at the other end of a socket; knows the protocol, remembers nothing.
#[derive(Debug)]
pub(crate) struct Client {
    address: Address,
    deadline: Deadline,
}

type Service = KeyManagementServiceClient<Channel>;

impl Client {
    pub(crate) const fn new(address: Address, deadline: Deadline) -> Self {
        Self { address, deadline }
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) async fn status(&self) -> Result<Status, Fault> {
        let call = async |mut service: Service| service.status(StatusRequest {}).await;
        Status::try_from(self.call("Status", "", call).await?)
    }

    pub(crate) async fn encrypt(&self, key: &OneTimeKey) -> Result<Encrypted, Fault> {
        let uid = make_uid().map_err(|_| no_randomness("Encrypt"))?;
        let request = EncryptRequest {
            // EXPOSE: this is the one secret that the KMS is asked to encrypt.
            plaintext: key.expose().to_vec(),
            uid: uid.clone(),
        };
        let call = async |mut service: Service| service.encrypt(request).await;
        Encrypted::try_from(self.call("Encrypt", &uid, call).await?)
    }

    pub(crate) async fn decrypt(&self, encrypted: &Encrypted) -> Result<OneTimeKey, Fault> {
        let uid = make_uid().map_err(|_| no_randomness("Decrypt"))?;
        let request = DecryptRequest {
            ciphertext: encrypted.ciphertext.clone(),
            uid: uid.clone(),
            key_id: encrypted.key.as_str().to_owned(),
            annotations: encrypted.annotations.clone(),
        };
        let call = async |mut service: Service| service.decrypt(request).await;
        let plaintext = SecretBytes::from(self.call("Decrypt", &uid, call).await?.plaintext);
        // EXPOSE: into the key's own box.
        OneTimeKey::from_bytes(plaintext.expose()).ok_or(Fault::Answer)
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        uid: &str,
        call: impl AsyncFnOnce(Service) -> Result<Response<T>, Refusal>,
    ) -> Result<T, Fault> {
        let failed = |code| Fault::Failed {
            operation,
            code,
            uid: uid.to_owned(),
        };
        let answer = async {
            let service = self.connect().await?;
            call(service).await.map_err(|refusal| failed(refusal.code()))
        };
        tokio::time::timeout(self.deadline.0, answer)
            .await
            .unwrap_or(Err(Fault::TimedOut(self.deadline.0)))
            .map(Response::into_inner)
    }

    async fn connect(&self) -> Result<Service, Fault> {
        let connected = UnixStream::connect(self.address.socket()).await;
        let mut once = Some(TokioIo::new(
            connected.map_err(|error| Fault::Connect(error.kind()))?,
        ));
        let connector = tower::service_fn(move |_| {
            let stream = once.take().ok_or(io::ErrorKind::NotConnected);
            async move { stream.map_err(io::Error::from) }
        });
        // The authority that plugins see from the API server.
        let endpoint = Endpoint::from_static("http://localhost");
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|_| Fault::Connect(io::ErrorKind::ConnectionAborted))?;
        Ok(KeyManagementServiceClient::new(channel).max_decoding_message_size(ANSWER_MAX))
    }
}

fn make_uid() -> Result<String, Random> {
    Ok(Id::make()?.to_string())
}

fn no_randomness(operation: &'static str) -> Fault {
    Fault::Failed {
        operation,
        code: Code::Internal,
        uid: String::new(),
    }
}
