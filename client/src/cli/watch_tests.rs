//! Lines of `salus chain watch`.

use salus_primitives::{
    AccountId, BoundedVec, Hash, Header, OrganisationId, RawExtrinsic,
    commit::CommitCertificate,
    crypto::{KeyPair, Signature},
    header::{Digest, Slot},
};

use super::*;

fn block(build_round: u32, round: u32, extrinsics: usize) -> BlockData {
    let slot = Slot { time: Moment(1_700_000_004_250), build_round, proposer_index: 1, set_id: 0 };
    let header = Header {
        parent_hash: Hash([1; 32]),
        number: Height(70_000),
        state_root: Hash([2; 32]),
        extrinsics_root: Hash([3; 32]),
        digest: Digest { logs: vec![slot.item()] },
    };
    let signatures: BoundedVec<_, 100> = vec![(0, Signature([0; 64])), (1, Signature([0; 64]))].try_into().unwrap();
    let certificate = CommitCertificate { height: Height(70_000), round, value: header.vote_value(), signatures };
    let extrinsic = RawExtrinsic::from_wire(&[8, 4, 7]).unwrap();
    BlockData { hash: header.hash(), header, extrinsics: vec![extrinsic; extrinsics], certificate: Some(certificate) }
}

fn key() -> AccountId {
    KeyPair::from_seed(&[1; 32]).public()
}

fn proposer(name: Option<&str>) -> Option<Proposer> {
    let organisation = Some(OrganisationId([0xab; 16]));
    Some(Proposer { authority: key(), organisation, name: name.map(str::to_owned) })
}

const BEFORE: Option<Moment> = Some(Moment(1_700_000_000_000));

#[test]
fn a_line_tells_height_time_interval_round_extrinsics_and_proposer() {
    let line = row(&block(0, 0, 3), BEFORE, proposer(Some("North Hospital")), None).line(false);
    let short = &key().to_string()[..8];
    assert_eq!(line, format!("   70000  2023-11-14T22:13:24Z    4.250 s      0           3  {short}…  North Hospital"));
    let columns = heading(false);
    assert_eq!(columns.find("proposer"), line.find(short), "the words stand above their columns\n{columns}\n{line}");
}

#[test]
fn an_organisation_without_a_name_is_told_by_its_id_and_a_first_block_has_no_interval() {
    let line = row(&block(0, 0, 0), None, proposer(None), None).line(false);
    assert!(line.contains("organisation abababab…") && line.contains("Z          -  "), "{line}");
}

#[test]
fn genesis_has_no_time_no_proposer_and_no_interval() {
    let mut genesis = block(0, 0, 0);
    genesis.header.digest = Digest::default();
    genesis.certificate = None;
    let row = row(&genesis, None, None, None);
    let words: Vec<_> = row.line(false).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["70000", "-", "-", "0", "0", "-"]);
    let json = row.json();
    assert!(["time", "time_ms", "interval_ms", "round", "proposer"].iter().all(|name| json[name].is_null()), "{json}");
}

#[test]
fn a_block_that_was_decided_later_than_it_was_built_says_so() {
    let line = row(&block(1, 2, 0), BEFORE, proposer(Some("North")), None).line(false);
    assert!(line.contains("      2  ") && line.ends_with("North  built in round 1"), "{line}");
}

#[test]
fn colours_stand_only_where_they_are_wanted() {
    let row = row(&block(1, 1, 1), BEFORE, proposer(None), Some(vec![("Consent.Granted".into(), 2)]));
    assert!(!row.line(false).contains('\u{1b}'));
    assert!(row.line(true).contains("\u{1b}[33m"), "a round above 0 is yellow");
    assert_eq!(console::strip_ansi_codes(&row.line(true)), row.line(false));
    assert!(row.line(false).ends_with("  Consent.Granted×2"));
}

#[test]
fn programs_get_the_whole_of_it() {
    let block = block(1, 2, 3);
    let json = row(&block, BEFORE, proposer(Some("North")), Some(vec![("Consent.Granted".into(), 3)])).json();
    assert_eq!(
        json,
        json!({
            "height": 70_000,
            "block": block.hash.to_string(),
            "time": "2023-11-14T22:13:24Z",
            "time_ms": 1_700_000_004_250u64,
            "interval_ms": 4_250,
            "round": 2,
            "build_round": 1,
            "signatures": 2,
            "extrinsics": 3,
            "proposer": key().to_string(),
            "organisation": OrganisationId([0xab; 16]).to_string(),
            "organisation_name": "North",
            "events": [{ "event": "Consent.Granted", "count": 3 }],
        })
    );
    let bare = row(&block, None, None, None).json();
    assert_eq!((&bare["proposer"], &bare["interval_ms"]), (&Value::Null, &Value::Null));
    assert!(bare.get("events").is_none());
}
