//! `salus-node` as a process of its own: started, stopped, killed and started again, its data in a throw-away folder.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a node may take to start or to stop before a test gives up. Far more than it needs: machines that run
/// tests are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Exit code for disk and database, as service managers know it.
pub const BAD_DISK: Option<i32> = Some(74);

/// The file of one of our programs.
///
/// # Panics
/// When it was not built.
pub fn program(name: &str) -> PathBuf {
    let folder = env::var_os("SALUS_BIN_DIR").map(PathBuf::from).unwrap_or_else(|| {
        // target/<profile>/deps/<this test>
        let test = env::current_exe().expect("a test knows its own file");
        test.ancestors().nth(3).expect("a test lies three folders deep in the target folder").join("release")
    });
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "there is no {}: build it with `cargo build --release --workspace --bins`, or say in SALUS_BIN_DIR where it is",
        path.display()
    );
    path
}

/// Run `salus-node` with these arguments to its end.
pub fn salus_node<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(program("salus-node")).args(arguments).output().expect("salus-node starts")
}

/// Both outputs of a program that ended, for messages.
pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// How a node ended.
#[derive(Debug)]
pub struct End {
    /// Its exit code, none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote.
    pub log: String,
}

/// How to start a node.
#[derive(Clone)]
pub struct Plan {
    folder: Option<PathBuf>,
    seen_as: Option<PathBuf>,
    before: Vec<String>,
    chain: Vec<String>,
    arguments: Vec<String>,
}

impl Plan {
    /// Put the data here instead of into a throw-away folder.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// The test sees the node's folder under another path than the node does.
    pub fn seen_as(mut self, folder: &Path) -> Self {
        self.seen_as = Some(folder.to_owned());
        self
    }

    /// Start it through another program, given with its arguments.
    pub fn through<S: Into<String>>(mut self, before: impl IntoIterator<Item = S>) -> Self {
        self.before = before.into_iter().map(Into::into).collect();
        self
    }

    /// Run the chain of this specification.
    pub fn chain(mut self, file: &Path) -> Self {
        self.chain = vec!["--chain".into(), file.display().to_string()];
        self
    }

    /// One more argument.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Start it and wait until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(self) -> Node {
        self.try_start()
            .unwrap_or_else(|end| panic!("the node did not start, it ended with {:?}:\n{}", end.code, end.log))
    }

    /// Start it and wait until it serves or ends.
    pub fn try_start(self) -> Result<Node, End> {
        let throw_away = match &self.folder {
            Some(_) => None,
            None => Some(Arc::new(tempfile::tempdir().expect("there is a place for temporary files"))),
        };
        let folder = self.folder.clone().or_else(|| Some(throw_away.as_ref()?.path().to_owned()));
        let folder = folder.expect("either is there");
        let logs = tempfile::tempdir().expect("there is a place for temporary files");
        let mut node = Node { plan: self, folder, _throw_away: throw_away, logs, starts: 0, process: None, last: None };
        node.spawn();
        node.wait_until_ready()?;
        Ok(node)
    }
}

/// A node that runs, or ran.
pub struct Node {
    plan: Plan,
    folder: PathBuf,
    _throw_away: Option<Arc<TempDir>>,
    logs: TempDir,
    starts: u32,
    process: Option<Child>,
    last: Option<ExitStatus>,
}

impl Node {
    /// A development chain with one validator, in a throw-away folder.
    pub fn dev() -> Plan {
        Plan { folder: None, seen_as: None, before: Vec::new(), chain: vec!["--dev".into()], arguments: Vec::new() }
            // A line for each block would hide the ones that matter.
            .argument("--log")
            .argument("info,salus_engine=warn,arc_malachitebft=warn")
    }

    /// Its data folder, as the node sees it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn address_file(&self) -> PathBuf {
        let folder = self.plan.seen_as.as_ref().unwrap_or(&self.folder);
        // The chain's id names the folder below; a test's folder holds one chain.
        folder.join("dev").join("rpc")
    }

    fn log_file(&self) -> PathBuf {
        self.logs.path().join(format!("{}.log", self.starts))
    }

    /// What it wrote since it was started last.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Where JSON-RPC listens.
    ///
    /// # Panics
    /// When it does not run.
    pub fn address(&self) -> SocketAddr {
        self.ready_address().expect("the node runs")
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    fn ready_address(&self) -> Option<SocketAddr> {
        let text = fs::read_to_string(self.address_file()).ok()?;
        text.strip_suffix('\n')?.strip_prefix("ws://")?.parse().ok()
    }

    /// Start the process and wait for nothing.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        // What a killed process left says nothing of the next one.
        let _ = fs::remove_file(self.address_file());
        self.starts += 1;
        self.last = None;
        let log = fs::File::create(self.log_file()).expect("a log can be written");
        let mut line = self.plan.before.clone();
        line.push(program("salus-node").display().to_string());
        line.push("run".into());
        line.extend(self.plan.chain.iter().cloned());
        line.extend(["--base-path".into(), self.folder.display().to_string(), "--rpc-port".into(), "0".into()]);
        line.extend(self.plan.arguments.iter().cloned());
        let process = Command::new(&line[0])
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", line[0]));
        self.process = Some(process);
    }

    /// Wait until it serves; how it ended when it ends instead.
    pub fn wait_until_ready(&mut self) -> Result<Duration, End> {
        let begun = Instant::now();
        while self.ready_address().is_none() {
            if let Some(status) = self.ended() {
                return Err(self.end(status));
            }
            assert!(begun.elapsed() < PATIENCE, "the node is not ready after {PATIENCE:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
        Ok(begun.elapsed())
    }

    /// Start it again and wait until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn restart(&mut self) -> Duration {
        self.spawn();
        self.wait_until_ready()
            .unwrap_or_else(|end| panic!("the node did not start again, it ended with {:?}:\n{}", end.code, end.log))
    }

    /// Does the process live?
    pub fn is_running(&mut self) -> bool {
        self.process.is_some() && self.ended().is_none()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.process.as_mut().expect("it was started").try_wait().expect("a child can be waited for");
        if status.is_some() {
            self.process = None;
            self.last = status;
        }
        status
    }

    fn end(&self, status: ExitStatus) -> End {
        End { code: status.code(), log: self.log() }
    }

    /// How it ended, once [`Self::is_running`] has said that it did.
    pub fn ended_with(&self) -> Option<End> {
        self.last.map(|status| self.end(status))
    }

    /// Wait until it ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_for_end(&mut self) -> End {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return self.end(status);
            }
            assert!(begun.elapsed() < PATIENCE, "the node still runs after {PATIENCE:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// kill -9: no time for a last word.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may be gone already.
            let _ = process.kill();
            process.wait().expect("a killed process ends");
        }
    }

    /// Send a signal by its name, such as `TERM`, and wait until the node has ended.
    pub fn signal(&mut self, name: &str) -> End {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("there is a kill");
        assert!(sent.success(), "the signal could not be sent");
        self.wait_for_end()
    }

    /// Stop it as a service manager does.
    ///
    /// # Panics
    /// When it does not stop cleanly.
    pub fn stop(&mut self) {
        let end = self.signal("TERM");
        assert_eq!(end.code, Some(0), "the node did not stop cleanly:\n{}", end.log);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
