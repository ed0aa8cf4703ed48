//! Who takes an appointment, sealed to the organisation where it is: HPKE (RFC 9180), base mode, suite 1.
//!
//! ```text
//! offset size
//!      0    1  suite id, 1
//!      1   32  encapsulated key
//!     33 4112  sealed frame and its tag
//!
//! frame    length of the text[4, little-endian] ++ text ++ zeros, 4,096 bytes in all
//! info     "salus/1/booking" ++ practitioner[16] ++ organisation[16] ++ from[8] ++ until[8], ms, little-endian
//! ```
//!
//! All are of one length, so that nothing is learnt from it. On chain is the SHA-256 of these bytes alone.

use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use salus_primitives::{OrganisationId, PractitionerId, Window};
use zeroize::Zeroizing;

use super::{KemPublic, KemSecret, RandomError, SUITE_1, random_bytes, wrap::OneDraw};

/// Length of a sealed identity in bytes.
pub const SEALED_IDENTITY_BYTES: usize = 1 + ENCAPSULATED_BYTES + FRAME_BYTES + 16;
/// Longest text that says who it is, bytes.
pub const IDENTITY_MAX: usize = FRAME_BYTES - 4;
const ENCAPSULATED_BYTES: usize = 32;
const FRAME_BYTES: usize = 4_096;

/// The appointment an identity is for. It opens for the same one alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appointment {
    /// Whose hours.
    pub practitioner: PractitionerId,
    /// Where.
    pub organisation: OrganisationId,
    /// When.
    pub hours: Window,
}

impl Appointment {
    fn info(&self) -> Vec<u8> {
        let Window { from, until } = self.hours;
        let (from, until) = (from.0.to_le_bytes(), until.0.to_le_bytes());
        [&b"salus/1/booking"[..], &self.practitioner.0, &self.organisation.0, &from, &until].concat()
    }
}

/// Why an identity was not sealed or opened.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum IdentityError {
    /// No randomness for the ephemeral key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Too much text.
    #[error("who it is takes {found} bytes, at most {IDENTITY_MAX} are sealed: say less")]
    TooLong {
        /// How many bytes there are.
        found: usize,
    },
    /// Another length or suite.
    #[error(
        "this is no sealed identity: it has {SEALED_IDENTITY_BYTES} bytes and begins with {SUITE_1}; ask for it anew"
    )]
    Malformed,
    /// A public key with which every shared secret is the same.
    #[error("the organisation's encryption key is a weak one; it has to set another")]
    WeakKey,
    /// It does not open.
    #[error("the identity does not open: it is sealed to another key or for another appointment, or was altered")]
    NotYours,
}

/// Seal `text`, which says who it is, to the organisation's key, for `appointment` alone.
///
/// # Errors
/// [`IdentityError::TooLong`], [`IdentityError::WeakKey`] and [`IdentityError::Random`].
pub fn seal_identity(text: &[u8], recipient: &KemPublic, appointment: &Appointment) -> Result<Vec<u8>, IdentityError> {
    let too_long = IdentityError::TooLong { found: text.len() };
    let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= IDENTITY_MAX).ok_or(too_long)?;
    let mut frame = Zeroizing::new(vec![0; FRAME_BYTES]);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..4 + text.len()].copy_from_slice(text);
    let weak = |_: HpkeError| IdentityError::WeakKey;
    let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&recipient.0).map_err(weak)?;
    let (encapsulated, sealed) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &recipient,
        &appointment.info(),
        &frame,
        &[],
        &mut OneDraw(random_bytes()?),
    )
    .map_err(weak)?;
    Ok([&[SUITE_1][..], &encapsulated.to_bytes(), &sealed].concat())
}

/// Open what was sealed to `secret`'s public half for `appointment`.
///
/// # Errors
/// [`IdentityError::Malformed`], or [`IdentityError::NotYours`]: HPKE does not say which of the two did not fit.
pub fn open_identity(
    bytes: &[u8],
    secret: &KemSecret,
    appointment: &Appointment,
) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let not_yours = |_: HpkeError| IdentityError::NotYours;
    let rest = bytes.strip_prefix(&[SUITE_1]).filter(|_| bytes.len() == SEALED_IDENTITY_BYTES);
    let (encapsulated, sealed) = rest.ok_or(IdentityError::Malformed)?.split_at(ENCAPSULATED_BYTES);
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret.expose()).map_err(not_yours)?;
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(not_yours)?;
    let frame = single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &encapsulated,
        &appointment.info(),
        sealed,
        &[],
    )
    .map_err(not_yours)?;
    let frame = Zeroizing::new(frame);
    let (length, text) = frame.split_first_chunk::<4>().ok_or(IdentityError::Malformed)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| IdentityError::Malformed)?;
    Ok(Zeroizing::new(text.get(..length).ok_or(IdentityError::Malformed)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::Moment;

    fn appointment() -> Appointment {
        let hours = Window { from: Moment(1_000), until: Moment(2_000) };
        Appointment { practitioner: PractitionerId([1; 16]), organisation: OrganisationId([2; 16]), hours }
    }

    fn secret() -> KemSecret {
        KemSecret::from_bytes([7; 32])
    }

    #[test]
    fn who_it_is_opens_for_the_organisation_and_that_appointment_alone() {
        let sealed = seal_identity(b"Ada, born 1990", &secret().public(), &appointment()).unwrap();
        assert_eq!(open_identity(&sealed, &secret(), &appointment()).unwrap()[..], *b"Ada, born 1990");
        let other = KemSecret::from_bytes([8; 32]);
        assert!(matches!(open_identity(&sealed, &other, &appointment()), Err(IdentityError::NotYours)));
        let (organisation, practitioner) = (OrganisationId([3; 16]), PractitionerId([3; 16]));
        let later = Window { from: Moment(1_001), ..appointment().hours };
        let longer = Window { until: Moment(2_001), ..appointment().hours };
        for moved in [
            Appointment { organisation, ..appointment() },
            Appointment { practitioner, ..appointment() },
            Appointment { hours: later, ..appointment() },
            Appointment { hours: longer, ..appointment() },
        ] {
            assert!(matches!(open_identity(&sealed, &secret(), &moved), Err(IdentityError::NotYours)), "{moved:?}");
        }
    }

    #[test]
    fn every_identity_is_as_long_as_any_other_and_sealed_anew_each_time() {
        let seal = |text: &[u8]| seal_identity(text, &secret().public(), &appointment());
        for length in [0, 1, IDENTITY_MAX] {
            let text = vec![b'x'; length];
            let sealed = seal(&text).unwrap();
            assert_eq!(sealed.len(), SEALED_IDENTITY_BYTES);
            assert_eq!(open_identity(&sealed, &secret(), &appointment()).unwrap()[..], text[..]);
        }
        assert_ne!(seal(b"same").unwrap(), seal(b"same").unwrap());
        let found = IDENTITY_MAX + 1;
        assert!(matches!(seal(&vec![0; found]), Err(IdentityError::TooLong { found: told }) if told == found));
    }

    #[test]
    fn what_was_altered_or_cut_does_not_open() {
        let sealed = seal_identity(b"Ada", &secret().public(), &appointment()).unwrap();
        for place in [1, 40, sealed.len() - 1] {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(matches!(open_identity(&altered, &secret(), &appointment()), Err(IdentityError::NotYours)));
        }
        let mut suite = sealed.clone();
        suite[0] = 2;
        for bad in [&suite[..], &sealed[1..], &sealed[..sealed.len() - 1], &[]] {
            assert!(matches!(open_identity(bad, &secret(), &appointment()), Err(IdentityError::Malformed)));
        }
    }

    #[test]
    fn nothing_is_sealed_to_a_weak_key() {
        let sealed = seal_identity(b"Ada", &KemPublic([0; 32]), &appointment());
        assert!(matches!(sealed, Err(IdentityError::WeakKey)));
    }
}
