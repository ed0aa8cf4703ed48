//! Registry: organisations and their officers, practitioners, who works where, and everyone's KEM keys.
//!
//! # Who may call
//! An organisation's Admins keep its entry and its officers. Registrars of an organisation with the Licensing
//! capability enrol practitioners and answer for them. Any organisation's Registrar and a practitioner agree on
//! an affiliation; either ends it. Practitioners and patients change their own keys. Organisations themselves
//! come from the council, through [`organisation_set`]; so does who takes over the records of a removed one, through
//! [`successor_set`].
//!
//! # Invariants
//! 1. An organisation never loses its last Admin: neither by `officer_set` nor otherwise.
//! 2. What is Removed or Struck never returns; it is reached by way of Suspended only.
//! 3. Suspending an organisation is one write, and stops all its people at once.
//! 4. `Places` of a practitioner lists exactly the organisations with an entry in `Affiliations`.
//! 5. A person keeps at least one lasting key through `keys_set`, one whose drop waits not counted; a session key
//!    changes no keys.
//! 6. A key enters state with its own signature, a KEM key with its subject's.
//! 7. Only what was removed has a successor, which was Active and a custodian when it was named.
//! 8. `Hosts` lists each organisation whose entry has peer ids, except removed ones that made room.
//!
//! # Choices where the specification is silent
//! * A licence and an affiliation run at most five years before they are entered anew.
//! * An affiliation begins only for a practitioner who is Active and licensed; ending one is always possible
//!   for the practitioner, and for the Registrar of an organisation that is not suspended.
//! * The Registrar submits the beginning of an affiliation and a lasting key of the practitioner co-signs.
//! * A struck practitioner's keys are closed; a suspended one's may still be changed, since a stolen key must
//!   be dropped in any state.
//! * Co-signatures that a call does not need are refused, as are calls that change nothing.
//! * A drop that waits comes by itself, at the latest 72 hours after a lock of the keys was lifted, also when the
//!   guardians' term ends meanwhile. Session keys are dropped at once: they change nothing that a guardian answers for.
//! * `organisation_update` also sets the profile commitment, which no other call does.
//! * A suspended organisation's full nodes stay connected, since its gateway still reports what it releases; a
//!   removed one's do not.
//! * The council may name another successor later: the first one may be removed in turn.
//! * Peer ids need no proof that somebody has the key: a list that names a stranger's key lets in nobody else. Two
//!   organisations may list one node, and an organisation its own validator's.

pub mod calls;
pub mod keys;
pub mod standing;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PractitionerId, Subject, peer::PeerError, signed::CoSigns,
    subject::Roles,
};
use salus_support::{ConstantEntry, Cost, Ctx, Pallet, PalletEvent, metadata::description::StorageEntry};
use salus_system::BindError;
use scale_info::TypeInfo;

pub use calls::organisation::{
    OrganisationError, SuccessorError, full_nodes, organisation_set, successor, successor_set,
};
pub use calls::practitioner::{PractitionerStatusError, practitioner_status};
pub use keys::{DROP_DELAY, drop_kem, guard_keys, kem, keys_guarded, keys_locked, lock_keys, set_kem, unlock_keys};
pub use standing::{
    officer, officer_even_suspended, officer_key, organisation_active, practitioner, practitioner_acts,
    practitioner_licensed,
};
use types::{KemError, NewKey, OrganisationStatus, PEERS_MAX, PeerId, PractitionerStatus, Terms, Url};
pub use types::{KemKey, Standing};

/// Most keys a person drops in one call: all they can have.
pub const DROP_MAX: u32 = 6;

/// What an account may ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Call {
    /// Set the caller's organisation's own part of its entry. An Admin of an Active organisation may. All
    /// parts are replaced, except that no KEM key leaves the present one. The URL is ASCII without spaces; each
    /// peer id is that of an Ed25519 key, stands once, and its key is neither weak nor an account's or a validator's
    /// authority's; the KEM key is of a known suite and not weak. The full nodes may connect from the next block on.
    /// Emits `OrganisationUpdated`.
    /// Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `BadText`, `BadPeers`, `KeyTaken`, `WeakKey`,
    /// `TooMany` (256 organisations that list full nodes).
    #[codec(index = 0)]
    OrganisationUpdate {
        /// Commitment to the profile that the gateway's signed card opens.
        profile: Hash,
        /// Where the gateway is.
        url: Url,
        /// The key that standing wraps are sealed to; none leaves it as it is.
        kem: Option<KemKey>,
        /// Full nodes that may connect besides the validator's.
        peer_ids: BoundedVec<PeerId, PEERS_MAX>,
    },
    /// Make `account` an officer of the caller's organisation, change its roles, or end it. An Admin of an
    /// Active organisation may. A key that is new signs along; otherwise nobody does.
    /// Emits `OfficerSet`.
    /// Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `BadRoles` (none or unknown ones),
    /// `LastAdmin`, `UnknownKey` (nothing to end), `KeyTaken` (another subject's, or ended), `WeakKey`,
    /// `BadCoSign`, `TooMany` (256 officers).
    #[codec(index = 1)]
    OfficerSet {
        /// The officer's key.
        account: AccountId,
        /// Its roles, at least one; none ends the key for good.
        roles: Option<Roles>,
        /// The new key's agreement.
        cosign: CoSigns,
    },
    /// Enrol a practitioner, renew or change their entry, or replace lost keys. A Registrar of an Active
    /// organisation with the Licensing capability may, for the practitioners it licenses; who enrols a new id
    /// licenses it. A new practitioner is Active and has a key. A new key on an existing id drops all their
    /// old keys and the KEM key. New keys sign along. The licence ends after now, within five years, unless
    /// its end stays as it is.
    /// Emits `PractitionerSet`.
    /// Refused with `NotRegistered`, `NotAuthorised` (another organisation licenses them, or no capability),
    /// `NotActive`, `BadWindow`, `BadState` (no such transition, struck off, or suspended by the council, which alone
    /// lifts that), `KeyMissing` (new without key), `KeyTaken`, `WeakKey`, `BadCoSign`.
    #[codec(index = 2)]
    PractitionerSet {
        /// Whom.
        id: PractitionerId,
        /// Their new key; none keeps the keys they have.
        account: Option<AccountId>,
        /// Commitment to the licence.
        licence: Hash,
        /// First moment without a licence.
        licence_until: Moment,
        /// SNOMED CT concept id.
        speciality: u64,
        /// Whether they act.
        status: PractitionerStatus,
        /// The new key's agreement.
        cosign: CoSigns,
    },
    /// Begin, renew or end an affiliation. To begin or renew, a Registrar of the Active organisation calls and
    /// a lasting key of the practitioner, who is Active and licensed, signs along; it ends after now, within
    /// five years. To end, either calls alone, the practitioner by a lasting key.
    /// Emits `Affiliated` or `AffiliationEnded`.
    /// Refused with `NotRegistered`, `NotAuthorised`, `NotActive`, `BadWindow`, `BadRoles` (one twice),
    /// `BadCoSign`, `TooMany` (16 live ones), `BadState` (nothing to end).
    #[codec(index = 3)]
    AffiliationSet {
        /// Who works.
        practitioner: PractitionerId,
        /// Where.
        organisation: OrganisationId,
        /// As what and until when; none ends it.
        terms: Option<Terms>,
        /// The practitioner's agreement to the terms.
        cosign: CoSigns,
    },
    /// Add, drop and replace the caller's own keys: rotation, a second device, a session key for a ward. A
    /// practitioner or patient may, by a lasting key. Keys are dropped before others are added. New keys sign
    /// along. A session key lasts at most 12 hours. One lasting key stays.
    ///
    /// While a patient has guardians a lasting key that is dropped speaks for the patient another 72 hours. To name
    /// such a key in `add` cancels its drop, without its signature; a call that does nothing else may be signed by
    /// any live key of the patient, also a session key and while keys are locked.
    /// Emits `KeysSet`.
    /// Refused with `NotRegistered`, `NotAuthorised` (an officer, a council member or a session key),
    /// `NotActive` (struck off), `BadState` (locked, nothing to do, or the drop waits already), `BadWindow`,
    /// `UnknownKey` (not the caller's), `LastKey`, `KeyTaken`, `WeakKey`, `BadCoSign`, `TooMany` (four lasting, two
    /// session keys).
    #[codec(index = 4)]
    KeysSet {
        /// New keys, and keys whose drop is cancelled.
        add: BoundedVec<NewKey, 2>,
        /// Keys to drop for good.
        drop: BoundedVec<AccountId, DROP_MAX>,
        /// The key that content keys are sealed to; none leaves it as it is.
        kem: Option<KemKey>,
        /// The new keys' agreement.
        cosign: CoSigns,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Event {
    /// An Admin changed an organisation's own part of its entry.
    #[codec(index = 0)]
    OrganisationUpdated {
        /// Whose.
        organisation: OrganisationId,
    },
    /// An officer's roles were set, or the key ended.
    #[codec(index = 1)]
    OfficerSet {
        /// Whose officer.
        organisation: OrganisationId,
        /// The officer's key.
        account: AccountId,
        /// Its roles; none when it ended.
        roles: Option<Roles>,
    },
    /// A practitioner's entry was set.
    #[codec(index = 2)]
    PractitionerSet {
        /// Whose.
        practitioner: PractitionerId,
        /// Who answers for the licence.
        licensing: OrganisationId,
        /// Whether they act.
        status: PractitionerStatus,
        /// First moment without a licence.
        licence_until: Moment,
        /// Their new key, when one was set: all others ended.
        account: Option<AccountId>,
    },
    /// An affiliation began or was renewed.
    #[codec(index = 3)]
    Affiliated {
        /// Who works.
        practitioner: PractitionerId,
        /// Where.
        organisation: OrganisationId,
        /// First moment without it.
        until: Moment,
    },
    /// An affiliation was ended.
    #[codec(index = 4)]
    AffiliationEnded {
        /// Who worked.
        practitioner: PractitionerId,
        /// Where.
        organisation: OrganisationId,
    },
    /// A person changed their keys.
    #[codec(index = 5)]
    KeysSet {
        /// Who.
        subject: Subject,
        /// Keys that now speak for them.
        added: BoundedVec<AccountId, 2>,
        /// Keys that no longer do.
        dropped: BoundedVec<AccountId, DROP_MAX>,
        /// Whether the KEM key changed: then custodians seal standing wraps anew.
        kem: bool,
        /// Keys that will no longer when [`DROP_DELAY`] is over.
        going: BoundedVec<AccountId, DROP_MAX>,
        /// Keys that stay: their drop was cancelled.
        kept: BoundedVec<AccountId, 2>,
    },
    /// The council made or changed an organisation.
    #[codec(index = 6)]
    OrganisationSet {
        /// Which.
        organisation: OrganisationId,
        /// Its state now.
        status: OrganisationStatus,
        /// The Admin it was given, if any.
        admin: Option<AccountId>,
    },
    /// The council named who takes over the records of a removed organisation.
    #[codec(index = 7)]
    SuccessorSet {
        /// Which was removed.
        removed: OrganisationId,
        /// Who takes over.
        successor: OrganisationId,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The key is bound to nobody, or no longer.
    #[codec(index = 0)]
    NotRegistered,
    /// The organisation or practitioner does not act, for this reason.
    #[codec(index = 1)]
    NotActive(Standing),
    /// The key's subject, roles or kind do not allow it.
    #[codec(index = 2)]
    NotAuthorised,
    /// An end that is past or too far ahead.
    #[codec(index = 3)]
    BadWindow,
    /// As many as there may be are there already.
    #[codec(index = 4)]
    TooMany,
    /// What is there does not allow this step.
    #[codec(index = 5)]
    BadState,
    /// A co-signature is missing, does not fit, or is not needed.
    #[codec(index = 6)]
    BadCoSign,
    /// The key was bound before, or is a validator's: a key serves one subject and one purpose, ever.
    #[codec(index = 7)]
    KeyTaken,
    /// The key is no point of its curve, not canonical, of small order, or of an unknown suite.
    #[codec(index = 8)]
    WeakKey,
    /// The URL has characters it may not have.
    #[codec(index = 9)]
    BadText,
    /// Roles that do not exist, none at all, or one twice.
    #[codec(index = 10)]
    BadRoles,
    /// A peer id stands twice, or is not that of an Ed25519 key.
    #[codec(index = 11)]
    BadPeers,
    /// The organisation would be without an Admin.
    #[codec(index = 12)]
    LastAdmin,
    /// The person would be without a lasting key.
    #[codec(index = 13)]
    LastKey,
    /// The key is not one of theirs, or no longer.
    #[codec(index = 14)]
    UnknownKey,
    /// Who is new needs a key.
    #[codec(index = 15)]
    KeyMissing,
}

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            reason => Self::NotActive(reason),
        }
    }
}

impl From<BindError> for Error {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Taken => Self::KeyTaken,
            BindError::Weak(_) => Self::WeakKey,
            BindError::TooMany => Self::TooMany,
        }
    }
}

impl From<PeerError> for Error {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::NotEd25519 => Self::BadPeers,
            PeerError::Key(_) => Self::WeakKey,
        }
    }
}

impl From<KemError> for Error {
    fn from(_: KemError) -> Self {
        Self::WeakKey
    }
}

impl PalletEvent for Event {
    const PALLET: &'static str = "Registry";
}

/// The pallet.
pub struct Registry;

/// Weight of the co-signatures of a call.
fn signatures(cosign: &CoSigns) -> u64 {
    100 * cosign.len() as u64
}

impl Pallet for Registry {
    const NAME: &'static str = "Registry";
    const DOCS: &'static str = "Organisations, officers, practitioners, affiliations and KEM keys.";
    type Call = Call;
    type Event = Event;
    type Error = Error;

    fn storage() -> Vec<StorageEntry> {
        storage::entries()
    }

    fn constants() -> Vec<ConstantEntry> {
        vec![
            ConstantEntry::new("LicenceMax", &types::LICENCE_MAX, "Longest a licence is entered for, ms."),
            ConstantEntry::new("AffiliationMax", &types::AFFILIATION_MAX, "Longest an affiliation lasts, ms."),
            ConstantEntry::new("SessionMax", &salus_system::types::SESSION_MAX, "Longest life of a session key, ms."),
            ConstantEntry::new(
                "DropDelay",
                &keys::DROP_DELAY,
                "How long a dropped key of a patient with guardians still speaks for the patient, ms.",
            ),
        ]
    }

    fn cost(call: &Call) -> Cost {
        match call {
            // Making room reads each of up to 256 organisations that list full nodes.
            Call::OrganisationUpdate { .. } => Cost::ordinary(2_000),
            // Binding reads each of up to 256 officers' keys.
            Call::OfficerSet { cosign, .. } => Cost::ordinary(1_300 + signatures(cosign)),
            Call::PractitionerSet { cosign, .. } => Cost::ordinary(250 + signatures(cosign)),
            // Making room reads each of up to 16 affiliations, and clears them.
            Call::AffiliationSet { cosign, .. } => Cost::ordinary(350 + signatures(cosign)),
            Call::KeysSet { add, drop, kem, cosign } => {
                let weight = 200 + 20 * drop.len() as u64 + signatures(cosign);
                // New keys sign along: without a co-signature the call can only cancel a drop, which is a veto.
                let is_veto = !add.is_empty() && drop.is_empty() && kem.is_none() && cosign.is_empty();
                if is_veto { Cost::protected(weight) } else { Cost::ordinary(weight) }
            }
        }
    }

    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
        match call {
            Call::OrganisationUpdate { profile, url, kem, peer_ids } => {
                calls::organisation::update(ctx, profile, url, kem, peer_ids)
            }
            Call::OfficerSet { account, roles, cosign } => {
                calls::organisation::officer_set(ctx, account, roles, &cosign)
            }
            Call::PractitionerSet { id, account, licence, licence_until, speciality, status, cosign } => {
                let entry = calls::practitioner::Entry { licence, licence_until, speciality, status };
                calls::practitioner::practitioner_set(ctx, id, account, entry, &cosign)
            }
            Call::AffiliationSet { practitioner, organisation, terms, cosign } => match terms {
                Some(terms) => calls::affiliation::begin(ctx, practitioner, organisation, terms, &cosign),
                None => calls::affiliation::end(ctx, practitioner, organisation, &cosign),
            },
            Call::KeysSet { add, drop, kem, cosign } => {
                calls::keys_set::keys_set(ctx, calls::keys_set::KeyChange { add, drop, kem }, &cosign)
            }
        }
    }
}

#[cfg(test)]
mod tests;
