//! What somebody hands to an organisation's desk to take a practitioner's hours, or to give them back: signed by a key
//! made for that one appointment, with who it is sealed to the organisation. One file carries it; who reads it on the
//! way learns the hours and nothing more.
//!
//! ```json
//! {
//!   "format": "salus-booking", "version": 1,
//!   "genesis": hash, "practitioner": id, "organisation": id, "from_ms": …, "until_ms": …,
//!   "key": address, "signature": hex,
//!   "sealed": hex, who it is (envelope/identity.rs), or null to give the hours back
//! }
//! ```

use salus_appointments::{Call, Change, SlotRef};
use salus_primitives::{
    AccountId, Hash, Moment, Window,
    crypto::{KeyPair, Signature, sha256, verify},
    signed,
};
use salus_runtime::RuntimeCall;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    envelope::{Appointment, IdentityError, KemPublic, KemSecret, open_identity, seal_identity},
    preamble,
};

const FORMAT: &str = "salus-booking";
const VERSION: u32 = 1;

/// What somebody asks an organisation's desk for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Booking {
    genesis: Hash,
    appointment: Appointment,
    key: AccountId,
    signature: Signature,
    sealed: Option<Vec<u8>>,
}

/// Why a booking is not taken. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookingError {
    /// Something else than such a file, or a damaged one.
    #[error("this is no booking ({0}): ask for the file as it was made")]
    Malformed(&'static str),
    /// A newer version.
    #[error("the booking is in version {found} of its format, this program reads version {VERSION}: update it")]
    TooNew {
        /// The file's.
        found: u32,
    },
    /// The signature is not the one-time key's.
    #[error("the signature does not fit the booking: it was changed after it was signed, ask for it anew")]
    BadSignature,
    /// Another chain.
    #[error("the booking is for the chain of genesis {found}, the node has {expected}: check --node")]
    OtherChain {
        /// The file's.
        found: Hash,
        /// The node's.
        expected: Hash,
    },
    /// There is nobody's identity in it.
    #[error("hours are given back here, and who it is stands in the booking alone")]
    GivesBack,
    /// Who it is was not sealed or opened.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    format: String,
    version: u32,
    genesis: String,
    practitioner: String,
    organisation: String,
    from_ms: u64,
    until_ms: u64,
    key: String,
    signature: String,
    sealed: Option<String>,
}

impl Booking {
    /// Take the hours of `appointment` with `key`, made for it alone; `identity` says who it is, and is sealed to
    /// the organisation's `recipient`.
    ///
    /// # Errors
    /// [`BookingError::Identity`].
    pub fn take(
        genesis: Hash,
        appointment: Appointment,
        key: &KeyPair,
        identity: &[u8],
        recipient: &KemPublic,
    ) -> Result<Self, BookingError> {
        let sealed = seal_identity(identity, recipient, &appointment)?;
        let signature = key.sign(&message(&genesis, &appointment, Some(&sealed)));
        Ok(Self { genesis, appointment, key: key.public(), signature, sealed: Some(sealed) })
    }

    /// Give the hours of `appointment` back that `key` took.
    pub fn give_back(genesis: Hash, appointment: Appointment, key: &KeyPair) -> Self {
        let signature = key.sign(&message(&genesis, &appointment, None));
        Self { genesis, appointment, key: key.public(), signature, sealed: None }
    }

    /// Read it.
    ///
    /// # Errors
    /// [`BookingError`]: also when its signature does not fit.
    pub fn from_json(text: &str) -> Result<Self, BookingError> {
        let malformed = BookingError::Malformed;
        preamble::check(text.as_bytes(), FORMAT, VERSION)
            .map_err(|fault| fault.told(malformed, |found| BookingError::TooNew { found }))?;
        let json: Json = serde_json::from_str(text).map_err(|_| malformed("a field is missing or unknown"))?;
        let bare = |text: &str| text.strip_prefix("0x").unwrap_or(text).to_owned();
        let mut signature = [0; 64];
        hex::decode_to_slice(bare(&json.signature), &mut signature)
            .map_err(|_| malformed("the signature is not 64 bytes of hex"))?;
        let sealed = json.sealed.map(|sealed| hex::decode(bare(&sealed)));
        let booking = Self {
            genesis: json.genesis.parse().map_err(|_| malformed("the genesis hash does not read"))?,
            appointment: Appointment {
                practitioner: json
                    .practitioner
                    .parse()
                    .map_err(|_| malformed("the practitioner's id does not read"))?,
                organisation: json
                    .organisation
                    .parse()
                    .map_err(|_| malformed("the organisation's id does not read"))?,
                hours: Window { from: Moment(json.from_ms), until: Moment(json.until_ms) },
            },
            key: json.key.parse().map_err(|_| malformed("the key does not read"))?,
            signature: Signature(signature),
            sealed: sealed.transpose().map_err(|_| malformed("who it is, sealed, is not hex"))?,
        };
        let message = message(&booking.genesis, &booking.appointment, booking.sealed.as_deref());
        if verify(&booking.key, &message, &booking.signature) { Ok(booking) } else { Err(BookingError::BadSignature) }
    }

    /// As text for a file.
    pub fn to_json(&self) -> String {
        let json = Json {
            format: FORMAT.to_owned(),
            version: VERSION,
            genesis: self.genesis.to_string(),
            practitioner: self.appointment.practitioner.to_string(),
            organisation: self.appointment.organisation.to_string(),
            from_ms: self.appointment.hours.from.0,
            until_ms: self.appointment.hours.until.0,
            key: self.key.to_string(),
            signature: format!("0x{}", hex::encode(self.signature.0)),
            sealed: self.sealed.as_ref().map(|sealed| format!("0x{}", hex::encode(sealed))),
        };
        serde_json::to_string_pretty(&json).expect("strings and numbers are always JSON") + "\n"
    }

    /// Which hours, whose and where.
    pub fn appointment(&self) -> &Appointment {
        &self.appointment
    }

    /// The one-time key.
    pub fn key(&self) -> AccountId {
        self.key
    }

    /// Does it give hours back?
    pub fn gives_back(&self) -> bool {
        self.sealed.is_none()
    }

    /// The slot.
    pub fn slot(&self) -> SlotRef {
        SlotRef { practitioner: self.appointment.practitioner, from: self.appointment.hours.from }
    }

    /// Digest of who it is, sealed, as the chain keeps it.
    pub fn digest(&self) -> Option<Hash> {
        self.sealed.as_deref().map(sha256)
    }

    /// Who it is. By the organisation.
    ///
    /// # Errors
    /// [`BookingError::GivesBack`] or [`BookingError::Identity`].
    pub fn identity(&self, secret: &KemSecret) -> Result<Zeroizing<Vec<u8>>, BookingError> {
        let sealed = self.sealed.as_ref().ok_or(BookingError::GivesBack)?;
        Ok(open_identity(sealed, secret, &self.appointment)?)
    }

    /// What the desk submits, on the chain of `genesis`.
    ///
    /// # Errors
    /// [`BookingError::OtherChain`].
    pub fn call(&self, genesis: Hash) -> Result<RuntimeCall, BookingError> {
        if genesis != self.genesis {
            return Err(BookingError::OtherChain { found: self.genesis, expected: genesis });
        }
        let (slot, signature) = (self.slot(), self.signature);
        Ok(RuntimeCall::Appointments(match self.digest() {
            Some(sealed) => Call::Book { slot, key: self.key, signature, sealed },
            None => Call::Set { slot, to: Change::GiveBack { signature } },
        }))
    }
}

/// What the one-time key signs: to take the hours, with who it is sealed, or to give them back.
fn message(genesis: &Hash, appointment: &Appointment, sealed: Option<&[u8]>) -> Vec<u8> {
    let Appointment { practitioner, organisation, hours } = appointment;
    match sealed {
        Some(sealed) => signed::booking(genesis, practitioner, organisation, hours, &sha256(sealed)),
        None => signed::booking_cancelled(genesis, practitioner, organisation, hours),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::{OrganisationId, PractitionerId};

    const GENESIS: Hash = Hash([9; 32]);

    fn appointment() -> Appointment {
        let hours = Window { from: Moment(1_000), until: Moment(2_000) };
        Appointment { practitioner: PractitionerId([1; 16]), organisation: OrganisationId([2; 16]), hours }
    }

    fn key() -> KeyPair {
        KeyPair::from_seed(&[3; 32])
    }

    fn taken() -> Booking {
        let recipient = KemSecret::from_bytes([7; 32]).public();
        Booking::take(GENESIS, appointment(), &key(), b"Ada", &recipient).unwrap()
    }

    #[test]
    fn the_desk_learns_who_it_is_and_the_chain_a_digest() {
        let booking = Booking::from_json(&taken().to_json()).unwrap();
        assert_eq!(booking.identity(&KemSecret::from_bytes([7; 32])).unwrap()[..], *b"Ada");
        let RuntimeCall::Appointments(Call::Book { slot, key: by, signature, sealed }) = booking.call(GENESIS).unwrap()
        else {
            panic!("a booking")
        };
        assert_eq!((slot, by), (booking.slot(), key().public()));
        assert_eq!(sealed, sha256(booking.sealed.as_ref().unwrap()));
        let Appointment { practitioner, organisation, hours } = appointment();
        assert!(verify(&by, &signed::booking(&GENESIS, &practitioner, &organisation, &hours, &sealed), &signature));
    }

    #[test]
    fn hours_are_given_back_by_the_same_key_without_a_name() {
        let back = Booking::give_back(GENESIS, appointment(), &key());
        let back = Booking::from_json(&back.to_json()).unwrap();
        assert!(back.gives_back() && !taken().gives_back());
        let RuntimeCall::Appointments(Call::Set { slot, to: Change::GiveBack { signature } }) =
            back.call(GENESIS).unwrap()
        else {
            panic!("hours given back")
        };
        let Appointment { practitioner, organisation, hours } = appointment();
        assert_eq!(slot, back.slot());
        let message = signed::booking_cancelled(&GENESIS, &practitioner, &organisation, &hours);
        assert!(verify(&key().public(), &message, &signature));
        let nobody = back.identity(&KemSecret::from_bytes([7; 32]));
        assert!(matches!(nobody, Err(BookingError::GivesBack)));
    }

    #[test]
    fn what_was_changed_since_it_was_signed_is_refused() {
        let text = taken().to_json();
        let Json { sealed: Some(sealed), .. } = serde_json::from_str(&text).unwrap() else { panic!("a booking") };
        for altered in [
            text.replace("\"from_ms\": 1000", "\"from_ms\": 1001"),
            text.replace("\"until_ms\": 2000", "\"until_ms\": 2001"),
            text.replace(&format!("\"{sealed}\""), "null"),
            text.replace(&sealed, &sealed.replace("0x01", "0x02")),
        ] {
            assert_ne!(altered, text);
            assert!(matches!(Booking::from_json(&altered), Err(BookingError::BadSignature)), "{altered}");
        }
    }

    #[test]
    fn a_booking_is_for_one_chain() {
        assert!(matches!(
            taken().call(Hash::ZERO),
            Err(BookingError::OtherChain { found: GENESIS, expected: Hash::ZERO })
        ));
    }

    #[test]
    fn other_files_are_told_from_bookings() {
        let text = taken().to_json();
        for (bad, reason) in [
            ("[]".to_owned(), "no JSON with a format and a version"),
            (text.replace(FORMAT, "salus-cosign"), "another format"),
            (text.replace("from_ms", "from"), "a field is missing or unknown"),
            (text.replace(&key().public().to_string(), "nobody"), "the key does not read"),
            (text.replace("\"sealed\": \"0x", "\"sealed\": \"0xzz"), "who it is, sealed, is not hex"),
        ] {
            assert!(
                matches!(Booking::from_json(&bad), Err(BookingError::Malformed(told)) if told == reason),
                "{reason}"
            );
        }
        let newer = text.replace("\"version\": 1", "\"version\": 2");
        assert!(matches!(Booking::from_json(&newer), Err(BookingError::TooNew { found: 2 })));
    }
}
