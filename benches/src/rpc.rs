//! Figures through JSON-RPC against a real `salus-node`: latency when idle, and grants in a closed loop.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use parity_scale_codec::Encode;
use salus_chain_spec::presets;
use salus_primitives::{Hash, RawExtrinsic};
use serde_json::{Value, json};

use crate::{
    http::Connection,
    limits::Limits,
    report::{Report, ms, quantile, rate},
    world::{World, key},
};

/// Patients that grant in the closed loop.
const PATIENTS: usize = 250;
/// Grants of one patient that wait at a time.
const IN_FLIGHT: usize = 12;

/// A node that is ended with the measurement.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // Either it is gone already, or this ends it; both are fine here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measure.
pub fn measure(
    program: &Path,
    folder: &Path,
    scale: usize,
    limits: &Limits,
    report: &mut Report,
) -> anyhow::Result<()> {
    let base = folder.join("node");
    let node = Command::new(program)
        .args(["run", "--dev", "--rpc-port", "0", "--log", "warn", "--base-path"])
        .arg(&base)
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| program.display().to_string())?;
    let node = Node(node);
    let address = wait_for(&base.join("dev/rpc"))?;
    let mut connection = Connection::open(address)?;
    let genesis: Hash = connection.call("chain_getBlockHash", json!([0]))?.as_str().context("a hash")?.parse()?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut world = World::new(genesis, salus_primitives::Moment(u64::try_from(now.as_millis())?));
    let council = presets::development_key("council");
    for group in world.founding(&council) {
        deliver(&mut connection, &group)?;
    }
    for group in world.patients(0..PATIENTS) {
        deliver(&mut connection, &group)?;
    }
    idle(address, &mut world, scale, limits, report)?;
    closed_loop(&node, address, &mut world, scale, limits, report)
}

fn wait_for(file: &Path) -> anyhow::Result<SocketAddr> {
    for _ in 0..200 {
        if let Ok(text) = fs::read_to_string(file)
            && let Ok(address) = text.trim().trim_start_matches("ws://").parse()
        {
            return Ok(address);
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the node did not start within 10 s")
}

fn hex_of(raw: &RawExtrinsic) -> Value {
    Value::String(format!("0x{}", hex::encode(raw.encode())))
}

/// Submit, a few at a time, and wait until the pool is empty.
fn deliver(connection: &mut Connection, extrinsics: &[RawExtrinsic]) -> anyhow::Result<()> {
    for part in extrinsics.chunks(30) {
        let calls: Vec<_> = part.iter().map(|raw| ("author_submitExtrinsic", json!([hex_of(raw)]))).collect();
        connection.batch(&calls)?;
        loop {
            let pending = connection.call("author_pendingExtrinsics", json!([]))?;
            if pending.as_array().is_none_or(Vec::is_empty) {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        // A registrar may submit a hundred a second.
        thread::sleep(Duration::from_millis(330));
    }
    Ok(())
}

/// One grant at a time on an idle node: from submitting until told that it is final.
fn idle(
    address: SocketAddr,
    world: &mut World,
    scale: usize,
    limits: &Limits,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.section("Submit to finalised, idle node, one grant at a time");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times: Vec<Duration> = runtime.block_on(async {
        let client = WsClientBuilder::default().build(format!("ws://{address}")).await?;
        let mut times = Vec::new();
        for round in 0..10 * scale {
            // Longer than the shortest time between blocks, so that the node is idle.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let grant = hex_of(&world.grant(round % PATIENTS));
            let begun = Instant::now();
            let mut statuses: Subscription<Value> = client
                .subscribe("author_submitAndWatchExtrinsic", rpc_params![grant], "author_unwatchExtrinsic")
                .await?;
            loop {
                let status = statuses.next().await.context("the watch ended early")??;
                if status.get("finalized").is_some() {
                    break;
                }
                anyhow::ensure!(status == "ready" || status.get("inBlock").is_some(), "unexpected status {status}");
            }
            times.push(begun.elapsed());
        }
        anyhow::Ok(times)
    })?;
    times.sort_unstable();
    let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
    let beyond = p50.saturating_sub(limits.sync * 3);
    report.row("p50", ms(p50), format!("{} beyond three fdatasyncs; the mark is 30 ms", ms(beyond)));
    report.row("p99", ms(p99), format!("{} grants", times.len()));
    Ok(())
}

/// Many patients, each with a few grants waiting: when one's are final it sends the next.
fn closed_loop(
    node: &Node,
    address: SocketAddr,
    world: &mut World,
    scale: usize,
    limits: &Limits,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.section("Finalised consent grants per second, one validator, closed loop through RPC");
    let rounds = 4 * scale;
    let mut queues: HashMap<[u8; 32], Vec<Value>> = (0..PATIENTS)
        .map(|number| {
            let mut grants: Vec<Value> = (0..rounds * IN_FLIGHT).map(|_| hex_of(&world.grant(number))).collect();
            // The first to send stands last, where it is taken from.
            grants.reverse();
            (key("patient", number).public().0, grants)
        })
        .collect();
    let total = PATIENTS * rounds * IN_FLIGHT;
    let mut connection = Connection::open(address)?;
    let mut waiting: HashMap<[u8; 32], usize> = HashMap::new();
    let mut height = current_height(&mut connection)?;
    let (cpu, begun) = (cpu_time(node.0.id())?, Instant::now());
    let mut ready: Vec<[u8; 32]> = queues.keys().copied().collect();
    let mut done = 0;
    while done < total {
        // Send for all whose grants are final, a hundred calls at a time.
        let mut calls = Vec::new();
        for account in ready.drain(..) {
            let queue = queues.get_mut(&account).context("a patient of the loop")?;
            let next: Vec<Value> = queue.split_off(queue.len().saturating_sub(IN_FLIGHT));
            waiting.insert(account, next.len());
            calls.extend(next.into_iter().rev().map(|grant| ("author_submitExtrinsic", Value::Array(vec![grant]))));
        }
        for part in calls.chunks(100) {
            connection.batch(part)?;
        }
        // Count what became final meanwhile.
        let newest = current_height(&mut connection)?;
        if newest == height {
            thread::sleep(Duration::from_millis(5));
        }
        while height < newest {
            height += 1;
            let hash = connection.call("chain_getBlockHash", json!([height]))?;
            let block = connection.call("chain_getBlock", json!([hash]))?;
            for extrinsic in block["block"]["extrinsics"].as_array().context("extrinsics")? {
                let text = extrinsic.as_str().context("hex")?;
                let Some(account) = signer(text) else { continue };
                if let Some(left) = waiting.get_mut(&account) {
                    *left -= 1;
                    done += 1;
                    if *left == 0 && queues.get(&account).is_some_and(|queue| !queue.is_empty()) {
                        ready.push(account);
                    }
                }
            }
        }
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(300), "{done} of {total} grants after 300 s");
    }
    let elapsed = begun.elapsed();
    let cpu = cpu_time(node.0.id())?.saturating_sub(cpu);
    let per_second = rate(total, elapsed);
    report.row(
        "sustained",
        format!("{per_second:.0} grants per second"),
        format!(
            "{total} grants in {:.1} s; the mark is 3,000 on 2 cores, the measuring client on the same machine",
            elapsed.as_secs_f64()
        ),
    );
    report.row(
        "share of the verification limit",
        format!("{:.2}", per_second / limits.verifications),
        "of one core's verifications",
    );
    report.row("share of the bare echo", format!("{:.2}", per_second / limits.echoes), "of one connection's echoes");
    let micros = cpu.as_secs_f64() * 1e6 / total as f64;
    report.row("CPU of the node per grant", format!("{micros:.0} µs"), "all threads, RPC counted in");
    Ok(())
}

/// The account that signed an extrinsic in hex: after the length prefix, 0x84 and 0x00.
fn signer(text: &str) -> Option<[u8; 32]> {
    let bytes = hex::decode(text.trim_start_matches("0x")).ok()?;
    let start = 1 + bytes.windows(2).position(|pair| pair == [0x84, 0x00])? + 1;
    bytes.get(start..start + 32)?.try_into().ok()
}

fn current_height(connection: &mut Connection) -> anyhow::Result<u64> {
    let header = connection.call("chain_getHeader", json!([]))?;
    let number = header["number"].as_str().context("a number")?;
    Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
}

/// CPU time of a process so far, user and system: fields 14 and 15 of its stat, in hundredths of a second.
fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
