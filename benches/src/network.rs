//! Figures of four validators, all on this machine: grants in a closed loop, latency at a tenth and at half of that,
//! the same over emulated distance, bytes and CPU per extrinsic, and how fast a node catches up.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use salus_primitives::{AccountId, crypto::KeyPair};
use serde_json::json;

use crate::{
    http::Connection,
    limits::Limits,
    load::{Node, closed_loop, cpu_time, current_height, open_loop, settle, wait_for},
    report::{Report, ms, quantile, rate},
    world::World,
};

const VALIDATORS: usize = 4;
/// Round trips that are emulated, in ms.
const ROUND_TRIPS: [u64; 3] = [20, 50, 100];
/// How long the nodes may take to meet, and a node to catch up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Four validators in a folder.
struct Network<'p> {
    program: &'p Path,
    folder: PathBuf,
    /// The round trip between any two, in ms.
    round_trip: u64,
    nodes: Vec<Option<(Node, SocketAddr)>>,
}

impl<'p> Network<'p> {
    fn make(program: &'p Path, folder: PathBuf, round_trip: u64) -> anyhow::Result<Self> {
        let status = Command::new(program)
            .args(["chain-spec", "local", "--validators", &VALIDATORS.to_string(), "--out"])
            .arg(&folder)
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "the network was not made: {status}");
        Ok(Self { program, folder, round_trip, nodes: (0..VALIDATORS).map(|_| None).collect() })
    }

    fn file(&self, number: usize, name: &str) -> PathBuf {
        self.folder.join(format!("node-{}/local/{name}", number + 1))
    }

    fn start(&mut self, number: usize) -> anyhow::Result<()> {
        let others: Vec<String> = (0..VALIDATORS)
            .filter(|other| *other != number && self.nodes[*other].is_some())
            .filter_map(|other| fs::read_to_string(self.file(other, "p2p")).ok())
            .filter_map(|text| text.lines().next().map(str::to_owned))
            .collect();
        let mut command = Command::new(self.program);
        command.args(["run", "--validator", "--listen", "127.0.0.1", "--port", "0", "--rpc-port", "0"]);
        command.args(["--prometheus-port", "0", "--log", "warn"]);
        // Each side holds back what it sends for half of the round trip.
        command.args(["--network-delay-ms", &(self.round_trip / 2).to_string()]);
        if !others.is_empty() {
            command.args(["--bootnodes", &others.join(",")]);
        }
        command.arg("--chain").arg(self.folder.join("chain.json"));
        command.arg("--base-path").arg(self.folder.join(format!("node-{}", number + 1)));
        let node = Node(command.stderr(Stdio::inherit()).spawn().context("salus-node")?);
        let address = wait_for(&self.file(number, "rpc"))?;
        wait_for_file(&self.file(number, "p2p"))?;
        self.nodes[number] = Some((node, address));
        Ok(())
    }

    fn doors(&self) -> Vec<SocketAddr> {
        self.nodes.iter().flatten().map(|(_, address)| *address).collect()
    }

    /// Where they listen, in the order of their turns: the proposer of height h is the one at h modulo their number.
    fn by_turn(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let mut validators = Vec::new();
        for door in self.doors() {
            let status = Connection::open(door)?.call("salus_status", json!([]))?;
            let key: AccountId = status["validator"].as_str().context("a validator")?.parse()?;
            validators.push((key, door));
        }
        validators.sort_unstable();
        Ok(validators.into_iter().map(|(_, door)| door).collect())
    }

    /// Until every node that runs reaches the others.
    fn wait_until_in_touch(&self) -> anyhow::Result<()> {
        let doors = self.doors();
        for door in &doors {
            let mut connection = Connection::open(*door)?;
            wait(|| {
                let status = connection.call("salus_status", json!([]))?;
                Ok(status["peers"].as_array().is_some_and(|peers| peers.len() + 1 >= doors.len()))
            })?;
        }
        Ok(())
    }

    /// The load on this network, which has just begun.
    fn settle(&self) -> anyhow::Result<World> {
        settle(self.doors()[0], &self.council()?)
    }

    /// The key of the council's only member.
    fn council(&self) -> anyhow::Result<KeyPair> {
        let mut seed = [0; 32];
        hex::decode_to_slice(fs::read_to_string(self.folder.join("council"))?.trim(), &mut seed)?;
        Ok(KeyPair::from_seed(&seed))
    }

    /// CPU time of all nodes.
    fn cpu(&self) -> anyhow::Result<Duration> {
        self.nodes.iter().flatten().map(|(node, _)| cpu_time(node.0.id())).sum()
    }

    /// Bytes all nodes have sent to each other.
    fn bytes_sent(&self) -> anyhow::Result<f64> {
        let mut bytes = 0.0;
        for number in 0..VALIDATORS {
            let address = fs::read_to_string(self.file(number, "metrics"))?;
            for line in crate::http::get(&address)?.lines() {
                let sent = line.strip_prefix("salus_network_out_").and_then(|rest| rest.split_once("_bytes_total "));
                if let Some((_, figure)) = sent {
                    bytes += figure.parse::<f64>()?;
                }
            }
        }
        Ok(bytes)
    }
}

fn wait(mut done: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !done()? {
        ensure!(begun.elapsed() < PATIENCE, "what was waited for did not happen in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn wait_for_file(path: &Path) -> anyhow::Result<()> {
    wait(|| Ok(fs::read_to_string(path).is_ok_and(|text| !text.trim().is_empty())))
}

/// Measure.
///
/// # Errors
/// When a node does not do what it should; then there are no figures.
pub fn measure(
    program: &Path,
    folder: &Path,
    scale: usize,
    limits: &Limits,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut network = Network::make(program, folder.join("network"), 0)?;
    for number in 0..VALIDATORS - 1 {
        network.start(number)?;
    }
    network.wait_until_in_touch()?;
    let mut world = network.settle()?;
    let per_second = busy(&mut network, &mut world, scale, limits, report)?;
    idle(&network, &mut world, scale, report)?;
    for share in [0.1, 0.5] {
        at_rate(&network, &mut world, share, per_second, scale, report)?;
    }
    drop(network);
    for round_trip in ROUND_TRIPS {
        let mut network = Network::make(program, folder.join(format!("network-{round_trip}")), round_trip)?;
        for number in 0..VALIDATORS {
            network.start(number)?;
        }
        network.wait_until_in_touch()?;
        let mut world = network.settle()?;
        report.section(&format!("Four validators, emulated round trips of {round_trip} ms"));
        let (total, elapsed) = closed_loop(&network.doors(), &mut world, scale)?;
        let per_second = rate(total, elapsed);
        report.row("closed loop", format!("{per_second:.0} grants per second"), format!("{total} grants"));
        idle(&network, &mut world, scale, report)?;
        for share in [0.1, 0.5] {
            at_rate(&network, &mut world, share, per_second, scale, report)?;
        }
    }
    Ok(())
}

/// Records by a gateway beside one of four validators.
///
/// # Errors
/// When a program does not do what it should.
pub fn records(program: &Path, gateway: &Path, folder: &Path, scale: usize, report: &mut Report) -> anyhow::Result<()> {
    let mut network = Network::make(program, folder.join("network-of-records"), 0)?;
    for number in 0..VALIDATORS {
        network.start(number)?;
    }
    network.wait_until_in_touch()?;
    crate::gateway::measure(gateway, &folder.join("gateway"), network.doors()[0], &network.council()?, scale, report)
}

/// The closed loop: with three validators first, so that the fourth has something to catch up with, then with all.
fn busy(
    network: &mut Network<'_>,
    world: &mut World,
    scale: usize,
    limits: &Limits,
    report: &mut Report,
) -> anyhow::Result<f64> {
    report.section("Four validators on this machine, closed loop through RPC");
    let (total, elapsed) = closed_loop(&network.doors(), world, scale)?;
    let remark = format!("{total} grants; rounds whose proposer is missing time out");
    report.row("one of four stopped", format!("{:.0} grants per second", rate(total, elapsed)), remark);

    let target = current_height(&mut Connection::open(network.doors()[0])?)?;
    let begun = Instant::now();
    network.start(VALIDATORS - 1)?;
    let mut newcomer = Connection::open(network.doors()[VALIDATORS - 1])?;
    wait(|| Ok(current_height(&mut newcomer)? >= target))?;
    let caught_up = begun.elapsed();
    report.row(
        "an empty node catches up",
        format!("{:.0} extrinsics per second", rate(total, caught_up)),
        format!("{total} grants and more in {target} blocks, {:.1} s, its start counted in", caught_up.as_secs_f64()),
    );

    network.wait_until_in_touch()?;
    let (cpu, bytes) = (network.cpu()?, network.bytes_sent()?);
    let (total, elapsed) = closed_loop(&network.doors(), world, 2 * scale)?;
    let (cpu, bytes) = (network.cpu()?.saturating_sub(cpu), network.bytes_sent()? - bytes);
    let per_second = rate(total, elapsed);
    let remark = format!("{total} grants in {:.1} s; the mark is 2,000", elapsed.as_secs_f64());
    report.row("sustained", format!("{per_second:.0} grants per second"), remark);
    let cores = thread::available_parallelism()?.get() as f64;
    let limit = limits.verifications * cores / VALIDATORS as f64;
    report.row(
        "share of the verification limit",
        format!("{:.2}", per_second / limit),
        format!("of {limit:.0} per second: one verification on each validator, {cores:.0} cores for four of them"),
    );
    let per_grant = cpu.as_secs_f64() * 1e6 / (total * VALIDATORS) as f64;
    report.row("CPU per grant and validator", format!("{per_grant:.0} µs"), "all threads, RPC counted in");
    let sent = bytes / (total * VALIDATORS) as f64;
    report.row(
        "bytes sent per grant and validator",
        format!("{sent:.0}"),
        "to the three others, empty blocks counted in",
    );
    Ok(per_second)
}

/// One grant at a time, far enough apart that nothing else is under way: given to the validator whose turn it is, and
/// to another one, which passes it on first.
fn idle(network: &Network<'_>, world: &mut World, scale: usize, report: &mut Report) -> anyhow::Result<()> {
    let mark = Duration::from_millis(network.round_trip * 16 / 10 + 30);
    let by_turn = network.by_turn()?;
    let mut first = Connection::open(by_turn[0])?;
    for (to, offset, ways) in [("whose turn it is", 0, "1.5"), ("next to it", 1, "2")] {
        let mut times = Vec::new();
        for _ in 0..4 * scale {
            // Longer than the shortest time between blocks.
            thread::sleep(Duration::from_millis(400));
            let next = usize::try_from(current_height(&mut first)?)? + 1;
            times.extend(open_loop(&[by_turn[(next + offset) % by_turn.len()]], world, 1.0, 1)?);
        }
        times.sort_unstable();
        report.row(
            format!("idle, given to the validator {to}, p50"),
            ms(quantile(&times, 0.5)),
            format!(
                "p99 {}; {ways} round trips are inherent; the mark for p50 is 1.6 of them + 30 ms = {}",
                ms(quantile(&times, 0.99)),
                ms(mark)
            ),
        );
    }
    Ok(())
}

/// At a share of what the closed loop does, however long each takes.
fn at_rate(
    network: &Network<'_>,
    world: &mut World,
    share: f64,
    per_second: f64,
    scale: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rate = share * per_second;
    // Seconds of load.
    let count = (rate * scale as f64) as usize;
    let times = open_loop(&network.doors(), world, rate, count.max(1))?;
    report.row(
        format!("at {:.0} % of that, submit to finalised, p50", share * 100.0),
        ms(quantile(&times, 0.5)),
        format!("p99 {}; {rate:.0} grants per second, {count} grants", ms(quantile(&times, 0.99))),
    );
    Ok(())
}
