//! A light client of a node that lies, one lie per test: each is told by its name, and no answer comes of it.

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures::future::BoxFuture;
use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    Hash, Header, Height, Moment,
    commit::{CertificateError, CommitCertificate},
    crypto::KeyPair,
    jump::{self, FileError, Jump, JumpFault},
    runtime_api::StateReader,
    state_proof::{Proof, ProofError},
    storage_key::CODE,
};
use serde_json::{Value, json, value::RawValue};

use super::{
    testing::{HonestNode, State, bytes, certify, code, raw, text},
    *,
};
use crate::chain::ChainError;

type Twist = Box<dyn FnMut(&str, &mut Value) + Send>;

/// A node that changes what the honest one says.
struct Liar {
    honest: Mutex<Arc<HonestNode>>,
    twist: Mutex<Twist>,
    asked: AtomicU64,
}

impl Ask for Liar {
    fn ask<'a>(&'a self, method: &'a str, params: Vec<Value>) -> BoxFuture<'a, Result<Box<RawValue>, ChainError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Relaxed);
            let mut answer = self.honest.lock().unwrap().answer(method, &params)?;
            (self.twist.lock().unwrap())(method, &mut answer);
            Ok(raw(answer))
        })
    }
}

/// A light client, the node it asks, the truth, and a clock.
struct World {
    chain: Arc<HonestNode>,
    node: Arc<Liar>,
    light: Light,
    clock: Arc<AtomicU64>,
}

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

fn keys(seeds: &[u8]) -> Vec<KeyPair> {
    seeds.iter().map(|seed| key(*seed)).collect()
}

fn sorted(seeds: &[u8]) -> Vec<KeyPair> {
    let mut keys = keys(seeds);
    keys.sort_by_key(KeyPair::public);
    keys
}

const FOUR: [u8; 4] = [1, 2, 3, 4];

fn state() -> State {
    [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")].map(|(key, value)| (key.to_vec(), value.to_vec())).into()
}

fn set_of(keys: &[&[u8]]) -> BTreeSet<Vec<u8>> {
    keys.iter().map(|key| key.to_vec()).collect()
}

fn options(clock: &Arc<AtomicU64>) -> Options {
    let clock = clock.clone();
    Options { clock: Arc::new(move || Moment(clock.load(Relaxed))), ..Options::default() }
}

impl World {
    /// A chain at height 1 and time 1,000, when it is 1,500.
    fn new() -> Self {
        Self::of(HonestNode::new(state(), keys(&FOUR)))
    }

    fn of(chain: HonestNode) -> Self {
        chain.make_block(Moment(1_000), |_| {});
        let (chain, clock) = (Arc::new(chain), Arc::new(AtomicU64::new(1_500)));
        let node = Arc::new(Liar {
            honest: Mutex::new(chain.clone()),
            twist: Mutex::new(Box::new(|_, _| {})),
            asked: AtomicU64::new(0),
        });
        let light = Light::new(node.clone(), chain.verifier(), options(&clock));
        Self { chain, node, light, clock }
    }

    /// From now on answers are changed like this.
    fn lie(&self, twist: impl FnMut(&str, &mut Value) + Send + 'static) {
        *self.node.twist.lock().unwrap() = Box::new(twist);
    }

    /// From now on certificates are these.
    fn certified_by(&self, make: impl Fn(&Header) -> CommitCertificate + Send + 'static) {
        self.lie(move |_, answer| {
            let header = Header::decode(&mut &bytes(&answer["header"])[..]).unwrap();
            answer["certificate"] = json!(text(make(&header).encode()));
        });
    }

    /// What comes of asking for `a`, `b` and a key that is absent.
    async fn ask(&self) -> Result<ProvenState, LightError> {
        self.light.values(&set_of(&[b"a", b"absent", b"b"])).await
    }

    async fn told(&self) -> Lie {
        match self.ask().await {
            Err(LightError::NodeLied { what }) => what,
            other => panic!("it was believed: {other:?}"),
        }
    }
}

fn key_fault(index: usize) -> impl Fn(Lie) -> ProofError {
    move |lie| match lie {
        Lie::Proof(ProofFault::Key { index: found, reason }) if found == index => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_honest_node_is_believed_values_and_absences_alike() {
    let world = World::new();
    let proven = world.ask().await.unwrap();
    assert_eq!(proven.at().hash, world.chain.newest().hash());
    assert_eq!(proven.value(b"a"), Ok(Some(&b"1"[..])));
    assert_eq!(proven.value(b"absent"), Ok(None));
    assert_eq!(proven.value(b"c"), Err(Unproven { keys: set_of(&[b"c"]) }), "it was not asked for");
    assert_eq!(proven.read(|state| (state.get(b"b"), state.get(b"absent"))), Ok((Some(b"2".to_vec()), None)));
    let unproven = proven.read(|state| (state.get(b"a"), state.get(b"c"), state.get(b"d")));
    assert_eq!(unproven, Err(Unproven { keys: set_of(&[b"c", b"d"]) }), "no answer comes of it");
    assert_eq!(world.light.newest().await.unwrap(), *proven.at());
    assert_eq!(world.light.seen(), Some(*proven.at()));
}

#[tokio::test]
async fn a_wrong_value_is_told() {
    let world = World::new();
    let (root, fault) = (world.chain.newest().state_root, key_fault(0));
    world.lie(|_, answer| answer["values"][0] = json!("0x39"));
    assert!(matches!(fault(world.told().await), ProofError::Root { expected, .. } if expected == root));
}

#[tokio::test]
async fn a_value_that_is_denied_and_one_that_is_made_up_are_told() {
    let world = World::new();
    world.lie(|_, answer| answer["values"][0] = Value::Null);
    assert_eq!(key_fault(0)(world.told().await), ProofError::Presence { proven: true });
    world.lie(|_, answer| answer["values"][1] = json!("0x39"));
    assert_eq!(key_fault(1)(world.told().await), ProofError::Presence { proven: false });
}

#[tokio::test]
async fn two_values_that_changed_places_are_told() {
    let world = World::new();
    world.lie(|_, answer| {
        let first = answer["values"][0].take();
        answer["values"][0] = answer["values"][2].take();
        answer["values"][2] = first;
    });
    assert!(matches!(key_fault(0)(world.told().await), ProofError::Root { .. }));
}

#[tokio::test]
async fn a_key_left_out_is_told() {
    let world = World::new();
    world.lie(|_, answer| _ = answer["values"].as_array_mut().unwrap().pop());
    assert_eq!(world.told().await, ProofFault::Values { asked: 3, found: 2 }.into());

    let shorter = |answer: &mut Value, change: fn(&mut Proof)| {
        let mut proof = Proof::decode(&mut &bytes(&answer["proof"][0])[..]).unwrap();
        change(&mut proof);
        answer["proof"][0] = json!(text(proof.encode()));
    };
    world.lie(move |_, answer| shorter(answer, |proof| _ = proof.keys.pop()));
    assert_eq!(world.told().await, ProofFault::Paths { asked: 3, found: 2 }.into());
    // The path of another key in its place.
    world.lie(move |_, answer| shorter(answer, |proof| proof.keys[0] = proof.keys[2].clone()));
    assert_eq!(key_fault(0)(world.told().await), ProofError::NotCovered);
}

#[tokio::test]
async fn an_older_state_under_the_newest_header_is_told() {
    let world = World::new();
    let old = world.chain.answer("salus_proof", &[json!([text(b"a"), text(b"absent"), text(b"b")]), Value::Null]);
    let (values, proof) = old.map(|old| (old["values"].clone(), old["proof"].clone())).unwrap();
    world.chain.make_block(Moment(1_200), |state| _ = state.insert(b"a".to_vec(), b"revoked".to_vec()));
    world.lie(move |_, answer| {
        (answer["values"], answer["proof"]) = (values.clone(), proof.clone());
    });
    assert!(matches!(key_fault(0)(world.told().await), ProofError::Root { .. }));
}

#[tokio::test]
async fn a_forged_certificate_is_told() {
    let world = World::new();
    let told = |fault| Lie::Block(VerifyError::Certificate(fault));
    let genesis = world.chain.genesis();
    // By strangers in the validators' places.
    world.certified_by(move |header| {
        let strangers = sorted(&[6, 7, 8]);
        certify(&genesis, header, &[(0, &strangers[0]), (1, &strangers[1]), (2, &strangers[2])])
    });
    assert_eq!(world.told().await, told(CertificateError::Signature { index: 0 }));
    // By one validator in three places.
    world.certified_by(move |header| {
        let one = &sorted(&FOUR)[0];
        certify(&genesis, header, &[(0, one), (1, one), (2, one)])
    });
    assert_eq!(world.told().await, told(CertificateError::Signature { index: 1 }));
    world.certified_by(move |header| {
        let one = &sorted(&FOUR)[0];
        certify(&genesis, header, &[(0, one), (0, one), (0, one)])
    });
    assert_eq!(world.told().await, told(CertificateError::Signer { index: 0, validators: 4 }));
}

#[tokio::test]
async fn a_certificate_of_too_few_and_none_at_all_are_told() {
    let world = World::new();
    let genesis = world.chain.genesis();
    world.certified_by(move |header| {
        let validators = sorted(&FOUR);
        certify(&genesis, header, &[(0, &validators[0]), (3, &validators[3])])
    });
    let few = CertificateError::Quorum { found: 2, needed: 3, validators: 4 };
    assert_eq!(world.told().await, Lie::Block(VerifyError::Certificate(few)));
    world.lie(|_, answer| answer["certificate"] = Value::Null);
    assert_eq!(world.told().await, Lie::Block(VerifyError::NoCertificate { height: Height(1) }));
}

#[tokio::test]
async fn a_header_with_another_state_root_is_not_what_was_certified() {
    let world = World::new();
    world.lie(|_, answer| {
        let mut header = Header::decode(&mut &bytes(&answer["header"])[..]).unwrap();
        header.state_root = Hash([7; 32]);
        answer["header"] = json!(text(header.encode()));
    });
    let told = world.told().await;
    assert!(matches!(told, Lie::Block(VerifyError::Certificate(CertificateError::Value { .. }))), "{told:?}");
}

#[tokio::test]
async fn another_chain_of_the_same_validators_is_told() {
    let world = World::new();
    let other = HonestNode::new([(b"a".to_vec(), b"else".to_vec())].into(), keys(&FOUR));
    *world.node.honest.lock().unwrap() = Arc::new(other);
    // Its genesis is not ours, and later blocks are signed for it.
    assert_eq!(world.told().await, Lie::Block(VerifyError::Digest(salus_primitives::header::DigestError::NoSlot)));
    world.node.honest.lock().unwrap().make_block(Moment(1_000), |_| {});
    let signature = CertificateError::Signature { index: 0 };
    assert_eq!(world.told().await, Lie::Block(VerifyError::Certificate(signature)));
}

#[tokio::test]
async fn an_old_block_is_never_the_newest_again() {
    let world = World::new();
    let old = world.chain.answer("salus_proof", &[json!([]), Value::Null]).unwrap();
    world.chain.make_block(Moment(1_100), |_| {});
    assert_eq!(world.light.newest().await.unwrap().height, Height(2));
    world.lie(move |_, answer| *answer = old.clone());
    let told = world.light.newest().await.unwrap_err();
    assert_eq!(told, LightError::lie(Lie::WentBack { found: Height(1), known: Height(2) }));
    assert_eq!(world.light.seen().unwrap().height, Height(2));
    world.lie(|_, _| {});
    assert_eq!(world.light.newest().await.unwrap().height, Height(2), "the truth still counts");
}

#[tokio::test]
async fn two_certified_blocks_at_one_height_are_told_loudly() {
    let world = World::new();
    let first = world.light.newest().await.unwrap();
    let genesis = world.chain.genesis();
    world.lie(move |_, answer| {
        let mut header = Header::decode(&mut &bytes(&answer["header"])[..]).unwrap();
        header.extrinsics_root = Hash([1; 32]);
        let validators = sorted(&FOUR);
        let signers: Vec<(u16, &KeyPair)> = (0..).zip(&validators).collect();
        answer["header"] = json!(text(header.encode()));
        answer["certificate"] = json!(text(certify(&genesis, &header, &signers).encode()));
    });
    let told = world.light.newest().await.unwrap_err();
    let fork = |lie: &Lie| matches!(lie, Lie::Fork { height: Height(1), first: seen, .. } if *seen == first.hash);
    assert!(matches!(&told, LightError::NodeLied { what } if fork(what)), "{told:?}");
}

#[tokio::test]
async fn a_block_that_is_too_old_is_shown_and_not_decided_on() {
    let world = World::new();
    world.clock.store(13_001, Relaxed);
    let stale = LightError::Stale { height: Height(1), age: 12_001, max: 12_000 };
    assert_eq!(world.ask().await, Err(stale.clone()));
    assert_eq!(world.light.judge(|_, _| ()).await, Err(stale));
    assert_eq!(world.light.newest().await.unwrap().height, Height(1), "how old it is can still be told");
    world.clock.store(13_000, Relaxed);
    assert!(world.ask().await.is_ok());
}

#[tokio::test]
async fn a_judgement_that_took_too_long_is_no_judgement() {
    let world = World::new();
    let clock = world.clock.clone();
    let slow = move |state: &dyn StateReader, _: &Certified| {
        clock.store(20_000, Relaxed);
        state.get(b"a")
    };
    let stale = LightError::Stale { height: Height(1), age: 19_000, max: 12_000 };
    assert_eq!(world.light.judge(slow).await, Err(stale));
}

#[tokio::test]
async fn validators_are_followed_through_their_changes() {
    let world = World::new();
    for change in 0..40u8 {
        world.chain.change_validators(Moment(1_001 + u64::from(change)), keys(&[1, 2, 3, 5 + change]));
    }
    world.chain.make_block(Moment(1_100), |_| {});
    assert_eq!(world.light.newest().await.unwrap().height, Height(42));
    // The proof, and two answers of at most 32 jumps each.
    assert_eq!(world.node.asked.load(Relaxed), 3);
    assert_eq!(world.light.newest().await.unwrap().height, Height(42));
    assert_eq!(world.node.asked.load(Relaxed), 4, "what is known is not asked for again");
}

/// A chain whose validators changed twice, and a node that answers these jumps of it.
async fn told_of_jumps(change: impl Fn(Hash, Vec<Jump>) -> Vec<u8> + Send + 'static) -> Lie {
    let world = World::new();
    for seed in [5, 6] {
        world.chain.change_validators(Moment(1_000 + u64::from(seed)), keys(&[1, 2, 3, seed]));
    }
    world.chain.make_block(Moment(1_010), |_| {});
    let genesis = world.chain.genesis();
    world.lie(move |method, answer| {
        if method == "salus_jumps" {
            let jumps = jump::from_file(&bytes(&answer["jumps"]), &genesis).unwrap();
            answer["jumps"] = json!(text(change(genesis, jumps)));
        }
    });
    let told = world.told().await;
    assert_eq!(world.light.seen(), None);
    told
}

#[tokio::test]
async fn a_jump_left_out_is_told() {
    let told = told_of_jumps(|genesis, jumps| jump::to_file(&genesis, &jumps[1..])).await;
    let missing = |lie: &Lie| match lie {
        Lie::Jump(error) => error.reason == JumpFault::DecidedBy { found: 1, expected: 0 },
        _ => false,
    };
    assert!(missing(&told), "{told:?}");
    let none = told_of_jumps(|genesis, _| jump::to_file(&genesis, &[])).await;
    assert_eq!(none, Lie::NoJumps { shown: 2, known: 0 });
}

#[tokio::test]
async fn a_jump_to_validators_that_nobody_chose_is_told() {
    let told = told_of_jumps(|genesis, mut jumps| {
        let strangers = sorted(&[7, 8, 9]).iter().map(KeyPair::public).collect();
        jumps[0].set = salus_primitives::validator_set::ValidatorSet::new(1, strangers).unwrap();
        jump::to_file(&genesis, &jumps)
    })
    .await;
    assert!(matches!(&told, Lie::Jump(error) if matches!(error.reason, JumpFault::SetHash { .. })), "{told:?}");
    let told = told_of_jumps(|genesis, mut jumps| {
        let validators = sorted(&FOUR);
        jumps[0].certificate = certify(&genesis, &jumps[0].header, &[(0, &validators[0]), (1, &validators[1])]);
        jump::to_file(&genesis, &jumps)
    })
    .await;
    assert!(matches!(&told, Lie::Jump(error) if matches!(error.reason, JumpFault::Certificate(_))), "{told:?}");
}

#[tokio::test]
async fn jumps_of_another_chain_and_a_file_that_is_cut_off_are_told() {
    let told = told_of_jumps(|_, jumps| jump::to_file(&Hash([8; 32]), &jumps)).await;
    assert!(matches!(told, Lie::JumpFile(FileError::Genesis { .. })), "{told:?}");
    let told = told_of_jumps(|genesis, jumps| {
        let file = jump::to_file(&genesis, &jumps);
        file[..file.len() - 9].to_vec()
    })
    .await;
    assert!(matches!(told, Lie::JumpFile(FileError::CutOff { .. })), "{told:?}");
}

#[tokio::test]
async fn a_header_that_claims_a_set_nobody_knows_leads_nowhere() {
    let world = World::new();
    world.lie(|method, answer| {
        if method == "salus_proof" {
            let mut header = Header::decode(&mut &bytes(&answer["header"])[..]).unwrap();
            let slot = salus_primitives::header::Slot { set_id: u64::MAX, ..header.slot().unwrap() };
            header.digest.logs[0] = slot.item();
            answer["header"] = json!(text(header.encode()));
        }
    });
    assert_eq!(world.told().await, Lie::NoJumps { shown: u64::MAX, known: 0 });
    assert_eq!(world.node.asked.load(Relaxed), 2);
}

#[tokio::test]
async fn a_giant_answer_is_not_looked_at() {
    let world = World::new();
    world.lie(|_, answer| answer["values"][0] = json!("0".repeat(ANSWER_BYTES_MAX)));
    let told = world.told().await;
    assert!(matches!(told, Lie::Giant { bytes, max: ANSWER_BYTES_MAX } if bytes > ANSWER_BYTES_MAX), "{told:?}");
}

#[tokio::test]
async fn what_is_not_of_the_form_is_told() {
    type Form = (&'static str, fn(&mut Value));
    let forms: [Form; 6] = [
        ("answer", |answer| *answer = json!([1, 2])),
        ("answer", |answer| answer["values"] = json!({})),
        ("header", |answer| answer["header"] = json!("0xzz")),
        ("certificate", |answer| answer["certificate"] = json!("0x1")),
        ("value", |answer| answer["values"][0] = json!("one")),
        ("proof", |answer| answer["proof"] = json!([])),
    ];
    for (what, change) in forms {
        let world = World::new();
        world.lie(move |_, answer| change(answer));
        assert_eq!(world.told().await, Lie::Form { what });
    }
    let world = World::new();
    world.lie(|_, answer| answer["proof"][0] = json!("0x00ff"));
    assert!(matches!(world.told().await, Lie::Proof(ProofFault::Bytes(_))));
}

/// Reads `a`, then what it names, then what that names.
fn chase(state: &dyn StateReader, _: &Certified) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = vec![b"a".to_vec()];
    while let Some(next) = state.get(&found[found.len() - 1]) {
        found.push(next);
    }
    found
}

#[tokio::test]
async fn a_judgement_gets_the_keys_it_reads_all_of_one_block() {
    let chain = HonestNode::new(state(), keys(&FOUR));
    chain.make_block(Moment(900), |state| _ = state.insert(b"a".to_vec(), b"b".to_vec()));
    let world = World::of(chain);
    let chain = world.chain.clone();
    // A block comes with every question: what is read is still of the first one.
    let mut time = 1_000;
    world.lie(move |_, _| {
        time += 1;
        chain.make_block(Moment(time), |state| _ = state.insert(b"2".to_vec(), b"c".to_vec()));
    });
    let judged = world.light.judge(chase).await.unwrap();
    assert_eq!(judged.answer, [b"a".to_vec(), b"b".to_vec(), b"2".to_vec()]);
    assert_eq!(judged.at.height, Height(2));
    assert_eq!(judged.keys, set_of(&[CODE, b"a", b"b", b"2"]));
    // On the newest block the answer is another, and one question more gets it.
    let before = world.node.asked.load(Relaxed);
    let again = world.light.judge_again(&judged.keys, chase).await.unwrap();
    assert_eq!(again.answer[3..], [b"c".to_vec(), b"3".to_vec()]);
    assert_eq!(world.node.asked.load(Relaxed) - before, 3);
}

#[tokio::test]
async fn the_same_judgement_again_takes_one_question() {
    let world = World::new();
    let read = |state: &dyn StateReader, _: &Certified| (state.get(b"a"), state.get(b"absent"));
    let judged = world.light.judge(read).await.unwrap();
    assert_eq!(judged.answer, (Some(b"1".to_vec()), None));
    let before = world.node.asked.load(Relaxed);
    world.chain.make_block(Moment(1_400), |state| _ = state.remove(&b"a".to_vec()));
    let again = world.light.judge_again(&judged.keys, read).await.unwrap();
    assert_eq!((again.answer, again.at.height), ((None, None), Height(2)));
    assert_eq!(world.node.asked.load(Relaxed) - before, 1);
}

#[tokio::test]
async fn a_decision_that_never_stops_reading_is_ended() {
    let world = World::new();
    let rounds = Cell::new(0u32);
    let endless = |state: &dyn StateReader, _: &Certified| {
        rounds.set(rounds.get() + 1);
        state.get(&rounds.get().to_le_bytes())
    };
    assert_eq!(world.light.judge(endless).await, Err(LightError::TooManyRounds));
    assert_eq!(rounds.get() as usize, ROUNDS_MAX);
    let greedy = |state: &dyn StateReader, _: &Certified| {
        for key in 0..600u32 {
            state.get(&key.to_le_bytes());
        }
    };
    assert_eq!(world.light.judge(greedy).await, Err(LightError::TooManyKeys { found: 601 }));
    let many = (0..513u32).map(|key| key.to_le_bytes().to_vec()).collect();
    assert_eq!(world.light.values(&many).await, Err(LightError::TooManyKeys { found: 513 }));
}

#[tokio::test]
async fn the_state_of_another_block_than_asked_for_is_told() {
    let world = World::new();
    let first = world.light.newest().await.unwrap();
    let second = world.chain.make_block(Moment(1_200), |_| {});
    let newest = world.chain.answer("salus_proof", &[json!([text(b"a")]), Value::Null]).unwrap();
    world.lie(move |_, answer| *answer = newest.clone());
    let told = world.light.values_at(&first, &set_of(&[b"a"])).await;
    let other = Lie::OtherBlock { found: second.hash(), asked: first.hash };
    assert_eq!(told, Err(LightError::lie(other)));
}

#[tokio::test]
async fn values_of_two_blocks_make_no_state() {
    let world = World::new();
    let mut first = world.light.values(&set_of(&[b"a"])).await.unwrap();
    world.chain.make_block(Moment(1_200), |_| {});
    let second = world.light.values(&set_of(&[b"b"])).await.unwrap();
    let fault = ProofFault::TwoBlocks(Height(1), Height(2));
    assert_eq!(first.join(second), Err(fault));
    assert_eq!(first.keys(), set_of(&[b"a"]));
}

#[tokio::test]
async fn the_state_of_another_release_is_not_read() {
    let ours = salus_system::version().spec_version;
    let mut state = state();
    state.insert(CODE.to_vec(), code(ours + 1));
    let world = World::of(HonestNode::new(state, keys(&FOUR)));
    let read = Cell::new(false);
    let told = world.light.judge(|_, _| read.set(true)).await.unwrap_err();
    let expected = format!("\"salus\" of spec version {}", ours + 1);
    assert!(matches!(&told, LightError::OtherRelease { found, .. } if *found == expected), "{told}");
    assert!(!read.get());
}

#[tokio::test]
async fn a_chain_is_trusted_from_a_checkpoint_or_from_its_genesis_hash_alone() {
    let world = World::new();
    world.chain.change_validators(Moment(1_100), keys(&[5, 6, 7]));
    let middle = world.chain.make_block(Moment(1_200), |_| {});
    world.chain.change_validators(Moment(1_300), keys(&[7, 8]));
    let newest = world.chain.make_block(Moment(1_400), |_| {});
    let genesis = world.chain.genesis();
    let checkpoint = Checkpoint { height: middle.number, hash: middle.hash() };
    for trust in [
        Trust::genesis(genesis),
        Trust::Checkpoint { genesis, checkpoint },
        Trust::Genesis { genesis, first: world.chain.verifier().set().clone() },
    ] {
        let light = Light::start(world.node.clone(), trust, options(&world.clock)).await.unwrap();
        assert_eq!(light.genesis(), genesis);
        assert_eq!(light.newest().await.unwrap().hash, newest.hash());
    }
    // What is older than the checkpoint is never the newest.
    let light = Light::start(world.node.clone(), Trust::Checkpoint { genesis, checkpoint }, options(&world.clock));
    let light = light.await.unwrap();
    let truth = world.chain.clone();
    world.lie(move |_, answer| {
        let old = text(truth.header(2).hash());
        *answer = truth.answer("salus_proof", &[json!([]), json!(old)]).unwrap();
    });
    let told = light.newest().await.unwrap_err();
    assert!(matches!(told, LightError::NodeLied { what: Lie::Block(VerifyError::Past { found: 0, known: 1 }) }));
}

#[tokio::test]
async fn a_checkpoint_that_the_node_does_not_fulfil_starts_nothing() {
    let world = World::new();
    let genesis = world.chain.genesis();
    let start =
        |checkpoint| Light::start(world.node.clone(), Trust::Checkpoint { genesis, checkpoint }, options(&world.clock));
    let hash = world.chain.newest().hash();
    // The hash of one block, the height of another.
    let error = start(Checkpoint { height: Height(9), hash }).await.unwrap_err();
    assert!(matches!(error, LightError::NodeLied { what: Lie::Block(VerifyError::Checkpoint { .. }) }), "{error}");
    let unknown = start(Checkpoint { height: Height(1), hash: Hash([3; 32]) }).await.unwrap_err();
    assert!(matches!(unknown, LightError::Unreachable(ChainError::Refused { code: 4003, .. })), "{unknown}");
    // Validators of the node's own making, and none at all.
    let checkpoint = Checkpoint { height: Height(1), hash };
    world.lie(|_, answer| answer["values"][0] = json!("0x00"));
    let error = start(checkpoint).await.unwrap_err();
    assert!(matches!(error, LightError::NodeLied { what: Lie::Proof(ProofFault::Key { .. }) }), "{error}");
    let at = checkpoint.verify_header(&world.chain.newest().encode()).unwrap();
    let nothing = at.prove::<Vec<u8>>(&[], vec![], &Proof::default().encode()).unwrap();
    assert_eq!(Verifier::from_checkpoint(genesis, &nothing).unwrap_err(), ProofFault::NoSet);
}

#[tokio::test]
async fn where_no_node_answers_that_is_said() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let node = Arc::new(RpcNode::new(format!("ws://127.0.0.1:{port}"), None));
    let world = World::new();
    let light = Light::new(node, world.chain.verifier(), options(&world.clock));
    let error = light.newest().await.unwrap_err();
    assert!(matches!(&error, LightError::Unreachable(reason) if reason.is_unreachable()), "{error}");
}

#[tokio::test]
async fn answers_that_overtake_each_other_are_no_lie() {
    let world = World::new();
    let old = world.chain.answer("salus_proof", &[json!([]), Value::Null]).unwrap();
    world.chain.make_block(Moment(1_100), |_| {});
    let newer = world.chain.answer("salus_proof", &[json!([]), Value::Null]).unwrap();
    // Two questions under way: the one asked first hears last, of the block that was the newest then.
    struct Slow(tokio::sync::Mutex<Vec<tokio::sync::oneshot::Receiver<Value>>>);
    impl Ask for Slow {
        fn ask<'a>(&'a self, _: &'a str, _: Vec<Value>) -> BoxFuture<'a, Result<Box<RawValue>, ChainError>> {
            Box::pin(async move {
                let answer = self.0.lock().await.remove(0);
                Ok(raw(answer.await.unwrap()))
            })
        }
    }
    let (first, second) = (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel());
    let slow = Arc::new(Slow(tokio::sync::Mutex::new(vec![first.1, second.1])));
    let light = Arc::new(Light::new(slow, world.chain.verifier(), options(&world.clock)));
    let (one, two) = (light.clone(), light.clone());
    let one = tokio::spawn(async move { one.newest().await });
    tokio::task::yield_now().await;
    let two = tokio::spawn(async move { two.newest().await });
    tokio::task::yield_now().await;
    second.0.send(newer).unwrap();
    assert_eq!(two.await.unwrap().unwrap().height, Height(2));
    first.0.send(old).unwrap();
    assert_eq!(one.await.unwrap().unwrap().height, Height(1));
    assert_eq!(light.seen().unwrap().height, Height(2));
}
