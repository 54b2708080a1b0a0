//! A KMS v2 plugin for tests: real AES-256-GCM under keys in a directory, on a real unix socket, with whims.
//!
//! `kms-plugin SOCKET DIRECTORY`. `DIRECTORY/NAME.key` holds the 32 bytes of the key whose `key_id` is NAME; the last
//! by name encrypts, and a new file is a rotation. Without any, `key-1` is made. A file in `DIRECTORY/whims` makes it
//! misbehave; see [`whims`]. Both are read anew for each request. Not for anything that matters.

mod keys;
mod service;
mod whims;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use futures::stream;
use splitvault_kms::proto::key_management_service_server::KeyManagementServiceServer;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Server;

use keys::Keys;
use service::Plugin;
use whims::Whims;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(socket), Some(directory)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: kms-plugin SOCKET DIRECTORY");
    };
    let keys = Keys::open(&directory)?;
    let plugin = Plugin::new(keys, Whims::of(&directory));
    let listener = listen(&socket).with_context(|| format!("cannot listen at {}", socket.display()))?;
    let incoming = stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let mut terminated = signal(SignalKind::terminate())?;
    Server::builder()
        .add_service(KeyManagementServiceServer::new(plugin))
        .serve_with_incoming_shutdown(incoming, async move {
            terminated.recv().await;
        })
        .await
        .context("cannot serve")
}

/// A socket that a killed process left behind is taken over.
fn listen(socket: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(socket)
}
