//! One follow subscription: its events, its pinned blocks, its operations.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use salus_primitives::{Hash, Height};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::block_events;
use crate::{
    args::Args,
    blocks::Blocks,
    connection::lock,
    error::RpcError,
    node::Node,
    registry::{Gone, Pending, Subscriber, blocking},
    shapes,
};

/// What an operation is told from outside.
#[derive(Debug, Default)]
pub struct Operation {
    stopped: AtomicBool,
    waits: AtomicBool,
    wake: Notify,
}

impl Operation {
    /// Let it go on.
    ///
    /// # Errors
    /// [`RpcError::NothingToContinue`] when it does not wait.
    pub fn go_on(&self) -> Result<(), RpcError> {
        if !self.waits.swap(false, Ordering::AcqRel) {
            return Err(RpcError::NothingToContinue);
        }
        self.wake.notify_one();
        Ok(())
    }

    /// From now on it waits to be continued. To be said before the client is told.
    pub fn will_wait(&self) {
        self.waits.store(true, Ordering::Release);
    }

    /// Wait to be continued or stopped.
    pub async fn wait(&self) {
        self.wake.notified().await;
    }

    /// End it.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Was it ended?
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// One follow subscription.
pub struct Follow {
    /// Was runtime information asked for? Calls need it.
    pub with_runtime: bool,
    pinned: Mutex<BTreeSet<Hash>>,
    operations: Mutex<HashMap<String, Arc<Operation>>>,
    next_operation: AtomicU64,
    subscriber: OnceLock<Subscriber>,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Follow({} pinned)", lock(&self.pinned).len())
    }
}

impl Follow {
    fn new(with_runtime: bool, pinned: impl IntoIterator<Item = Hash>) -> Self {
        Self {
            with_runtime,
            pinned: Mutex::new(pinned.into_iter().collect()),
            operations: Mutex::default(),
            next_operation: AtomicU64::new(0),
            subscriber: OnceLock::new(),
        }
    }

    /// Is this block pinned?
    pub fn is_pinned(&self, hash: &Hash) -> bool {
        lock(&self.pinned).contains(hash)
    }

    /// Pin a block.
    ///
    /// # Errors
    /// [`Gone`] when too many are pinned: the subscription must stop.
    fn pin(&self, hash: Hash, max: usize) -> Result<(), Gone> {
        let mut pinned = lock(&self.pinned);
        if pinned.len() >= max {
            return Err(Gone);
        }
        pinned.insert(hash);
        Ok(())
    }

    /// Unpin blocks: all or none.
    ///
    /// # Errors
    /// [`RpcError::NotPinned`].
    pub fn unpin(&self, hashes: &[Hash]) -> Result<(), RpcError> {
        let mut pinned = lock(&self.pinned);
        if !hashes.iter().all(|hash| pinned.contains(hash)) {
            return Err(RpcError::NotPinned);
        }
        for hash in hashes {
            pinned.remove(hash);
        }
        Ok(())
    }

    /// Open an operation; none when there are too many.
    pub fn open(&self, max: usize) -> Option<(String, Arc<Operation>)> {
        let mut operations = lock(&self.operations);
        if operations.len() >= max {
            return None;
        }
        let id = self.next_operation.fetch_add(1, Ordering::Relaxed).to_string();
        let operation = Arc::<Operation>::default();
        operations.insert(id.clone(), operation.clone());
        Some((id, operation))
    }

    /// An open operation.
    pub fn operation(&self, id: &str) -> Option<Arc<Operation>> {
        lock(&self.operations).get(id).cloned()
    }

    /// End an operation; nothing when it has ended.
    pub fn stop_operation(&self, id: &str) {
        if let Some(operation) = lock(&self.operations).remove(id) {
            operation.stop();
        }
    }

    /// Forget an operation that has ended by itself.
    pub fn close(&self, id: &str) {
        lock(&self.operations).remove(id);
    }

    fn stop_all(&self) {
        for (_, operation) in lock(&self.operations).drain() {
            operation.stop();
        }
    }

    /// Send an event of an operation.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn send(&self, event: &Value) -> Result<(), Gone> {
        match self.subscriber.get() {
            Some(subscriber) => subscriber.send(event).await,
            None => Err(Gone),
        }
    }
}

/// `chainHead_v1_follow`.
pub(crate) async fn run(node: Arc<Node>, args: Args, pending: Pending) {
    let with_runtime = match args.flag(0) {
        Ok(flag) => flag,
        Err(error) => return pending.reject(error).await,
    };
    let blocks = Blocks::begin(&node.backend);
    let start = {
        let (node, head) = (node.clone(), blocks.start.clone());
        blocking(move || recent(&node, head.0, head.1.number)).await
    };
    let runtime = if with_runtime {
        match runtime_at(&node, blocks.start.0).await {
            Ok(runtime) => runtime,
            Err(error) => return pending.reject(error).await,
        }
    } else {
        Value::Null
    };
    let follow = Arc::new(Follow::new(with_runtime, start.iter().copied()));
    let connection = pending.connection.clone();
    let id = pending.id();
    let refused = {
        // Before the answer is out: the client may use the id in its next message.
        let mut follows = lock(&connection.follows);
        let max = node.limits.follows_per_connection;
        if follows.len() >= max {
            Some(RpcError::TooManyFollows { max })
        } else {
            follows.insert(id.clone(), follow.clone());
            None
        }
    };
    if let Some(error) = refused {
        return pending.reject(error).await;
    }
    if let Some(subscriber) = pending.accept().await {
        let _ = follow.subscriber.set(subscriber.clone());
        // However it ends, it ends the same way for both sides: the subscription is over.
        let _ = tell(&node, &follow, &subscriber, blocks, &start, runtime).await;
    }
    follow.stop_all();
    lock(&connection.follows).remove(&id);
}

/// The last few blocks up to the head, oldest first.
fn recent(node: &Node, head: Hash, height: Height) -> Vec<Hash> {
    let first = height.0.saturating_sub(node.limits.follow_start.saturating_sub(1));
    let mut hashes: Vec<Hash> = (first..height.0).filter_map(|height| node.backend.hash_at(Height(height))).collect();
    hashes.push(head);
    hashes
}

async fn runtime_at(node: &Arc<Node>, hash: Hash) -> Result<Value, RpcError> {
    let node = node.clone();
    blocking(move || {
        let (_, _, state) = node.state(Some(hash))?;
        Ok(shapes::runtime_event(&node.backend.runtime().version(&*state)))
    })
    .await
}

async fn tell(
    node: &Arc<Node>,
    follow: &Follow,
    subscriber: &Subscriber,
    mut blocks: Blocks,
    start: &[Hash],
    runtime: Value,
) -> Result<(), Gone> {
    let mut initialized = json!({
        "event": "initialized",
        "finalizedBlockHashes": start.iter().map(Hash::to_string).collect::<Vec<_>>(),
    });
    if follow.with_runtime {
        initialized["finalizedBlockRuntime"] = runtime;
    }
    subscriber.send(&initialized).await?;
    subscriber.send(&json!({ "event": "bestBlockChanged", "bestBlockHash": blocks.start.0.to_string() })).await?;
    loop {
        let block = tokio::select! {
            () = subscriber.closed() => return Err(Gone),
            block = blocks.next() => block,
        };
        // Blocks that cannot be told without a gap, or that would be pinned beyond the limit: the client starts anew.
        let Some(block) = block else { return subscriber.send(&json!({ "event": "stop" })).await };
        if follow.pin(block.hash, node.limits.pinned_blocks).is_err() {
            return subscriber.send(&json!({ "event": "stop" })).await;
        }
        let new_runtime = if follow.with_runtime && shapes::changes_runtime(&block.header) {
            runtime_at(node, block.hash).await.unwrap_or(Value::Null)
        } else {
            Value::Null
        };
        for event in block_events(&block.hash, &block.header.parent_hash, new_runtime) {
            subscriber.send(&event).await?;
        }
    }
}
