//! Tries whether the store gets along with certificates before the operator relies on them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::ClientConfig;
use splitvault_values::ValueStore as _;
use splitvault_values::grpc::RemoteValues;
use splitvault_values::grpc::tls::channel;

use super::host;
use crate::pki::Probe;

/// Bounds one try.
const DEADLINE: Duration = Duration::from_secs(10);

/// The store at this address.
pub(super) struct StoreProbe(pub(super) String);

#[async_trait]
impl Probe for StoreProbe {
    async fn admits(&self, config: Arc<ClientConfig>) -> bool {
        let channel = channel(&self.0, host(&self.0), move || Arc::clone(&config));
        let Ok(channel) = channel else { return false };
        let values = RemoteValues::new(channel);
        let answer = tokio::time::timeout(DEADLINE, values.list(None, 1)).await;
        answer.is_ok_and(|answer| answer.is_ok())
    }
}
