//! Values, certificates and headers that are not what they should be.

use super::*;

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
