//! The load of the figures through JSON-RPC, on one node or on many.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use jsonrpsee::{
    core::client::{Client, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use parity_scale_codec::Encode;
use salus_primitives::{Hash, Moment, RawExtrinsic, crypto::KeyPair};
use serde_json::{Value, json};

use crate::{
    http::Connection,
    world::{World, key},
};

/// Patients that grant.
pub const PATIENTS: usize = 250;
/// Grants of one patient that wait at a time.
const IN_FLIGHT: usize = 12;
/// How long a closed loop may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A node that is ended with the measurement.
pub struct Node(pub Child);

impl Drop for Node {
    fn drop(&mut self) {
        // Either it is gone already, or this ends it; both are fine here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the file says where a node listens, once it is there.
///
/// # Errors
/// When it is not there in time.
pub fn wait_for(file: &Path) -> anyhow::Result<SocketAddr> {
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

/// An extrinsic as JSON-RPC takes it.
pub fn hex_of(raw: &RawExtrinsic) -> Value {
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

/// Hospitals and [`PATIENTS`] patients on a chain that has just begun, made through the node at `door`; the load of the
/// figures.
///
/// # Errors
/// When the node refuses one of the calls.
pub fn settle(door: SocketAddr, council: &KeyPair) -> anyhow::Result<World> {
    let mut connection = Connection::open(door)?;
    let genesis: Hash = connection.call("chain_getBlockHash", json!([0]))?.as_str().context("a hash")?.parse()?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut world = World::new(genesis, Moment(u64::try_from(now.as_millis())?));
    for group in world.founding(council).into_iter().chain(world.patients(0..PATIENTS)) {
        deliver(&mut connection, &group)?;
    }
    Ok(world)
}

/// Grants of many patients, each with a few waiting: when one's are final it sends the next. Patients are spread over
/// the doors; finality is looked for at the first. `rounds` times a dozen grants of each.
///
/// # Errors
/// When a node refuses a grant, or the loop takes more than five minutes.
pub fn closed_loop(doors: &[SocketAddr], world: &mut World, rounds: usize) -> anyhow::Result<(usize, Duration)> {
    let mut queues: HashMap<[u8; 32], (usize, Vec<Value>)> = (0..PATIENTS)
        .map(|number| {
            let mut grants: Vec<Value> = (0..rounds * IN_FLIGHT).map(|_| hex_of(&world.grant(number))).collect();
            // The first to send stands last, where it is taken from.
            grants.reverse();
            (key("patient", number).public().0, (number % doors.len(), grants))
        })
        .collect();
    let total = PATIENTS * rounds * IN_FLIGHT;
    let mut connections = doors.iter().map(|door| Connection::open(*door)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut waiting: HashMap<[u8; 32], usize> = HashMap::new();
    let mut height = current_height(&mut connections[0])?;
    let begun = Instant::now();
    let mut ready: Vec<[u8; 32]> = queues.keys().copied().collect();
    let mut done = 0;
    while done < total {
        // Send for all whose grants are final, a hundred calls at a time.
        let mut calls: Vec<Vec<(&str, Value)>> = doors.iter().map(|_| Vec::new()).collect();
        for account in ready.drain(..) {
            let (door, queue) = queues.get_mut(&account).context("a patient of the loop")?;
            let next: Vec<Value> = queue.split_off(queue.len().saturating_sub(IN_FLIGHT));
            waiting.insert(account, next.len());
            calls[*door]
                .extend(next.into_iter().rev().map(|grant| ("author_submitExtrinsic", Value::Array(vec![grant]))));
        }
        for (connection, calls) in connections.iter_mut().zip(calls) {
            for part in calls.chunks(100) {
                connection.batch(part)?;
            }
        }
        // Count what became final meanwhile.
        let newest = current_height(&mut connections[0])?;
        if newest == height {
            thread::sleep(Duration::from_millis(5));
        }
        while height < newest {
            height += 1;
            let hash = connections[0].call("chain_getBlockHash", json!([height]))?;
            let block = connections[0].call("chain_getBlock", json!([hash]))?;
            for extrinsic in block["block"]["extrinsics"].as_array().context("extrinsics")? {
                let text = extrinsic.as_str().context("hex")?;
                let Some(account) = signer(text) else { continue };
                if let Some(left) = waiting.get_mut(&account) {
                    *left -= 1;
                    done += 1;
                    if *left == 0 && queues.get(&account).is_some_and(|(_, queue)| !queue.is_empty()) {
                        ready.push(account);
                    }
                }
            }
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "{done} of {total} grants after {PATIENCE:?}");
    }
    Ok((total, begun.elapsed()))
}

/// So many grants at so many a second, however long each takes: from submitting until told that it is final, sorted.
///
/// # Errors
/// When a node refuses a grant or tells of an end other than finality.
pub fn open_loop(
    doors: &[SocketAddr],
    world: &mut World,
    per_second: f64,
    count: usize,
) -> anyhow::Result<Vec<Duration>> {
    let grants: Vec<Value> = (0..count).map(|number| hex_of(&world.grant(number % PATIENTS))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times = runtime.block_on(async {
        let mut clients = Vec::new();
        for door in doors {
            let client = WsClientBuilder::default()
                .max_buffer_capacity_per_subscription(16)
                .build(format!("ws://{door}"))
                .await?;
            clients.push(std::sync::Arc::new(client));
        }
        let begun = tokio::time::Instant::now();
        let mut tasks = Vec::new();
        for (number, grant) in grants.into_iter().enumerate() {
            tokio::time::sleep_until(begun + Duration::from_secs_f64(number as f64 / per_second)).await;
            // All grants of one patient by one door, so that they come in order.
            let client = clients[number % PATIENTS % clients.len()].clone();
            tasks.push(tokio::spawn(async move { final_after(&client, grant).await }));
        }
        let mut times = Vec::new();
        for task in tasks {
            times.push(task.await??);
        }
        anyhow::Ok(times)
    })?;
    times.sort_unstable();
    Ok(times)
}

async fn final_after(client: &Client, grant: Value) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let mut statuses: Subscription<Value> =
        client.subscribe("author_submitAndWatchExtrinsic", rpc_params![grant], "author_unwatchExtrinsic").await?;
    loop {
        let status = statuses.next().await.context("the watch ended early")??;
        if status.get("finalized").is_some() {
            return Ok(begun.elapsed());
        }
        let on = status == "ready" || status == "future" || status.get("inBlock").is_some();
        anyhow::ensure!(on || status.get("broadcast").is_some(), "unexpected status {status}");
    }
}

/// The account that signed an extrinsic in hex: after the length prefix, 0x84 and 0x00.
fn signer(text: &str) -> Option<[u8; 32]> {
    let bytes = hex::decode(text.trim_start_matches("0x")).ok()?;
    let start = 1 + bytes.windows(2).position(|pair| pair == [0x84, 0x00])? + 1;
    bytes.get(start..start + 32)?.try_into().ok()
}

pub fn current_height(connection: &mut Connection) -> anyhow::Result<u64> {
    let header = connection.call("chain_getHeader", json!([]))?;
    let number = header["number"].as_str().context("a number")?;
    Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
}

/// CPU time of a process so far, user and system: fields 14 and 15 of its stat, in hundredths of a second.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
