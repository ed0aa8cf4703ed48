//! What is measured, and how it reads on the page.

use std::collections::BTreeSet;

use salus_engine::Figures;
use salus_primitives::{
    Block, Hash, Header, Height,
    header::{Digest, Slot, extrinsics_root},
};
use salus_rpc::{Cause, NodeStatus, PeerStatus};
use salus_storage::timing::SYNC_BOUNDS;

use super::*;

fn extrinsic(byte: u8) -> RawExtrinsic {
    RawExtrinsic::from_wire(&[8, 4, byte]).expect("a length and as many bytes")
}

fn block(height: u32, time: u64, extrinsics: Vec<RawExtrinsic>) -> Block {
    let slot = Slot { time: Moment(time), build_round: 0, proposer_index: 0, set_id: 0 };
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height(height),
        state_root: Hash::ZERO,
        extrinsics_root: extrinsics_root(&extrinsics),
        digest: Digest { logs: vec![slot.item()] },
    };
    Block { header, extrinsics }
}

fn counted(figures: &TimingFigures, duration: Duration) -> u64 {
    figures.counts[figures.bounds.partition_point(|bound| *bound < duration)]
}

#[test]
fn finality_is_timed_for_what_came_in_here_and_for_nothing_else() {
    let metrics = Metrics::default();
    metrics.accepted(&extrinsic(1));
    metrics.accepted(&extrinsic(2));
    let later = Instant::now() + Duration::from_secs(3);
    metrics.finalised_at(&block(1, 1_000, vec![extrinsic(1), extrinsic(3)]), later);
    let figures = metrics.figures();
    assert_eq!((figures.accepted, figures.blocks, figures.extrinsics), (2, 1, 2));
    assert_eq!(figures.finality.count(), 1);
    assert_eq!(counted(&figures.finality, Duration::from_secs(3)), 1);
    metrics.finalised_at(&block(2, 2_000, vec![extrinsic(2)]), later);
    assert_eq!(metrics.figures().finality.count(), 2);
    assert!(metrics.pending().is_empty());
}

#[test]
fn the_interval_is_that_of_the_headers_and_the_first_block_has_none() {
    let metrics = Metrics::default();
    for (height, time) in [(5, 10_000), (6, 10_100), (7, 14_100), (8, 21_000)] {
        metrics.finalised(&block(height, time, Vec::new()));
    }
    let interval = metrics.figures().interval;
    assert_eq!(interval.count(), 3);
    for (ms, count) in [(100, 1), (4_000, 1), (6_900, 1), (1_000, 0)] {
        assert_eq!(counted(&interval, Duration::from_millis(ms)), count, "{ms} ms");
    }
}

#[test]
fn the_heartbeat_is_as_old_as_the_newest_block() {
    let metrics = Metrics::default();
    metrics.newest.lock().unwrap().at -= Duration::from_secs(60);
    assert!(metrics.heartbeat_age() >= Duration::from_secs(60));
    metrics.finalised(&block(1, 1_000, Vec::new()));
    assert!(metrics.heartbeat_age() < Duration::from_secs(60));
}

#[test]
fn a_refusal_counts_for_its_reason_alone() {
    let full = |txs, bytes| (Refused::AccountFull { txs, bytes }, "account_full");
    for (refused, reason) in [
        (Refused::TooLarge { bytes: 1, max: 0 }, "too_large"),
        (Refused::Malformed(salus_primitives::extrinsic::ExtrinsicError::TooLarge { bytes: 1 }), "malformed"),
        (Refused::AlreadyPending, "already_pending"),
        (Refused::AlreadyIncluded { height: Height(1) }, "already_included"),
        (Refused::RateLimited { max: 1 }, "rate_limited"),
        (Refused::Invalid(salus_primitives::dispatch::InvalidTransaction::Stale), "invalid"),
        (Refused::NonceGap { nonce: 9, next: 0, max: 1 }, "nonce_gap"),
        (Refused::NonceTaken { nonce: 0, held: 1, offered: 1 }, "nonce_taken"),
        full(32, 1),
        (Refused::OrganisationFull { txs: 1, bytes: 1 }, "organisation_full"),
        (Refused::BareFull { txs: 1, bytes: 1 }, "bare_full"),
        (Refused::PoolFull { txs: 1, bytes: 1 }, "pool_full"),
        (Refused::busy(Duration::ZERO), "busy"),
    ] {
        let metrics = Metrics::default();
        metrics.refused(&refused);
        let counted: Vec<_> = metrics.figures().refused.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(reason, 1)]);
    }
}

fn timing(bounds: &'static [Duration], millis: &[u64]) -> TimingFigures {
    let timing = Timing::new(bounds);
    millis.iter().for_each(|ms| timing.add(Duration::from_millis(*ms)));
    timing.figures()
}

fn snapshot() -> Snapshot {
    let peer = |validator| PeerStatus { key: salus_primitives::AccountId([1; 32]), validator, tip: Some(Height(9)) };
    let mut refused = [0; Cause::ALL.len()];
    refused[Cause::TooLarge as usize] = 4;
    let metrics = Metrics::default();
    metrics.refused(&Refused::AlreadyPending);
    Snapshot {
        version: "0.1.0".into(),
        chain: "North \"and\" South".into(),
        genesis: Hash([7; 32]),
        started: Duration::from_millis(1_700_000_000_500),
        height: Height(41),
        block_time: Some(Moment(1_700_000_100_250)),
        status: NodeStatus {
            name: "aster".into(),
            round: 2,
            validator: Some(salus_primitives::AccountId([2; 32])),
            in_set: true,
            silent_until: None,
            validators: 4,
            quorum: 3,
            peers: vec![peer(true), peer(true), peer(false)],
            behind: 3,
            heartbeat_age: Duration::from_millis(1_250),
        },
        figures: Figures { height: 42, round: 2, round_max: 5, rounds_more: 6, evidence: 1, ..Figures::default() },
        pool: salus_pool::Status { ready: 10, waiting: 2, bytes: 3_000, accounts: 7, ..Default::default() },
        rpc: salus_rpc::Figures {
            sockets_open: 3,
            sockets: 30,
            calls: 300,
            subscriptions_open: 2,
            unsent_bytes: 0,
            refused,
        },
        free_bytes: Some(5 << 30),
        syncs: timing(SYNC_BOUNDS, &[1, 3, 2_000]),
        own: metrics.figures(),
        network: vec![
            ("refused_unlisted", " Connections refused: the peer is on no list.", 9),
            ("bytes_in_gossip", " Bytes of gossip received.", 1_000),
        ],
    }
}

#[test]
fn the_page_has_each_metric_with_its_unit() {
    let page = snapshot().render().unwrap();
    for line in [
        "# TYPE salus_height gauge",
        "salus_height 41",
        "salus_start_time_seconds 1700000000.5",
        "# UNIT salus_block_time_seconds seconds",
        "salus_block_time_seconds 1700000100.25",
        "salus_heartbeat_age_seconds 1.25",
        "salus_round 2",
        "salus_rounds_above_zero_total 6",
        "salus_evidence_total 1",
        "salus_validators_reached 3",
        "salus_peers{kind=\"validator\"} 2",
        "salus_peers{kind=\"full_node\"} 1",
        "salus_behind_blocks 3",
        "salus_syncing 1",
        "salus_pool_extrinsics{state=\"waiting\"} 2",
        "salus_pool_bytes 3000",
        "salus_pool_refused_total{reason=\"already_pending\"} 1",
        "salus_disk_free_bytes 5368709120",
        "salus_rpc_calls_total 300",
        "salus_rpc_refused_total{reason=\"too_large\"} 4",
        "# TYPE salus_network_refused_unlisted counter",
        "salus_network_refused_unlisted_total 9",
        "# HELP salus_network_in_gossip_bytes Bytes of gossip received.",
        "salus_network_in_gossip_bytes_total 1000",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(page.contains("chain=\"North \\\"and\\\" South\""), "{page}");
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn a_histogram_counts_up_to_infinity() {
    let page = snapshot().render().unwrap();
    let buckets: Vec<&str> = page.lines().filter(|line| line.starts_with("salus_fsync_seconds")).collect();
    assert!(buckets.contains(&"salus_fsync_seconds_bucket{le=\"0.0005\"} 0"), "{buckets:#?}");
    assert!(buckets.contains(&"salus_fsync_seconds_bucket{le=\"0.001\"} 1"));
    assert!(buckets.contains(&"salus_fsync_seconds_bucket{le=\"1.0\"} 2"));
    assert!(buckets.contains(&"salus_fsync_seconds_bucket{le=\"+Inf\"} 3"));
    assert!(buckets.contains(&"salus_fsync_seconds_count 3"));
    assert!(buckets.contains(&"salus_fsync_seconds_sum 2.004"));
}

#[test]
fn what_the_network_counts_fits_the_page() {
    let counted: Vec<Counter> = salus_network::Snapshot::default().named().collect();
    let count = counted.len();
    let page = Snapshot { network: counted, ..snapshot() }.render().unwrap();
    let names: Vec<&str> = families(&page).into_iter().filter(|name| name.starts_with("salus_network_")).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "each has a name of its own");
    let fits = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(names.iter().all(|name| fits(name)), "{names:?}");
    // Every line is a comment or a value: no help broke into two.
    assert!(page.lines().all(|line| line.starts_with("# ") || line.starts_with("salus_")), "{page}");
}

/// Names of the families on a page, as its `# TYPE` lines have them.
fn families(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn no_family_stands_twice_and_every_one_has_help() {
    let page = snapshot().render().unwrap();
    let names = families(&page);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in names {
        let help = format!("# HELP {name} ");
        assert!(page.lines().any(|line| line.starts_with(&help) && line.len() > help.len() + 10), "{name}");
    }
}

#[test]
fn the_operators_page_explains_every_metric_and_no_other() {
    let told = include_str!("../../../docs/operations/metrics.md");
    let page = snapshot().render().unwrap();
    let counters: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let shown: BTreeSet<String> = families(&page)
        .into_iter()
        .filter(|name| !name.starts_with("salus_network_"))
        .map(|name| match name {
            "salus_build" => "salus_build_info".to_owned(),
            name if counters.contains(name) => format!("{name}_total"),
            name => name.to_owned(),
        })
        .collect();
    let explained: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .filter(|name| name.starts_with("salus_") && !name.starts_with("salus_network_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(shown, explained);
}
