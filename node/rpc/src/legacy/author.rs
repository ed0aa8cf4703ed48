//! `author_`: extrinsics into the pool, and what becomes of them.

use std::sync::Arc;

use parity_scale_codec::Encode;
use serde_json::{Value, json};

use crate::{
    args::Args,
    backend::ExtrinsicStatus,
    node::Node,
    registry::{MethodsError, Pending, Registry},
    shapes,
};

pub(super) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.asynchronous("author_submitExtrinsic", |node, args, _| async move {
        let extrinsic = args.extrinsic(0)?;
        Ok(shapes::hash(&node.backend.submit(extrinsic).await?))
    })?;
    registry.quick("author_pendingExtrinsics", |node, _| {
        Ok(node.backend.pending().iter().map(|extrinsic| shapes::bytes(extrinsic.encode())).collect())
    })?;
    registry.subscription("author_submitAndWatchExtrinsic", submit_and_watch)
}

/// What a status is to this family, and whether it is the last. `inBlock` and `finalized` are both told although
/// they are one event here: some clients wait for one, some for the other.
fn text_status(status: &ExtrinsicStatus) -> (Vec<Value>, bool) {
    match status {
        ExtrinsicStatus::Ready => (vec![json!("ready")], false),
        ExtrinsicStatus::Future => (vec![json!("future")], false),
        ExtrinsicStatus::Finalised { block, .. } => {
            (vec![json!({ "inBlock": block.to_string() }), json!({ "finalized": block.to_string() })], true)
        }
        ExtrinsicStatus::Invalid(_) => (vec![json!("invalid")], true),
        ExtrinsicStatus::Dropped(_) => (vec![json!("dropped")], true),
        ExtrinsicStatus::Usurped(by) => (vec![json!({ "usurped": by.to_string() })], true),
    }
}

async fn submit_and_watch(node: Arc<Node>, args: Args, pending: Pending) {
    let taken = match args.extrinsic(0) {
        Ok(extrinsic) => node.backend.submit_and_watch(extrinsic).await.map_err(Into::into),
        Err(error) => Err(error),
    };
    let mut watch = match taken {
        Ok(watch) => watch,
        Err(error) => return pending.reject(error).await,
    };
    let Some(subscriber) = pending.accept().await else { return };
    let mut ready = false;
    loop {
        let status = tokio::select! {
            () = subscriber.closed() => return,
            status = watch.statuses.recv() => status.unwrap_or_else(|| ExtrinsicStatus::Dropped("stopped".into())),
        };
        let (mut items, last) = text_status(&status);
        if matches!(status, ExtrinsicStatus::Finalised { .. }) && !ready {
            items.insert(0, json!("ready"));
        }
        ready |= status == ExtrinsicStatus::Ready;
        for item in &items {
            if subscriber.send(item).await.is_err() {
                return;
            }
        }
        if last {
            return;
        }
    }
}
