//! All cryptography of the chain, in one file (decisions 2 and 6).
//!
//! Hashes: BLAKE2b identifies, SHA-256 commits. Signatures: Ed25519, verified by the ZIP-215 rule
//! everywhere so that single and batch verification agree; ed25519-dalek makes keys and signatures,
//! ed25519-zebra verifies. ZIP-215 itself accepts small-order keys, under which one signature fits
//! every message: [`check_key`] stands wherever a key enters state.

use blake2::{Blake2b, Blake2b128, Blake2b256, Blake2b512, digest::consts::U8};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use hmac::{Hmac, KeyInit, Mac};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sha2::{Digest, Sha256};

use crate::{AccountId, Hash};

/// BLAKE2b-256: identifies blocks and extrinsics, and shortens long signing payloads.
pub fn blake2_256(bytes: &[u8]) -> Hash {
    Hash(Blake2b256::digest(bytes).into())
}

/// BLAKE2b-64: names runtime interfaces.
pub fn blake2_64(bytes: &[u8]) -> [u8; 8] {
    Blake2b::<U8>::digest(bytes).into()
}

/// BLAKE2b-128: the prefix of a `Blake2_128Concat` storage key.
pub fn blake2_128(bytes: &[u8]) -> [u8; 16] {
    Blake2b128::digest(bytes).into()
}

/// BLAKE2b-512: the checksum of SS58 addresses.
pub fn blake2_512(bytes: &[u8]) -> [u8; 64] {
    Blake2b512::digest(bytes).into()
}

/// SHA-256: commits.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// SHA-256 of the parts joined.
pub fn sha256_of(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// SHA-256 fed piece by piece.
#[derive(Clone, Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// Nothing fed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Feed some bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was fed.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// HMAC-SHA-256: makes the blinded tags of records.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// 64 bytes of an Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Signature(pub [u8; 64]);

impl core::fmt::Debug for Signature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}…", hex::encode(&self.0[..4]))
    }
}

/// Why a public key may not enter state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes do not decode to a point of the curve.
    #[error("not a point of the curve")]
    NotAPoint,
    /// A small-order point: one signature would fit every message.
    #[error("a weak key: its point has small order")]
    Weak,
    /// A second encoding of a key that has a shorter one.
    #[error("not the canonical encoding of its key")]
    NonCanonical,
}

/// May this public key enter state?
///
/// # Errors
/// [`KeyError`] by its rule.
pub fn check_key(key: &[u8; 32]) -> Result<(), KeyError> {
    let point = VerifyingKey::from_bytes(key).map_err(|_| KeyError::NotAPoint)?;
    if point.to_edwards().compress().to_bytes() != *key {
        return Err(KeyError::NonCanonical);
    }
    if point.is_weak() {
        return Err(KeyError::Weak);
    }
    Ok(())
}

/// Is `signature` one by `key` over `message`, by the ZIP-215 rule?
pub fn verify(key: &AccountId, message: &[u8], signature: &Signature) -> bool {
    let Ok(key) = VerificationKey::try_from(key.0) else { return false };
    key.verify(&ed25519_zebra::Signature::from_bytes(&signature.0), message).is_ok()
}

/// One signature to verify: who, what, and the signature.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The key said to have signed.
    pub key: AccountId,
    /// The bytes said to be signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// Are all `claims` good? About twice as fast as one by one; does not say which is bad.
///
/// `random` must be unpredictable to whoever made the claims.
pub fn verify_batch(claims: &[Claim], random: impl rand_core::CryptoRng) -> bool {
    let mut verifier = batch::Verifier::new();
    for claim in claims {
        verifier.queue((
            VerificationKeyBytes::from(claim.key.0),
            ed25519_zebra::Signature::from_bytes(&claim.signature.0),
            &claim.message[..],
        ));
    }
    verifier.verify(random).is_ok()
}

/// A key that signs. The seed is wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// The key made from a 32-byte seed. The caller brings the randomness.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public(&self) -> AccountId {
        AccountId(self.0.verifying_key().to_bytes())
    }

    /// The seed, for a keystore to encrypt.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Sign `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl core::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyPair({:?})", self.public())
    }
}

#[cfg(test)]
#[path = "crypto_tests.rs"]
mod tests;
