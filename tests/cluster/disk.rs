//! A full, a shrinking and a read-only disk: the node says so and ends; with the cause gone it goes on, nothing lost.
//!
//! The disks are of a kernel's making: file systems in memory, mounted in a namespace that ends with the test. Where
//! that is not allowed, the tests say so and take what is: a limit on the size of files, or folders without the right
//! to write.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use salus_chain_spec::presets::development_key;
use tempfile::TempDir;

use crate::{
    chain::{Chain, Seen, noop, quick},
    node::{BAD_DISK, End, Node, Plan},
    rpc::Failure,
};

/// How long a node may go on until it notices.
const PATIENCE: Duration = Duration::from_secs(60);

/// Say it where it shows even when the test passes.
fn skipped(what: &str) {
    // Where nobody reads, nobody misses it.
    let _ = writeln!(io::stderr(), "SKIPPED: {what}");
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("there is a place for temporary files")
}

/// A small disk of its own, in a mount namespace that a process of ours holds open.
struct SmallDisk {
    holder: Child,
    enter: Vec<String>,
    inside: TempDir,
}

impl SmallDisk {
    /// A disk of this many MiB, none where no mount is allowed.
    fn new(mebibytes: u32) -> Option<Self> {
        let inside = temporary();
        let script = "mount -t tmpfs -o size=\"$1\"m tmpfs \"$2\" && echo ready && exec cat";
        // As root, and otherwise as the root of a user namespace.
        for (unshare, enter) in
            [(&["--mount"][..], &["--mount"][..]), (&["--mount", "--map-root-user"], &["--mount", "--user"])]
        {
            let holder = Command::new("unshare")
                .args(unshare)
                .args(["sh", "-c", script, "sh", &mebibytes.to_string()])
                .arg(inside.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut holder) = holder else { return None };
            let mut word = String::new();
            let output = holder.stdout.take().expect("it is piped");
            if BufReader::new(output).read_line(&mut word).is_ok() && word == "ready\n" {
                let mut through = vec!["nsenter".into(), "--target".into(), holder.id().to_string()];
                through.extend(enter.iter().map(|&flag| flag.to_owned()));
                if enter.contains(&"--user") {
                    through.push("--preserve-credentials".into());
                }
                return Some(Self { holder, enter: through, inside });
            }
            holder.wait().expect("a child can be waited for");
        }
        None
    }

    /// Its folder as this test sees it.
    fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.inside.path().strip_prefix("/").expect("an absolute path"))
    }

    /// A plan of a node whose data lies on it.
    fn node(&self, plan: Plan) -> Plan {
        plan.through(self.enter.clone()).folder(self.inside.path()).seen_as(&self.outside())
    }

    fn filler(&self) -> PathBuf {
        self.outside().join("filler")
    }

    /// Fill it up to this many free bytes.
    fn fill(&self, leave: usize) {
        let mut file = fs::File::create(self.filler()).expect("a file can be made");
        while file.write_all(&[0; 4096]).is_ok() {}
        let length = file.metadata().expect("it is there").len();
        file.set_len(length.saturating_sub(leave as u64)).expect("a file can be cut");
    }

    /// Make room again.
    fn free(&self) {
        fs::remove_file(self.filler()).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The process ends when its input does, and with it the namespace and the disk.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A configuration that lets the disk run full instead of stopping before.
fn to_the_last_byte(folder: &Path) -> String {
    let file = folder.join("node.toml");
    fs::write(&file, "[disk]\nfree_bytes_min = 0\n").expect("a file can be written");
    file.display().to_string()
}

/// Submit until the node ends by itself; how it ended, and what it had said is final.
fn load_until_the_end(node: &mut Node, told: &mut Vec<Seen>) -> End {
    let (begun, me) = (Instant::now(), development_key("council"));
    let mut chain = Chain::of(node);
    let mut nonce = chain.nonce(&me).expect("the node serves");
    while node.is_running() {
        assert!(begun.elapsed() < PATIENCE, "the node did not notice the disk:\n{}", node.log());
        let outcome =
            chain.submit(&chain.sign(&me, nonce, noop())).map(|_| nonce += 1).or_else(|failure| match failure {
                Failure::Refused(_) => chain.nonce(&me).map(|next| nonce = next),
                gone => Err(gone),
            });
        // Once it is gone there is nothing to ask; that it is gone is seen above.
        let _ = outcome.and_then(|()| listen(&mut chain, told));
    }
    node.ended_with().expect("it ended")
}

fn listen(chain: &mut Chain, told: &mut Vec<Seen>) -> Result<(), Failure> {
    while let Some(block) = chain.block(u32::try_from(told.len()).expect("a short chain") + 1)? {
        told.push(block);
    }
    Ok(())
}

/// All that was said to be final is there, and the chain goes on.
fn nothing_is_lost(node: &Node, told: &[Seen]) {
    let mut chain = Chain::of(node);
    for block in told {
        assert_eq!(chain.block(block.height).expect("the node serves").as_ref(), Some(block));
    }
    chain.grow(2);
}

#[test]
fn a_full_disk_ends_the_node_and_with_room_it_goes_on() {
    let (Some(disk), folder) = (SmallDisk::new(64), temporary()) else {
        return skipped("no small disk can be mounted here; a limit on the size of files stands in for a full one");
    };
    let plan = Node::dev().chain(&quick(folder.path())).argument("--config").argument(to_the_last_byte(folder.path()));
    // Filled before the node starts: on an empty disk the database reserves room for long.
    disk.fill(4 << 20);
    let mut node = disk.node(plan).start();
    let mut told = Vec::new();
    let end = load_until_the_end(&mut node, &mut told);
    assert_eq!(end.code, BAD_DISK, "{}", end.log);
    assert!(end.log.contains("the disk is full"), "{}", end.log);
    assert!(!told.is_empty(), "it ran for a while");

    node.spawn();
    if let Err(end) = node.wait_until_ready() {
        assert_eq!(end.code, BAD_DISK, "{}", end.log);
    } else {
        node.kill();
    }
    disk.free();
    node.restart();
    nothing_is_lost(&node, &told);
    node.stop();
}

#[test]
fn a_disk_that_runs_low_ends_the_node_while_it_can_still_do_so_cleanly() {
    let (Some(disk), folder) = (SmallDisk::new(256), temporary()) else {
        return skipped("no small disk can be mounted here, so none runs low");
    };
    let mut node = disk.node(Node::dev().chain(&quick(folder.path()))).start();
    let mut told = Vec::new();
    // A development chain stops below 64 MiB.
    disk.fill(32 << 20);
    let end = load_until_the_end(&mut node, &mut told);
    assert_eq!(end.code, BAD_DISK, "{}", end.log);
    assert!(end.log.contains("DiskLow: ") && end.log.contains("67108864 are needed"), "{}", end.log);

    // The node gave back what it had reserved.
    disk.fill(32 << 20);
    node.spawn();
    let again = node.wait_for_end();
    assert_eq!(again.code, BAD_DISK, "{}", again.log);
    assert!(again.log.contains("free some, then start again"), "{}", again.log);
    disk.free();
    node.restart();
    nothing_is_lost(&node, &told);
}

#[test]
fn a_write_that_the_system_refuses_ends_the_node_and_without_the_cause_it_goes_on() {
    let folder = temporary();
    let plan = || Node::dev().chain(&quick(folder.path())).folder(folder.path());
    // No file may grow beyond a MiB (in blocks of 512 bytes); the signal that says so is not to kill.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""];
    let mut node = plan().through(limited).start();
    let mut told = Vec::new();
    let end = load_until_the_end(&mut node, &mut told);
    assert_eq!(end.code, BAD_DISK, "{}", end.log);
    assert!(end.log.contains("the disk failed"), "{}", end.log);
    assert!(!told.is_empty(), "it ran for a while");
    nothing_is_lost(&plan().start(), &told);
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_by_name() {
    let folder = temporary();
    let fresh = folder.path().join("fresh");
    fs::create_dir(&fresh).expect("a folder can be made");
    let mut told = Vec::new();
    let used = folder.path().join("used");
    let mut node = Node::dev().folder(&used).start();
    Chain::of(&node).grow(2);
    listen(&mut Chain::of(&node), &mut told).expect("the node serves");
    node.stop();

    for base in [&fresh, &used] {
        let Some(read_only) = ReadOnly::make(base) else {
            return skipped("no folder can be made read-only for this user");
        };
        let end = match read_only.start(Node::dev().folder(base)) {
            Ok(_) => panic!("the node started on a read-only folder"),
            Err(end) => end,
        };
        assert_eq!(end.code, BAD_DISK, "{}", end.log);
        assert!(end.log.contains(&base.display().to_string()), "{}", end.log);
        assert!(end.log.contains("not writable") || end.log.contains("Read-only file system"), "{}", end.log);
    }
    nothing_is_lost(&Node::dev().folder(&used).start(), &told);
    Chain::of(&Node::dev().folder(&fresh).start()).grow(1);
}

/// A folder that the node may not write.
enum ReadOnly {
    /// Mounted read-only in a namespace of the node's own.
    Mounted(PathBuf),
    /// Without the right to write; it is given back in the end.
    Forbidden(PathBuf),
}

impl ReadOnly {
    fn make(folder: &Path) -> Option<Self> {
        let mounted = Self::Mounted(folder.to_owned());
        let works = Command::new("unshare").args(&mounted.before()[1..]).arg("true").stderr(Stdio::null()).status();
        if works.is_ok_and(|status| status.success()) {
            return Some(mounted);
        }
        set_mode(folder, 0o555);
        let forbidden = Self::Forbidden(folder.to_owned());
        // Root may write everywhere.
        if fs::write(folder.join("probe"), "").is_ok() { None } else { Some(forbidden) }
    }

    fn before(&self) -> Vec<String> {
        let Self::Mounted(folder) = self else { return Vec::new() };
        let script = "d=\"$1\"; shift; mount --bind \"$d\" \"$d\" && mount -o remount,bind,ro \"$d\" && exec \"$@\"";
        ["unshare", "--mount", "sh", "-c", script, "sh"]
            .into_iter()
            .map(str::to_owned)
            .chain([folder.display().to_string()])
            .collect()
    }

    fn start(&self, plan: Plan) -> Result<Node, End> {
        plan.through(self.before()).try_start()
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if let Self::Forbidden(folder) = self {
            set_mode(folder, 0o755);
        }
    }
}

fn set_mode(folder: &Path, mode: u32) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).for_each(|path| set_mode(&path, mode));
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("our own folder");
}
