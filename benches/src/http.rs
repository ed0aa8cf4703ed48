//! The smallest JSON-RPC client there can be: one connection, one request at a time. A measured server should not
//! wait for its measurer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// A kept-alive connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Connection {
    /// Connect.
    pub fn open(host: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host })
    }

    /// One call; its result.
    pub fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let answer = self.post(&json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params }))?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => bail!("{method}: {}", answer["error"]),
        }
    }

    /// Many calls in one request; every one must succeed.
    pub fn batch(&mut self, calls: &[(&str, Value)]) -> anyhow::Result<()> {
        let calls: Vec<Value> = calls
            .iter()
            .zip(0u64..)
            .map(|((method, params), id)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .collect();
        let answers = self.post(&Value::Array(calls))?;
        let failed = answers.as_array().and_then(|answers| answers.iter().find(|one| one.get("error").is_some()));
        match failed {
            Some(failed) => bail!("a call of a batch: {}", failed["error"]),
            None => Ok(()),
        }
    }

    fn post(&mut self, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the server closed the connection");
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<usize>()?);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length.context("an answer without content-length")?];
        self.stream.read_exact(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// The page that a web server at `url`, as `http://127.0.0.1:9615/metrics`, serves.
///
/// # Errors
/// When nobody answers there.
pub fn get(url: &str) -> anyhow::Result<String> {
    let rest = url.trim().trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, "metrics"));
    let mut stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
