//! Vocabulary of the registry: organisations, practitioners, affiliations and the keys records are sealed to.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{AccountId, BoundedVec, Hash, Moment, OrganisationId, time::YEAR};
use scale_info::TypeInfo;

pub use salus_primitives::peer::{PEER_ID_MAX, PeerId};

/// Longest display name of an organisation, bytes of UTF-8.
pub const NAME_MAX: u32 = 64;
/// Longest gateway URL, bytes of ASCII.
pub const URL_MAX: u32 = 128;
/// Most peer ids of an organisation's full nodes.
pub const PEERS_MAX: u32 = 8;
/// Most organisations that list full nodes.
pub const HOSTS_MAX: u32 = 256;
/// Most roles of one affiliation.
pub const ROLES_MAX: u32 = 8;
/// Most affiliations of one practitioner, expired ones not counted.
pub const AFFILIATIONS_MAX: u32 = 16;
/// A licence is entered for at most this long, ms: then the licensing organisation looks again.
pub const LICENCE_MAX: u64 = 5 * YEAR;
/// An affiliation lasts at most this long, ms: then both sign again.
pub const AFFILIATION_MAX: u64 = 5 * YEAR;

/// Organisations that list full nodes.
pub type HostList = BoundedVec<OrganisationId, HOSTS_MAX>;
/// What an organisation is called, UTF-8.
pub type DisplayName = BoundedVec<u8, NAME_MAX>;
/// Where an organisation's gateway is, ASCII.
pub type Url = BoundedVec<u8, URL_MAX>;
/// SNOMED CT concept ids of what a practitioner does at an organisation.
pub type RoleCodes = BoundedVec<u64, ROLES_MAX>;

/// State of an organisation: Active <-> Suspended -> Removed.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum OrganisationStatus {
    /// Its people act.
    #[codec(index = 0)]
    Active,
    /// Its people may report what they released, and nothing else.
    #[codec(index = 1)]
    Suspended,
    /// For good.
    #[codec(index = 2)]
    Removed,
}

impl OrganisationStatus {
    /// May an organisation go from here to `to`? Staying is allowed, except that what was removed is closed.
    pub const fn may_become(self, to: Self) -> bool {
        match self {
            Self::Active => matches!(to, Self::Active | Self::Suspended),
            Self::Suspended => true,
            Self::Removed => false,
        }
    }
}

/// What an organisation may do besides employing people, a set of bits.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug,
)]
pub struct Caps(pub u8);

impl Caps {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Keeps records.
    pub const CUSTODIAN: Self = Self(1);
    /// Licenses practitioners.
    pub const LICENSING: Self = Self(1 << 1);
    /// Its practitioners may open in an emergency.
    pub const EMERGENCY: Self = Self(1 << 2);
    /// Runs a validator.
    pub const VALIDATOR: Self = Self(1 << 3);
    /// Everything there is.
    pub const ALL: Self = Self(0b1111);

    /// Both sets joined.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is everything of `other` here?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Are there only capabilities that exist?
    pub const fn is_valid(self) -> bool {
        self.0 & !Self::ALL.0 == 0
    }
}

/// A hospital, laboratory, insurer or authority. Its KEM key stands in
/// [`KemKeys`](crate::storage::KemKeys), with everyone's.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Organisation {
    /// Whether its people act.
    pub status: OrganisationStatus,
    /// What people read: UTF-8 without control characters, never empty.
    pub display_name: DisplayName,
    /// Commitment to its profile; zero until its Admin sets one.
    pub profile: Hash,
    /// Its gateway; empty until its Admin sets one.
    pub url: Url,
    /// What it may do.
    pub caps: Caps,
    /// Full nodes that may connect besides its validator.
    pub peer_ids: BoundedVec<PeerId, PEERS_MAX>,
}

/// State of a practitioner: Active <-> Suspended -> Struck.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum PractitionerStatus {
    /// Acts, while licence and affiliation live.
    #[codec(index = 0)]
    Active,
    /// Does not act for now.
    #[codec(index = 1)]
    Suspended,
    /// Off the register for good.
    #[codec(index = 2)]
    Struck,
}

impl PractitionerStatus {
    /// May a practitioner go from here to `to`? Staying is allowed, except that who was struck off stays as
    /// the register last had them.
    pub const fn may_become(self, to: Self) -> bool {
        match self {
            Self::Active => matches!(to, Self::Active | Self::Suspended),
            Self::Suspended => true,
            Self::Struck => false,
        }
    }
}

/// A doctor, nurse, pharmacist: anyone licensed to practise. Their KEM key stands in
/// [`KemKeys`](crate::storage::KemKeys), with everyone's.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Practitioner {
    /// Whether they act at all.
    pub status: PractitionerStatus,
    /// Commitment to the licence.
    pub licence: Hash,
    /// First moment without a licence.
    pub licence_until: Moment,
    /// SNOMED CT concept id.
    pub speciality: u64,
    /// Who answers for the licence: its Registrars change this entry.
    pub licensing: OrganisationId,
    /// The Registrar's key that enrolled them or last replaced their keys: it does not review their cases.
    pub enrolled_by: AccountId,
}

/// A practitioner works at an organisation.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Affiliation {
    /// What as: SNOMED CT concept ids, each once.
    pub roles: RoleCodes,
    /// First moment without it.
    pub until: Moment,
    /// The Registrar's key that last signed it: it does not review cases of theirs.
    pub enrolled_by: AccountId,
}

/// What both sides of an affiliation sign.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Terms {
    /// What as: SNOMED CT concept ids, each once; none is allowed.
    pub roles: RoleCodes,
    /// First moment without it: ahead of block time by at most five years.
    pub until: Moment,
}

/// A key that a person adds.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct NewKey {
    /// The key.
    pub account: AccountId,
    /// End of a session key, at most 12 hours ahead; none for a lasting key.
    pub until: Option<Moment>,
}

/// HPKE with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM.
pub const SUITE_X25519: u8 = 1;

/// A public key that content keys are sealed to.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct KemKey {
    /// Which scheme: [`SUITE_X25519`] is the only one so far.
    pub suite: u8,
    /// The public key.
    pub key: [u8; 32],
}

/// Why a KEM key may not enter state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KemError {
    /// No such scheme.
    #[error("suite {found} is not known: this release knows suite {SUITE_X25519}")]
    Suite {
        /// The one asked for.
        found: u8,
    },
    /// A small-order point: what is sealed to it, anyone opens.
    #[error("a weak key: its point has small order; make a new one")]
    Weak,
}

/// The u-coordinates of all X25519 points of small order, the top bit cleared: 0 and 1 in both encodings,
/// the two of order eight, and minus one.
const SMALL_ORDER: [[u8; 32]; 7] = {
    const fn near_modulus(low: u8) -> [u8; 32] {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        bytes[31] = 0x7f;
        bytes
    }
    let mut one = [0; 32];
    one[0] = 1;
    [
        [0; 32],
        one,
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
            0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
            0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ],
        near_modulus(0xec),
        near_modulus(0xed),
        near_modulus(0xee),
    ]
};

impl KemKey {
    /// May this key enter state?
    ///
    /// # Errors
    /// [`KemError`] by its rule.
    pub fn check(&self) -> Result<(), KemError> {
        if self.suite != SUITE_X25519 {
            return Err(KemError::Suite { found: self.suite });
        }
        let mut point = self.key;
        point[31] &= 0x7f;
        if SMALL_ORDER.contains(&point) { Err(KemError::Weak) } else { Ok(()) }
    }
}

/// Why someone may not act: one reason each, a single byte, so that decisions and errors may carry it.
#[derive(
    Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug, thiserror::Error,
)]
pub enum Standing {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    #[error("the key is bound to nobody, or no longer")]
    NotRegistered,
    /// The key's subject or roles do not allow it.
    #[codec(index = 1)]
    #[error("the key's subject or roles do not allow this")]
    NotAuthorised,
    /// No such organisation.
    #[codec(index = 2)]
    #[error("no organisation has this id")]
    UnknownOrganisation,
    /// Suspended by the council.
    #[codec(index = 3)]
    #[error("the organisation is suspended")]
    OrganisationSuspended,
    /// Removed by the council.
    #[codec(index = 4)]
    #[error("the organisation was removed")]
    OrganisationRemoved,
    /// No such practitioner.
    #[codec(index = 5)]
    #[error("no practitioner has this id")]
    UnknownPractitioner,
    /// Suspended by the licensing organisation.
    #[codec(index = 6)]
    #[error("the practitioner is suspended")]
    PractitionerSuspended,
    /// Struck off the register.
    #[codec(index = 7)]
    #[error("the practitioner was struck off the register")]
    PractitionerStruck,
    /// The licence ran out.
    #[codec(index = 8)]
    #[error("the practitioner's licence ran out")]
    LicenceExpired,
    /// The practitioner does not work there.
    #[codec(index = 9)]
    #[error("the practitioner is not affiliated with the organisation")]
    NotAffiliated,
    /// The practitioner worked there until a date that is past.
    #[codec(index = 10)]
    #[error("the practitioner's affiliation with the organisation ran out")]
    AffiliationExpired,
}

/// Is this a name people can read: UTF-8, not empty, no control characters?
pub fn is_display_name(name: &[u8]) -> bool {
    core::str::from_utf8(name).is_ok_and(|name| !name.trim().is_empty() && !name.chars().any(char::is_control))
}

/// Could this stand in an address bar: printable ASCII without spaces, or nothing?
pub fn is_url(url: &[u8]) -> bool {
    url.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_small_order_point_is_refused_with_either_top_bit() {
        let secret = x25519_dalek::StaticSecret::from([7; 32]);
        for point in SMALL_ORDER {
            for top in [0, 0x80] {
                let mut key = point;
                key[31] |= top;
                assert!(!secret.diffie_hellman(&x25519_dalek::PublicKey::from(key)).was_contributory());
                assert_eq!(KemKey { suite: SUITE_X25519, key }.check(), Err(KemError::Weak));
            }
        }
    }

    #[test]
    fn an_ordinary_key_is_taken_and_an_unknown_suite_is_not() {
        let key = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from([7; 32])).to_bytes();
        assert_eq!(KemKey { suite: SUITE_X25519, key }.check(), Ok(()));
        assert_eq!(KemKey { suite: 2, key }.check(), Err(KemError::Suite { found: 2 }));
    }

    #[test]
    fn a_name_is_text_that_people_can_read() {
        assert!(is_display_name("Klinik Süd".as_bytes()));
        for bad in [&b""[..], b"  ", b"two\nlines", b"\xff\xfe"] {
            assert!(!is_display_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_url_has_no_spaces_and_no_line_breaks() {
        assert!(is_url(b"https://gateway.example:8443/"));
        assert!(is_url(b""));
        for bad in [&b"https://a b"[..], b"https://a\r\n", "https://ä".as_bytes()] {
            assert!(!is_url(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_is_removed_or_struck_never_returns() {
        use OrganisationStatus::{Active, Removed, Suspended};
        for to in [Active, Suspended, Removed] {
            assert!(!Removed.may_become(to));
            assert!(Suspended.may_become(to));
            assert_eq!(Active.may_become(to), to != Removed);
        }
        use PractitionerStatus as P;
        for to in [P::Active, P::Suspended, P::Struck] {
            assert!(!P::Struck.may_become(to));
            assert!(P::Suspended.may_become(to));
            assert_eq!(P::Active.may_become(to), to != P::Struck);
        }
    }
}
