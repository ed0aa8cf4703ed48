//! Vocabulary of the validators pallet.

use parity_scale_codec::{Decode, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, BoundedVec, OrganisationId,
    validator_set::{VALIDATORS_MAX, ValidatorSet},
};
use scale_info::TypeInfo;

/// Longest peer id, bytes.
pub const PEER_ID_MAX: u32 = 64;

/// A libp2p peer id, as its bytes.
pub type PeerId = BoundedVec<u8, PEER_ID_MAX>;

/// The bytes before the key in the peer id of an Ed25519 key: an identity multihash of a libp2p public key.
const ED25519_PEER: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The Ed25519 key inside a peer id; none in one of another kind.
pub fn peer_key(peer: &[u8]) -> Option<AccountId> {
    peer.strip_prefix(&ED25519_PEER)?.try_into().ok().map(AccountId)
}

/// The peer id of an Ed25519 key.
pub fn peer_of(key: &AccountId) -> PeerId {
    let bytes = [&ED25519_PEER[..], &key.0].concat();
    PeerId::try_from(bytes).expect("38 bytes are fewer than 64")
}

/// Who runs a validator, and as which peer.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Validator {
    /// Its node's network identity: who may connect is state.
    pub peer_id: PeerId,
    /// The organisation that answers for it; at genesis it is not registered yet.
    pub organisation: OrganisationId,
}

/// The authority keys in force, as state keeps them.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct StoredSet {
    /// 0 at genesis, one more with every change.
    pub set_id: u64,
    /// Sorted, without duplicates, at least one.
    pub keys: BoundedVec<AccountId, VALIDATORS_MAX>,
}

impl From<&ValidatorSet> for StoredSet {
    fn from(set: &ValidatorSet) -> Self {
        let keys = set.keys().to_vec().try_into().expect("a set has at most as many keys as state keeps");
        Self { set_id: set.set_id, keys }
    }
}
