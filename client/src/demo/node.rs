//! The hospitals' nodes: a network with fresh keys in a folder, started, stopped, killed and asked as operators would.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use salus_primitives::{Header, Height, crypto::KeyPair};

use super::{
    DemoError,
    process::{self, PATIENCE, PAUSE, beside},
};
use crate::chain::Chain;

/// One hospital's node.
struct Node {
    /// From 1 on.
    number: usize,
    /// Ports of JSON-RPC and of the network: the same again after a restart, so that what people have open goes on.
    rpc_port: u16,
    network_port: u16,
    /// Where it is met by other nodes, once it has run.
    address: Option<String>,
    child: Option<Child>,
    chain: Option<Chain>,
}

/// Validators in a folder, each a process of its own.
pub struct Network {
    program: PathBuf,
    folder: PathBuf,
    nodes: Vec<Node>,
    /// Whose turn it is.
    turn: usize,
    /// The highest height anybody in the story has seen final.
    seen: Height,
}

impl Network {
    /// Make a network of so many validators with fresh keys in `folder`, which is made too. `port` is for the first
    /// node's JSON-RPC.
    pub fn make(program: Option<PathBuf>, folder: PathBuf, port: u16, validators: usize) -> Result<Self, DemoError> {
        let program = program.unwrap_or_else(|| beside("salus-node"));
        let node = |number| Node {
            number,
            rpc_port: if number == 1 { port } else { 0 },
            network_port: 0,
            address: None,
            child: None,
            chain: None,
        };
        let nodes = (1..=validators).map(node).collect();
        let network = Self { program, folder, nodes, turn: 0, seen: Height::GENESIS };
        let folder = network.folder.display().to_string();
        network.run(&["chain-spec", "local", "--validators", &validators.to_string(), "--out", &folder])?;
        Ok(network)
    }

    /// How many validators.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The chain specification.
    pub fn spec(&self) -> PathBuf {
        self.folder.join("chain.json")
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.join(format!("node-{number}"))
    }

    /// The council's key, as the network was made with.
    pub fn council(&self) -> Result<KeyPair, DemoError> {
        let path = self.folder.join("council");
        let text = fs::read_to_string(&path).map_err(|source| DemoError::Io { path: path.clone(), source })?;
        let mut seed = [0; 32];
        hex::decode_to_slice(text.trim(), &mut seed)
            .map_err(|_| DemoError::Node(format!("{} does not hold a key", path.display())))?;
        Ok(KeyPair::from_seed(&seed))
    }

    /// Start every node: the first alone, the others with its address; where JSON-RPC of each listens.
    pub async fn start_all(&mut self) -> Result<Vec<String>, DemoError> {
        let mut urls = Vec::new();
        for number in 1..=self.nodes.len() {
            urls.push(self.start(number).await?);
        }
        Ok(urls)
    }

    /// Start one node, with the address of every other that has run; where its JSON-RPC listens.
    pub async fn start(&mut self, number: usize) -> Result<String, DemoError> {
        let log = self.folder.join(format!("node-{number}.log"));
        let file = fs::OpenOptions::new().create(true).append(true).open(&log);
        let file = file.map_err(|source| DemoError::Io { path: log.clone(), source })?;
        let data = self.data(number);
        let node = &self.nodes[number - 1];
        let others = self.nodes.iter().filter(|other| other.number != number);
        let bootnodes: Vec<&str> = others.filter_map(|other| other.address.as_deref()).collect();
        let mut command = Command::new(&self.program);
        command.args(["run", "--validator", "--name", &format!("hospital-{number}"), "--listen", "127.0.0.1"]);
        command.args(["--rpc-port", &node.rpc_port.to_string(), "--port", &node.network_port.to_string()]);
        command.arg("--chain").arg(self.spec()).arg("--base-path").arg(&data);
        if !bootnodes.is_empty() {
            command.args(["--bootnodes", &bootnodes.join(",")]);
        }
        // What an earlier process left when it was killed.
        let (rpc, address) = (data.join("local/rpc"), data.join("local/p2p"));
        for stale in [&rpc, &address] {
            match fs::remove_file(stale) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DemoError::Io { path: stale.clone(), source });
                }
                _ => {}
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|source| DemoError::Io { path: self.program.clone(), source })?;
        let node = &mut self.nodes[number - 1];
        node.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let (Ok(url), Ok(address)) = (fs::read_to_string(&rpc), fs::read_to_string(&address)) {
                let url = url.trim().to_owned();
                node.rpc_port = port_after(&url, ':').unwrap_or(node.rpc_port);
                node.address = address.lines().next().map(str::to_owned);
                let listens = node.address.as_deref().and_then(|address| port_after(address, '/'));
                node.network_port = listens.unwrap_or(node.network_port);
                node.chain = Some(Chain::connect(&url).await?);
                return Ok(url);
            }
            let ended = node.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(DemoError::Node(format!("it ended at once ({status}); its log is {}", log.display())));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(DemoError::Node(format!("it did not answer within 30 s; its log is {}", log.display())))
    }

    /// The next running node in turn, once it has everything that was seen before.
    pub async fn turn(&mut self) -> Result<Chain, DemoError> {
        for _ in 0..self.nodes.len() {
            self.turn = (self.turn + 1) % self.nodes.len();
            if let Some(chain) = self.nodes[self.turn].chain.clone() {
                self.level().await?;
                return Ok(chain);
            }
        }
        Err(DemoError::Node("none of them runs".into()))
    }

    /// Wait until every running node has everything that anybody has seen: whoever asks another hospital's gateway
    /// asks that hospital's node.
    pub async fn level(&mut self) -> Result<(), DemoError> {
        let running: Vec<&Chain> = self.nodes.iter().filter_map(|node| node.chain.as_ref()).collect();
        let mut seen = self.seen;
        for chain in &running {
            seen = seen.max(tip(chain).await?.number);
        }
        for chain in &running {
            reach(chain, seen).await?;
        }
        self.seen = seen;
        Ok(())
    }

    /// The number of the node whose turn it is.
    pub fn turn_number(&self) -> usize {
        self.nodes[self.turn].number
    }

    /// The first node that runs and whose turn it is not.
    pub fn another(&self) -> Option<usize> {
        let others = self.nodes.iter().filter(|node| node.number != self.turn_number() && node.chain.is_some());
        others.map(|node| node.number).next_back()
    }

    /// End a node at once, as a power cut would.
    pub fn kill(&mut self, number: usize) -> Result<(), DemoError> {
        let node = &mut self.nodes[number - 1];
        node.chain = None;
        let Some(mut child) = node.child.take() else { return Ok(()) };
        let ended = child.kill().and_then(|()| child.wait());
        ended.map(|_| ()).map_err(|source| DemoError::Io { path: "kill".into(), source })
    }

    /// Wait until a node has what everybody else has; its tip when it started to answer, and then.
    pub async fn caught_up(&mut self, number: usize) -> Result<(Height, Height), DemoError> {
        let Some(chain) = self.nodes[number - 1].chain.clone() else {
            return Err(DemoError::Node(format!("node {number} does not run")));
        };
        let from = tip(&chain).await?.number;
        self.level().await?;
        Ok((from, tip(&chain).await?.number))
    }

    /// Wait until every node has the height that the first has now; that header, which is the same for all.
    pub async fn agree(&self) -> Result<Header, DemoError> {
        let mut chains = self.nodes.iter().filter_map(|node| node.chain.as_ref());
        let Some(first) = chains.next() else { return Err(DemoError::Node("none of them runs".into())) };
        let header = tip(first).await?;
        for chain in chains {
            reach(chain, header.number).await?;
            let other = chain.header(chain.hash_at(header.number).await?).await?;
            if other.hash() != header.hash() || other.state_root != header.state_root {
                return Err(DemoError::Unexpected {
                    doing: format!("comparing height {}", header.number),
                    expected: format!("block {}, state root {}", header.hash(), header.state_root),
                    found: format!("{} has block {}, state root {}", chain.url(), other.hash(), other.state_root),
                });
            }
        }
        Ok(header)
    }

    /// Stop every node.
    pub async fn stop_all(&mut self) -> Result<(), DemoError> {
        for number in 1..=self.nodes.len() {
            self.stop(number).await?;
        }
        Ok(())
    }

    /// Stop a node as a service manager would, and wait until it has ended.
    pub async fn stop(&mut self, number: usize) -> Result<(), DemoError> {
        let node = &mut self.nodes[number - 1];
        node.chain = None;
        process::stop(&mut node.child, "it").await
    }

    /// Run the node's program to its end; what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String, DemoError> {
        let output = Command::new(&self.program)
            .args(arguments)
            .output()
            .map_err(|source| DemoError::Io { path: self.program.clone(), source })?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(DemoError::Node(format!("`salus-node {}`: {error}", arguments.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(|node| process::kill(&mut node.child));
    }
}

async fn tip(chain: &Chain) -> Result<Header, DemoError> {
    Ok(chain.header(chain.finalised().await?).await?)
}

/// Wait until `height` is final for a node.
async fn reach(chain: &Chain, height: Height) -> Result<(), DemoError> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if tip(chain).await?.number >= height {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(DemoError::Node(format!("the one at {} did not reach height {height} within 30 s", chain.url())))
}

/// The number that follows the last `mark` but those of words: the port in an address.
fn port_after(address: &str, mark: char) -> Option<u16> {
    address.rsplit(mark).find_map(|part| part.parse().ok())
}
