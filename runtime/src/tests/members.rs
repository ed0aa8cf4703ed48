//! Who decides and who may connect, as blocks change it: each block is certified by the set before it.

use salus_council::{Call::Propose, types::Act};
use salus_primitives::{
    commit::{CertificateError, CommitCertificate, VoteKind, vote_bytes},
    header::{HeaderError, SetChange},
    jump::{self, Jump, JumpFault},
    peer::{FullNodePeer, Peers, ValidatorPeer},
    signed::{CoSign, CoSigns, cosign},
};
use salus_registry::types::{Caps, DisplayName, OrganisationStatus};
use salus_validators::types::NewValidator;

use super::*;

/// The hospital that runs the validators of these tests, and its Admin's key.
const HOSPITAL: OrganisationId = OrganisationId([4; 16]);
const ADMIN: u8 = 5;

impl TestNet {
    /// Register the hospital.
    fn found(&mut self) {
        let act = Act::OrganisationSet {
            id: HOSPITAL,
            status: OrganisationStatus::Active,
            display_name: DisplayName::try_from(b"Hospital".to_vec()).unwrap(),
            caps: Caps::VALIDATOR,
            admin: Some(key(ADMIN).public()),
        };
        let bare = RuntimeCall::Council(Propose { act: act.clone(), cosign: CoSigns::new() }).encode();
        let message = cosign(&self.genesis, &council().public(), self.nonce(council().public()), &bare);
        let agreed = CoSign { account: key(ADMIN).public(), signature: key(ADMIN).sign(&message) };
        self.act(act, vec![agreed]);
    }

    /// A block with a council's act.
    fn act(&mut self, act: Act, agreed: Vec<CoSign>) -> Vec<EventRecord> {
        let call = RuntimeCall::Council(Propose { act, cosign: agreed.try_into().unwrap() });
        let events = self.block(vec![self.signed(&council(), call, 0)]);
        assert!(succeeded(events.last().unwrap()), "{events:?}");
        events
    }

    /// A block whose execution adds and drops validators.
    fn change(&mut self, add: &[u8], drop: &[u8]) {
        let add: Vec<NewValidator> = add.iter().map(|seed| validator(*seed)).collect();
        let drop: Vec<AccountId> = drop.iter().map(|seed| key(*seed).public()).collect();
        self.act(Act::ValidatorsSet { add: add.try_into().unwrap(), drop: drop.try_into().unwrap() }, vec![]);
    }

    /// Precommits for the newest block by no more of `set` than decide, of whom the test has the keys.
    fn certificate(&self, set: &ValidatorSet) -> CommitCertificate {
        let pairs: Vec<KeyPair> = (0..60).map(key).collect();
        let (height, value) = (self.tip.number, self.tip.vote_value());
        let sign = |authority: &AccountId| {
            let bytes = vote_bytes(&self.genesis, height, 0, VoteKind::Precommit, Some(value), authority);
            pairs.iter().find(|pair| pair.public() == *authority).unwrap().sign(&bytes)
        };
        let signatures: Vec<_> = (0u16..).zip(set.keys()[..set.quorum()].iter().map(sign)).collect();
        CommitCertificate { height, round: 0, value, signatures: signatures.try_into().unwrap() }
    }
}

/// What a replay keeps of a block: its header, its certificate, and the set the state before it names.
type Certified = (Header, CommitCertificate, ValidatorSet);

/// The seed in `seeds` whose key sorts first.
fn first_of(seeds: core::ops::Range<u8>) -> u8 {
    seeds.min_by_key(|seed| key(*seed).public()).unwrap()
}

/// A chain whose set changes twice: 11 to 14, then a fifth too, then one of the first four no more; a few blocks
/// around each. The new key sorts first and the one that leaves second, so that all places move both times.
fn twice_changed() -> (TestNet, Vec<Certified>) {
    let (new, leaving) = (first_of(11..60), first_of(11..15));
    assert!(new > 14, "one of the new keys sorts before the first four");
    let mut net = TestNet::decided_by(&[11, 12, 13, 14]);
    let mut blocks = Vec::new();
    for step in 0..8 {
        let set = net.set();
        match step {
            0 => net.found(),
            2 => net.change(&[new], &[]),
            5 => net.change(&[], &[leaving]),
            _ => net.pass(1),
        }
        blocks.push((net.tip.clone(), net.certificate(&set), set));
    }
    (net, blocks)
}

#[test]
fn each_block_is_certified_by_the_set_of_its_own_height_and_by_no_other() {
    let (net, blocks) = twice_changed();
    let ids: Vec<u64> = blocks.iter().map(|(_, _, set)| set.set_id).collect();
    assert_eq!(ids, [0, 0, 0, 1, 1, 1, 2, 2], "the block that changes the set is decided by the one before");
    for (header, certificate, set) in &blocks {
        assert_eq!(header.slot().unwrap().set_id, set.set_id);
        assert_eq!(certificate.verify(header, set, &net.genesis), Ok(()), "height {}", header.number);
        for (_, _, other) in blocks.iter().filter(|(_, _, other)| other.set_id != set.set_id) {
            assert!(certificate.verify(header, other, &net.genesis).is_err(), "height {}", header.number);
        }
    }
    // Three of four decided before the change; of five they are too few.
    let (header, certificate, _) = &blocks[2];
    let few = CertificateError::Quorum { found: 3, needed: 4, validators: 5 };
    assert_eq!(certificate.verify(header, &blocks[3].2, &net.genesis), Err(few));
}

#[test]
fn headers_name_each_change_and_jumps_lead_over_both() {
    let (net, blocks) = twice_changed();
    let changes: Vec<Option<SetChange>> = blocks.iter().map(|(header, _, _)| header.set_change().unwrap()).collect();
    let after: Vec<&ValidatorSet> = blocks[1..].iter().map(|(_, _, set)| set).collect();
    for (place, change) in changes.iter().enumerate() {
        let expected = [2, 5].contains(&place).then(|| after[place]);
        assert_eq!(*change, expected.map(|set| SetChange { set_id: set.set_id, hash: set.hash() }));
    }
    let jumps: Vec<Jump> = [2, 5]
        .map(|place| {
            let (header, certificate, _) = blocks[place].clone();
            Jump { header, certificate, set: after[place].clone() }
        })
        .into();
    let file = jump::to_file(&net.genesis, &jumps);
    let jumps = jump::from_file(&file, &net.genesis).unwrap();
    assert_eq!(jump::verify(&net.genesis, &blocks[0].2, &jumps), Ok(net.set()));
    let skipped = jump::verify(&net.genesis, &blocks[0].2, &jumps[1..]).unwrap_err();
    assert_eq!(skipped.reason, JumpFault::DecidedBy { found: 1, expected: 0 });
}

#[test]
fn a_block_after_a_change_is_refused_under_the_old_set() {
    let mut net = TestNet::decided_by(&[11, 12, 13, 14]);
    net.found();
    let before = net.context();
    net.change(&[15], &[]);
    let mut context = net.context();
    context.slot.set_id = before.slot.set_id;
    let refused = net.runtime.execute(&net.state, &context, &[], &NoneVerified);
    assert_eq!(refused, Err(InvalidBlock::Header(HeaderError::Set { found: 0, expected: 1 })));
    let mut context = net.context();
    // The turn goes round among five now.
    context.slot.proposer_index = (context.slot.proposer_index + 1) % 5;
    let refused = net.runtime.execute(&net.state, &context, &[], &NoneVerified);
    assert!(matches!(refused, Err(InvalidBlock::Header(HeaderError::Proposer { .. }))));
}

#[test]
fn a_change_that_waited_takes_effect_with_the_height_after_the_first_block_that_is_due() {
    let parameters = Parameters { root_delay: 2_500, ..Parameters::default() };
    let mut net = TestNet::of(parameters, [11, 12, 13, 14].map(validator).into());
    net.found();
    net.change(&[15], &[]);
    // Blocks are a second apart here: the third one after the motion runs it.
    net.pass(2);
    assert_eq!((net.set().len(), net.tip.set_change()), (4, Ok(None)));
    net.pass(1);
    assert_eq!(net.tip.slot().unwrap().set_id, 0);
    let set = net.set();
    assert_eq!(net.tip.set_change(), Ok(Some(SetChange { set_id: 1, hash: set.hash() })));
    assert_eq!(set.len(), 5);
}

#[test]
fn the_state_says_who_may_connect_and_a_function_tells_operators() {
    let mut net = TestNet::decided_by(&[11, 12]);
    net.found();
    let update = salus_registry::Call::OrganisationUpdate {
        profile: Hash::ZERO,
        url: Default::default(),
        kem: None,
        peer_ids: vec![peer_of(&key(90).public())].try_into().unwrap(),
    };
    net.block(vec![net.signed(&key(ADMIN), RuntimeCall::Registry(update), 0)]);
    net.change(&[13], &[12]);
    let peers = net.runtime.peers(&net.state);
    let organisation = HOSPITAL;
    let mut validators = [11, 13].map(|seed| ValidatorPeer {
        authority: key(seed).public(),
        network: key(seed + 100).public(),
        organisation,
    });
    validators.sort_by_key(|validator| validator.authority);
    let full_nodes = vec![FullNodePeer { network: key(90).public(), organisation }];
    assert_eq!(peers, Peers { validators: validators.into(), full_nodes });
    assert_eq!(net.runtime.call(&net.state, &net.tip, "SalusApi_peers", &[]).unwrap(), peers.encode());
    assert!(peers.allows(&key(113).public()) && peers.allows(&key(90).public()));
    assert!(!peers.allows(&key(112).public()), "who left may not connect any more");
}
