//! The port that Prometheus asks. Whoever hammers it, stalls it or sends it rubbish costs the node next to nothing:
//! few connections, little time, one page for all who ask in the same moment, and loopback only.

use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use super::Metrics;

/// The one path there is.
const PATH: &str = "/metrics";
/// The form of the page.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long to wait when the system has no socket to give.
const PAUSE: Duration = Duration::from_millis(20);

/// What the port allows. [`Limits::default`] is what a node runs with; tests shorten the times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once. One Prometheus needs one; a second one and a person looking fit too.
    pub connections: usize,
    /// From the connection to the end of the request's head.
    pub head_time: Duration,
    /// From the connection to its end, however slowly the client reads.
    pub whole_time: Duration,
    /// Largest head, bytes; the library takes no less than 8 KiB.
    pub head_bytes: usize,
    /// Most header lines. Prometheus sends six.
    pub headers: usize,
    /// How long a page is served again before another is made: who asks faster gets nothing newer.
    pub fresh: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8,
            head_time: Duration::from_secs(5),
            whole_time: Duration::from_secs(10),
            head_bytes: 8 * 1024,
            headers: 32,
            fresh: Duration::from_millis(100),
        }
    }
}

/// Why the port was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// Beyond this machine.
    #[error(
        "metrics on {address} would be open to everyone who reaches it: listen on 127.0.0.1, and let a proxy or an agent \
         on this machine carry them on"
    )]
    NotLoopback {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error(
        "cannot listen for Prometheus on {address}: {source}; another program may hold the port: give --prometheus-port another"
    )]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// The open port. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Exporter {
    /// Listen on `listen`, a loopback address, and answer with what `render` makes; port 0 takes a free one. `render`
    /// is called on a thread that may wait.
    ///
    /// # Errors
    /// [`ExporterError`].
    pub async fn start(
        listen: SocketAddr,
        metrics: Arc<Metrics>,
        limits: Limits,
        render: impl Fn() -> Result<String, fmt::Error> + Send + Sync + 'static,
    ) -> Result<Self, ExporterError> {
        if !listen.ip().to_canonical().is_loopback() {
            return Err(ExporterError::NotLoopback { address: listen });
        }
        let bind = |source| ExporterError::Bind { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        tracing::info!(metrics = %format!("http://{address}{PATH}"), ?limits, "Prometheus may ask");
        let desk = Arc::new(Desk { metrics, limits, render: Arc::new(render), page: Mutex::new(None) });
        Ok(Self { address, accepting: tokio::spawn(accept(listener, desk)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Makes the page.
type Render = Arc<dyn Fn() -> Result<String, fmt::Error> + Send + Sync>;

/// What all connections share.
struct Desk {
    metrics: Arc<Metrics>,
    limits: Limits,
    render: Render,
    /// The newest page, and since when.
    page: Mutex<Option<(Instant, Bytes)>>,
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(desk.limits.connections));
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => _ = connections.spawn(serve(socket, Arc::clone(&desk), place)),
                    // Dropped: closed at once, without a word that would cost more.
                    Err(_) => desk.refused(),
                },
                Err(error) => {
                    tracing::debug!(%error, "accept for Prometheus");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection: one request, one answer.
async fn serve(socket: TcpStream, desk: Arc<Desk>, _place: OwnedSemaphorePermit) {
    let limits = desk.limits;
    let answering = Arc::clone(&desk);
    let service = service_fn(move |request: Request<Incoming>| {
        let desk = Arc::clone(&answering);
        async move { Ok::<_, Infallible>(desk.answer(&request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers)
        .keep_alive(false);
    let serving = builder.serve_connection(TokioIo::new(socket), service);
    match timeout(limits.whole_time, serving).await {
        Ok(Ok(())) => {}
        // Too slow, too large, no HTTP, or gone: the socket closes.
        Ok(Err(_)) | Err(_) => desk.refused(),
    }
}

impl Desk {
    fn refused(&self) {
        self.metrics.scrapes_refused.fetch_add(1, Ordering::Relaxed);
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let refused = |status, words: &'static str| {
            self.refused();
            answer(status, "text/plain; charset=utf-8", Bytes::from_static(words.as_bytes()))
        };
        if request.uri().path() != PATH {
            return refused(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
        }
        if request.method() != Method::GET {
            let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "GET /metrics, and nothing else\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            return answer;
        }
        match self.page().await {
            Some(page) => {
                self.metrics.scrapes.fetch_add(1, Ordering::Relaxed);
                answer(StatusCode::OK, OPEN_METRICS, page)
            }
            None => refused(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made: see the node's log\n"),
        }
    }

    /// The page, at most so old. Whoever asks while it is made waits for the same one.
    async fn page(&self) -> Option<Bytes> {
        let mut page = self.page.lock().await;
        if let Some((made, bytes)) = &*page
            && made.elapsed() < self.limits.fresh
        {
            return Some(bytes.clone());
        }
        let render = Arc::clone(&self.render);
        // It looks at the disk and waits for the pool's lock: not on a thread that answers callers.
        match tokio::task::spawn_blocking(move || render()).await {
            Ok(Ok(text)) => {
                let bytes = Bytes::from(text);
                *page = Some((Instant::now(), bytes.clone()));
                Some(bytes)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the page of metrics could not be made");
                None
            }
            // The runtime is going down.
            Err(_) => None,
        }
    }
}

fn answer(status: StatusCode, form: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    answer
}

#[cfg(test)]
#[path = "exporter_tests.rs"]
mod tests;
