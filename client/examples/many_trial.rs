//! Trial.
use salus_client::chain::Chain;
use salus_primitives::crypto::{KeyPair, sha256_of};
use salus_runtime::RuntimeCall;
#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = Chain::connect(&std::env::args().nth(1).unwrap()).await.unwrap();
    let key = KeyPair::from_seed(&sha256_of(&[b"salus development key: ", b"council"]).0);
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let noop = RuntimeCall::System(salus_system::Call::Noop {});
    let calls = vec![noop.clone(); n];
    let report = chain.submit_many(&key, calls).await;
    match report { Ok(r) => println!("{} ok, {} refused, {} invalid {:?}, {} blocks, {:?}", r.succeeded, r.refused.len(), r.invalid.len(), r.invalid.first(), r.blocks.len(), r.elapsed), Err(e) => println!("{e}") }
    let mut times = vec![];
    for _ in 0..20 { times.push(chain.submit(&key, noop.clone()).await.unwrap().elapsed); tokio::time::sleep(std::time::Duration::from_millis(300)).await; }
    times.sort(); println!("p50 {:?} max {:?}", times[10], times[19]);
}
