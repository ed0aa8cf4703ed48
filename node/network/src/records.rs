//! Signed records of where a peer is: made by the peer, passed on by others, believed by the signature.

use libp2p::{
    Multiaddr,
    core::{PeerRecord, SignedEnvelope},
    identity::Keypair,
};

use crate::{
    book::{Record, is_useful},
    limits::{ADDRESSES_MAX, RECORD_BYTES_MAX},
    peer::PeerKey,
};

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
#[error("not a signed peer record")]
pub(crate) struct NotARecord;

/// Our own record, none when it would be too long to send.
pub(crate) fn sign(key: &Keypair, addresses: Vec<Multiaddr>) -> Option<Vec<u8>> {
    let record = PeerRecord::new_interop(key, addresses).ok()?;
    Some(record.into_signed_envelope().into_protobuf_encoding()).filter(|bytes| bytes.len() <= RECORD_BYTES_MAX)
}

/// Read a record and check its signature. Addresses that nobody can dial are left out.
pub(crate) fn read(bytes: &[u8]) -> Result<Record, NotARecord> {
    let envelope = SignedEnvelope::from_protobuf_encoding(bytes).map_err(|_| NotARecord)?;
    let record = PeerRecord::from_signed_envelope_interop(envelope).map_err(|_| NotARecord)?;
    let peer = PeerKey::of(&record.peer_id()).ok_or(NotARecord)?;
    let addresses =
        record.addresses().iter().filter(|address| is_useful(address)).take(ADDRESSES_MAX).cloned().collect();
    Ok(Record { peer, number: record.seq(), addresses, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Keypair {
        Keypair::ed25519_from_bytes([3; 32]).unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_record_reads_back_with_the_addresses_that_can_be_dialled() {
        let bytes =
            sign(&key(), addresses(&["/ip4/10.0.0.1/tcp/1", "/ip4/0.0.0.0/tcp/1", "/ip4/10.0.0.2/tcp/2"])).unwrap();
        let record = read(&bytes).unwrap();
        assert_eq!(record.peer, PeerKey::of(&key().public().to_peer_id()).unwrap());
        assert_eq!(record.addresses, addresses(&["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/2"]));
        assert_eq!(record.bytes, bytes);
    }

    #[test]
    fn a_record_with_any_byte_changed_is_no_record_of_that_peer() {
        let good = sign(&key(), addresses(&["/ip4/10.0.0.1/tcp/1"])).unwrap();
        let before = read(&good).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&bad).map_or(true, |record| record.peer != before.peer), "byte {at}");
        }
    }

    #[test]
    fn a_record_of_more_addresses_than_eight_is_cut() {
        let many: Vec<Multiaddr> = (1..30).map(|port| format!("/ip4/10.0.0.1/tcp/{port}").parse().unwrap()).collect();
        let bytes = sign(&key(), many).unwrap();
        assert_eq!(read(&bytes).unwrap().addresses.len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_record_too_long_to_send_is_not_made() {
        let long = format!("/dns4/{}/tcp/1", "a".repeat(250));
        assert!(sign(&key(), addresses(&[long.as_str(); 20])).is_none());
    }
}
