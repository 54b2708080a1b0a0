//! The client: a value store somewhere else.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use super::proto::values_client::ValuesClient;
use super::proto::{CheckpointRequest, CountRequest, DeleteRequest, GetRequest, ListRequest, PutRequest};
use super::status::store_error;
use crate::{StoreError, Token, ValueStore, limits};

/// How long one attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For look-ups, lists, counts and deletes.
    pub short: Duration,
    /// For puts, which wait for the disk, and checkpoints, which wait for readers as well.
    pub put: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            short: Duration::from_secs(5),
            put: Duration::from_secs(15),
        }
    }
}

/// The operator's client. Cheap to clone.
///
/// All but puts are tried up to four times with growing pauses while the store is unavailable;
/// a put is tried once, because its answer may have been lost after it was done.
#[derive(Debug, Clone)]
pub struct RemoteValues {
    client: ValuesClient<Channel>,
    deadlines: Deadlines,
}

impl RemoteValues {
    /// A client over this channel; see [`super::tls::channel`].
    pub fn new(channel: Channel) -> Self {
        let client = ValuesClient::new(channel)
            .max_decoding_message_size(limits::MESSAGE)
            .max_encoding_message_size(limits::MESSAGE);
        Self {
            client,
            deadlines: Deadlines::default(),
        }
    }

    /// The same with other deadlines.
    #[must_use]
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }

    /// One answer to a look-up: a part of the batch from its start, at least one.
    async fn found(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let message = GetRequest {
            tokens: to_wire(tokens),
        };
        let answer = self.retry(self.deadlines.short, |mut client| {
            let message = message.clone();
            async move { client.get(message).await }
        });
        let found = answer.await?.found;
        if found.is_empty() || found.len() > tokens.len() {
            return Err(StoreError::Protocol);
        }
        Ok(found.into_iter().map(|found| found.envelope).collect())
    }

    async fn retry<T, F>(
        &self,
        deadline: Duration,
        call: impl Fn(ValuesClient<Channel>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(1))
            .with_max_times(3);
        (|| attempt(deadline, call(self.client.clone())))
            .retry(pauses)
            .when(|error| error.is_transient())
            .await
    }
}

#[async_trait]
impl ValueStore for RemoteValues {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        limits::check_put(&envelopes)?;
        if envelopes.is_empty() {
            return Ok(Vec::new());
        }
        let count = envelopes.len();
        let mut client = self.client.clone();
        let answer = attempt(self.deadlines.put, client.put(PutRequest { envelopes })).await?;
        let tokens = from_wire(&answer.tokens)?;
        if tokens.len() == count {
            Ok(tokens)
        } else {
            Err(StoreError::Protocol)
        }
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut answer = Vec::with_capacity(tokens.len());
        while answer.len() < tokens.len() {
            let rest = &tokens[answer.len()..];
            answer.extend(self.found(&rest[..rest.len().min(limits::BATCH)]).await?);
        }
        Ok(answer)
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        for batch in tokens.chunks(limits::BATCH) {
            let message = DeleteRequest {
                tokens: to_wire(batch),
            };
            self.retry(self.deadlines.short, |mut client| {
                let message = message.clone();
                async move { client.delete(message).await }
            })
            .await?;
        }
        Ok(())
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        let after = after.map(|token| Bytes::copy_from_slice(token.as_bytes()));
        let message = ListRequest { after, limit };
        let answer = self.retry(self.deadlines.short, |mut client| {
            let message = message.clone();
            async move { client.list(message).await }
        });
        from_wire(&answer.await?.tokens)
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        let message = CountRequest {
            key: Bytes::copy_from_slice(&key),
            first: first.into(),
        };
        let answer = self.retry(self.deadlines.short, |mut client| {
            let message = message.clone();
            async move { client.count(message).await }
        });
        Ok(answer.await?.count)
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        let answer = self.retry(self.deadlines.put, |mut client| async move {
            client.checkpoint(CheckpointRequest {}).await
        });
        answer.await.map(drop)
    }
}

async fn attempt<T>(
    deadline: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(deadline, call)
        .await
        .unwrap_or_else(|_| Err(Status::new(Code::DeadlineExceeded, "no answer in time")));
    answer
        .map(Response::into_inner)
        .map_err(|status| store_error(&status))
}

fn to_wire(tokens: &[Token]) -> Vec<Bytes> {
    tokens
        .iter()
        .map(|token| Bytes::copy_from_slice(token.as_bytes()))
        .collect()
}

fn from_wire(tokens: &[Bytes]) -> Result<Vec<Token>, StoreError> {
    tokens
        .iter()
        .map(|token| Token::parse(token).ok_or(StoreError::Protocol))
        .collect()
}
