//! Decisions on proven state: what is read, of which block, and where trust begins.

use super::*;

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
