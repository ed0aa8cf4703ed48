//! Joins the rows of the table with the functions behind them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jsonrpsee::{
    Extensions, PendingSubscriptionSink, ResponsePayload, RpcModule, SubscriptionSink,
    server::{Methods, RegisterMethodError},
    types::{ErrorObjectOwned, Params},
};
use serde_json::{Value, json, value::to_raw_value};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    args::Args,
    connection::Connection,
    counters::Cause,
    error::RpcError,
    node::Node,
    openrpc,
    table::{Kind, METHODS, Method},
};

/// The function behind an added method.
pub type Run = Arc<dyn Fn(&Args) -> Result<Value, RpcError> + Send + Sync>;

/// A method that the node adds to those of this crate. It appears in `rpc_methods` and `rpc.discover` like any other.
#[derive(Clone)]
pub struct Extension {
    /// Its row. It must be a plain call.
    pub method: Method,
    /// What it does. Runs off the event loop, so it may read the disk.
    pub run: Run,
}

impl std::fmt::Debug for Extension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Extension({})", self.method.name)
    }
}

/// Something that adds methods to the server.
pub trait MethodsExtension: Send + Sync {
    /// The methods.
    fn methods(&self) -> Vec<Extension>;
}

impl MethodsExtension for Vec<Extension> {
    fn methods(&self) -> Vec<Extension> {
        self.clone()
    }
}

/// Why the table of methods does not fit together: a fault of the program.
#[derive(Debug, thiserror::Error)]
pub enum MethodsError {
    /// A name stands twice.
    #[error("two methods share a name: {0}")]
    Name(#[from] RegisterMethodError),
    /// A method of an extension is not a plain call.
    #[error("the added method {0} is not a plain call")]
    Kind(&'static str),
    /// A row of the table has no function.
    #[error("the method {0} is in the table and has no function")]
    Missing(&'static str),
}

/// The connection a call came by.
pub(crate) fn connection_of(extensions: &Extensions) -> Arc<Connection> {
    extensions.get::<Arc<Connection>>().cloned().expect("the gate puts the connection into every request")
}

/// Collects methods, and checks at the end that every row of the table has its function.
pub(crate) struct Registry {
    node: Arc<Node>,
    module: RpcModule<()>,
    rows: Vec<Method>,
    open: BTreeMap<&'static str, Method>,
}

impl Registry {
    pub fn new(node: Arc<Node>) -> Self {
        let rows = METHODS.to_vec();
        let open = METHODS.iter().map(|row| (row.name, *row)).collect();
        Self { node, module: RpcModule::new(()), rows, open }
    }

    fn take(&mut self, name: &'static str) -> Result<Method, MethodsError> {
        self.open.remove(name).ok_or(MethodsError::Missing(name))
    }

    fn aliases(&mut self, row: &Method) -> Result<(), MethodsError> {
        for alias in row.aliases {
            self.module.register_alias(alias, row.name)?;
        }
        if let Kind::Subscription { unsubscribe, aliases, .. } = row.kind {
            for (on, off) in aliases {
                self.module.register_alias(on, row.name)?;
                self.module.register_alias(off, unsubscribe)?;
            }
        }
        Ok(())
    }

    /// A call that touches nothing slow.
    pub fn quick(
        &mut self,
        name: &'static str,
        run: impl Fn(&Node, &Args) -> Result<Value, RpcError> + Clone + Send + Sync + 'static,
    ) -> Result<(), MethodsError> {
        self.asynchronous(name, move |node, args, _| {
            let answer = run(&node, &args);
            async move { answer }
        })
    }

    /// A call that may read the disk or execute: runs off the event loop.
    pub fn reads(
        &mut self,
        name: &'static str,
        run: impl Fn(&Node, &Args) -> Result<Value, RpcError> + Clone + Send + Sync + 'static,
    ) -> Result<(), MethodsError> {
        self.asynchronous(name, move |node, args, _| {
            let run = run.clone();
            async move { blocking(move || run(&node, &args)).await }
        })
    }

    /// A call that waits for something.
    pub fn asynchronous<F, Fut>(&mut self, name: &'static str, run: F) -> Result<(), MethodsError>
    where
        F: Fn(Arc<Node>, Args, Arc<Connection>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, RpcError>> + Send + 'static,
    {
        self.answering(name, move |node, args, connection| {
            let run = run.clone();
            async move {
                match args {
                    Ok(args) => match run(node, args, connection).await {
                        Ok(value) => ResponsePayload::success(value),
                        Err(error) => ResponsePayload::error(error),
                    },
                    Err(error) => ResponsePayload::error(error),
                }
            }
        })
    }

    /// A call that wants to know when its answer is on its way.
    pub fn answering<F, Fut>(&mut self, name: &'static str, run: F) -> Result<(), MethodsError>
    where
        F: Fn(Arc<Node>, Result<Args, RpcError>, Arc<Connection>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ResponsePayload<'static, Value>> + Send + 'static,
    {
        let row = self.take(name)?;
        let node = self.node.clone();
        self.module.register_async_method(name, move |params, _, extensions| {
            let args = Args::parse(params.as_str(), row.params);
            run(node.clone(), args, connection_of(&extensions))
        })?;
        self.aliases(&row)
    }

    /// A subscription.
    pub fn subscription<F, Fut>(&mut self, name: &'static str, run: F) -> Result<(), MethodsError>
    where
        F: Fn(Arc<Node>, Args, Pending) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let row = self.take(name)?;
        let Kind::Subscription { unsubscribe, notification, .. } = row.kind else {
            return Err(MethodsError::Missing(name));
        };
        let node = self.node.clone();
        self.module.register_subscription(
            name,
            notification,
            unsubscribe,
            move |params: Params, sink, _, extensions| {
                let node = node.clone();
                let run = run.clone();
                async move {
                    let args = Args::parse(params.as_str(), row.params);
                    let permit = node.subscriptions.clone().try_acquire_owned();
                    match (args, permit) {
                        (Err(error), _) => sink.reject(error).await,
                        (_, Err(_)) => {
                            node.counters.refuse(Cause::Subscriptions);
                            sink.reject(RpcError::TooManySubscriptions { max: node.limits.subscriptions }).await;
                        }
                        (Ok(args), Ok(permit)) => {
                            let connection = connection_of(&extensions);
                            let pending = Pending { sink, node: node.clone(), connection, permit };
                            run(node, args, pending).await;
                        }
                    }
                }
            },
        )?;
        self.aliases(&row)
    }

    /// Methods from outside.
    pub fn extend(&mut self, extension: &dyn MethodsExtension) -> Result<(), MethodsError> {
        for Extension { method, run } in extension.methods() {
            if method.kind != Kind::Call {
                return Err(MethodsError::Kind(method.name));
            }
            self.module.verify_method_name(method.name)?;
            self.rows.push(method);
            self.open.insert(method.name, method);
            self.reads(method.name, move |_, args| run(args))?;
        }
        Ok(())
    }

    /// The finished set: the table's rows with their functions, and the two methods that describe them.
    pub fn finish(mut self) -> Result<(Methods, Vec<Method>), MethodsError> {
        let mut names: Vec<&'static str> = self.rows.iter().flat_map(Method::names).collect();
        names.sort_unstable();
        let listed = json!({ "methods": names });
        self.quick("rpc_methods", move |_, _| Ok(listed.clone()))?;
        let version = self.node.backend.identity().node_version.clone();
        let document = openrpc::document("Salus JSON-RPC", &version, &self.rows);
        self.quick("rpc.discover", move |_, _| Ok(document.clone()))?;
        match self.open.into_keys().next() {
            Some(name) => Err(MethodsError::Missing(name)),
            None => Ok((self.module.into(), self.rows)),
        }
    }
}

/// Run something slow off the event loop.
pub(crate) async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(run).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down: nobody is left to read an answer.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A subscription that is neither accepted nor refused yet.
pub(crate) struct Pending {
    sink: PendingSubscriptionSink,
    node: Arc<Node>,
    pub connection: Arc<Connection>,
    permit: OwnedSemaphorePermit,
}

impl Pending {
    /// The id it will have. Always a text: two clients read nothing else.
    pub fn id(&self) -> String {
        match self.sink.subscription_id() {
            jsonrpsee::types::SubscriptionId::Str(id) => id.into_owned(),
            jsonrpsee::types::SubscriptionId::Num(id) => id.to_string(),
        }
    }

    /// Answer the subscribing call with the id; none when the client is gone.
    pub async fn accept(self) -> Option<Subscriber> {
        let sink = self.sink.accept().await.ok()?;
        Some(Subscriber { sink, node: self.node, connection: self.connection, _permit: Arc::new(self.permit) })
    }

    /// Answer the subscribing call with an error.
    pub async fn reject(self, error: RpcError) {
        self.sink.reject(ErrorObjectOwned::from(error)).await;
    }
}

/// The subscriber is gone: unsubscribed, disconnected, or cut for reading too slowly.
#[derive(Debug)]
pub(crate) struct Gone;

/// An accepted subscription.
#[derive(Clone)]
pub(crate) struct Subscriber {
    sink: SubscriptionSink,
    node: Arc<Node>,
    connection: Arc<Connection>,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Subscriber {
    /// Send one notification. A connection that makes no room for it in time is cut.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn send(&self, value: &Value) -> Result<(), Gone> {
        let message = to_raw_value(value).map_err(|_| Gone)?;
        let patience: Duration = self.node.limits.slow_consumer;
        self.connection.produced(message.get().len());
        match self.sink.send_timeout(message, patience).await {
            Ok(()) => Ok(()),
            Err(jsonrpsee::SendTimeoutError::Timeout(_)) => {
                self.node.counters.refuse(Cause::SlowReader);
                self.connection.cut();
                Err(Gone)
            }
            Err(jsonrpsee::SendTimeoutError::Closed(_)) => Err(Gone),
        }
    }

    /// Resolves when it is unsubscribed or the client is gone.
    pub async fn closed(&self) {
        self.sink.closed().await;
    }
}
