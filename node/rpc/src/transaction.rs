//! `transaction_v1` and `transactionWatch_v1`: extrinsics into the pool, silently or watched.

use std::sync::Arc;

use salus_primitives::RawExtrinsic;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    args::Args,
    backend::{ExtrinsicStatus, SubmitError},
    blocks::Blocks,
    connection::{Connection, lock},
    error::RpcError,
    node::Node,
    registry::{MethodsError, Pending, Registry},
};

/// Register both groups.
pub(crate) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.asynchronous("transaction_v1_broadcast", broadcast)?;
    registry.asynchronous("transaction_v1_stop", |_, args, connection| async move {
        match lock(&connection.broadcasts).remove(args.text(0)?) {
            Some(_) => Ok(Value::Null),
            None => Err(args.wrong(0, "the id of a broadcast of this connection")),
        }
    })?;
    registry.subscription("transactionWatch_v1_submitAndWatch", submit_and_watch)
}

/// Says nothing about validity: clients that use it have asked the runtime before. `null` when the connection has
/// too many of them.
async fn broadcast(node: Arc<Node>, args: Args, connection: Arc<Connection>) -> Result<Value, RpcError> {
    let bytes = args.bytes(0)?;
    let id = connection.broadcast_id();
    let (keep, stop) = watch::channel(());
    {
        let mut broadcasts = lock(&connection.broadcasts);
        if broadcasts.len() >= node.limits.broadcasts_per_connection {
            return Ok(Value::Null);
        }
        broadcasts.insert(id.clone(), keep);
    }
    if let Ok(extrinsic) = RawExtrinsic::from_wire(&bytes) {
        // The first try comes before the answer, so that a client's next message finds the extrinsic in the pool.
        if retry(&node.backend.submit(extrinsic.clone()).await) {
            tokio::spawn(try_again(node, extrinsic, stop, connection.gone()));
        }
    }
    Ok(json!(id))
}

fn retry<T>(outcome: &Result<T, SubmitError>) -> bool {
    match outcome {
        Err(SubmitError::Refused { class, .. }) => class.is_temporary(),
        // Valid after another one: a nonce ahead of its turn.
        Err(SubmitError::Invalid(reason)) => *reason == salus_primitives::dispatch::InvalidTransaction::Future,
        Ok(_) => false,
    }
}

/// After each block, until the pool takes it, finds it invalid, the client stops it or goes, or time is up.
async fn try_again(
    node: Arc<Node>,
    extrinsic: RawExtrinsic,
    mut stop: watch::Receiver<()>,
    gone: impl Future<Output = ()>,
) {
    let mut blocks = Blocks::begin(&node.backend);
    let tries = async {
        while blocks.next().await.is_some() {
            if !retry(&node.backend.submit(extrinsic.clone()).await) {
                return;
            }
        }
    };
    tokio::select! {
        () = tries => {}
        _ = stop.changed() => {}
        () = gone => {}
        () = tokio::time::sleep(node.limits.broadcast_time) => {}
    }
}

fn dropped(error: &str) -> Value {
    json!({ "event": "dropped", "broadcasted": false, "error": error })
}

fn invalid(error: &str) -> Value {
    json!({ "event": "invalid", "error": error })
}

/// A refusal is an event, not an error: after an error one client submits the same bytes again by another method.
async fn submit_and_watch(node: Arc<Node>, args: Args, pending: Pending) {
    let bytes = match args.bytes(0) {
        Ok(bytes) => bytes,
        Err(error) => return pending.reject(error).await,
    };
    let taken = match RawExtrinsic::from_wire(&bytes) {
        Ok(extrinsic) => node.backend.submit_and_watch(extrinsic).await.map_err(|error| match error {
            SubmitError::Invalid(reason) => invalid(&reason.to_string()),
            SubmitError::Refused { text, .. } => dropped(&text),
        }),
        Err(error) => Err(invalid(&error.to_string())),
    };
    let Some(subscriber) = pending.accept().await else { return };
    let mut watch = match taken {
        Ok(watch) => watch,
        Err(event) => {
            // Whether it could be sent or not, there is nothing more to tell.
            let _ = subscriber.send(&event).await;
            return;
        }
    };
    if subscriber.send(&json!({ "event": "validated" })).await.is_err() {
        return;
    }
    loop {
        let status = tokio::select! {
            () = subscriber.closed() => return,
            status = watch.statuses.recv() => status.unwrap_or_else(|| ExtrinsicStatus::Dropped("stopped".into())),
        };
        let (events, last) = match status {
            ExtrinsicStatus::Ready | ExtrinsicStatus::Future => (vec![], false),
            ExtrinsicStatus::Finalised { block, index } => {
                let block = json!({ "hash": block.to_string(), "index": index });
                (
                    vec![
                        json!({ "event": "bestChainBlockIncluded", "block": block }),
                        json!({ "event": "finalized", "block": block }),
                    ],
                    true,
                )
            }
            ExtrinsicStatus::Invalid(reason) => (vec![invalid(&reason.to_string())], true),
            ExtrinsicStatus::Dropped(reason) => (vec![dropped(&reason)], true),
            ExtrinsicStatus::Usurped(_) => (vec![dropped("another extrinsic with this nonce took its place")], true),
        };
        for event in &events {
            if subscriber.send(event).await.is_err() {
                return;
            }
        }
        if last {
            return;
        }
    }
}
