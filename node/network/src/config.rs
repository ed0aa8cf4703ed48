//! How the network is set up.

use std::time::Duration;

use libp2p::{Multiaddr, multiaddr::Protocol};
use salus_primitives::{Hash, crypto::KeyPair};

use crate::peer::PeerKey;

/// What the network needs to know.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// The network key: names this node to its peers. No other key of the node may equal it.
    pub key: KeyPair,
    /// Hash of the genesis block. Only nodes of the same chain are spoken to.
    pub genesis: Hash,
    /// Where to listen, such as `/ip4/0.0.0.0/tcp/30333`; nowhere where this is empty.
    pub listen: Vec<Multiaddr>,
    /// Addresses at which others reach this node where they differ from those it listens at, behind a router say.
    pub public: Vec<Multiaddr>,
    /// Nodes to dial first, each with its peer id: `/dns4/node.example/tcp/30333/p2p/12D3KooW…`.
    pub bootnodes: Vec<Multiaddr>,
    /// Signed address records that [`Handle::records`](crate::Handle::records) gave before the last stop, so that a
    /// node finds its peers although its bootnodes are away. Those that are none are left out.
    pub records: Vec<Vec<u8>>,
    /// Hold everything that is sent back for so long, to emulate a long way. Zero but in benchmarks and tests.
    pub delay: Duration,
}

impl NetworkConfig {
    /// A node that listens nowhere and knows nobody.
    pub fn new(key: KeyPair, genesis: Hash) -> Self {
        Self {
            key,
            genesis,
            listen: Vec::new(),
            public: Vec::new(),
            bootnodes: Vec::new(),
            records: Vec::new(),
            delay: Duration::ZERO,
        }
    }
}

/// Why the network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A bootnode without its peer id, or with one of another kind of key.
    #[error(
        "bootnode {address} does not end with /p2p/ and the peer id of an Ed25519 key: take the address the node prints at its start"
    )]
    Bootnode {
        /// As it was given.
        address: Multiaddr,
    },
    /// An address that cannot be listened at.
    #[error("cannot listen at {address}: {error}; is another process using the port?")]
    Listen {
        /// Which.
        address: Multiaddr,
        /// Why.
        error: String,
    },
    /// The encryption of connections could not be set up.
    #[error("the network key cannot be used: {0}")]
    Key(String),
    /// The gossip of extrinsics could not be set up.
    #[error("gossip cannot be set up: {0}")]
    Gossip(String),
}

/// A bootnode's peer, and where it is.
pub(crate) fn bootnode(address: &Multiaddr) -> Result<(PeerKey, Multiaddr), NetworkError> {
    let mut place = address.clone();
    match place.pop() {
        Some(Protocol::P2p(peer)) => PeerKey::of(&peer),
        _ => None,
    }
    .map(|peer| (peer, place))
    .ok_or_else(|| NetworkError::Bootnode { address: address.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootnode_names_its_peer_last() {
        let peer = PeerKey::from(KeyPair::from_seed(&[3; 32]).public());
        let place: Multiaddr = "/ip4/10.0.0.1/tcp/30333".parse().unwrap();
        let address: Multiaddr = format!("{place}/p2p/{peer}").parse().unwrap();
        assert_eq!(bootnode(&address).unwrap(), (peer, place.clone()));
        assert!(matches!(bootnode(&place), Err(NetworkError::Bootnode { .. })));
    }

    #[test]
    fn a_peer_id_of_another_kind_of_key_is_refused() {
        // A SHA-256 multihash, as RSA keys have.
        let address: Multiaddr =
            "/ip4/10.0.0.1/tcp/30333/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC".parse().unwrap();
        let error = bootnode(&address).unwrap_err();
        assert!(error.to_string().contains("/p2p/"), "{error}");
    }
}
