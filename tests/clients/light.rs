//! The light client against a real node: what it proves is what the node says, from nothing but the genesis hash.

use std::{
    collections::BTreeSet,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use salus_client::{
    chain::Chain,
    light::{Checkpoint, Light, Options, RpcNode, Trust},
};
use salus_system::storage::{Account, ChainParameters, Number};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

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
    // The genesis block has no time, so the newest block has to be a later one.
    let block = loop {
        let block = blocks.next().await?;
        if block.header.number.0 > 0 {
            break block;
        }
    };
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

/// One address that leads to wherever the node listens at the moment, as a hospital's name for it would.
async fn door(node: &Node) -> Result<(String, Arc<Mutex<SocketAddr>>), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr()?);
    let behind = Arc::new(Mutex::new(node.address()));
    let to = behind.clone();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let to = *to.lock().expect("nobody panics with it");
            tokio::spawn(async move {
                // Either end may go away: that is what is tested.
                let mut to = TcpStream::connect(to).await?;
                copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    Ok((url, behind))
}

#[tokio::test]
async fn a_light_client_finds_its_node_again_after_a_restart() -> Outcome {
    let mut node = Node::dev().start();
    let genesis = Chain::connect(&node.url()).await?.genesis();
    let (url, behind) = door(&node).await?;
    let light = Light::start(Arc::new(RpcNode::new(url, None)), Trust::genesis(genesis), Options::default()).await?;
    let before = light.newest().await?;
    node.stop();
    let gone = light.newest().await.expect_err("nobody is there");
    assert!(gone.to_string().starts_with("no answer from the node"), "{gone}");
    node.restart();
    *behind.lock().expect("nobody panics with it") = node.address();
    assert!(light.newest().await?.height >= before.height);
    Ok(())
}
