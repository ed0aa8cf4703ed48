//! What the port serves and what it refuses, through real sockets.

use std::sync::atomic::AtomicU64;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Longest wait for anything here: never reached when the port works.
const PATIENCE: Duration = Duration::from_secs(20);
const ASK: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

struct Port {
    exporter: Exporter,
    metrics: Arc<Metrics>,
    rendered: Arc<AtomicU64>,
}

impl Port {
    fn served(&self) -> (u64, u64) {
        let figures = self.metrics.figures();
        (figures.scrapes, figures.scrapes_refused)
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.exporter.address()).await.unwrap()
    }

    /// Send these bytes on a new socket; everything that comes back until the port closes.
    async fn ask(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        // The port may answer and close before all is sent.
        let _ = socket.write_all(bytes).await;
        rest(&mut socket).await
    }
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is a close too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the port closes");
    String::from_utf8(answer).unwrap()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn port(limits: Limits) -> Port {
    let (metrics, rendered) = (Metrics::new(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&rendered);
    let render = move || Ok(format!("page {}\n", count.fetch_add(1, Ordering::Relaxed)));
    let exporter = Exporter::start(loopback(), Arc::clone(&metrics), limits, render).await.unwrap();
    Port { exporter, metrics, rendered }
}

fn short() -> Limits {
    Limits {
        head_time: Duration::from_millis(200),
        whole_time: Duration::from_millis(500),
        fresh: Duration::ZERO,
        ..Limits::default()
    }
}

#[tokio::test]
async fn the_page_is_served_anew_to_each_who_asks() {
    let port = port(short()).await;
    for number in 0..2 {
        let answer = port.ask(ASK).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
        assert!(answer.ends_with(&format!("\r\n\r\npage {number}\n")), "{answer}");
    }
    assert_eq!(port.served(), (2, 0));
}

#[tokio::test]
async fn who_asks_faster_than_figures_age_gets_the_same_page() {
    let port = port(Limits { fresh: Duration::from_secs(3_600), ..short() }).await;
    for _ in 0..50 {
        assert!(port.ask(ASK).await.ends_with("page 0\n"));
    }
    assert_eq!(port.rendered.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn another_path_is_not_found_and_another_method_not_allowed() {
    let port = port(short()).await;
    for path in ["/", "/metrics/", "/metricsx", "/debug", "*"] {
        let answer = port.ask(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404 ") || (path == "*" && answer.contains(" 400 ")), "{path}: {answer}");
    }
    for method in ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "FROB"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let answer = port.ask(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET\r\n"), "{method}: {answer}");
    }
    assert_eq!(port.served(), (0, 12));
    assert_eq!(port.rendered.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let port = port(Limits { whole_time: PATIENCE, ..short() }).await;
    let mut socket = port.connect().await;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nx: ").await.unwrap();
    assert!(!rest(&mut socket).await.contains("200 OK"));
    let mut silent = port.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(port.served(), (0, 2));
    assert!(port.ask(ASK).await.contains("200 OK"));
}

#[tokio::test]
async fn a_client_that_dribbles_is_cut_when_its_time_is_over() {
    let port = port(Limits { head_time: PATIENCE, ..short() }).await;
    let mut socket = port.connect().await;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nx: ").await.unwrap();
    let dribble = async {
        while socket.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, dribble).await.expect("the port cuts it");
    assert_eq!(port.served(), (0, 1));
}

#[tokio::test]
async fn a_head_that_is_too_large_and_what_is_no_http_are_refused() {
    let port = port(short()).await;
    let line = format!("GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(20 * 1024));
    let many: String = (0..100).map(|n| format!("x-{n}: a\r\n")).collect();
    let many = format!("GET /metrics HTTP/1.1\r\n{many}\r\n");
    for bytes in
        [line.as_bytes(), many.as_bytes(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a handshake of TLS\r\n\r\n"]
    {
        assert!(!port.ask(bytes).await.contains("200 OK"));
    }
    assert_eq!(port.served(), (0, 3));
    assert!(port.ask(ASK).await.contains("200 OK"));
}

#[tokio::test]
async fn an_announced_body_is_not_waited_for() {
    let port = port(Limits { head_time: PATIENCE, whole_time: PATIENCE, ..short() }).await;
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n";
    assert!(port.ask(request).await.contains("200 OK"));
}

#[tokio::test]
async fn one_connection_serves_one_page() {
    let port = port(short()).await;
    let answer = port.ask(&[ASK, ASK].concat()).await;
    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once_and_room_comes_back() {
    let port = port(Limits { connections: 2, head_time: PATIENCE, whole_time: PATIENCE, ..short() }).await;
    let held = [port.connect().await, port.connect().await];
    // The third is accepted after the two before it.
    assert_eq!(port.ask(ASK).await, "");
    assert_eq!(port.served(), (0, 1));
    drop(held);
    let again = async {
        while !port.ask(ASK).await.contains("200 OK") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("the places are free again");
}

#[tokio::test]
async fn a_page_that_cannot_be_made_is_an_error_and_the_port_lives_on() {
    let metrics = Metrics::new();
    let exporter = Exporter::start(loopback(), metrics, short(), || Err(fmt::Error)).await.unwrap();
    for _ in 0..2 {
        let mut socket = TcpStream::connect(exporter.address()).await.unwrap();
        socket.write_all(ASK).await.unwrap();
        assert!(rest(&mut socket).await.starts_with("HTTP/1.1 500 "));
    }
}

#[tokio::test]
async fn beyond_loopback_there_are_no_metrics() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let refused = Exporter::start(address.parse().unwrap(), Metrics::new(), short(), || Ok(String::new())).await;
        assert!(matches!(refused.err(), Some(ExporterError::NotLoopback { .. })), "{address}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_so() {
    let port = port(short()).await;
    let address = port.exporter.address();
    let refused = Exporter::start(address, Metrics::new(), short(), || Ok(String::new())).await.err().unwrap();
    assert!(matches!(refused, ExporterError::Bind { address: taken, .. } if taken == address));
    assert!(refused.to_string().contains("--prometheus-port"), "{refused}");
}

#[tokio::test]
async fn a_dropped_exporter_closes_the_port_and_its_connections() {
    let port = port(Limits { head_time: PATIENCE, whole_time: PATIENCE, ..short() }).await;
    let address = port.exporter.address();
    let mut held = port.connect().await;
    assert!(port.ask(ASK).await.contains("200 OK"));
    drop(port);
    assert_eq!(rest(&mut held).await, "");
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("nobody listens any more");
}
