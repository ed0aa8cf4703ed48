//! Operations on pinned blocks: started by a call, answered by events of the follow subscription.

use std::sync::Arc;

use jsonrpsee::{MethodResponseFuture, ResponsePayload};
use parity_scale_codec::Encode;
use salus_primitives::Hash;
use serde_json::{Value, json};

use super::{
    follow::{Follow, Operation},
    storage::{self, Query},
};
use crate::{
    args::Args,
    connection::Connection,
    error::RpcError,
    node::Node,
    registry::{Gone, blocking},
    shapes,
};

type Answer = ResponsePayload<'static, Value>;

/// What an operation does.
enum Work {
    Body,
    Call { function: String, arguments: Vec<u8> },
    Storage { queries: Vec<Query> },
}

/// An operation at work.
pub(super) struct Running {
    pub node: Arc<Node>,
    pub follow: Arc<Follow>,
    pub operation: Arc<Operation>,
    pub id: String,
    pub hash: Hash,
}

impl Running {
    /// Send an event of this operation; [`Gone`] also when it was stopped.
    pub async fn send(&self, event: &str, more: Value) -> Result<(), Gone> {
        if self.operation.is_stopped() {
            return Err(Gone);
        }
        let mut message = json!({ "event": event, "operationId": self.id });
        if let (Value::Object(message), Value::Object(more)) = (&mut message, more) {
            message.extend(more);
        }
        self.follow.send(&message).await
    }
}

pub(super) async fn start_body(node: Arc<Node>, args: Result<Args, RpcError>, connection: Arc<Connection>) -> Answer {
    start(node, args, connection, |_, _| Ok((Work::Body, None)))
}

pub(super) async fn start_call(node: Arc<Node>, args: Result<Args, RpcError>, connection: Arc<Connection>) -> Answer {
    start(node, args, connection, |_, args| {
        Ok((Work::Call { function: args.text(2)?.to_owned(), arguments: args.bytes(3)? }, None))
    })
}

pub(super) async fn start_storage(
    node: Arc<Node>,
    args: Result<Args, RpcError>,
    connection: Arc<Connection>,
) -> Answer {
    start(node, args, connection, |node, args| {
        let mut queries = storage::queries(args, 2)?;
        let discarded = queries.len().saturating_sub(node.limits.keys);
        queries.truncate(node.limits.keys);
        if args.optional_bytes(3)?.is_some() {
            // There are no child tries: nothing is in them.
            queries.clear();
        }
        Ok((Work::Storage { queries }, Some(discarded)))
    })
}

/// Start an operation. Its events go out only after the answer that carries its id: the work waits for that.
fn start(
    node: Arc<Node>,
    args: Result<Args, RpcError>,
    connection: Arc<Connection>,
    work: impl FnOnce(&Node, &Args) -> Result<(Work, Option<usize>), RpcError>,
) -> Answer {
    let opened = args.and_then(|args| {
        let (work, discarded) = work(&node, &args)?;
        let hash = args.hash(1)?;
        let Some(follow) = connection.follow(args.text(0)?) else { return Ok(None) };
        if !follow.is_pinned(&hash) {
            return Err(RpcError::NotPinned);
        }
        if matches!(work, Work::Call { .. }) && !follow.with_runtime {
            return Err(RpcError::WithoutRuntime);
        }
        let Some((id, operation)) = follow.open(node.limits.operations) else { return Ok(None) };
        Ok(Some((Running { node: node.clone(), follow, operation, id, hash }, work, discarded)))
    });
    let (running, work, discarded) = match opened {
        Err(error) => return ResponsePayload::error(error),
        Ok(None) => return ResponsePayload::success(json!({ "result": "limitReached" })),
        Ok(Some(opened)) => opened,
    };
    let mut answer = json!({ "result": "started", "operationId": running.id });
    if let Some(discarded) = discarded {
        answer["discardedItems"] = discarded.into();
    }
    let (answer, sent) = ResponsePayload::success(answer).notify_on_completion();
    tokio::spawn(work_after(sent, running, work));
    answer
}

async fn work_after(sent: MethodResponseFuture, running: Running, work: Work) {
    // An error means that the connection closed before the answer was out.
    if sent.await.is_ok() {
        let turn = running.node.operations.clone().acquire_owned().await;
        // Whether the client is gone or not, the operation has ended.
        let _ = match work {
            Work::Body => body(&running).await,
            Work::Call { function, arguments } => call(&running, function, arguments).await,
            Work::Storage { queries } => {
                // It waits for the client in between: it may not hold a turn meanwhile.
                drop(turn);
                storage::run(&running, queries).await
            }
        };
    }
    running.follow.close(&running.id);
}

async fn body(running: &Running) -> Result<(), Gone> {
    let (node, hash) = (running.node.clone(), running.hash);
    match blocking(move || node.backend.body(&hash)).await {
        None => running.send("operationInaccessible", json!({})).await,
        Some(extrinsics) => {
            let value: Vec<Value> = extrinsics.iter().map(|extrinsic| shapes::bytes(extrinsic.encode())).collect();
            running.send("operationBodyDone", json!({ "value": value })).await
        }
    }
}

async fn call(running: &Running, function: String, arguments: Vec<u8>) -> Result<(), Gone> {
    let (node, hash) = (running.node.clone(), running.hash);
    let outcome = blocking(move || {
        let (_, header, state) = node.state(Some(hash))?;
        Ok(node.backend.runtime().call(&*state, &header, &function, &arguments)?)
    })
    .await;
    match outcome {
        Ok(output) => running.send("operationCallDone", json!({ "output": shapes::bytes(output) })).await,
        Err(RpcError::UnknownBlock(_) | RpcError::StateDiscarded(_)) => {
            running.send("operationInaccessible", json!({})).await
        }
        Err(error) => running.send("operationError", json!({ "error": error.to_string() })).await,
    }
}
