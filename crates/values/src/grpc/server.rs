//! The server: any value store behind the protocol.

use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::proto::values_server::{Values, ValuesServer};
use super::proto::{
    CheckpointRequest, CheckpointResponse, CountRequest, CountResponse, DeleteRequest, DeleteResponse, Found,
    GetRequest, GetResponse, ListRequest, ListResponse, PutRequest, PutResponse,
};
use super::status::status;
use crate::{StoreError, Token, ValueStore, limits};

/// Tokens looked up at once while an answer is put together: bounds the memory of one request.
const STEP: usize = 250;

/// Serves a value store. Trusts no number from the other side.
#[derive(Debug)]
pub struct Service<S> {
    store: S,
}

impl<S: ValueStore> Service<S> {
    /// Serves this store.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// The tonic service, with the message limits set.
    pub fn into_server(self) -> ValuesServer<Self> {
        ValuesServer::new(self)
            .max_decoding_message_size(limits::MESSAGE)
            .max_encoding_message_size(limits::MESSAGE)
    }
}

#[async_trait::async_trait]
impl<S: ValueStore> Values for Service<S> {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let envelopes = request.into_inner().envelopes;
        limits::check_put(&envelopes).map_err(status)?;
        let tokens = self.store.put(envelopes).await.map_err(status)?;
        Ok(Response::new(PutResponse {
            tokens: to_wire(&tokens),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let tokens = batch(&request.into_inner().tokens)?;
        let (mut found, mut room) = (Vec::with_capacity(tokens.len()), limits::PUT);
        for step in tokens.chunks(STEP) {
            for envelope in self.store.get(step).await.map_err(status)? {
                let size = envelope.as_ref().map_or(0, Bytes::len);
                if size > room && !found.is_empty() {
                    return Ok(Response::new(GetResponse { found }));
                }
                room = room.saturating_sub(size);
                found.push(Found { envelope });
            }
        }
        Ok(Response::new(GetResponse { found }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let tokens = batch(&request.into_inner().tokens)?;
        self.store.delete(&tokens).await.map_err(status)?;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let ListRequest { after, limit } = request.into_inner();
        let after = after.map(|bytes| token(&bytes)).transpose()?;
        let tokens = self
            .store
            .list(after, limit.min(limits::PAGE))
            .await
            .map_err(status)?;
        Ok(Response::new(ListResponse {
            tokens: to_wire(&tokens),
        }))
    }

    async fn count(&self, request: Request<CountRequest>) -> Result<Response<CountResponse>, Status> {
        let CountRequest { key, first } = request.into_inner();
        let malformed = || status(StoreError::Protocol);
        let key = key.as_ref().try_into().map_err(|_| malformed())?;
        let first = u8::try_from(first).map_err(|_| malformed())?;
        let count = self.store.count_part(key, first).await.map_err(status)?;
        Ok(Response::new(CountResponse { count }))
    }

    async fn checkpoint(
        &self,
        _: Request<CheckpointRequest>,
    ) -> Result<Response<CheckpointResponse>, Status> {
        self.store.checkpoint().await.map_err(status)?;
        Ok(Response::new(CheckpointResponse {}))
    }
}

fn batch(tokens: &[Bytes]) -> Result<Vec<Token>, Status> {
    limits::check_batch(tokens.len()).map_err(status)?;
    tokens.iter().map(token).collect()
}

fn token(bytes: &Bytes) -> Result<Token, Status> {
    Token::parse(bytes).ok_or_else(|| status(StoreError::Protocol))
}

fn to_wire(tokens: &[Token]) -> Vec<Bytes> {
    tokens
        .iter()
        .map(|token| Bytes::copy_from_slice(token.as_bytes()))
        .collect()
}
