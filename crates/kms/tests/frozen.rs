//! What a KMS wrapped opens as long as there is this code: vectors by `vectors/make.go`, on Go's standard library.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use serde_json::Value;
use splitvault_crypto::{Coordinates, Id, KeyId, KeyRing, Names, Purpose, Values};
use splitvault_kms::proto::key_management_service_server::{
    KeyManagementService, KeyManagementServiceServer,
};
use splitvault_kms::proto::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, StatusRequest, StatusResponse,
};
use splitvault_kms::{Deadline, KmsKek, Provider};
use splitvault_vault::{Kek, KekFault};
use tokio::net::UnixListener;
use tonic::{Request, Response, Status};

const VECTORS: &str = include_str!("vectors/kms.json");

/// A plugin that knows one ciphertext, with everything that must come back beside it.
struct Canned(Value);

#[tonic::async_trait]
impl KeyManagementService for Canned {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Ok(Response::new(StatusResponse {
            version: "v2".to_owned(),
            healthz: "ok".to_owned(),
            key_id: "a newer one".to_owned(),
        }))
    }

    async fn encrypt(&self, _: Request<EncryptRequest>) -> Result<Response<EncryptResponse>, Status> {
        Err(Status::unimplemented("opens only"))
    }

    async fn decrypt(&self, request: Request<DecryptRequest>) -> Result<Response<DecryptResponse>, Status> {
        let request = request.into_inner();
        let annotations = [
            ("a.kms.example.com", b"first".to_vec()),
            ("b.kms.example.com", Vec::new()),
        ];
        let annotations = annotations.map(|(name, content)| (name.to_owned(), content));
        assert!(!request.uid.is_empty());
        if request.ciphertext != hex(&self.0["ciphertext"])
            || self.0["key_id"] != request.key_id
            || request.annotations != annotations.into()
        {
            return Err(Status::invalid_argument("not mine"));
        }
        let plaintext = hex(&self.0["one_time"]);
        Ok(Response::new(DecryptResponse { plaintext }))
    }
}

#[tokio::test]
async fn what_was_wrapped_for_names_opens() {
    opens::<Names>().await;
}

#[tokio::test]
async fn what_was_wrapped_for_values_opens() {
    opens::<Values>().await;
}

async fn opens<P: Purpose>() {
    let home = std::env::temp_dir().join(format!("splitvault-kms-{}", Id::make().unwrap()));
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = &vectors[P::LABEL];
    let provider = Arc::new(serve(&home, vectors.clone()));
    let kek = KmsKek::<P>::new(provider);
    let installation = Id::from_bytes(hex(&vectors["installation"]).try_into().unwrap());
    let id = KeyId::from_bytes(hex(&vectors["id"]).try_into().unwrap());
    let (wrapped, sealed) = (hex(&vectors["wrapped"]), hex(&vectors["sealed"]));

    let master = kek.unwrap(installation, id, &wrapped).await.unwrap();
    let at = Coordinates {
        installation,
        environment: Id::ZERO,
        revision: 1,
        entry: Id::ZERO,
    };
    let entry = KeyRing::new(master).open(&at, &hex(&vectors["entry"])).unwrap();
    assert_eq!(entry.expose(), b"canary");
    let label = vectors["label"].as_str().unwrap();
    let opened = kek.open_bytes(installation, label, &sealed).await.unwrap();
    assert_eq!(vectors["secret"], std::str::from_utf8(opened.expose()).unwrap());
    assert_eq!(kek.is_current(&wrapped).await, Ok(false));
    let moved = kek.unwrap(Id::ZERO, id, &wrapped).await;
    assert_eq!(moved.err(), Some(KekFault::Refused));
    std::fs::remove_file(home).unwrap();
}

fn serve(socket: &std::path::Path, vectors: Value) -> Provider {
    let listener = UnixListener::bind(socket).unwrap();
    let incoming = futures::stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let service = KeyManagementServiceServer::new(Canned(vectors));
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    let address = format!("vendor-1=unix://{}", socket.display());
    Provider::new(address.parse().unwrap(), Deadline::default())
}

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
