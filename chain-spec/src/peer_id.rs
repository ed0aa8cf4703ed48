//! libp2p peer ids of Ed25519 keys: the identity multihash of the protobuf-encoded key, in base58.

use salus_primitives::AccountId;

/// Multihash "identity", 36 bytes; protobuf field 1 = 1 (Ed25519), field 2 = 32 bytes.
const HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

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
    bs58::encode([&HEAD[..], &network_key.0].concat()).into_string()
}

/// The network key of a peer id.
pub(crate) fn network_key_of(text: &str) -> Result<AccountId, PeerIdError> {
    let bytes = bs58::decode(text).into_vec().map_err(|_| PeerIdError::NotBase58)?;
    let key = bytes.strip_prefix(&HEAD).ok_or(PeerIdError::NotEd25519)?;
    Ok(AccountId(key.try_into().map_err(|_| PeerIdError::NotEd25519)?))
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
