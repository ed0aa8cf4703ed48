//! A client that knows nothing of the server: sockets, HTTP and WebSocket frames written out by hand, so that the
//! tests see what goes over the wire and in which order.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Once},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{Limits, Server, ServerConfig, toy::Toy};

/// Longest wait for anything in these tests: never reached when the server works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server over a toy chain.
pub struct World {
    pub toy: Arc<Toy>,
    pub server: Server,
    pub address: SocketAddr,
}

/// Start a server with these limits.
pub async fn world_with(limits: Limits) -> World {
    let config = ServerConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), limits, ..ServerConfig::default() };
    world_from(config, Arc::new(Toy::default())).await
}

/// A panic of the server ends the node, so it ends these tests too: the runtime would only end the task.
fn let_no_panic_of_the_server_pass() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            usual(panic);
            if !panic.location().is_some_and(|location| location.file().contains("tests")) {
                std::process::abort();
            }
        }));
    });
}

/// Start a server with this configuration over this chain.
pub async fn world_from(config: ServerConfig, toy: Arc<Toy>) -> World {
    let_no_panic_of_the_server_pass();
    let server = Server::start(config, toy.clone(), &[]).await.unwrap();
    World { address: server.address(), toy, server }
}

/// Start a server as a node does, on a free port.
pub async fn world() -> World {
    world_with(Limits::default()).await
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error code: {self:?}"))
    }
}

/// Read one HTTP answer off a socket; none when the server closes without one.
pub async fn read_answer(socket: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |text| text.parse::<usize>().unwrap());
            if bytes.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                let body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
                return Some(Answer { status, head, body });
            }
        }
        let mut chunk = vec![0; 65_536];
        match timeout(PATIENCE, socket.read(&mut chunk)).await.expect("the server says nothing and does not close") {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend(&chunk[..read]),
        }
    }
}

/// Send these bytes on a new socket and read the answer.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The server may answer and close before all is sent.
    let _ = socket.write_all(bytes).await;
    read_answer(&mut socket).await
}

/// The bytes of a POST.
pub fn post_bytes(body: &str, headers: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// POST a body.
pub async fn post(address: SocketAddr, body: &str) -> Answer {
    raw(address, &post_bytes(body, "")).await.expect("an answer")
}

/// One call over HTTP: its result, or its error code.
pub async fn call(address: SocketAddr, method: &str, params: Value) -> Result<Value, i64> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    outcome(post(address, &body).await.json())
}

fn outcome(mut answer: Value) -> Result<Value, i64> {
    match answer["error"]["code"].as_i64() {
        Some(code) => Err(code),
        None => {
            assert!(answer.get("result").is_some(), "{answer}");
            Ok(answer["result"].take())
        }
    }
}

/// A WebSocket.
pub struct Ws {
    pub socket: TcpStream,
    bytes: Vec<u8>,
    next: u64,
    queue: VecDeque<Value>,
}

impl Ws {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address, "").await.expect("a WebSocket")
    }

    /// Connect with more header lines; the status when the server refuses.
    pub async fn try_connect(address: SocketAddr, headers: &str) -> Result<Self, Option<u16>> {
        Self::over(TcpStream::connect(address).await.unwrap(), address, headers).await
    }

    /// Connect with a receive buffer of a few thousand bytes, so that not reading is soon felt.
    pub async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        Self::over(socket.connect(address).await.unwrap(), address, "").await.expect("a WebSocket")
    }

    /// Connect on this socket.
    pub async fn over(mut socket: TcpStream, address: SocketAddr, headers: &str) -> Result<Self, Option<u16>> {
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{headers}\r\n"
        );
        let _ = socket.write_all(request.as_bytes()).await;
        match read_answer(&mut socket).await {
            Some(answer) if answer.status == 101 => {
                Ok(Self { socket, bytes: Vec::new(), next: 1, queue: VecDeque::new() })
            }
            refused => Err(refused.map(|answer| answer.status)),
        }
    }

    /// Send one frame, masked by zeros: the bytes as they are.
    pub async fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.socket.write_all(&frame).await.unwrap();
    }

    pub async fn text(&mut self, text: &str) {
        self.frame(1, text.as_bytes()).await;
    }

    /// The next message off the socket; none when it is closed.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            if let Some((opcode, payload)) = self.take_frame() {
                match opcode {
                    1 => return Some(serde_json::from_slice(&payload).unwrap()),
                    8 => return None,
                    9 => self.frame(10, &payload).await,
                    _ => {}
                }
                continue;
            }
            let mut chunk = vec![0; 65_536];
            match timeout(PATIENCE, self.socket.read(&mut chunk)).await.expect("the server says nothing") {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.bytes.extend(&chunk[..read]),
            }
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second, ..] = self.bytes[..] else { return None };
        let (start, length) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(self.bytes.get(2..4)?.try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(self.bytes.get(2..10)?.try_into().unwrap()) as usize),
            length => (2, usize::from(length)),
        };
        let payload = self.bytes.get(start..start + length)?.to_vec();
        self.bytes.drain(..start + length);
        Some((first & 0x0f, payload))
    }

    /// Call and wait for the answer; notifications that come before it are kept.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, i64> {
        let id = self.next;
        self.next += 1;
        self.text(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()).await;
        loop {
            let message = self.message().await.expect("an answer");
            if message.get("method").is_some() {
                self.queue.push_back(message);
            } else {
                assert_eq!(message["id"], id, "{message}");
                return outcome(message);
            }
        }
    }

    /// The next notification, whole.
    pub async fn notification(&mut self) -> Option<Value> {
        if let Some(kept) = self.queue.pop_front() {
            return Some(kept);
        }
        let message = self.message().await?;
        assert!(message.get("method").is_some(), "an answer nobody waits for: {message}");
        Some(message)
    }

    /// What the next notification holds.
    pub async fn item(&mut self) -> Value {
        self.notification().await.expect("a notification")["params"]["result"].take()
    }

    /// Subscribe; the id is a text.
    pub async fn subscribe(&mut self, method: &str, params: Value) -> String {
        let id = self.call(method, params).await.unwrap();
        id.as_str().unwrap_or_else(|| panic!("{method} gave {id}, not a text")).to_owned()
    }

    /// Is nothing on its way? A call goes out and its answer comes back with no notification before it.
    pub async fn is_quiet(&mut self) -> bool {
        self.call("system_chain", json!([])).await.unwrap();
        self.queue.is_empty()
    }
}
