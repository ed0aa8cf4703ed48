//! Hospitals that come and go: a fifth node follows, and a motion makes a fifth validator and ends it again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use salus_client::{
    actions::{
        FreshId,
        council::{NewOrganisation, Outcome, propose, register_organisation},
        fresh_key,
    },
    chain::{Chain as Client, Proposers},
    light::{Light, Options, RpcNode, Trust},
};
use salus_council::types::Act;
use salus_primitives::{Hash, Height, OrganisationId, crypto::KeyPair, peer::peer_of};
use salus_registry::types::Caps;
use salus_validators::types::{Added, Authorities, NewValidator};
use serde_json::json;

use crate::{
    chain::{council_of, noop},
    cluster::{BACK_WITHIN, Cluster, PATIENCE, until},
    strangers::fresh,
};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts").block_on(future)
}

/// A new organisation that may run validators; its id and its Admin's key.
async fn organisation(chain: &Client, council: &KeyPair) -> (OrganisationId, KeyPair) {
    let admin = fresh_key().expect("there is randomness");
    let id = OrganisationId::fresh().expect("there is randomness");
    let name = b"Fifth hospital".to_vec().try_into().expect("a short name");
    let new = NewOrganisation { id, name, caps: Caps::VALIDATOR };
    register_organisation(chain, council, new, &admin).await.expect("the council makes it");
    (id, admin)
}

/// Four validators, and a fifth node that follows them: its organisation lists it.
fn with_a_follower() -> Cluster {
    let mut cluster = Cluster::of(4);
    cluster.goes_on(0, PATIENCE);
    let fifth = fresh(&cluster, "fifth");
    let key = fifth.key("network").public();
    wait(async {
        let chain = Client::connect(&cluster.nodes[0].url()).await.expect("it serves");
        let (_, admin) = organisation(&chain, &cluster.council).await;
        let call = salus_registry::Call::OrganisationUpdate {
            profile: Hash([0; 32]),
            url: Default::default(),
            kem: None,
            peer_ids: vec![peer_of(&key)].try_into().expect("there is room"),
        };
        chain.submit(&admin, salus_runtime::RuntimeCall::Registry(call)).await.expect("an Admin may");
    });
    cluster.nodes.push(fifth);
    let bootnodes = cluster.addresses_for(4)[1..2].to_vec();
    cluster.nodes[4].spawn(&bootnodes);
    cluster.nodes[4].wait_until_ready();
    cluster.wait_for(cluster.tip(), BACK_WITHIN);
    cluster.wait_until_in_touch();
    cluster
}

#[test]
fn a_fifth_node_joins_with_a_specification_its_key_and_one_address_and_follows() {
    let cluster = with_a_follower();
    // Its door is as good as any, and what the others take comes to it.
    for number in [4, 0, 4, 1] {
        cluster.goes_on(number, PATIENCE);
    }
    let status = cluster.nodes[4].chain().rpc.ask("salus_status", json!([]));
    assert_eq!((status["inSet"].as_bool(), status["validators"].as_u64()), (Some(false), Some(4)), "{status}");
    cluster.agree();
}

#[test]
fn what_a_node_took_while_it_was_alone_becomes_final_when_the_others_are_back() {
    let mut cluster = with_a_follower();
    cluster.kill(&[0, 1, 2, 3]);
    let alone = || cluster.nodes[4].metric("validators_reached") == 0;
    until(PATIENCE, || alone().then_some(())).expect("it notices that it is alone");
    // It proposes nothing, so the others have to hear of it.
    let waiting = cluster.submit(4, noop());
    let from = cluster.nodes[4].height();
    for number in 0..4 {
        cluster.spawn(number);
    }
    for number in 0..4 {
        cluster.nodes[number].wait_until_ready();
    }
    cluster.final_everywhere(&waiting, from, PATIENCE);
    cluster.agree();
}

#[test]
fn a_motion_adds_a_fifth_validator_and_removes_it_again_while_extrinsics_flow() {
    let mut cluster = Cluster::of(4);
    let clerk = KeyPair::from_seed(&[9; 32]);
    let made = cluster.submit(0, council_of(&[&cluster.council, &clerk]));
    cluster.final_everywhere(&made, 1, PATIENCE);
    let fifth = fresh(&cluster, "fifth");
    let (authority, network) = (fifth.key("validator").public(), fifth.key("network").public());
    cluster.nodes.push(fifth.argument("--validator"));

    let (over, url) = (AtomicBool::new(false), cluster.nodes[0].url());
    let mut flow = cluster.nodes[1].chain();
    let sent = thread::scope(|scope| {
        let flowing = scope.spawn(|| {
            let mut sent = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let nonce = flow.nonce(&clerk).expect("it serves");
                let raw = flow.sign(&clerk, nonce, noop());
                if flow.submit(&raw).is_ok() {
                    sent.push(raw);
                }
                thread::sleep(Duration::from_millis(100));
            }
            sent
        });
        wait(async {
            let chain = Client::connect(&url).await.expect("it serves");
            // One that saw the first validators, and later follows them to the last.
            let node = Arc::new(RpcNode::new(&url, None));
            let light = Light::start(node, Trust::genesis(chain.genesis()), Options::default()).await;
            let light = light.expect("genesis is proven");
            let (organisation, _) = organisation(&chain, &cluster.council).await;
            let new = NewValidator { authority, peer_id: peer_of(&network), organisation };
            let add =
                Act::ValidatorsSet { add: Added::try_from(vec![new]).expect("room"), drop: Authorities::default() };
            let height = executed(&chain, &cluster.council, add).await;
            assert_eq!(set_changes(&chain, height).await, (0, 1), "the set changes at the next block");

            // It comes, catches up and proposes in its turn.
            cluster.start(4);
            cluster.wait_for(height.0 + 1, BACK_WITHIN);
            let mut proposers = Proposers::new(&chain);
            let mut own = false;
            for height in height.0 + 1..height.0 + 40 {
                cluster.wait_for(height, PATIENCE);
                let header = chain.header(chain.hash_at(Height(height)).await.expect("it serves")).await;
                let proposer = proposers.of(&header.expect("it serves")).await.expect("a proposer is known");
                own = proposer.is_some_and(|proposer| proposer.authority == authority);
                if own {
                    break;
                }
            }
            assert!(own, "the fifth proposes nothing:\n{}", crate::member::tail(&cluster.nodes[4].log()));

            let drop = Authorities::try_from(vec![authority]).expect("room");
            let height = executed(&chain, &cluster.council, Act::ValidatorsSet { add: Added::default(), drop }).await;
            assert_eq!(set_changes(&chain, height).await, (0, 1), "the set changes at the next block");
            let newest = light.newest().await.expect("two changes of the set are followed");
            assert!(newest.height > height, "{newest:?}");
        });
        over.store(true, Ordering::Relaxed);
        flowing.join().expect("the load ends well")
    });
    cluster.kill(&[4]);
    assert!(sent.len() > 10, "only {} extrinsics flowed", sent.len());
    cluster.final_everywhere(sent.last().expect("there are some"), 1, PATIENCE);
    for number in 0..4 {
        cluster.goes_on(number, PATIENCE);
        assert_eq!(cluster.nodes[number].metric("validators"), 4);
        assert_eq!(cluster.nodes[number].metric("evidence"), 0);
    }
    cluster.agree();
}

/// Propose an act that passes and runs at once; at which height it ran.
async fn executed(chain: &Client, council: &KeyPair, act: Act) -> Height {
    let moved = propose(chain, council, act, &[]).await.expect("the council proposes");
    assert_eq!(moved.outcome, Outcome::Executed);
    moved.receipt.height
}

/// By how much the number of the set in the headers rises from the block before to this one, and from this to the next.
async fn set_changes(chain: &Client, height: Height) -> (u64, u64) {
    let mut ids = Vec::new();
    for height in [height.0 - 1, height.0, height.0 + 1] {
        let hash = loop {
            match chain.hash_at(Height(height)).await {
                Ok(hash) => break hash,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let header = chain.header(hash).await.expect("it serves");
        ids.push(header.slot().expect("it was proposed").set_id);
    }
    (ids[1] - ids[0], ids[2] - ids[1])
}
