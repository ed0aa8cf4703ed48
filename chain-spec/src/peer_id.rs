//! libp2p peer ids of Ed25519 keys: the identity multihash of the protobuf-encoded key, in base58.

use salus_primitives::{
    AccountId,
    peer::{peer_key, peer_of},
};

/// Why a text is not a peer id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerIdError {
    /// Not base58.
    #[error("not base58")]
    NotBase58,
    /// Of another kind of key.
    #[error("not the peer id of an Ed25519 key (those begin with 12D3KooW)")]
    NotEd25519,
}

/// The peer id of a network key.
pub fn peer_id_of(network_key: &AccountId) -> String {
    bs58::encode(&peer_of(network_key)[..]).into_string()
}

/// The network key of a peer id.
pub(crate) fn network_key_of(text: &str) -> Result<AccountId, PeerIdError> {
    let bytes = bs58::decode(text).into_vec().map_err(|_| PeerIdError::NotBase58)?;
    peer_key(&bytes).ok_or(PeerIdError::NotEd25519)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_reads_back_as_its_key() {
        let key = AccountId([7; 32]);
        assert!(peer_id_of(&key).starts_with("12D3KooW"));
        assert_eq!(network_key_of(&peer_id_of(&key)), Ok(key));
        assert_eq!(network_key_of("0OIl"), Err(PeerIdError::NotBase58));
        assert_eq!(network_key_of("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"), Err(PeerIdError::NotEd25519));
    }
}
