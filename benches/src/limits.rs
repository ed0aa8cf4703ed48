//! What the machine itself can do: signatures, fdatasync, and a bare JSON-RPC echo.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use jsonrpsee::{RpcModule, server::Server};
use salus_primitives::crypto::{Claim, KeyPair, sha256, verify, verify_batch};

use crate::{
    http::Connection,
    report::{Report, ms, quantile, rate},
};

/// The limits that other figures are compared with.
pub struct Limits {
    /// Verifications per core-second, one by one.
    pub verifications: f64,
    /// Median fdatasync.
    pub sync: Duration,
    /// Echoes per second of a bare server, batches of 100 on one connection.
    pub echoes: f64,
}

/// Measure the limits.
pub fn measure(folder: &Path, scale: usize, report: &mut Report) -> anyhow::Result<Limits> {
    report.section("Limits of the machine");
    let verifications = signatures(scale, report);
    let sync = fdatasync(folder, scale, report)?;
    let echoes = echo(scale, report)?;
    Ok(Limits { verifications, sync, echoes })
}

fn signatures(scale: usize, report: &mut Report) -> f64 {
    let count = 1_000 * scale;
    let claims: Vec<Claim> = (0..count)
        .map(|i| {
            let key = KeyPair::from_seed(&sha256(&i.to_le_bytes()).0);
            let message = sha256(&[i as u8; 150]).0.repeat(5);
            Claim { key: key.public(), signature: key.sign(&message), message }
        })
        .collect();
    let begun = Instant::now();
    let good = claims.iter().filter(|claim| verify(&claim.key, &claim.message, &claim.signature)).count();
    let single = rate(good, begun.elapsed());
    let begun = Instant::now();
    let good = claims.chunks(512).all(|batch| verify_batch(batch, rand_core::UnwrapErr(getrandom::SysRng)));
    let batched = rate(count * usize::from(good), begun.elapsed());
    report.row("ed25519 verifications, one by one", format!("{single:.0} per core-second"), "ZIP-215");
    report.row("ed25519 verifications, batches of 512", format!("{batched:.0} per core-second"), "");
    single
}

fn fdatasync(folder: &Path, scale: usize, report: &mut Report) -> anyhow::Result<Duration> {
    let mut file = File::create(folder.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..30 * scale {
        file.write_all(&[1; 4_096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let median = quantile(&times, 0.5);
    report.row("fdatasync of 4 KiB, p50", ms(median), format!("p99 {}", ms(quantile(&times, 0.99))));
    Ok(median)
}

/// A bare server of the same library: what it can answer when nothing is asked of it.
fn echo(scale: usize, report: &mut Report) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (address, handle) = runtime.block_on(async {
        let server = Server::builder().build("127.0.0.1:0").await?;
        let address = server.local_addr()?;
        let mut module = RpcModule::new(());
        module.register_method("echo", |params, (), _| params.one::<String>())?;
        anyhow::Ok((address, server.start(module)))
    })?;
    // As long as an extrinsic in hex.
    let text = serde_json::Value::String(format!("0x{}", "ab".repeat(250)));
    let mut connection = Connection::open(address)?;
    let batches = 20 * scale;
    let begun = Instant::now();
    for _ in 0..batches {
        let calls: Vec<_> = (0..100).map(|_| ("echo", serde_json::json!([text]))).collect();
        connection.batch(&calls)?;
    }
    let echoes = rate(batches * 100, begun.elapsed());
    handle.stop()?;
    report.row("bare jsonrpsee echo of 500 bytes", format!("{echoes:.0} per second"), "one connection, batches of 100");
    Ok(echoes)
}
