//! The light client against a real node: what it proves is what the node says, from nothing but the genesis hash.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use salus_client::{
    chain::Chain,
    light::{Checkpoint, Light, Options, RpcNode, Trust},
};
use salus_system::storage::{Account, ChainParameters, Number};

use crate::node::Node;

type Outcome = Result<(), Box<dyn Error>>;

async fn light(node: &Node, trust: Trust) -> Result<Light, Box<dyn Error>> {
    Ok(Light::start(Arc::new(RpcNode::new(node.url(), None)), trust, Options::default()).await?)
}

#[tokio::test]
async fn a_light_client_proves_what_the_node_says_from_the_genesis_hash_alone() -> Outcome {
    let node = Node::dev().start();
    let chain = Chain::connect(&node.url()).await?;
    let genesis = chain.genesis();
    let mut blocks = chain.finalised_blocks().await?;
    let block = blocks.next().await?;
    let light = light(&node, Trust::genesis(genesis)).await?;

    let newest = light.newest().await?;
    assert!(newest.height >= block.header.number);
    let council = salus_chain_spec::presets::development_key("council").public();
    let read = |state: &dyn salus_support::StateReader| {
        (Account::get(state, &council), ChainParameters::get(state), Number::get(state))
    };
    let judged = light.judge(|state, _| read(state)).await?;
    assert_eq!(judged.answer.2, judged.at.height.0);
    assert_eq!(judged.answer, chain.view(judged.at.hash, read).await?);
    assert_eq!(judged.keys.len(), 4, "three, and the release of the runtime");

    // A key that nobody has is proven to be absent.
    let absent = BTreeSet::from([b"nobody".to_vec()]);
    assert_eq!(light.values(&absent).await?.value(b"nobody"), Ok(None));

    // From that block on as a checkpoint it goes the same way.
    let checkpoint = Checkpoint { height: judged.at.height, hash: judged.at.hash };
    let later = self::light(&node, Trust::Checkpoint { genesis, checkpoint }).await?;
    assert!(later.newest().await?.height >= checkpoint.height);
    Ok(())
}

#[tokio::test]
async fn a_light_client_finds_its_node_again_after_a_restart() -> Outcome {
    // A port of its own choice would be another one after the restart.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut node = Node::dev().argument("--rpc-port").argument(port.to_string()).start();
    let genesis = Chain::connect(&node.url()).await?.genesis();
    let light = light(&node, Trust::genesis(genesis)).await?;
    let before = light.newest().await?;
    node.stop();
    let gone = light.newest().await.expect_err("nobody is there");
    assert!(gone.to_string().starts_with("no answer from the node"), "{gone}");
    node.restart();
    assert!(light.newest().await?.height >= before.height);
    Ok(())
}
