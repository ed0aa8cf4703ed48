//! Vocabulary of the validators pallet.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_primitives::{
    AccountId, BoundedVec, Height, Moment, OrganisationId,
    validator_set::{VALIDATORS_MAX, ValidatorSet},
};
use scale_info::TypeInfo;

pub use salus_primitives::peer::{PEER_ID_MAX, PeerId, peer_key, peer_of};

/// Most validators that one change adds, and most that it drops: a third of the largest set.
pub const CHANGE_MAX: u32 = 33;
/// How many of its terms a seat remembers.
pub const TERMS_MAX: u32 = 8;
/// Oldest evidence that is taken, blocks: 33 minutes of the fastest chain, 11 hours of an idle one. Later, those who
/// could be misled by what was signed have long been told otherwise.
pub const EVIDENCE_AGE_MAX: u32 = 10_000;
/// Most reports in one block, so that evidence never crowds out care.
pub const REPORTS_MAX: u8 = 16;

/// A validator as it enters the set.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct NewValidator {
    /// The key that proposes and votes; it does nothing else.
    pub authority: AccountId,
    /// Its node's network identity: the peer id of an Ed25519 key.
    pub peer_id: PeerId,
    /// The organisation that answers for it.
    pub organisation: OrganisationId,
}

/// Validators to enter the set.
pub type Added = BoundedVec<NewValidator, CHANGE_MAX>;
/// Authority keys, of those that enter or leave the set.
pub type Authorities = BoundedVec<AccountId, CHANGE_MAX>;

/// Who runs a validator, and as which peer.
#[derive(Clone, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Validator {
    /// Its node's network identity: who may connect is state.
    pub peer_id: PeerId,
    /// The organisation that answers for it; at genesis it is not registered yet.
    pub organisation: OrganisationId,
}

/// The authority keys in force, as state keeps them.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct StoredSet {
    /// 0 at genesis, one more with every block that changes the set.
    pub set_id: u64,
    /// Sorted, without duplicates, at least one.
    pub keys: BoundedVec<AccountId, VALIDATORS_MAX>,
}

impl From<&ValidatorSet> for StoredSet {
    fn from(set: &ValidatorSet) -> Self {
        let keys = set.keys().to_vec().try_into().expect("a set has at most as many keys as state keeps");
        Self { set_id: set.set_id, keys }
    }
}

/// Heights that a key decided with others.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Term {
    /// The first one.
    pub from: Height,
    /// The first one without it; none while it sits.
    pub until: Option<Height>,
}

/// When a key decided, and whether it may again. Kept for good, so that evidence finds its offender and no offender
/// returns.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Seat {
    /// Its terms, oldest first; of more than eight the newest.
    pub terms: BoundedVec<Term, TERMS_MAX>,
    /// It signed two things at one place, and never returns.
    pub struck: bool,
}

impl Seat {
    /// Did this key help to decide `height`?
    pub fn sat_at(&self, height: Height) -> bool {
        self.terms.iter().any(|term| term.from <= height && term.until.is_none_or(|until| height < until))
    }

    /// Begin a term at `from`. One that ended with the height before is continued, the oldest of too many forgotten.
    pub fn begin(&mut self, from: Height) {
        if let Some(last) = self.terms.len().checked_sub(1).and_then(|last| self.terms.get_mut(last))
            && last.until == Some(from)
        {
            last.until = None;
            return;
        }
        if self.terms.is_full() {
            self.terms.remove(0);
        }
        self.terms.try_push(Term { from, until: None }).expect("a full list lost its oldest term just now");
    }

    /// End the present term: `until` is the first height without it. A term that never began leaves no trace.
    pub fn end(&mut self, until: Height) {
        for term in self.terms.iter_mut().filter(|term| term.until.is_none()) {
            term.until = Some(until);
        }
        self.terms.retain(|term| term.until.is_none_or(|until| term.from < until));
    }
}

/// Reports that were taken in a block.
#[derive(Clone, Copy, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Reports {
    /// Which block: the last one that had any.
    pub height: Height,
    /// How many.
    pub count: u8,
}

/// A change of the set that the council made.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo, Debug)]
pub struct Change {
    /// When.
    pub at: Moment,
    /// How many validators changed.
    pub count: u32,
}

/// The changes of some time, oldest first.
pub type Changes = BoundedVec<Change, CHANGE_MAX>;
