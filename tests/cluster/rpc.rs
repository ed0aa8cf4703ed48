//! JSON-RPC by HTTP over one kept connection: small enough to send what no client would.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// A node that says nothing for this long is taken for dead.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Why a call has no result.
#[derive(Debug)]
pub enum Failure {
    /// The node is gone, or spoke no HTTP: what `Debug` tells of a failed test.
    Gone(#[allow(dead_code, reason = "read by Debug")] io::Error),
    /// The node refused.
    Refused(Refusal),
}

/// A JSON-RPC error.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Its code.
    pub code: i64,
    /// Its message.
    pub message: String,
    /// Its data, where there is text in it.
    pub data: String,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What carries bytes to a node and back.
pub trait Socket: Read + Write + Send {}

impl<T: Read + Write + Send> Socket for T {}

/// A connection to a node.
pub struct Rpc {
    address: SocketAddr,
    stream: BufReader<Box<dyn Socket>>,
    calls: u64,
}

impl Rpc {
    /// Connect.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(tcp(address)?, address))
    }

    /// Over a connection with `address` that was made somehow.
    pub fn over(socket: Box<dyn Socket>, address: SocketAddr) -> Self {
        Self { address, stream: BufReader::new(socket), calls: 0 }
    }

    /// Send a body; status and body of the answer.
    pub fn post(&mut self, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| garbled("no status"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                None if line.is_empty() => break,
                Some(("content-length", digits)) => length = digits.parse().map_err(|_| garbled("no length"))?,
                Some(("transfer-encoding", "chunked")) => chunked = true,
                _ => {}
            }
        }
        if chunked {
            return Ok((status, self.chunks()?));
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok((status, answer))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16).map_err(|_| garbled("no chunk"))?;
            let mut chunk = vec![0; length + 2];
            self.stream.read_exact(&mut chunk)?;
            if length == 0 {
                return Ok(answer);
            }
            answer.extend(&chunk[..length]);
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Call a method.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        self.calls += 1;
        let request = json!({ "jsonrpc": "2.0", "id": self.calls, "method": method, "params": params });
        let (_, body) = self.post(request.to_string().as_bytes())?;
        let mut answer: Value = serde_json::from_slice(&body).map_err(|_| garbled("no JSON"))?;
        match answer.get("error") {
            Some(error) => Err(Failure::Refused(refusal(error))),
            None => Ok(answer["result"].take()),
        }
    }

    /// Call a method that the node serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap_or_else(|failure| panic!("{method}: {failure:?}"))
    }

    /// Call a method that the node refuses.
    ///
    /// # Panics
    /// When it does not.
    pub fn refused(&mut self, method: &str, params: Value) -> Refusal {
        match self.call(method, params) {
            Err(Failure::Refused(refusal)) => refusal,
            other => panic!("{method} was not refused: {other:?}"),
        }
    }
}

/// A TCP connection.
pub fn tcp(address: SocketAddr) -> io::Result<Box<dyn Socket>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// The parts of an error.
pub fn refusal(error: &Value) -> Refusal {
    Refusal {
        code: error["code"].as_i64().unwrap_or_default(),
        message: error["message"].as_str().unwrap_or_default().to_owned(),
        data: error["data"].as_str().unwrap_or_default().to_owned(),
    }
}
