//! Peers by their network keys, and who of them may connect.

use std::{collections::BTreeSet, fmt};

use libp2p::PeerId;
use salus_primitives::AccountId;

/// The bytes before the key in the peer id of an Ed25519 key: an identity multihash of a libp2p public key.
const ED25519_PEER: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A node's Ed25519 network key, which is what the chain lists. Shown as the libp2p peer id it makes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub [u8; 32]);

impl PeerKey {
    /// The libp2p peer id of this key.
    pub(crate) fn peer_id(&self) -> PeerId {
        let bytes = [&ED25519_PEER[..], &self.0].concat();
        PeerId::from_bytes(&bytes).expect("an identity multihash of 36 bytes is a peer id")
    }

    /// The key inside a peer id; none in that of another kind of key.
    pub(crate) fn of(peer: &PeerId) -> Option<Self> {
        peer.to_bytes().strip_prefix(&ED25519_PEER)?.try_into().ok().map(Self)
    }
}

impl From<AccountId> for PeerKey {
    fn from(key: AccountId) -> Self {
        Self(key.0)
    }
}

impl From<PeerKey> for AccountId {
    fn from(key: PeerKey) -> Self {
        Self(key.0)
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer_id().fmt(f)
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who may connect: a copy of what the chain lists.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct AllowList {
    /// Network keys of the validators.
    pub validators: BTreeSet<PeerKey>,
    /// Network keys of the organisations' full nodes.
    pub full_nodes: BTreeSet<PeerKey>,
    /// This node is catching up, so its list is an old one and is not enforced: others may connect too, up to a
    /// bound. What they send counts by its certificates only.
    pub open: bool,
}

impl AllowList {
    /// Is `peer` on the list?
    pub fn lists(&self, peer: &PeerKey) -> bool {
        self.validators.contains(peer) || self.full_nodes.contains(peer)
    }

    /// May `peer` send consensus messages and blocks? An old list cannot tell.
    pub fn speaks(&self, peer: &PeerKey) -> bool {
        self.open || self.validators.contains(peer)
    }
}

#[cfg(test)]
mod tests {
    use salus_primitives::crypto::KeyPair;

    use super::*;

    #[test]
    fn a_peer_id_holds_its_key() {
        let key = PeerKey::from(KeyPair::from_seed(&[3; 32]).public());
        let seed = libp2p::identity::Keypair::ed25519_from_bytes([3; 32]).unwrap();
        assert_eq!(key.peer_id(), seed.public().to_peer_id());
        assert_eq!(PeerKey::of(&key.peer_id()), Some(key));
        assert!(key.to_string().starts_with("12D3KooW"));
    }

    #[test]
    fn a_peer_id_of_another_kind_of_key_is_none_of_ours() {
        // A SHA-256 multihash, as RSA keys have.
        let other = PeerId::from_bytes(&[&[0x12, 0x20][..], &[7; 32]].concat()).unwrap();
        assert_eq!(PeerKey::of(&other), None);
    }

    #[test]
    fn an_open_list_lets_everybody_speak_and_lists_nobody_more() {
        let peer = PeerKey([1; 32]);
        let mut list = AllowList::default();
        assert!(!list.speaks(&peer) && !list.lists(&peer));
        list.full_nodes.insert(peer);
        assert!(!list.speaks(&peer) && list.lists(&peer));
        list.open = true;
        assert!(list.speaks(&peer) && !list.lists(&PeerKey([2; 32])));
    }
}
