//! The content key on its way to one reader: HPKE (RFC 9180), base mode, suite 1.

use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable,
    aead::AesGcm256,
    kdf::HkdfSha256,
    kem::X25519HkdfSha256,
    rand_core::{TryCryptoRng, TryRng},
    single_shot_open, single_shot_seal_with_rng,
};
use salus_primitives::{PatientId, RecordId};
use zeroize::Zeroizing;

use super::{ContentKey, KemPublic, KemSecret, RandomError, RecordRef, SUITE_1, random_bytes};

/// Length of a wrap in bytes.
pub const WRAP_BYTES: usize = 1 + ENCAPSULATED_BYTES + SEALED_BYTES;
const ENCAPSULATED_BYTES: usize = 32;
const SEALED_BYTES: usize = 32 + 16;

/// What a wrap is for. It opens for the same context alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WrapContext {
    /// For the patient or a custodian, kept as long as the record.
    Standing {
        /// The record version whose key it holds.
        of: RecordRef,
        /// The record's key epoch, as on chain.
        key_epoch: u32,
    },
    /// For the reader of one receipt.
    Receipt {
        /// Whose receipt: patient and index are the receipt's id.
        patient: PatientId,
        /// The receipt's index in the patient's log.
        index: u32,
        /// The record it lets be read.
        record: RecordId,
        /// The record's key epoch, as on chain.
        key_epoch: u32,
    },
}

impl WrapContext {
    /// The bytes that HPKE binds as `info`. The two forms differ in length, so none is ever the other.
    pub fn info(&self) -> Vec<u8> {
        match self {
            Self::Standing { of, key_epoch } => [
                &b"salus/1/standing"[..],
                &of.patient.0,
                &of.record.0,
                &of.version.to_le_bytes(),
                &key_epoch.to_le_bytes(),
            ]
            .concat(),
            Self::Receipt { patient, index, record, key_epoch } => {
                [&b"salus/1"[..], &patient.0, &index.to_le_bytes(), &record.0, &key_epoch.to_le_bytes()].concat()
            }
        }
    }
}

/// A content key sealed to one recipient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Wrap {
    encapsulated: [u8; ENCAPSULATED_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl core::fmt::Debug for Wrap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Wrap({}…)", hex::encode(&self.encapsulated[..4]))
    }
}

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum WrapError {
    /// No randomness for the ephemeral key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Another length.
    #[error("a wrap has {WRAP_BYTES} bytes, this one {found}; fetch it again")]
    Length {
        /// How many bytes there are.
        found: usize,
    },
    /// An unknown suite.
    #[error("cipher suite {found}, this program knows suite {SUITE_1}; update it")]
    Suite {
        /// The suite found.
        found: u8,
    },
    /// A public key with which every shared secret is the same.
    #[error("the recipient's encryption key is a weak one; the recipient has to register another")]
    WeakKey,
    /// It does not open.
    #[error("the wrap does not open: it is for another key, record, version, receipt or key epoch, or was altered")]
    NotYours,
}

impl Wrap {
    /// The bytes as kept beside the blob.
    pub fn to_bytes(&self) -> [u8; WRAP_BYTES] {
        let mut bytes = [SUITE_1; WRAP_BYTES];
        bytes[1..=ENCAPSULATED_BYTES].copy_from_slice(&self.encapsulated);
        bytes[1 + ENCAPSULATED_BYTES..].copy_from_slice(&self.sealed);
        bytes
    }

    /// Read a wrap.
    ///
    /// # Errors
    /// [`WrapError::Suite`] and [`WrapError::Length`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WrapError> {
        let length = WrapError::Length { found: bytes.len() };
        let (suite, rest) = bytes.split_first().ok_or(length)?;
        if *suite != SUITE_1 {
            return Err(WrapError::Suite { found: *suite });
        }
        let (encapsulated, rest) = rest.split_first_chunk().ok_or(length)?;
        let sealed = rest.try_into().map_err(|_| length)?;
        Ok(Self { encapsulated: *encapsulated, sealed })
    }
}

/// Seal `key` to `recipient`, for `context` alone.
///
/// # Errors
/// [`WrapError::WeakKey`] and [`WrapError::Random`].
pub fn wrap_key(key: &ContentKey, recipient: &KemPublic, context: &WrapContext) -> Result<Wrap, WrapError> {
    wrap_with(random_bytes()?, key, recipient, context)
}

/// [`wrap_key`] with the ephemeral key DeriveKeyPair(`ephemeral`): for test vectors alone.
pub(super) fn wrap_with(
    ephemeral: Zeroizing<[u8; 32]>,
    key: &ContentKey,
    recipient: &KemPublic,
    context: &WrapContext,
) -> Result<Wrap, WrapError> {
    let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&recipient.0).map_err(weak)?;
    let (encapsulated, sealed) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &recipient,
        &context.info(),
        key.expose(),
        &[],
        &mut OneDraw(ephemeral),
    )
    .map_err(weak)?;
    Ok(Wrap { encapsulated: encapsulated.to_bytes().into(), sealed: sealed_of(&sealed) })
}

/// Open a wrap made for `secret`'s public half and for `context`.
///
/// # Errors
/// [`WrapError::NotYours`]: HPKE does not say which of the two did not fit.
pub fn unwrap_key(wrap: &Wrap, secret: &KemSecret, context: &WrapContext) -> Result<ContentKey, WrapError> {
    let not_yours = |_: HpkeError| WrapError::NotYours;
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret.expose()).map_err(not_yours)?;
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&wrap.encapsulated).map_err(not_yours)?;
    let key = single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &encapsulated,
        &context.info(),
        &wrap.sealed,
        &[],
    )
    .map_err(not_yours)?;
    let key = Zeroizing::new(key);
    let bytes: [u8; 32] = key[..].try_into().map_err(|_| WrapError::NotYours)?;
    Ok(ContentKey::from_bytes(bytes))
}

/// What HPKE makes of a content key.
fn sealed_of(bytes: &[u8]) -> [u8; SEALED_BYTES] {
    bytes.try_into().expect("a key of 32 bytes and a tag of 16")
}

/// What can go wrong when sealing 32 bytes to a 32-byte key is the key alone.
fn weak(_: HpkeError) -> WrapError {
    WrapError::WeakKey
}

/// Hands the bytes it holds to HPKE, which draws once: the input of DeriveKeyPair for the ephemeral key.
pub(super) struct OneDraw(pub(super) Zeroizing<[u8; 32]>);

impl TryRng for OneDraw {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Self::Error> {
        assert_eq!(into.len(), self.0.len(), "HPKE draws the 32 bytes of one key and no more");
        into.copy_from_slice(&self.0[..]);
        Ok(())
    }
}

impl TryCryptoRng for OneDraw {}

#[cfg(test)]
#[path = "wrap_tests.rs"]
mod tests;
