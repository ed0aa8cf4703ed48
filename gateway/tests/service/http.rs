//! A client that sends exactly the bytes a test wants.

use std::net::SocketAddr;

use salus_client::door::{Refusal, RefusalBody};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Status of a connection that ended without an answer.
pub const CUT: u16 = 0;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The refusal it is, with its status.
    #[track_caller]
    pub fn refusal(&self) -> Refusal {
        let body: RefusalBody = serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no refusal: {} {}", self.status, String::from_utf8_lossy(&self.body)));
        let refusal = body.refusal().unwrap_or_else(|| panic!("unknown refusal {body:?}"));
        assert_eq!(self.status, refusal.status(), "{body:?}");
        assert!(!body.message.is_empty() && !body.hint.is_empty(), "{body:?}");
        refusal
    }

    /// The JSON it is.
    #[track_caller]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The length it declares.
    pub fn declared(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// A header of it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Send these bytes and read all that comes back, to the end of the connection.
pub async fn send(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(to).await.unwrap();
    // The gateway may answer before it has read all: then the rest goes nowhere.
    let _ = socket.write_all(bytes).await;
    read(socket).await
}

/// Send these bytes, say that no more come, and read all that comes back.
pub async fn send_and_end(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(to).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    socket.shutdown().await.unwrap();
    read(socket).await
}

async fn read(mut socket: TcpStream) -> Answer {
    let mut all = Vec::new();
    let _ = socket.read_to_end(&mut all).await;
    let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else {
        // A connection that is cut may take the head along that was not sent yet.
        assert!(all.is_empty(), "half a head");
        return Answer { status: CUT, head: String::new(), body: Vec::new() };
    };
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: all[end + 4..].to_vec() }
}

/// The bytes of a request, which is the last on its connection.
pub fn request(method: &str, target: &str, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| matches!(*name, "content-length" | "transfer-encoding")) {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}
