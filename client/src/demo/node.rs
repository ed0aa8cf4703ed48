//! The hospital's node: a network of one with fresh keys in a folder, started, stopped and asked as an operator would.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use salus_primitives::crypto::KeyPair;

use super::DemoError;

/// How long a node may take to answer or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A network of one validator in a folder.
pub struct Network {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Network {
    /// Make a network with fresh keys in `folder`, which is made too.
    pub fn make(program: Option<PathBuf>, folder: PathBuf, port: u16) -> Result<Self, DemoError> {
        let program = program.unwrap_or_else(beside);
        let network = Self { program, folder, port, child: None };
        let folder = network.folder.display().to_string();
        network.run(&["chain-spec", "local", "--validators", "1", "--out", &folder])?;
        Ok(network)
    }

    /// The chain specification.
    pub fn spec(&self) -> PathBuf {
        self.folder.join("chain.json")
    }

    /// The node's data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("node-1")
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

    /// Start the node; where its JSON-RPC listens.
    pub async fn start(&mut self) -> Result<String, DemoError> {
        let log = self.folder.join("node.log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log);
        let file = file.map_err(|source| DemoError::Io { path: log.clone(), source })?;
        let child = Command::new(&self.program)
            .args(["run", "--validator", "--name", "demo", "--rpc-port", &self.port.to_string()])
            .arg("--chain")
            .arg(self.spec())
            .arg("--base-path")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|source| DemoError::Io { path: self.program.clone(), source })?;
        self.child = Some(child);
        let address = self.data().join("local/rpc");
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(text) = fs::read_to_string(&address) {
                let url = text.trim().to_owned();
                // The same port after a restart, so that what people have open goes on.
                self.port = url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(self.port);
                return Ok(url);
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(DemoError::Node(format!("it ended at once ({status}); its log is {}", log.display())));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(DemoError::Node(format!("it did not answer within 30 s; its log is {}", log.display())))
    }

    /// Stop the node as a service manager would, and wait until it has ended.
    pub async fn stop(&mut self) -> Result<(), DemoError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .map_err(|source| DemoError::Io { path: "kill".into(), source })?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(DemoError::Node(format!("it ended with {status}"))),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        self.child = Some(child);
        Err(DemoError::Node("it did not stop within 30 s".into()))
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
        if let Some(child) = &mut self.child {
            // Either it is gone already, or this ends it: nothing is left running.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `salus-node` beside this program, or as the path finds it.
fn beside() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join("salus-node")));
    beside.filter(|program| Path::exists(program)).unwrap_or_else(|| PathBuf::from("salus-node"))
}
