//! Extrinsics: Substrate's version 4, Ed25519 only (formats.md 9, clients.md section 3).
//!
//! ```text
//! signed  Compact(length) 0x84 0x00 signer[32] 0x00 signature[64] era[1|2] Compact(nonce) mode[1] call
//! bare    Compact(length) 0x04 call
//! ```

use parity_scale_codec::{Compact, Decode, DecodeWithMemTracking, Encode};

use crate::{
    AccountId, Hash, Height,
    codec::{DecodeError, EXTRINSIC_DEPTH_MAX, decode_strict},
    crypto::{self, Signature},
    limits::EXTRINSIC_BYTES_MAX,
};

/// An extrinsic's bytes as submitted. Its SCALE encoding, length prefix and all, is the wire form.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub struct RawExtrinsic(pub Vec<u8>);

impl RawExtrinsic {
    /// Read the wire form: one length prefix, then exactly that many bytes.
    ///
    /// # Errors
    /// [`ExtrinsicError::TooLarge`] or the rule of strict decoding that failed.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, ExtrinsicError> {
        if bytes.len() > EXTRINSIC_BYTES_MAX {
            return Err(ExtrinsicError::TooLarge { bytes: bytes.len() });
        }
        Ok(decode_strict(bytes, EXTRINSIC_DEPTH_MAX)?)
    }

    /// The extrinsic's hash: BLAKE2b-256 of the wire form.
    pub fn hash(&self) -> Hash {
        crypto::blake2_256(&self.encode())
    }

    /// Length of the wire form in bytes.
    pub fn wire_len(&self) -> usize {
        self.encoded_size()
    }
}

/// Why bytes are not an extrinsic of this chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtrinsicError {
    /// Over the size limit.
    #[error("{bytes} bytes, the limit is {EXTRINSIC_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Strict decoding refused it.
    #[error("undecodable: {0}")]
    Decode(#[from] DecodeError),
    /// Neither version 4 signed nor version 4 bare.
    #[error("extrinsic version byte {found:#04x}, expected 0x84 (signed) or 0x04 (bare)")]
    Version {
        /// The byte found.
        found: u8,
    },
    /// Another form of address than an account id.
    #[error("address form {found}, only the account id form (0) is accepted")]
    Address {
        /// The variant found.
        found: u8,
    },
    /// Another signature scheme than Ed25519.
    #[error("signature scheme {found}, only Ed25519 (0) is accepted")]
    Scheme {
        /// The variant found.
        found: u8,
    },
    /// A metadata hash was asked for.
    #[error("metadata hash mode {found}, only disabled (0) is accepted")]
    MetadataMode {
        /// The mode found.
        found: u8,
    },
}

/// How long an extrinsic lives, in blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    /// For ever.
    Immortal,
    /// From the block at `phase` in each `period` on, for `period` blocks.
    Mortal {
        /// A power of two from 4 to 65,536.
        period: u64,
        /// Below `period`, a multiple of the quantisation `max(period / 4096, 1)`.
        phase: u64,
    },
}

impl Era {
    /// The era that starts at `current` and lasts `period` blocks, rounded up to a power of two.
    pub fn mortal(period: u64, current: Height) -> Self {
        let period = period.checked_next_power_of_two().unwrap_or(1 << 16).clamp(4, 1 << 16);
        let quantum = (period >> 12).max(1);
        let phase = u64::from(current.0) % period / quantum * quantum;
        Self::Mortal { period, phase }
    }

    /// The block whose hash is signed, seen from `current`.
    pub fn birth(&self, current: Height) -> Height {
        match *self {
            Self::Immortal => Height::GENESIS,
            Self::Mortal { period, phase } => {
                let current = u64::from(current.0);
                let birth = (current.max(phase) - phase) / period * period + phase;
                Height(u32::try_from(birth).unwrap_or(u32::MAX))
            }
        }
    }

    /// First height at which it is dead, seen from `current`; none for an immortal one.
    pub fn death(&self, current: Height) -> Option<Height> {
        match *self {
            Self::Immortal => None,
            Self::Mortal { period, .. } => {
                let death = u64::from(self.birth(current).0).saturating_add(period);
                Some(Height(u32::try_from(death).unwrap_or(u32::MAX)))
            }
        }
    }
}

impl Encode for Era {
    fn encode(&self) -> Vec<u8> {
        match *self {
            Self::Immortal => vec![0],
            Self::Mortal { period, phase } => {
                let quantum = (period >> 12).max(1);
                let low = (period.trailing_zeros() as u16).saturating_sub(1).clamp(1, 15);
                let high = (phase / quantum) as u16;
                (low | (high << 4)).to_le_bytes().to_vec()
            }
        }
    }
}

impl Decode for Era {
    fn decode<I: parity_scale_codec::Input>(input: &mut I) -> Result<Self, parity_scale_codec::Error> {
        let first = input.read_byte()?;
        if first == 0 {
            return Ok(Self::Immortal);
        }
        let encoded = u64::from(u16::from_le_bytes([first, input.read_byte()?]));
        let period = 2u64 << (encoded % (1 << 4));
        let quantum = (period >> 12).max(1);
        let phase = (encoded >> 4) * quantum;
        if period >= 4 && phase < period {
            Ok(Self::Mortal { period, phase })
        } else {
            Err("an era's phase lies beyond its period".into())
        }
    }
}

impl DecodeWithMemTracking for Era {}

/// What a signed extrinsic holds besides its call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedExtrinsic {
    /// Who signed.
    pub signer: AccountId,
    /// The signature over [`payload`].
    pub signature: Signature,
    /// How long it lives.
    pub era: Era,
    /// Its number among the signer's extrinsics.
    pub nonce: u32,
    /// The SCALE bytes of the call.
    pub call: Vec<u8>,
}

/// An extrinsic taken apart; the call is still bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extrinsic {
    /// Signed by an account.
    Signed(SignedExtrinsic),
    /// Proves itself.
    Bare {
        /// The SCALE bytes of the call.
        call: Vec<u8>,
    },
}

impl Extrinsic {
    /// Take an extrinsic apart, canonical form only.
    ///
    /// # Errors
    /// [`ExtrinsicError`] by its rule.
    pub fn parse(raw: &RawExtrinsic) -> Result<Self, ExtrinsicError> {
        if raw.wire_len() > EXTRINSIC_BYTES_MAX {
            return Err(ExtrinsicError::TooLarge { bytes: raw.wire_len() });
        }
        let malformed = |_| DecodeError::Malformed;
        let mut rest = &raw.0[..];
        let version = u8::decode(&mut rest).map_err(malformed)?;
        if version == 0x04 {
            return Ok(Self::Bare { call: rest.to_vec() });
        }
        if version != 0x84 {
            return Err(ExtrinsicError::Version { found: version });
        }
        match u8::decode(&mut rest).map_err(malformed)? {
            0 => {}
            found => return Err(ExtrinsicError::Address { found }),
        }
        let signer = AccountId::decode(&mut rest).map_err(malformed)?;
        match u8::decode(&mut rest).map_err(malformed)? {
            0 => {}
            found => return Err(ExtrinsicError::Scheme { found }),
        }
        let signature = Signature::decode(&mut rest).map_err(malformed)?;
        let era = Era::decode(&mut rest).map_err(malformed)?;
        let Compact(nonce) = Compact::<u32>::decode(&mut rest).map_err(malformed)?;
        match u8::decode(&mut rest).map_err(malformed)? {
            0 => {}
            found => return Err(ExtrinsicError::MetadataMode { found }),
        }
        let signed = SignedExtrinsic { signer, signature, era, nonce, call: rest.to_vec() };
        if signed.to_raw() != *raw {
            return Err(DecodeError::NonCanonical.into());
        }
        Ok(Self::Signed(signed))
    }
}

impl SignedExtrinsic {
    /// The bytes again.
    pub fn to_raw(&self) -> RawExtrinsic {
        let mut bytes = vec![0x84, 0x00];
        self.signer.encode_to(&mut bytes);
        bytes.push(0x00);
        self.signature.encode_to(&mut bytes);
        bytes.extend(self.era.encode());
        Compact(self.nonce).encode_to(&mut bytes);
        bytes.push(0x00);
        bytes.extend(&self.call);
        RawExtrinsic(bytes)
    }

    /// The bytes its signature is over.
    pub fn payload(&self, chain: &ChainContext, birth_hash: &Hash) -> Vec<u8> {
        payload(&self.call, self.era, self.nonce, chain, birth_hash)
    }
}

/// What a signature binds besides the extrinsic itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainContext {
    /// The runtime's spec version.
    pub spec_version: u32,
    /// The runtime's transaction version.
    pub transaction_version: u32,
    /// Hash of the genesis block.
    pub genesis: Hash,
}

/// The bytes that are signed: the payload itself up to 256 bytes, its BLAKE2b-256 beyond.
/// `birth_hash` is the hash of the era's birth block, genesis for an immortal one.
pub fn payload(call: &[u8], era: Era, nonce: u32, chain: &ChainContext, birth_hash: &Hash) -> Vec<u8> {
    let mut bytes = call.to_vec();
    bytes.extend(era.encode());
    Compact(nonce).encode_to(&mut bytes);
    bytes.push(0x00); // CheckMetadataHash: disabled
    chain.spec_version.encode_to(&mut bytes);
    chain.transaction_version.encode_to(&mut bytes);
    chain.genesis.encode_to(&mut bytes);
    birth_hash.encode_to(&mut bytes);
    bytes.push(0x00); // CheckMetadataHash: no hash
    if bytes.len() > 256 { crypto::blake2_256(&bytes).0.to_vec() } else { bytes }
}

/// Sign a call: the whole extrinsic of `key`.
pub fn sign(
    key: &crypto::KeyPair,
    call: Vec<u8>,
    era: Era,
    nonce: u32,
    chain: &ChainContext,
    birth_hash: &Hash,
) -> RawExtrinsic {
    let signature = key.sign(&payload(&call, era, nonce, chain, birth_hash));
    SignedExtrinsic { signer: key.public(), signature, era, nonce, call }.to_raw()
}

#[cfg(test)]
#[path = "extrinsic_tests.rs"]
mod tests;
