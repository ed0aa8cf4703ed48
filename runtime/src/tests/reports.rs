//! Reports of equivocation in pool and block: bare, self-proving, never included failing.

use salus_primitives::{
    commit::VoteKind,
    dispatch::InvalidTransaction,
    evidence::{Evidence, SignedVote, Vote},
    extrinsic::Extrinsic,
    limits::BLOCK_WEIGHT_MAX,
};
use salus_support::metadata::types::Phase;
use salus_validators::{Call::ReportEquivocation, Event as ValidatorsEvent, types::EVIDENCE_AGE_MAX};

use super::*;

/// Two precommits of `seed` at `height`.
fn evidence(net: &TestNet, seed: u8, height: u32) -> Evidence {
    let [nil, one] = [None, Some(Hash([1; 32]))].map(|value| {
        let (height, authority) = (Height(height), key(seed).public());
        let vote = Vote { height, round: 0, kind: VoteKind::Precommit, value, authority };
        SignedVote { vote, signature: key(seed).sign(&vote.bytes(&net.genesis)) }
    });
    Evidence::Votes(nil, one)
}

fn report(net: &TestNet, seed: u8, height: u32) -> RawExtrinsic {
    net.runtime.report(&evidence(net, seed, height))
}

fn reversed(evidence: Evidence) -> Evidence {
    match evidence {
        Evidence::Votes(a, b) => Evidence::Votes(b, a),
        Evidence::Proposals(a, b) => Evidence::Proposals(b, a),
    }
}

fn authorities(seeds: &[u8]) -> Vec<AccountId> {
    let mut keys: Vec<AccountId> = seeds.iter().map(|seed| key(*seed).public()).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn an_equivocator_is_out_at_the_next_height_and_the_header_says_so() {
    let mut net = TestNet::decided_by(&[11, 12, 13, 14]);
    net.pass(2);
    let raw = report(&net, 12, 2);
    assert!(matches!(Extrinsic::parse(&raw), Ok(Extrinsic::Bare { .. })));
    let valid = net.validate(&raw).unwrap();
    assert_eq!((valid.signer, valid.organisation, valid.priority), (None, None, 1));
    assert_eq!(valid.expires, Some(Height(2 + EVIDENCE_AGE_MAX + 1)));

    assert_eq!(net.set().keys(), authorities(&[11, 12, 13, 14]), "this block is still decided by all four");
    let events = net.block(vec![raw]);
    let equivocated = ValidatorsEvent::Equivocated {
        authority: key(12).public(),
        height: Height(2),
        organisation: Some(OrganisationId([4; 16])),
    };
    assert_eq!(events[0].event, RuntimeEvent::Validators(equivocated));
    assert_eq!((events.len(), events[1].phase), (2, Phase::ApplyExtrinsic(0)));
    assert!(succeeded(&events[1]), "a report is never included failing");

    let set = net.set();
    assert_eq!((set.set_id, set.keys()), (1, &authorities(&[11, 13, 14])[..]));
    let change = net.tip.set_change().unwrap().expect("the header says it");
    assert_eq!((change.set_id, change.hash), (1, set.hash()));
    net.pass(1);
    assert_eq!(net.tip.set_change(), Ok(None), "and only that one");
}

#[test]
fn a_report_that_would_fail_is_refused_by_its_reason_in_pool_and_block() {
    let mut net = TestNet::decided_by(&[11, 12, 13]);
    net.pass(2);
    assert_eq!(net.refused(&report(&net, 19, 1)), InvalidTransaction::Call, "no validator");
    assert_eq!(net.refused(&report(&net, 12, 0)), InvalidTransaction::Call, "not at that height");
    assert_eq!(net.refused(&report(&net, 12, 4)), InvalidTransaction::Future, "height 4 has no validators yet");
    let Evidence::Votes(a, mut b) = evidence(&net, 12, 1) else { panic!("the votes made above") };
    assert_eq!(net.refused(&net.runtime.report(&Evidence::Votes(a, a))), InvalidTransaction::BadProof);
    b.signature.0[0] ^= 1;
    assert_eq!(net.refused(&net.runtime.report(&Evidence::Votes(a, b))), InvalidTransaction::BadProof);
    net.block(vec![report(&net, 12, 1)]);
    assert_eq!(net.refused(&report(&net, 12, 2)), InvalidTransaction::Stale, "struck before");
    net.block(vec![report(&net, 11, 1)]);
    assert_eq!(net.refused(&report(&net, 13, 1)), InvalidTransaction::Call, "the last one");
    assert_eq!(net.set().keys(), authorities(&[13]));
    net.pass(3);
}

#[test]
fn evidence_that_grew_old_is_refused_by_name() {
    let mut net = TestNet::decided_by(&[11, 12]);
    net.pass(1);
    let raw = report(&net, 12, 1);
    // Heights are all that counts here: let the chain be far ahead.
    net.tip.number = Height(EVIDENCE_AGE_MAX);
    assert!(net.validate(&raw).is_ok());
    net.tip.number = Height(EVIDENCE_AGE_MAX + 1);
    assert_eq!(net.validate(&raw).unwrap_err(), InvalidTransaction::AncientBirthBlock);
}

#[test]
fn only_a_bare_report_is_a_report_and_nothing_else_is_bare() {
    let mut net = TestNet::decided_by(&[11, 12]);
    net.pass(1);
    let call = RuntimeCall::Validators(ReportEquivocation { evidence: evidence(&net, 12, 1) });
    assert_eq!(net.refused(&net.signed(&council(), call, 0)), InvalidTransaction::Call);
    let bare_noop = RawExtrinsic([&[0x04][..], &noop().encode()].concat());
    assert_eq!(net.refused(&bare_noop), InvalidTransaction::BadProof);
    let mut longer = report(&net, 12, 1);
    longer.0.push(0);
    assert_eq!(net.refused(&longer), InvalidTransaction::Call, "a trailing byte");
    assert!(net.validate(&report(&net, 12, 1)).is_ok());
}

#[test]
fn a_proposer_takes_the_first_of_two_reports_about_one_and_both_have_one_tag() {
    let mut net = TestNet::decided_by(&[11, 12, 13, 14]);
    net.pass(2);
    let (first, second) = (report(&net, 12, 2), net.runtime.report(&reversed(evidence(&net, 12, 2))));
    assert_ne!(first.hash(), second.hash());
    let tag = |raw: &RawExtrinsic| net.validate(raw).unwrap().tag.expect("a report has a tag");
    assert_eq!(tag(&first), tag(&second));
    assert_ne!(tag(&first), tag(&report(&net, 13, 2)));
    let arguments = (2u8, &first, net.tip.hash()).encode();
    let told = net.runtime.call(&net.state, &net.tip, "TaggedTransactionQueue_validate_transaction", &arguments);
    let told = told.unwrap();
    assert!(told.windows(32).any(|window| window == tag(&first).0), "clients see it as what the report provides");

    let built = net.build(vec![first.clone(), second.clone()]);
    assert_eq!(built.extrinsics, std::slice::from_ref(&first));
    assert_eq!(built.invalid, [(second.hash(), InvalidTransaction::Stale)]);
    let both = net.execute(&[first, second]);
    assert_eq!(both, Err(InvalidBlock::Extrinsic { index: 1, reason: InvalidTransaction::Stale }));
}

#[test]
fn the_seventeenth_report_waits_for_the_next_block() {
    let seeds: Vec<u8> = (11..31).collect();
    let mut net = TestNet::decided_by(&seeds);
    net.pass(1);
    let reports: Vec<RawExtrinsic> = (11..29).map(|seed| report(&net, seed, 1)).collect();
    let built = net.build(reports.clone());
    assert_eq!(built.extrinsics, reports[..16]);
    let late = |raw: &RawExtrinsic| (raw.hash(), InvalidTransaction::Future);
    assert_eq!(built.invalid, [late(&reports[16]), late(&reports[17])]);
    assert!(net.execute(&reports[..17]).is_err());
    net.block(reports[..16].to_vec());
    net.block(reports[16..].to_vec());
    assert_eq!(net.set().keys(), authorities(&[29, 30]));
}

#[test]
fn a_report_costs_nobody_anything_and_finds_room_in_a_block_full_of_ordinary_calls() {
    let mut net = TestNet::decided_by(&[11, 12]);
    net.pass(1);
    let raw = report(&net, 12, 1);
    let before = net.state.clone();
    let weight = net.build(vec![raw.clone()]).executed.weight;
    assert!(weight > 0 && weight < BLOCK_WEIGHT_MAX / 1_000);
    net.block(vec![raw]);
    let accounts = salus_primitives::storage_key::prefix("System", "Account");
    let of = |state: &BTreeMap<Vec<u8>, Vec<u8>>| {
        state.range(accounts.to_vec()..).take_while(|(key, _)| key.starts_with(&accounts)).count()
    };
    assert_eq!(of(&before), of(&net.state), "no account was made");
}
