//! The page: every metric with its name, its help and its value, in the text form of OpenMetrics.

use std::{fmt, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};
use salus_engine::Figures;
use salus_primitives::{Hash, Height, Moment};
use salus_rpc::{Cause, NodeStatus};
use salus_storage::TimingFigures;

use super::{Counter, OwnFigures};

/// Everything that is told, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The release.
    pub version: String,
    /// The chain's name.
    pub chain: String,
    /// Its genesis.
    pub genesis: Hash,
    /// When the node started, since the Unix epoch.
    pub started: Duration,
    /// Height of the newest block.
    pub height: Height,
    /// The time in its header; none for genesis.
    pub block_time: Option<Moment>,
    /// The node among the others.
    pub status: NodeStatus,
    /// The engine.
    pub figures: Figures,
    /// The pool.
    pub pool: salus_pool::Status,
    /// JSON-RPC.
    pub rpc: salus_rpc::Figures,
    /// Free bytes of the disk with the data, where the system says.
    pub free_bytes: Option<u64>,
    /// How long synced writes took.
    pub syncs: TimingFigures,
    /// What the node measured itself.
    pub own: OwnFigures,
    /// What the network counts.
    pub network: Vec<Counter>,
}

impl Snapshot {
    /// The page.
    ///
    /// # Errors
    /// None that is known: a string takes all that is written to it.
    pub fn render(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("salus");
        registry.register_collector(Box::new(self));
        let mut page = String::with_capacity(32 * 1024);
        text::encode(&mut page, &registry)?;
        Ok(page)
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.node(&mut page)?;
        self.consensus(&mut page)?;
        self.validators(&mut page)?;
        self.blocks(&mut page)?;
        self.pool(&mut page)?;
        self.disk(&mut page)?;
        self.rpc(&mut page)?;
        self.network(&mut page)
    }
}

impl Snapshot {
    fn node(&self, page: &mut Page<'_>) -> fmt::Result {
        let genesis = self.genesis.to_string();
        let labels = [
            ("version", self.version.as_str()),
            ("chain", &self.chain),
            ("genesis", &genesis),
            ("name", &self.status.name),
        ];
        page.info("build", "Release, chain and name of the node.", &labels)?;
        page.seconds("start_time", "When the process started, since the Unix epoch.", self.started)?;
        page.counter("scrapes", "Pages of metrics served.", self.own.scrapes)?;
        page.counter(
            "scrapes_refused",
            "Requests to the metrics' port refused: too many at once, too slow, or for anything else.",
            self.own.scrapes_refused,
        )
    }

    fn consensus(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = &self.figures;
        page.gauge("height", "Height of the newest final block.", self.height.0)?;
        if let Some(time) = self.block_time {
            let help = "Time in the header of the newest final block, since the Unix epoch.";
            page.seconds("block_time", help, Duration::from_millis(time.0))?;
        }
        let help = "How long ago the newest block became final here, or the node started.";
        page.seconds("heartbeat_age", help, self.status.heartbeat_age)?;
        page.gauge("round", "Round in which the next height is being decided; 0 while none is.", figures.round)?;
        page.gauge("round_max", "Highest round entered since the start.", figures.round_max)?;
        for (name, help, value) in [
            (
                "rounds_above_zero",
                "Rounds above 0 entered: proposers that were silent, late or wrong.",
                figures.rounds_more,
            ),
            ("blocks_decided", "Blocks that consensus decided here.", figures.decided),
            ("blocks_synced", "Blocks taken over from peers, by certificate.", figures.synced),
            ("blocks_invalid", "Proposed blocks that were judged invalid.", figures.invalid_blocks),
            (
                "blocks_untimely",
                "Proposed blocks whose time was too far off this node's clock.",
                figures.untimely_blocks,
            ),
            ("evidence", "Pairs of messages that no honest validator signs both.", figures.evidence),
            ("messages_unproven", "Consensus messages that no honest peer sends.", figures.unproven),
            (
                "heights_observed",
                "Heights at which this validator did not sign, to be safe after a restart.",
                figures.observed,
            ),
            (
                "signer_records_old",
                "Times this validator's key was seen to have signed what its data folder does not know of.",
                figures.old_records,
            ),
            ("wal_syncs", "Synced writes of the consensus log.", figures.wal_syncs),
        ] {
            page.counter(name, help, value)?;
        }
        Ok(())
    }

    fn validators(&self, page: &mut Page<'_>) -> fmt::Result {
        let status = &self.status;
        page.gauge("validators", "Validators that decide the next height.", status.validators)?;
        page.gauge("validators_quorum", "How many of them it takes.", status.quorum)?;
        let reached = "How many of them this node reaches, itself included.";
        page.gauge("validators_reached", reached, status.validators_reached())?;
        let in_set = "1 where this node's key is among the validators, else 0.";
        page.gauge("validator", in_set, u32::from(status.in_set))?;
        let validators = status.peers.iter().filter(|peer| peer.validator).count();
        let kinds = [("validator", validators as u64), ("full_node", (status.peers.len() - validators) as u64)];
        page.gauges("peers", "Connected peers.", "kind", kinds)?;
        let behind = "How many blocks the highest tip a peer claims is above this node's.";
        page.gauge("behind_blocks", behind, status.behind)?;
        page.gauge("syncing", "1 while the node catches up, else 0.", u32::from(status.is_syncing()))
    }

    fn blocks(&self, page: &mut Page<'_>) -> fmt::Result {
        page.counter("blocks_finalised", "Blocks that became final here since the start.", self.own.blocks)?;
        page.counter("extrinsics_finalised", "Extrinsics in those blocks.", self.own.extrinsics)?;
        let finality = "From an extrinsic's acceptance at this node's door to its finality.";
        page.histogram("finality", finality, &self.own.finality)?;
        page.histogram("block_interval", "Time from one block to the next, by their headers.", &self.own.interval)
    }

    fn pool(&self, page: &mut Page<'_>) -> fmt::Result {
        let states = [("ready", self.pool.ready as u64), ("waiting", self.pool.waiting as u64)];
        page.gauges("pool_extrinsics", "Extrinsics in the pool.", "state", states)?;
        page.bytes("pool", "Bytes of the extrinsics in the pool.", self.pool.bytes as u64)?;
        page.gauge("pool_accounts", "Accounts that have any there.", self.pool.accounts)?;
        page.counter("pool_accepted", "Extrinsics taken at this node's door.", self.own.accepted)?;
        let help = "Extrinsics refused at this node's door, by reason.";
        page.counters("pool_refused", help, "reason", self.own.refused)
    }

    fn disk(&self, page: &mut Page<'_>) -> fmt::Result {
        if let Some(free) = self.free_bytes {
            page.bytes("disk_free", "Bytes free on the disk with the data.", free)?;
        }
        page.histogram("fsync", "Synced writes of blocks and of the consensus log.", &self.syncs)
    }

    fn rpc(&self, page: &mut Page<'_>) -> fmt::Result {
        page.counter("rpc_calls", "JSON-RPC calls served.", self.rpc.calls)?;
        page.counter("rpc_sockets_taken", "Sockets of JSON-RPC taken.", self.rpc.sockets)?;
        page.gauge("rpc_sockets_open", "Sockets of JSON-RPC open.", self.rpc.sockets_open)?;
        page.gauge("rpc_subscriptions_open", "Subscriptions of JSON-RPC open.", self.rpc.subscriptions_open)?;
        let unsent = "Bytes of answers and notifications that clients have not read.";
        page.bytes("rpc_unsent", unsent, self.rpc.unsent_bytes as u64)?;
        let refused = Cause::ALL.map(|cause| (cause.name(), self.rpc.refused_for(cause)));
        page.counters("rpc_refused", "What JSON-RPC refused or cut, by reason.", "reason", refused)
    }

    fn network(&self, page: &mut Page<'_>) -> fmt::Result {
        for (name, help, value) in &self.network {
            // A unit stands last in a name, and help in one line.
            let (name, unit) = match name.strip_prefix("bytes_") {
                Some(rest) => (rest, Some(&Unit::Bytes)),
                None => (*name, None),
            };
            page.count(&format!("network_{name}"), help.trim(), unit, *value)?;
        }
        Ok(())
    }
}

/// The page while it is written: one function for each kind of metric.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn seconds(&mut self, name: &str, help: &str, value: Duration) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value.as_secs_f64())
    }

    fn bytes(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauges<const N: usize>(&mut self, name: &str, help: &str, label: &str, values: [(&str, u64); N]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (which, value) in values {
            family.encode_family(&[(label, which)])?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.count(name, help, None, value)
    }

    /// Its name gets its unit and `_total` at the end.
    fn count(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: [(&str, u64); N],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (which, value) in values {
            family.encode_family(&[(label, which)])?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// Its name gets `_info` at the end.
    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }

    /// In seconds.
    fn histogram(&mut self, name: &str, help: &str, timing: &TimingFigures) -> fmt::Result {
        let bounds = timing.bounds.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(timing.counts.iter().copied()).collect();
        let unit = Some(&Unit::Seconds);
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(timing.total.as_secs_f64(), timing.count(), &buckets, None)
    }
}
