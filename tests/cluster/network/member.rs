//! One node of a network: a process of its own with a folder of its own.

use std::{
    fs,
    io::{Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use salus_primitives::crypto::KeyPair;

use crate::{
    chain::Chain,
    cluster::{PATIENCE, until},
    namespaces::{Place, relay},
    node::program,
    rpc::{Failure, Rpc, Socket, tcp},
};

/// A node that runs, or ran.
pub struct Member {
    /// What the test calls it.
    pub name: String,
    /// The folder given as its base path.
    pub base: PathBuf,
    spec: PathBuf,
    /// Where on the machine it runs; none for where the test does.
    place: Option<Place>,
    arguments: Vec<String>,
    /// The network's port, the same again after a restart.
    port: u16,
    /// Where other nodes meet it, once it has run: what its operator would write into their configurations.
    address: Option<String>,
    process: Option<Child>,
    /// How it ended last.
    pub ended: Option<ExitStatus>,
}

impl Member {
    /// The node of this specification and this folder, not started yet.
    pub fn new(name: &str, spec: &Path, base: &Path) -> Self {
        Self {
            name: name.into(),
            base: base.to_owned(),
            spec: spec.to_owned(),
            place: None,
            arguments: Vec::new(),
            port: 0,
            address: None,
            process: None,
            ended: None,
        }
    }

    /// One more argument for its starts from now on.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Let it run in a namespace of its own.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// A file in the folder of its chain; every chain of these tests has the same id.
    pub fn file(&self, name: &str) -> PathBuf {
        self.base.join("local").join(name)
    }

    fn log_file(&self) -> PathBuf {
        self.base.with_extension("log")
    }

    /// What it wrote in all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// One of its keys, `validator` or `network`.
    pub fn key(&self, name: &str) -> KeyPair {
        key_of(&self.file("keys").join(name))
    }

    /// Start the process with these nodes to call first, and wait for nothing.
    pub fn spawn(&mut self, bootnodes: &[String]) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        // What a killed process left says nothing of the next one.
        for stale in ["rpc", "p2p", "metrics"] {
            let _ = fs::remove_file(self.file(stale));
        }
        self.ended = None;
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log can be written");
        let mut command = match &self.place {
            None => Command::new(program("salus-node")),
            Some(place) => place.command(&program("salus-node")),
        };
        let listen = self.place.as_ref().map_or("127.0.0.1", |place| &place.address);
        command.arg("run").arg("--chain").arg(&self.spec).arg("--base-path").arg(&self.base);
        command.args(["--name", &self.name, "--listen", listen, "--port", &self.port.to_string()]);
        command.args(["--rpc-port", "0", "--prometheus-port", "0"]).args(&self.arguments);
        if !bootnodes.is_empty() {
            command.args(["--bootnodes", &bootnodes.join(",")]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.process = Some(process.expect("salus-node starts"));
    }

    /// Wait until it serves; how long that took.
    ///
    /// # Panics
    /// When it ends instead.
    #[track_caller]
    pub fn wait_until_ready(&mut self) -> Duration {
        let begun = Instant::now();
        while self.rpc_address().is_none() {
            assert!(self.is_running(), "{} ended ({:?}):\n{}", self.name, self.ended, tail(&self.log()));
            assert!(begun.elapsed() < PATIENCE, "{} is not ready:\n{}", self.name, tail(&self.log()));
            thread::sleep(Duration::from_millis(2));
        }
        let text = fs::read_to_string(self.file("p2p")).expect("it was written before");
        let address = text.lines().next().expect("it listens somewhere");
        let port = address.split('/').nth(4).and_then(|port| port.parse().ok());
        self.port = port.expect("an address has a port");
        self.address = Some(address.to_owned());
        begun.elapsed()
    }

    /// Wait until it ends by itself; how it did.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> ExitStatus {
        until(PATIENCE, || (!self.is_running()).then_some(())).expect("it ends");
        self.ended.expect("it ended")
    }

    /// Does its process live?
    pub fn is_running(&mut self) -> bool {
        let Some(process) = &mut self.process else { return false };
        self.ended = process.try_wait().expect("a child can be waited for");
        if self.ended.is_some() {
            self.process = None;
        }
        self.process.is_some()
    }

    /// Was it started, and not stopped since?
    pub fn is_on(&self) -> bool {
        self.process.is_some()
    }

    fn rpc_address(&self) -> Option<SocketAddr> {
        let text = fs::read_to_string(self.file("rpc")).ok()?;
        text.strip_suffix('\n')?.strip_prefix("ws://")?.parse().ok()
    }

    /// Where other nodes meet it; none before it has run.
    pub fn peer_address(&self) -> Option<String> {
        self.address.clone()
    }

    /// Where JSON-RPC listens.
    #[track_caller]
    pub fn url(&self) -> String {
        format!("ws://{}", self.rpc_address().expect("it runs"))
    }

    /// The chain as it tells it, over a new connection.
    ///
    /// # Panics
    /// When it does not serve.
    #[track_caller]
    pub fn chain(&self) -> Chain {
        self.try_chain().unwrap_or_else(|failure| panic!("{} does not serve: {failure:?}", self.name))
    }

    /// The same, where it may be gone.
    pub fn try_chain(&self) -> Result<Chain, Failure> {
        let address = self.rpc_address().ok_or_else(|| std::io::Error::other("it does not run"))?;
        Chain::on(Rpc::over(self.dial(address)?, address))
    }

    /// Connect with an address of the node's own loopback.
    fn dial(&self, address: SocketAddr) -> std::io::Result<Box<dyn Socket>> {
        match &self.place {
            None => tcp(address),
            Some(place) => relay(place, address),
        }
    }

    /// Height of its newest final block.
    #[track_caller]
    pub fn height(&self) -> u32 {
        self.chain().height().expect("it serves")
    }

    /// What it tells Prometheus under this name, without `salus_` before and `_total` behind it.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let page = self.metrics();
        let value = |line: &str| {
            let (found, value) = line.strip_prefix("salus_")?.split_once(' ')?;
            (found.strip_suffix("_total").unwrap_or(found) == name).then(|| value.parse().ok())?
        };
        page.lines().find_map(value).unwrap_or_else(|| panic!("{} has no metric {name}:\n{page}", self.name))
    }

    fn metrics(&self) -> String {
        let url = fs::read_to_string(self.file("metrics")).expect("it tells where its metrics are");
        let address = url.trim().trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
        let mut stream = self.dial(address.parse().expect("an address")).expect("it serves metrics");
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("it answers");
        page
    }

    /// kill -9: no time for a last word. It may be gone a moment after this returns.
    pub fn strike(&mut self) {
        if let Some(process) = &mut self.process {
            // It may be gone already.
            let _ = process.kill();
        }
    }

    /// Wait until a struck process is gone.
    pub fn bury(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.ended = Some(process.wait().expect("a killed process ends"));
        }
    }

    /// Stop it as a service manager does.
    ///
    /// # Panics
    /// When it does not end well.
    #[track_caller]
    pub fn stop(&mut self) {
        let process = self.process.as_ref().expect("it runs");
        let sent = Command::new("kill").args(["-s", "TERM", &process.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success(), "the signal could not be sent");
        let status = self.wait_for_end();
        assert!(status.success(), "{} did not stop cleanly ({status}):\n{}", self.name, tail(&self.log()));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.strike();
        self.bury();
    }
}

/// The key in a file.
pub fn key_of(file: &Path) -> KeyPair {
    let text = fs::read_to_string(file).expect("there is a key");
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed).expect("a key is hex");
    KeyPair::from_seed(&seed)
}

/// The last lines of a log.
pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
