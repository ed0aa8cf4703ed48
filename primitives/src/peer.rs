//! Peer ids: the names by which nodes know each other, and the list of those who may connect (decision 21).
//!
//! A peer id here is always that of an Ed25519 key: six fixed bytes and the key. So who holds the key is who may
//! connect, and a list of peer ids is a list of keys.

use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

use crate::{
    AccountId, BoundedVec, OrganisationId,
    crypto::{KeyError, check_key},
};

/// Longest peer id, bytes. One of an Ed25519 key has 38.
pub const PEER_ID_MAX: u32 = 64;

/// A libp2p peer id, as its bytes.
pub type PeerId = BoundedVec<u8, PEER_ID_MAX>;

/// The bytes before the key in the peer id of an Ed25519 key: an identity multihash of a libp2p public key.
const ED25519_PEER: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Why a peer id may not enter state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Of another kind of key, or no peer id at all.
    #[error("not the peer id of an Ed25519 key")]
    NotEd25519,
    /// A key that may not enter state.
    #[error("the key in the peer id: {0}")]
    Key(#[from] KeyError),
}

/// The Ed25519 key inside a peer id; none in one of another kind.
pub fn peer_key(peer: &[u8]) -> Option<AccountId> {
    peer.strip_prefix(&ED25519_PEER)?.try_into().ok().map(AccountId)
}

/// The key inside a peer id that may enter state.
///
/// # Errors
/// [`PeerError`] by its rule.
pub fn check_peer(peer: &[u8]) -> Result<AccountId, PeerError> {
    let key = peer_key(peer).ok_or(PeerError::NotEd25519)?;
    check_key(&key.0)?;
    Ok(key)
}

/// The peer id of an Ed25519 key.
pub fn peer_of(key: &AccountId) -> PeerId {
    let bytes = [&ED25519_PEER[..], &key.0].concat();
    PeerId::try_from(bytes).expect("38 bytes are fewer than 64")
}

/// A validator's node.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, TypeInfo, Debug)]
pub struct ValidatorPeer {
    /// The key that proposes and votes.
    pub authority: AccountId,
    /// The key that names its node to its peers.
    pub network: AccountId,
    /// Who answers for it.
    pub organisation: OrganisationId,
}

/// A full node: it follows and does not vote.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, TypeInfo, Debug)]
pub struct FullNodePeer {
    /// The key that names it to its peers.
    pub network: AccountId,
    /// Who answers for it.
    pub organisation: OrganisationId,
}

/// Who may connect after a block: at most 100 validators and 2,048 full nodes.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, TypeInfo, Debug)]
pub struct Peers {
    /// The validators that decide the next height, in the order of their set.
    pub validators: Vec<ValidatorPeer>,
    /// The full nodes that organisations listed. A key may stand in several lists, and among the validators too.
    pub full_nodes: Vec<FullNodePeer>,
}

impl Peers {
    /// May the holder of this network key connect?
    pub fn allows(&self, network: &AccountId) -> bool {
        self.authority_of(network).is_some() || self.full_nodes.iter().any(|node| node.network == *network)
    }

    /// The authority whose node has this network key, if it is a validator's.
    pub fn authority_of(&self, network: &AccountId) -> Option<AccountId> {
        self.validators.iter().find(|validator| validator.network == *network).map(|validator| validator.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyPair;

    fn key(seed: u8) -> AccountId {
        KeyPair::from_seed(&[seed; 32]).public()
    }

    #[test]
    fn a_peer_id_is_that_of_an_ed25519_key() {
        assert_eq!(check_peer(&peer_of(&key(1))), Ok(key(1)));
        let long = [&peer_of(&key(1))[..], &[0]].concat();
        for bad in [vec![], key(1).0.to_vec(), vec![0x12; 34], long] {
            assert_eq!(check_peer(&bad), Err(PeerError::NotEd25519));
        }
    }

    #[test]
    fn a_weak_key_names_no_peer() {
        let mut weak = AccountId([0; 32]);
        weak.0[0] = 1;
        assert_eq!(check_peer(&peer_of(&weak)), Err(PeerError::Key(KeyError::Weak)));
    }

    #[test]
    fn who_is_on_neither_list_may_not_connect() {
        let organisation = OrganisationId([1; 16]);
        let peers = Peers {
            validators: vec![ValidatorPeer { authority: key(1), network: key(2), organisation }],
            full_nodes: vec![FullNodePeer { network: key(3), organisation }],
        };
        assert_eq!([2, 3, 1, 4].map(|seed| peers.allows(&key(seed))), [true, true, false, false]);
        assert_eq!(peers.authority_of(&key(2)), Some(key(1)));
        assert_eq!(peers.authority_of(&key(3)), None);
    }
}
