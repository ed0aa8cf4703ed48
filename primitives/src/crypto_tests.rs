//! Crypto: weak keys, and the published edge cases of Ed25519.

use super::*;

#[test]
fn hashes_match_published_vectors() {
    assert_eq!(hex::encode(sha256(b"abc").0), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hex::encode(blake2_256(b"abc").0), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_eq!(
        hex::encode(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(sha256_of(&[b"a", b"bc"]), sha256(b"abc"));
}
