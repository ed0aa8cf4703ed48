//! Validators that change, and lies about how they did.

use super::*;

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
