//! Where the page's figures come from: one look at every part of the node for each scrape.

use std::{net::SocketAddr, sync::Arc};

use salus_engine::Chain;
use salus_rpc::{Identity, Meter};

use super::{Exporter, ExporterError, Limits, Snapshot};
use crate::backend::Standing;

/// A counter of the network: its name without `salus_network_` and `_total`, in lower case with underscores, one of
/// bytes beginning with `bytes_`; what it counts, as a sentence; how many there were since the start.
pub type Counter = (&'static str, &'static str, u64);

/// The parts of a node that are looked at for each scrape.
pub struct Sources {
    /// Which chain, and which release.
    pub identity: Identity,
    /// Blocks, state, pool, disk.
    pub chain: Arc<Chain>,
    /// The node's place among the others, and what it measured.
    pub standing: Arc<Standing>,
    /// The JSON-RPC server.
    pub rpc: Meter,
    /// Everything the network counts. Called from a thread that may wait.
    pub network: Box<dyn Fn() -> Vec<Counter> + Send + Sync>,
}

impl Sources {
    /// What they say now. Reads state and asks the file system, so not for a thread that must not wait.
    pub fn snapshot(&self) -> Snapshot {
        let metrics = &self.standing.metrics;
        let (tip, _) = self.chain.database.tip();
        Snapshot {
            version: self.identity.node_version.clone(),
            chain: self.identity.chain.clone(),
            genesis: self.identity.genesis,
            started: metrics.started(),
            height: tip.number,
            block_time: tip.slot().ok().map(|slot| slot.time),
            status: self.standing.status(&self.chain),
            figures: *self.standing.figures.borrow(),
            pool: self.chain.pool().status(),
            rpc: self.rpc.figures(),
            free_bytes: self.chain.database.free_bytes().ok(),
            syncs: self.chain.database.sync_times(),
            own: metrics.figures(),
            network: (self.network)(),
        }
    }
}

/// Let Prometheus ask at `listen`, which must be on loopback, until the [`Exporter`] is dropped.
///
/// # Errors
/// [`ExporterError`].
pub async fn serve(listen: SocketAddr, sources: Sources) -> Result<Exporter, ExporterError> {
    let metrics = Arc::clone(&sources.standing.metrics);
    Exporter::start(listen, metrics, Limits::default(), move || sources.snapshot().render()).await
}
