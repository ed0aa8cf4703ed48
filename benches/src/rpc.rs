//! Figures through JSON-RPC against a real `salus-node`: latency when idle, and grants in a closed loop.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;
use salus_chain_spec::presets;

use crate::{
    limits::Limits,
    load::{Node, closed_loop, cpu_time, open_loop, settle, wait_for},
    report::{Report, ms, quantile, rate},
    world::World,
};

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
    let mut world = settle(address, &presets::development_key("council"))?;
    idle(address, &mut world, scale, limits, report)?;
    busy(&node, address, &mut world, scale, limits, report)
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
    // Further apart than the shortest time between blocks, so that the node is idle.
    let times = open_loop(&[address], world, 3.0, 10 * scale)?;
    let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
    let beyond = p50.saturating_sub(limits.sync * 3);
    report.row("p50", ms(p50), format!("{} beyond three fdatasyncs; the mark is 30 ms", ms(beyond)));
    report.row("p99", ms(p99), format!("{} grants", times.len()));
    Ok(())
}

/// Many patients, each with a few grants waiting.
fn busy(
    node: &Node,
    address: SocketAddr,
    world: &mut World,
    scale: usize,
    limits: &Limits,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.section("Finalised consent grants per second, one validator, closed loop through RPC");
    let cpu = cpu_time(node.0.id())?;
    let (total, elapsed) = closed_loop(&[address], world, 4 * scale)?;
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
