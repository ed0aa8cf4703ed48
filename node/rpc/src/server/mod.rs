//! The server: its own accept loop, because the library's limit of connections is not one of sockets; then hyper;
//! then the gate; then the methods.

mod address;
mod depth;
mod dialogue;
mod gate;
mod middleware;
mod origin;
mod stream;
mod token;

pub use token::{TOKEN_CHARS_MIN, Token, TokenError};

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::server::{
    BatchRequestConfig, Methods, PingConfig, RandomStringIdProvider, ServerHandle, StopHandle,
    middleware::rpc::RpcServiceBuilder, stop_channel,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

use self::{
    address::Places,
    gate::Gate,
    middleware::{GuardLayer, Shared},
    stream::Stream,
};
use crate::{
    backend::Backend,
    chain_head, chain_spec,
    connection::Connection,
    counters::{Cause, Counters},
    legacy,
    limits::Limits,
    node::Node,
    registry::{MethodsError, MethodsExtension, Registry},
    salus,
    table::Method,
    transaction,
};

/// Where and to whom to serve.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// When set, every caller must show it. Beyond loopback it must be set: who reaches the RPC sees the whole
    /// pseudonymous state.
    pub token: Option<Token>,
    /// Names besides addresses and `localhost` that a request may give as its `Host`.
    pub hosts: Vec<String>,
    /// Origins of web pages, such as `https://portal.example`, that may ask besides those of this machine.
    pub origins: Vec<String>,
    /// The limits.
    pub limits: Limits,
}

impl Default for ServerConfig {
    /// Substrate's port on loopback, for this machine only.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9944)),
            token: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An open door to the whole state.
    #[error("RPC on {address} would be open to everyone who reaches it: give it a token, or listen on 127.0.0.1")]
    NeedsToken {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error("cannot listen for RPC on {address}: {source}; another program may hold the port")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The methods do not fit together.
    #[error(transparent)]
    Methods(#[from] MethodsError),
}

/// The server's counters and gauges at a moment, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Sockets open now.
    pub sockets_open: usize,
    /// Sockets taken since the start.
    pub sockets: u64,
    /// Calls served.
    pub calls: u64,
    /// Subscriptions open now.
    pub subscriptions_open: usize,
    /// Bytes of answers and notifications that sockets have not taken yet.
    pub unsent_bytes: usize,
    /// What was refused since the start, for each cause in the order of [`Cause::ALL`].
    pub refused: [u64; Cause::ALL.len()],
}

impl Figures {
    /// How often something was refused for this cause.
    pub fn refused_for(&self, cause: Cause) -> u64 {
        self.refused[cause as usize]
    }
}

/// Reads a server's counters and gauges from anywhere, as long as anybody likes.
#[derive(Clone)]
pub struct Meter {
    node: Arc<Node>,
    sockets: Arc<Semaphore>,
}

impl Meter {
    /// The figures now.
    pub fn figures(&self) -> Figures {
        let Node { counters, limits, .. } = &*self.node;
        Figures {
            sockets_open: limits.sockets.saturating_sub(self.sockets.available_permits()),
            sockets: counters.sockets.load(Ordering::Relaxed),
            calls: counters.calls.load(Ordering::Relaxed),
            subscriptions_open: limits.subscriptions.saturating_sub(self.node.subscriptions.available_permits()),
            unsent_bytes: self.node.unsent.load(Ordering::Relaxed),
            refused: counters.refused(),
        }
    }
}

/// A running server. Dropping it lets it run on; [`Server::stop`] ends it.
pub struct Server {
    address: SocketAddr,
    node: Arc<Node>,
    sockets: Arc<Semaphore>,
    handle: ServerHandle,
    cut: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Start serving `backend` on the current tokio runtime, with the methods of `extensions` besides our own.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: ServerConfig,
        backend: Arc<dyn Backend>,
        extensions: &[&dyn MethodsExtension],
    ) -> Result<Self, StartError> {
        let address = config.listen;
        if !address.ip().to_canonical().is_loopback() && config.token.is_none() {
            return Err(StartError::NeedsToken { address });
        }
        let node = Arc::new(Node::new(backend, config.limits.clone()));
        let (methods, rows) = methods(&node, extensions)?;
        let bind = |source| StartError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        tracing::info!(%address, token = config.token.is_some(), limits = ?config.limits, "JSON-RPC listens");

        let (stop, handle) = stop_channel();
        let (cut, _) = watch::channel(false);
        let sockets = Arc::new(Semaphore::new(config.limits.sockets));
        let acceptor = Acceptor {
            shared: Arc::new(Shared::new(node.clone(), &rows)),
            gate: Arc::new(Gate::new(node.clone(), config)),
            node: node.clone(),
            methods,
            sockets: sockets.clone(),
            places: Arc::default(),
            stop,
            cut: cut.clone(),
        };
        let accepting = tokio::spawn(acceptor.run(listener));
        Ok(Self { address, node, sockets, handle, cut, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its counters now.
    pub fn figures(&self) -> Figures {
        self.meter().figures()
    }

    /// What reads its counters after it was given away.
    pub fn meter(&self) -> Meter {
        Meter { node: self.node.clone(), sockets: self.sockets.clone() }
    }

    /// Take no more connections, let running calls answer, then close every socket. Returns when all are closed, at
    /// the latest after the limit's stop time and a little more.
    pub async fn stop(self) {
        // An error means that nothing serves any more: stopped already.
        let _ = self.handle.stop();
        let _ = self.accepting.await;
        let all = u32::try_from(self.node.limits.sockets).unwrap_or(u32::MAX);
        if timeout(self.node.limits.stop_time, self.sockets.acquire_many(all)).await.is_err() {
            self.cut.send_replace(true);
            // Cut sockets close at the next turn of their tasks.
            let _ = timeout(Duration::from_secs(1), self.sockets.acquire_many(all)).await;
        }
    }
}

fn methods(node: &Arc<Node>, extensions: &[&dyn MethodsExtension]) -> Result<(Methods, Vec<Method>), MethodsError> {
    let mut registry = Registry::new(node.clone());
    legacy::register(&mut registry)?;
    chain_spec::register(&mut registry)?;
    chain_head::register(&mut registry)?;
    transaction::register(&mut registry)?;
    registry.extend(&salus::methods(node))?;
    for extension in extensions {
        registry.extend(*extension)?;
    }
    registry.finish()
}

/// What the accept loop holds.
struct Acceptor {
    node: Arc<Node>,
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    methods: Methods,
    sockets: Arc<Semaphore>,
    places: Arc<Places>,
    stop: StopHandle,
    cut: watch::Sender<bool>,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        let mut stopped = Box::pin(self.stop.clone().shutdown());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => return,
            };
            match accepted {
                Ok((socket, peer)) => self.admit(socket, address::who(peer.ip())),
                Err(error) => {
                    // Out of descriptors, or the client left before its turn; the former passes as others close.
                    tracing::debug!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn admit(&self, socket: TcpStream, peer: IpAddr) {
        let limits = &self.node.limits;
        let Ok(permit) = self.sockets.clone().try_acquire_owned() else {
            self.node.counters.refuse(Cause::Sockets);
            return; // Dropped: closed at once, without a word that would cost us more.
        };
        let Some(place) = self.places.take(peer, limits.sockets_per_address) else {
            self.node.counters.refuse(Cause::SocketsOfAddress);
            tokio::spawn(too_many(socket, permit));
            return;
        };
        Counters::count(&self.node.counters.sockets);
        if let Err(error) = socket.set_nodelay(true) {
            // The client has left already.
            tracing::debug!(%error, "nodelay");
            return;
        }
        let connection = Arc::new(Connection::new(peer, limits, self.node.unsent.clone()));
        let counters = self.node.counters.clone();
        let stream = Stream::new(socket, connection.clone(), limits, counters, permit, place);
        self.watch_cut(connection.clone());
        self.serve(stream, connection);
    }

    /// When the stop takes too long, this socket is cut with all others.
    fn watch_cut(&self, connection: Arc<Connection>) {
        let mut cut = self.cut.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = cut.wait_for(|cut| *cut) => connection.cut(),
                () = connection.gone() => {}
            }
        });
    }

    fn serve(&self, stream: Stream, connection: Arc<Connection>) {
        let limits = &self.node.limits;
        let service = jsonrpsee::server::Server::builder()
            .set_config(library_config(limits))
            .set_rpc_middleware(RpcServiceBuilder::new().layer(GuardLayer(self.shared.clone())))
            .to_service_builder()
            .build(self.methods.clone(), self.stop.clone());
        let gate = self.gate.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (gate, service, connection) = (gate.clone(), service.clone(), connection.clone());
            async move { Ok::<_, Infallible>(gate.serve(service, connection, request).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle_time)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .half_close(false);
        let serving = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stopped = self.stop.clone().shutdown();
        let counters = self.node.counters.clone();
        tokio::spawn(async move {
            tokio::pin!(serving, stopped);
            let outcome = tokio::select! {
                outcome = serving.as_mut() => outcome,
                () = stopped => {
                    serving.as_mut().graceful_shutdown();
                    serving.await
                }
            };
            if let Err(error) = outcome {
                if error.is_parse_too_large() {
                    counters.refuse(Cause::TooLarge);
                }
                tracing::debug!(%error, "HTTP connection");
            }
        });
    }
}

fn library_config(limits: &Limits) -> jsonrpsee::server::ServerConfig {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    jsonrpsee::server::ServerConfig::builder()
        .max_request_body_size(small(limits.request_bytes))
        .max_response_body_size(small(limits.response_bytes))
        // One socket has this service to itself: requests on it come one by one.
        .max_connections(small(limits.sockets))
        .max_subscriptions_per_connection(limits.subscriptions_per_connection)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_message_buffer_capacity(limits.send_buffer)
        .enable_ws_ping(
            PingConfig::new().ping_interval(limits.ping_interval).inactive_limit(limits.ping_dead).max_failures(1),
        )
        .set_id_provider(RandomStringIdProvider::new(16))
        .build()
}

const TOO_MANY: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Tell an address with too many sockets so, and see that it can read it: closing with its bytes unread would take
/// the answer with it.
async fn too_many(mut socket: TcpStream, _permit: OwnedSemaphorePermit) {
    let goodbye = async {
        socket.write_all(TOO_MANY).await?;
        socket.shutdown().await?;
        socket.read(&mut [0; 1024]).await
    };
    // Whether it was read or not: the socket closes.
    let _ = timeout(Duration::from_secs(1), goodbye).await;
}
