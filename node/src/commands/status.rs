//! `salus-node status`: ask a running node how it stands, and say what to do where it does not stand well.

use std::{fs, io, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

use crate::{cli::StatusArgs, config::locate};

/// Where a node listens unless something else is said.
const DEFAULT_URL: &str = "ws://127.0.0.1:9944";
/// How long the node may take to answer. It answers within milliseconds unless the machine is on its knees.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer, bytes. A node with all the peers it may have tells some twenty thousand.
const ANSWER_MAX: usize = 1 << 20;
/// From which age of the newest block on the chain is said to stand still: three heartbeats of 4 s, after which
/// nothing is released on this state either.
const STALE: Duration = Duration::from_secs(12);
/// The node is there, and not in sync.
const NOT_IN_SYNC: u8 = 2;

/// Why a node does not tell how it stands.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// No node has written where it listens.
    #[error(
        "the node of chain {chain} does not run: a running one keeps its address in {path}; start it with `salus-node run`, \
         or name another with --rpc URL"
    )]
    NotRunning {
        /// Which chain.
        chain: String,
        /// Where the address would stand.
        path: PathBuf,
    },
    /// The file with the address cannot be read.
    #[error("{path}: {source}; run this as the node's own user, or name the node with --rpc URL")]
    AddressFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not an address this program can ask.
    #[error("{url} cannot be asked: {reason}; give ws://127.0.0.1:PORT, as the node's log has it")]
    Url {
        /// The address.
        url: String,
        /// Why not.
        reason: &'static str,
    },
    /// Nobody answers.
    #[error("no node answers at {url}: {reason}; see whether it runs, and what the last line of its log says")]
    Unreachable {
        /// Where.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// Somebody answers, and not as a node of this release does.
    #[error("what answers at {url} does not tell how it stands: {reason}")]
    Refused {
        /// Where.
        url: String,
        /// What it said, and what to do.
        reason: String,
    },
}

/// A node's answer, as far as it is read here.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    name: String,
    version: String,
    chain: String,
    genesis: String,
    height: u32,
    hash: String,
    round: u32,
    validator: Option<String>,
    in_set: bool,
    silent_until: Option<u32>,
    validators: usize,
    quorum: usize,
    validators_reached: usize,
    peers: Vec<Peer>,
    should_have_peers: bool,
    behind: u32,
    syncing: bool,
    pool: Pool,
    heartbeat_age_ms: u64,
}

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Peer {
    key: String,
    validator: bool,
    tip: Option<u32>,
}

/// The pool.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
struct Pool {
    ready: usize,
    waiting: usize,
    bytes: usize,
}

/// What a node's answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    /// For programs.
    state: &'static str,
    /// For people: what it means, and what to do.
    advice: String,
    in_sync: bool,
}

/// Ask, print, judge: 0 in sync, 2 behind or without enough peers to go on.
///
/// # Errors
/// [`StatusError`], or the chain specification's: nobody was asked then, or nobody answered.
pub fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let url = url_of(args)?;
    let token = match &args.rpc_token_file {
        None => None,
        Some(path) => Some(fs::read_to_string(path).with_context(|| format!("token file {}", path.display()))?),
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = tokio.block_on(ask(&url, token.as_deref().map(str::trim)))?;
    let status = Status::deserialize(&answer).map_err(|error| StatusError::Refused {
        url: url.clone(),
        reason: format!("{error}; use the salus-node of the release that runs there"),
    })?;
    let verdict = judge(&status);
    if args.json {
        let mut report = answer;
        report["state"] = json!(verdict.state);
        report["advice"] = json!(verdict.advice);
        println!("{report}");
    } else {
        print!("{}", table(&status, &verdict));
    }
    Ok(if verdict.in_sync { ExitCode::SUCCESS } else { ExitCode::from(NOT_IN_SYNC) })
}

/// The address that is named, the one that a running node of the chain keeps in its folder, or the usual one.
fn url_of(args: &StatusArgs) -> anyhow::Result<String> {
    if let Some(url) = &args.rpc {
        return Ok(url.clone());
    }
    if args.chain.chain.is_none() {
        return Ok(DEFAULT_URL.to_owned());
    }
    let (spec, layout) = locate(&args.chain)?;
    let path = layout.rpc_address();
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StatusError::NotRunning { chain: spec.id, path }.into())
        }
        Err(source) => Err(StatusError::AddressFile { path, source }.into()),
    }
}

/// `host:port` of an address.
fn authority(url: &str) -> Result<&str, StatusError> {
    let refused = |reason| StatusError::Url { url: url.to_owned(), reason };
    let rest = match url.split_once("://") {
        None => url,
        Some(("ws" | "http", rest)) => rest,
        Some(("wss" | "https", _)) => return Err(refused("a node speaks no TLS itself, the proxy before it does")),
        Some(_) => return Err(refused("it is not of ws:// or http://")),
    };
    let authority = rest.trim_end_matches('/');
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if authority.contains(['/', '@', ' ']) || port.is_none() {
        return Err(refused("it is no host and port"));
    }
    Ok(authority)
}

/// One call of `salus_status`; its result.
async fn ask(url: &str, token: Option<&str>) -> Result<Value, StatusError> {
    let authority = authority(url)?;
    match timeout(PATIENCE, exchange(url, authority, token)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let reason = format!("it took longer than {} s", PATIENCE.as_secs());
            Err(StatusError::Unreachable { url: url.to_owned(), reason })
        }
    }
}

async fn exchange(url: &str, authority: &str, token: Option<&str>) -> Result<Value, StatusError> {
    let unreachable = |reason: String| StatusError::Unreachable { url: url.to_owned(), reason };
    let refused = |reason: String| StatusError::Refused { url: url.to_owned(), reason };
    let socket = TcpStream::connect(authority).await.map_err(|error| unreachable(error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(socket)).await.map_err(|error| unreachable(error.to_string()))?;
    // It ends with the answer, and says nothing that the answer does not.
    let connection = tokio::spawn(connection);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "salus_status", "params": [] }).to_string();
    let mut request =
        Request::post("/").header(header::HOST, authority).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request
        .body(Full::new(Bytes::from(call)))
        .map_err(|_| refused("the token is no line of printable characters".to_owned()))?;
    let answer = sender.send_request(request).await.map_err(|error| unreachable(error.to_string()))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
    let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
    connection.abort();
    if status == hyper::StatusCode::UNAUTHORIZED {
        return Err(refused("it wants a token: give --rpc-token-file FILE".to_owned()));
    }
    let mut answer: Value = serde_json::from_slice(&body)
        .map_err(|_| refused(format!("HTTP {status} and no JSON; is this the port of a node's JSON-RPC?")))?;
    match answer.get("error") {
        None => Ok(answer["result"].take()),
        Some(error) if error["code"] == -32601 => {
            Err(refused("it has no method salus_status; is it a node of another release?".to_owned()))
        }
        Some(error) => Err(refused(error["message"].as_str().unwrap_or("an error without words").to_owned())),
    }
}

/// What an answer means. What keeps the chain from going on is told before what follows from it.
fn judge(status: &Status) -> Verdict {
    let age = Duration::from_millis(status.heartbeat_age_ms);
    let verdict = |state, advice| Verdict { state, advice, in_sync: false };
    let Status { validators, quorum, validators_reached: reached, behind, .. } = status;
    if status.in_set && reached < quorum {
        return verdict(
            "no-quorum",
            format!(
                "no quorum: it reaches {reached} of {validators} validators, itself included, and {quorum} must agree, so \
                 nothing becomes final; see whether the others run, and whether they can be reached from here"
            ),
        );
    }
    if status.should_have_peers && status.peers.is_empty() {
        return verdict(
            "alone",
            "no peer is connected, so it hears of no new block; see that --bootnodes names a node that runs, and that the \
             chain lists this one"
                .to_owned(),
        );
    }
    if status.syncing {
        return verdict(
            "behind",
            format!(
                "{behind} blocks behind what a peer claims: it catches up; ask again in a minute, and where the height \
                 stands still, see its log"
            ),
        );
    }
    if age > STALE {
        return verdict(
            "stalled",
            format!(
                "the newest block is {} s old, and one is due every 4 s: the network does not agree, or does not reach \
                 this node; see whether the other validators run, and this node's log",
                age.as_secs()
            ),
        );
    }
    if let Some(height) = status.silent_until.filter(|_| status.in_set) {
        return verdict(
            "not-signing",
            format!(
                "it follows, and does not vote up to height {height}: its data folder does not lead back to what its key \
                 signed last; it votes again by itself; see that no other process uses this key, and in its log whether \
                 the folder is an old copy"
            ),
        );
    }
    Verdict { state: "in-sync", advice: "in sync".to_owned(), in_sync: true }
}

/// For people.
fn table(status: &Status, verdict: &Verdict) -> String {
    let Status { name, version, chain, genesis, height, hash, round, validators, quorum, .. } = status;
    let age = Duration::from_millis(status.heartbeat_age_ms).as_secs_f64();
    let role = match (&status.validator, status.in_set) {
        (Some(key), true) => format!("{key}, one of {validators}; {quorum} decide"),
        (Some(key), false) => format!("{key}, not among the {validators} that decide: it follows without voting"),
        (None, _) => format!("no: it follows the {validators} that decide"),
    };
    let connected = status.peers.iter().filter(|peer| peer.validator).count();
    let mut lines = vec![
        ("node", format!("{name}, salus-node {version}")),
        ("chain", format!("{chain}, genesis {genesis}")),
        ("height", format!("{height}, block {hash}, {age:.1} s ago")),
        ("round", round.to_string()),
        ("validator", role),
        ("peers", format!("{}, {connected} of them validators", status.peers.len())),
    ];
    for peer in &status.peers {
        let kind = if peer.validator { "validator" } else { "full node" };
        let tip = peer.tip.map_or("not told yet".to_owned(), |tip| format!("at height {tip}"));
        lines.push(("", format!("{}  {kind}, {tip}", peer.key)));
    }
    let Pool { ready, waiting, bytes } = status.pool;
    lines.push(("pool", format!("{ready} ready, {waiting} waiting, {bytes} bytes")));
    let mut text: String = lines.iter().map(|(name, value)| format!("{name:<11}{value}\n")).collect();
    text.push_str(&format!("{}\n", verdict.advice));
    text
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
