//! The KMS v2 protocol against what the API server's people wrote: our client against the server of k8s.io/kms, and
//! our reference plugin against the client that the API server encrypts etcd with (tests/cluster/tools/kms).

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use splitvault_crypto::{Id, MasterKey, Values};
use splitvault_kms::{Deadline, KmsKek, Provider};
use splitvault_vault::{Kek, KekFault};

/// A process that is killed at the end.
struct Process(Child);

impl Process {
    fn start(program: &str, arguments: &[&Path]) -> Self {
        Self(Command::new(program).args(arguments).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn connected(socket: &str) -> KmsKek<Values> {
    let provider = Provider::new(socket.parse().unwrap(), Deadline::default());
    for _ in 0..500 {
        if provider.look().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    provider.look().await.unwrap();
    KmsKek::new(Arc::new(provider))
}

#[tokio::test]
async fn our_client_works_with_the_server_of_k8s_io_kms() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("kms.sock");
    let address = format!("unix://{}", socket.display());
    let first = Process::start("kms-server", &[&socket, Path::new("first")]);
    let kek = connected(&address).await;
    let key = MasterKey::<Values>::make().unwrap();
    let wrapped = kek.wrap(Id::ZERO, &key).await.unwrap();
    let sealed = kek.seal_bytes(Id::ZERO, "label", b"canary").await.unwrap();
    assert_eq!(kek.is_current(&wrapped).await, Ok(true));
    assert!(kek.unwrap(Id::ZERO, key.id(), &wrapped).await.is_ok());
    assert_eq!(
        kek.open_bytes(Id::ZERO, "label", &sealed).await.unwrap().expose(),
        b"canary"
    );

    drop(first);
    let gone = kek.unwrap(Id::ZERO, key.id(), &wrapped).await;
    assert!(matches!(gone, Err(KekFault::Unavailable { .. })));
    std::fs::remove_file(&socket).unwrap();
    let _second = Process::start("kms-server", &[&socket, Path::new("second")]);
    let kek = connected(&address).await;
    assert_eq!(kek.is_current(&wrapped).await, Ok(false));
    assert!(
        kek.unwrap(Id::ZERO, key.id(), &wrapped).await.is_err(),
        "it has another key"
    );
}

#[tokio::test]
async fn the_api_servers_client_works_with_our_plugin() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("kms.sock");
    let _plugin = Process::start(env!("CARGO_BIN_EXE_kms-plugin"), &[&socket, home.path()]);
    let address = format!("unix://{}", socket.display());
    connected(&address).await;
    let told = Command::new("kms-client")
        .arg(address)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(told.status.success());
    assert_eq!(String::from_utf8(told.stdout).unwrap(), "key-1\n");
}
