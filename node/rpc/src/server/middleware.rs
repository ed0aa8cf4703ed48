//! What every call passes before its method: depth, rate, its turn. Batches pass call by call.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use jsonrpsee::{
    BatchResponseBuilder, MethodResponse, ResponsePayload,
    server::middleware::rpc::{Batch, BatchEntry, Notification, RpcServiceT},
    types::{ErrorObjectOwned, Request},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tower::Layer;

use super::{address::Rate, depth};
use crate::{
    connection::Connection,
    counters::{Cause, Counters},
    error::RpcError,
    node::Node,
    registry::connection_of,
    table::{Kind, Method},
};

/// What the middleware must know of a method.
#[derive(Clone, Copy, Debug, Default)]
struct Traits {
    needs_connection: bool,
    answers_null: bool,
}

/// What all connections share.
pub(super) struct Shared {
    node: Arc<Node>,
    methods: HashMap<&'static str, Traits>,
    turns: Semaphore,
    waiting: AtomicUsize,
    rate: Rate,
}

impl Shared {
    pub fn new(node: Arc<Node>, rows: &[Method]) -> Self {
        let mut methods = HashMap::new();
        for row in rows {
            match row.kind {
                Kind::Call => {}
                Kind::ConnectionCall => {
                    methods.insert(row.name, Traits { needs_connection: true, answers_null: false });
                }
                Kind::Subscription { unsubscribe, aliases, ends_with_null, .. } => {
                    let on = Traits { needs_connection: true, answers_null: false };
                    let off = Traits { needs_connection: false, answers_null: ends_with_null };
                    methods.insert(row.name, on);
                    methods.insert(unsubscribe, off);
                    for (alias_on, alias_off) in aliases {
                        methods.insert(alias_on, on);
                        methods.insert(alias_off, off);
                    }
                }
            }
        }
        Self {
            turns: Semaphore::new(node.limits.calls),
            waiting: AtomicUsize::new(0),
            rate: Rate::new(node.limits.rate),
            methods,
            node,
        }
    }

    /// Wait for a turn, first among the connection's calls, then among all.
    async fn turn<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> Result<(SemaphorePermit<'a>, SemaphorePermit<'a>), RpcError> {
        let limits = &self.node.limits;
        let _own = Waiting::enter(&connection.waiting, limits.waiting_per_connection)?;
        let _all = Waiting::enter(&self.waiting, limits.waiting)?;
        if self.node.unsent.load(Ordering::Acquire) > limits.unsent_bytes_total {
            return Err(RpcError::Busy);
        }
        let both = async {
            let own = connection.turns.acquire().await?;
            // Whoever does not read what it asked for gets no more of it.
            connection.drained_to(limits.unsent_bytes).await;
            Ok((own, self.turns.acquire().await?))
        };
        match timeout(limits.waiting_time, both).await {
            Ok(Ok::<_, tokio::sync::AcquireError>(turns)) => Ok(turns),
            _ => Err(RpcError::Busy),
        }
    }

    async fn call<S: RpcServiceT<MethodResponse = MethodResponse>>(
        &self,
        inner: S,
        request: Request<'_>,
        in_batch: bool,
    ) -> MethodResponse {
        let connection = connection_of(request.extensions());
        let answer = self.answer(inner, request, in_batch, &connection).await;
        connection.produced(answer.as_ref().len());
        answer
    }

    async fn answer<S: RpcServiceT<MethodResponse = MethodResponse>>(
        &self,
        inner: S,
        request: Request<'_>,
        in_batch: bool,
        connection: &Connection,
    ) -> MethodResponse {
        let (node, limits) = (&self.node, &self.node.limits);
        let traits = self.methods.get(request.method_name()).copied().unwrap_or_default();
        let id = request.id().into_owned();
        let refuse = |error: RpcError| {
            match error {
                RpcError::Busy => node.counters.refuse(Cause::Busy),
                RpcError::TooDeep { .. } => node.counters.refuse(Cause::TooDeep),
                _ => {}
            }
            MethodResponse::error(id.clone(), ErrorObjectOwned::from(error))
        };
        if request.params.as_ref().is_some_and(|raw| depth::is_deeper_than(raw.get().as_bytes(), limits.json_depth)) {
            return refuse(RpcError::TooDeep { max: limits.json_depth });
        }
        if traits.needs_connection {
            if !connection.is_websocket() {
                return refuse(RpcError::NotHere("this method answers by notifications: connect by WebSocket"));
            }
            if in_batch {
                return refuse(RpcError::NotHere("this method answers by notifications: call it outside of a batch"));
            }
        }
        if !self.is_within_rate(connection.peer) {
            return refuse(RpcError::Busy);
        }
        let turns = match self.turn(connection).await {
            Ok(turns) => turns,
            Err(error) => return refuse(error),
        };
        Counters::count(&node.counters.calls);
        let response = inner.call(request).await;
        drop(turns);
        if traits.answers_null && response.is_success() {
            return MethodResponse::response(id, ResponsePayload::success(()), limits.response_bytes);
        }
        response
    }

    /// Callers on this machine are its own users; the turns are limit enough for them.
    fn is_within_rate(&self, peer: IpAddr) -> bool {
        peer.is_loopback() || self.rate.allows(peer, Instant::now())
    }
}

/// A place in a queue of bounded length.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(queue: &'a AtomicUsize, max: usize) -> Result<Self, RpcError> {
        let place = Self(queue);
        if queue.fetch_add(1, Ordering::AcqRel) >= max { Err(RpcError::Busy) } else { Ok(place) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Puts [`Guard`] around a connection's calls.
#[derive(Clone)]
pub(super) struct GuardLayer(pub Arc<Shared>);

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, shared: self.0.clone() }
    }
}

/// A connection's calls, guarded.
#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> RpcServiceT for Guard<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type BatchResponse = MethodResponse;
    type NotificationResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { inner, shared } = self.clone();
        async move { shared.call(inner, request, false).await }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { inner, shared } = self.clone();
        async move {
            let connection = batch.iter().flatten().next().map(|entry| connection_of(entry.extensions()));
            let mut answers = BatchResponseBuilder::new_with_limit(shared.node.limits.response_bytes);
            let mut notified = false;
            for entry in batch {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => shared.call(inner.clone(), request, true).await,
                    Ok(BatchEntry::Notification(_)) => {
                        notified = true;
                        continue;
                    }
                    Err(refused) => {
                        let (error, id) = refused.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_big) = answers.append(answer) {
                    return too_big;
                }
            }
            if answers.is_empty() && notified {
                if let Some(connection) = connection {
                    connection.unanswerable();
                }
                MethodResponse::notification()
            } else {
                MethodResponse::from_batch(answers.finish())
            }
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        connection_of(&notification.extensions).unanswerable();
        self.inner.notification(notification)
    }
}
