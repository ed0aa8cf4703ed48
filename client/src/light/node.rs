//! The node that is asked: over JSON-RPC, or whatever answers in its place.

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Value, value::RawValue};
use subxt::rpcs::{RpcClient, client::RpcParams};
use tokio::{sync::Mutex, time::timeout};

use super::ANSWER_TIME_MAX;
use crate::chain::{AccessToken, ChainError, transport};

/// Somebody who answers JSON-RPC. Nothing it says is believed.
pub trait Ask: Send + Sync {
    /// The result of `method` with these parameters, in order. Not parsed: it may be anything.
    fn ask<'a>(&'a self, method: &'a str, params: Vec<Value>) -> BoxFuture<'a, Result<Box<RawValue>, ChainError>>;
}

/// A node by its address. Connects when it is first asked, and again after a connection was lost.
pub struct RpcNode {
    url: String,
    token: Option<AccessToken>,
    client: Mutex<Option<RpcClient>>,
}

impl fmt::Debug for RpcNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcNode({})", self.url)
    }
}

impl RpcNode {
    /// The node at `url`, as `ws://127.0.0.1:9944`, with the token it asks for if it does.
    pub fn new(url: impl Into<String>, token: Option<AccessToken>) -> Self {
        Self { url: url.into(), token, client: Mutex::new(None) }
    }

    /// The connection there is, or a new one. The second value tells which.
    async fn connection(&self) -> Result<(RpcClient, bool), ChainError> {
        let mut slot = self.client.lock().await;
        if let Some(client) = &*slot {
            return Ok((client.clone(), false));
        }
        let client = transport::connect(&self.url, self.token.as_ref()).await?;
        *slot = Some(client.clone());
        Ok((client, true))
    }

    async fn ask_now(&self, method: &str, params: &[Value]) -> Result<Box<RawValue>, ChainError> {
        loop {
            let (client, new) = self.connection().await?;
            let mut list = RpcParams::new();
            for param in params {
                let unreadable = |error: subxt::rpcs::Error| ChainError::Client(error.to_string());
                list.push(param).map_err(unreadable)?;
            }
            match client.request(method, list).await.map_err(ChainError::from) {
                Err(error) if error.is_unreachable() => {
                    *self.client.lock().await = None;
                    // A node that was restarted meanwhile is there; one that drops new connections is not.
                    if new {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }
}

impl Ask for RpcNode {
    fn ask<'a>(&'a self, method: &'a str, params: Vec<Value>) -> BoxFuture<'a, Result<Box<RawValue>, ChainError>> {
        Box::pin(async move {
            let limit = Duration::from_millis(ANSWER_TIME_MAX);
            match timeout(limit, self.ask_now(method, &params)).await {
                Ok(answer) => answer,
                Err(_) => {
                    *self.client.lock().await = None;
                    let reason = format!("no answer within {} s", ANSWER_TIME_MAX / 1_000);
                    Err(ChainError::Unreachable { url: self.url.clone(), reason })
                }
            }
        })
    }
}
