//! The server: its own accept loop, because limits of requests are not limits of sockets; then TLS where it is not
//! left to a proxy; then hyper; then the routes.

mod address;
pub mod routes;
mod stream;
mod tls;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

pub use address::Peer;
pub use tls::{TlsError, TlsFiles};

use self::{
    address::{Place, Places},
    stream::Timed,
};
use crate::limits::Limits;

/// Where to serve, and how.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Certificate and key; none where a proxy on this machine speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Serve without TLS beyond this machine: for a proxy on another one, over a network that is trusted.
    pub plain_beyond_loopback: bool,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Without TLS, beyond this machine.
    #[error(
        "{address} would be served without TLS to whoever reaches it: give it a certificate, listen on 127.0.0.1 behind \
         a proxy, or say plain_beyond_loopback"
    )]
    Plain {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}; another program may hold the port")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// A running server. Dropping it lets it run on; [`Server::stop`] ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    tls: bool,
    sockets: Arc<Semaphore>,
    limits: Limits,
    stopping: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Start serving `routes` on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(listen: &Listen, limits: &Limits, routes: Router) -> Result<Self, StartError> {
        let address = listen.address;
        if listen.tls.is_none() && !listen.plain_beyond_loopback && !address.ip().to_canonical().is_loopback() {
            return Err(StartError::Plain { address });
        }
        let tls = listen.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
        let bind = |source| StartError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (stopping, stopped) = watch::channel(false);
        let sockets = Arc::new(Semaphore::new(limits.sockets));
        let acceptor = Acceptor {
            tls: tls.clone(),
            routes,
            limits: limits.clone(),
            sockets: sockets.clone(),
            places: Arc::default(),
            stopped,
        };
        let accepting = tokio::spawn(acceptor.run(listener));
        Ok(Self { address, tls: tls.is_some(), sockets, limits: limits.clone(), stopping, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http{}://{}", if self.tls { "s" } else { "" }, self.address)
    }

    /// Take no more connections, let running requests answer, then return: at the latest after the limit's stop time.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        let _ = self.accepting.await;
        let all = u32::try_from(self.limits.sockets).unwrap_or(u32::MAX);
        if timeout(self.limits.stop_time, self.sockets.acquire_many(all)).await.is_err() {
            tracing::warn!("connections are cut: they did not end in time");
        }
    }
}

/// What the accept loop holds.
struct Acceptor {
    tls: Option<TlsAcceptor>,
    routes: Router,
    limits: Limits,
    sockets: Arc<Semaphore>,
    places: Arc<Places>,
    stopped: watch::Receiver<bool>,
}

/// A socket's places among all and among those of its address.
struct Admitted {
    _permit: OwnedSemaphorePermit,
    _place: Option<Place>,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        let mut stopped = self.stopped.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = told(&mut stopped) => return,
            };
            match accepted {
                Ok((socket, address)) => self.admit(socket, Peer::of(address.ip())),
                Err(error) => {
                    // Out of descriptors, or the client left before its turn; the former passes as others close.
                    tracing::debug!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn admit(&self, socket: TcpStream, peer: Peer) {
        // Dropped: closed at once, without a word that would cost us more.
        let Ok(permit) = self.sockets.clone().try_acquire_owned() else { return };
        let place = match peer.0 {
            Some(address) => match self.places.take(address, self.limits.sockets_per_address) {
                Some(place) => Some(place),
                None => return,
            },
            None => None,
        };
        if socket.set_nodelay(true).is_err() {
            return; // The client has left already.
        }
        let admitted = Admitted { _permit: permit, _place: place };
        let (tls, routes, limits) = (self.tls.clone(), self.routes.clone(), self.limits.clone());
        let stopped = self.stopped.clone();
        let stream = Timed::new(socket, limits.write_stall);
        tokio::spawn(async move {
            match tls {
                None => serve(stream, peer, routes, &limits, stopped).await,
                Some(tls) => match timeout(limits.handshake_time, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve(stream, peer, routes, &limits, stopped).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                },
            }
            drop(admitted);
        });
    }
}

/// Until it is told to stop, or nobody is left who could tell.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    routes: Router,
    limits: &Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(answered(routes.oneshot(request.map(Body::new)).await)) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers)
        .half_close(true);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = told(&mut stopped) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "HTTP connection");
    }
}

/// The routes' answer: they state an error type that has no value.
fn answered(outcome: Result<axum::response::Response, Infallible>) -> axum::response::Response {
    match outcome {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
