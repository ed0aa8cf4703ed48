//! Sockets: TLS, plain text only where it may be, the deadline of a head, and a clean stop.

use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsConnector, rustls::ClientConfig, rustls::RootCertStore};

use super::*;

fn plain(address: &str) -> Listen {
    Listen { address: address.parse().unwrap(), tls: None, plain_beyond_loopback: false }
}

fn routes() -> Router {
    Router::new().route("/", get(|| async { "here" }))
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(ASK).await.unwrap();
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

fn certificate(folder: &Path) -> (TlsFiles, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("chain.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (files, client)
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (files, client) = certificate(folder.path());
    let listen = Listen { tls: Some(files), ..plain("127.0.0.1:0") };
    let server = Server::start(&listen, &Limits::default(), routes()).await.unwrap();
    assert!(server.url().starts_with("https://"));
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    assert!(answer(stream).await.ends_with("here"));
    let bare = answer(TcpStream::connect(server.address()).await.unwrap()).await;
    assert!(!bare.contains("here"), "{bare}");
    server.stop().await;
}

#[tokio::test]
async fn plain_text_is_served_to_this_machine_alone_unless_told_otherwise() {
    let error = Server::start(&plain("0.0.0.0:0"), &Limits::default(), routes()).await.unwrap_err();
    assert!(matches!(error, StartError::Plain { .. }), "{error}");
    let listen = Listen { plain_beyond_loopback: true, ..plain("0.0.0.0:0") };
    Server::start(&listen, &Limits::default(), routes()).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_key_that_others_may_read_or_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = certificate(folder.path());
    let listen = |files: &TlsFiles| Listen { tls: Some(files.clone()), ..plain("127.0.0.1:0") };
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Server::start(&listen(&files), &Limits::default(), routes()).await.unwrap_err();
    assert!(matches!(error, StartError::Tls(TlsError::Secret(_))), "{error}");
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&files.key, "no key").unwrap();
    let error = Server::start(&listen(&files), &Limits::default(), routes()).await.unwrap_err();
    assert!(matches!(error, StartError::Tls(TlsError::Key { .. })), "{error}");
    std::fs::write(&files.certificate, "no certificate").unwrap();
    let error = Server::start(&listen(&files), &Limits::default(), routes()).await.unwrap_err();
    assert!(matches!(error, StartError::Tls(TlsError::Certificate { .. })), "{error}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let server = Server::start(&plain("127.0.0.1:0"), &Limits::default(), routes()).await.unwrap();
    let taken = plain(&server.address().to_string());
    let error = Server::start(&taken, &Limits::default(), routes()).await.unwrap_err();
    assert!(matches!(error, StartError::Bind { .. }), "{error}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let limits = Limits { head_time: Duration::from_millis(20), ..Limits::default() };
    let server = Server::start(&plain("127.0.0.1:0"), &limits, routes()).await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    let mut text = Vec::new();
    // It ends, and without an answer to what was not asked.
    let _ = stream.read_to_end(&mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains("here"));
}

#[tokio::test]
async fn more_sockets_than_there_may_be_are_closed_at_once() {
    let limits = Limits { sockets: 1, ..Limits::default() };
    let server = Server::start(&plain("127.0.0.1:0"), &limits, routes()).await.unwrap();
    let mut first = TcpStream::connect(server.address()).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 12];
    first.read_exact(&mut some).await.unwrap();
    let mut second = TcpStream::connect(server.address()).await.unwrap();
    let _ = second.write_all(ASK).await;
    let mut text = Vec::new();
    let _ = second.read_to_end(&mut text).await;
    assert!(text.is_empty());
}

#[tokio::test]
async fn a_stop_lets_running_requests_end_and_takes_no_more() {
    let (begun, mut begin) = tokio::sync::mpsc::channel::<()>(1);
    let (go, going) = tokio::sync::watch::channel(false);
    let slow = get(move || {
        let (begun, mut going) = (begun.clone(), going.clone());
        async move {
            begun.send(()).await.unwrap();
            let _ = going.wait_for(|go| *go).await;
            "late"
        }
    });
    let routes = Router::new().route("/", slow);
    let server = Server::start(&plain("127.0.0.1:0"), &Limits::default(), routes).await.unwrap();
    let address = server.address();
    let asking = tokio::spawn(async move { answer(TcpStream::connect(address).await.unwrap()).await });
    begin.recv().await.unwrap();
    let stopping = tokio::spawn(server.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.send_replace(true);
    assert!(asking.await.unwrap().ends_with("late"));
    stopping.await.unwrap();
}
