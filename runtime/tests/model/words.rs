//! What people do, in plain numbers: the words that the generator, the model and the chain have in common.
//!
//! Organisations, practitioners ("doctors"), patients, keys, records and tags are numbers; kinds, purposes and actions
//! are bits of a set, by their index on the wire. Nothing here is the product's.

/// An organisation.
pub type Org = usize;
/// A practitioner.
pub type Doc = usize;
/// A patient.
pub type Pat = usize;
/// A key, of whoever it is.
pub type Key = usize;
/// A record, over all patients.
pub type Rec = u16;
/// A sensitivity label.
pub type Tag = u8;

pub const SECOND: u64 = 1_000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;
pub const YEAR: u64 = 365 * DAY;

/// Roles of an officer, bits.
pub const ADMIN: u8 = 1;
pub const REGISTRAR: u8 = 2;
pub const PRIVACY: u8 = 4;
pub const REVIEWER: u8 = 8;
pub const GATEWAY: u8 = 16;

/// Capabilities of an organisation, bits.
pub const CUSTODIAN: u8 = 1;
pub const LICENSING: u8 = 2;
pub const EMERGENCY: u8 = 4;

/// Purposes, by index.
pub const TREAT: u8 = 0;
pub const ETREAT: u8 = 1;
pub const FAMILY: u8 = 8;

/// Actions, by index.
pub const VIEW: u8 = 0;
pub const ADD: u8 = 1;
pub const AMEND: u8 = 2;
pub const SHARE: u8 = 3;

/// The kind of an emergency summary, by index; there are nine kinds.
pub const SUMMARY: u8 = 7;

/// Whom a key speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Council,
    Org(Org),
    Doc(Doc),
    Pat(Pat),
}

/// State of an organisation or a practitioner: the two have the same three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Active,
    Suspended,
    /// Removed, or struck off.
    Gone,
}

/// To whom a rule speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    Doc(Doc, Org),
    Org(Org),
    Everyone,
    Attribute { org: Org, speciality: Option<u64>, role: Option<u64> },
}

/// Where a rule lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Page {
    Doc(Doc, Org),
    Org(Org),
    Everyone,
    Attributes,
}

impl To {
    pub fn page(self) -> Page {
        match self {
            Self::Doc(doc, org) => Page::Doc(doc, org),
            Self::Org(org) => Page::Org(org),
            Self::Everyone => Page::Everyone,
            Self::Attribute { .. } => Page::Attributes,
        }
    }

    pub fn org(self) -> Option<Org> {
        match self {
            Self::Doc(_, org) | Self::Org(org) | Self::Attribute { org, .. } => Some(org),
            Self::Everyone => None,
        }
    }
}

/// What a rule says, or, without effect and grantee, what a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    pub deny: bool,
    pub to: To,
    pub kinds: u16,
    pub records: Option<Vec<Rec>>,
    pub any_of: Vec<Tag>,
    pub none_of: Vec<Tag>,
    pub purposes: u16,
    pub actions: u8,
    pub from: u64,
    pub until: u64,
    pub max_uses: Option<u32>,
    pub no_redisclose: bool,
    pub local_only: bool,
    pub erase_by: Option<u64>,
}

/// Names a rule of a patient.
pub type RuleName = (Page, u32);

/// What the author or the patient says of a record's sensitivity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labels {
    pub tags: Vec<Tag>,
    pub labelled: bool,
    pub restricted: bool,
}

/// A record to be filed.
#[derive(Clone, Debug)]
pub struct Filing {
    pub pat: Pat,
    pub org: Org,
    pub rec: Rec,
    pub prev: Option<Rec>,
    pub kind: u8,
    pub labels: Labels,
    pub custodian: Org,
    pub second: Option<Org>,
    /// The keys that say that the ciphertext is stored.
    pub gateways: Vec<Key>,
}

/// Who stands in for a patient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guards {
    pub who: Vec<Pat>,
    pub threshold: u8,
    pub recover: bool,
    pub act: bool,
    pub excluded: Vec<Tag>,
    pub until: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatientChange {
    Freeze,
    Thaw,
    Close,
    Deceased,
    Living,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    Error,
    Hold,
    LiftHold,
    RequestErase,
    Erase,
    RefuseErase,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Approve(Terms),
    Refuse,
    Withdraw,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    Justified,
    Unjustified,
    Inconclusive,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotChange {
    Confirm,
    Decline,
    CheckIn,
    Complete,
    NoShow,
    Cancel,
    /// With the signature of the key that booked, or of another.
    GiveBack {
        key: Key,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CouncilAct {
    Organisation { org: Org, to: Standing, caps: u8 },
    Practitioner { doc: Doc, to: Standing },
    Parameters { custodians_treat: bool, patient_weight: u64 },
    Successor { removed: Org, new: Org },
    Cancel { motion: u32 },
}

/// One call, and what it says.
#[derive(Clone, Debug)]
pub enum What {
    Noop,
    OrganisationUpdate { bad_url: bool },
    OfficerSet { account: Key, roles: Option<u8> },
    PractitionerSet { doc: Doc, account: Option<Key>, licence_until: u64, speciality: u64, status: Standing },
    AffiliationSet { doc: Doc, org: Org, terms: Option<(Vec<u64>, u64)> },
    AddKey { key: Key, until: Option<u64> },
    DropKey { key: Key },
    KeepKey { key: Key },
    NewKem { weak: bool },
    Invite { key: Key, until: u64, provisional: bool },
    Register { pat: Pat, invite: Key, possession_of: Key },
    Confirm { pat: Pat, level: u8 },
    SetGuardians { pat: Pat, guards: Guards },
    EndGuardians { pat: Pat },
    KeepGuardians { pat: Pat },
    Recover { pat: Pat, key: Key },
    FinishRecovery { pat: Pat },
    Veto { pat: Pat },
    Patient { pat: Pat, to: PatientChange },
    Put(Filing),
    Mark { pat: Pat, rec: Rec, to: Mark, basis: u8 },
    Relabel { pat: Pat, rec: Rec, labels: Labels },
    Shred { pat: Pat, rec: Rec, epoch: u32 },
    Custody { records: Vec<(Pat, Rec)>, to: Org },
    Grant { pat: Pat, terms: Terms, replaces: Option<RuleName> },
    Revoke { pat: Pat, rules: Vec<RuleName> },
    RevokePages { pat: Pat, pages: Vec<Page> },
    Delegate { pat: Pat, parent: RuleName, terms: Terms },
    Request { pat: Pat, org: Org, terms: Terms },
    Respond { pat: Pat, doc: Doc, number: u32, answer: Answer },
    Open { pat: Pat, org: Org, purpose: u8, recs: Vec<Rec> },
    Serve { pat: Pat, receipt: u32, entries: u64 },
    Emergency { pat: Pat, org: Org, full: bool, recs: Vec<Rec> },
    LateEmergency { pat: Pat, org: Org, doc: Doc, rec: Rec, happened: u64, opener: Key, officer: Key },
    Review { pat: Pat, receipt: u32, finding: Finding },
    Dispute { pat: Pat, receipt: u32 },
    Publish { doc: Doc, org: Org, hours: Vec<(u64, u64)> },
    Book { doc: Doc, org: Org, hours: (u64, u64), key: Key, signed_by: Key },
    Slot { doc: Doc, org: Org, hours: (u64, u64), to: SlotChange },
    Redeem { credits: u64 },
    Propose { act: CouncilAct },
    Vote { motion: u32, aye: bool },
}

impl What {
    /// The call's name, for counting.
    pub fn name(&self) -> String {
        let words = match self {
            Self::Patient { to, .. } => format!("Patient{to:?}"),
            Self::Mark { to, .. } => format!("Record{to:?}"),
            Self::Slot { to, .. } => format!("Slot{to:?}"),
            Self::Respond { answer, .. } => format!("Respond{answer:?}"),
            Self::Propose { act } => format!("Propose{act:?}"),
            Self::Emergency { full, .. } => (if *full { "EmergencyFull" } else { "EmergencySummary" }).to_owned(),
            other => format!("{other:?}"),
        };
        words.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
    }

    /// The patient it is about, if it is about one.
    pub fn patients(&self) -> Vec<Pat> {
        match self {
            Self::Put(Filing { pat, .. })
            | Self::Register { pat, .. }
            | Self::Confirm { pat, .. }
            | Self::SetGuardians { pat, .. }
            | Self::EndGuardians { pat }
            | Self::KeepGuardians { pat }
            | Self::Recover { pat, .. }
            | Self::FinishRecovery { pat }
            | Self::Veto { pat }
            | Self::Patient { pat, .. }
            | Self::Mark { pat, .. }
            | Self::Relabel { pat, .. }
            | Self::Shred { pat, .. }
            | Self::Grant { pat, .. }
            | Self::Revoke { pat, .. }
            | Self::RevokePages { pat, .. }
            | Self::Delegate { pat, .. }
            | Self::Request { pat, .. }
            | Self::Respond { pat, .. }
            | Self::Open { pat, .. }
            | Self::Serve { pat, .. }
            | Self::Emergency { pat, .. }
            | Self::LateEmergency { pat, .. }
            | Self::Review { pat, .. }
            | Self::Dispute { pat, .. } => vec![*pat],
            Self::Custody { records, .. } => records.iter().map(|(pat, _)| *pat).collect(),
            _ => Vec::new(),
        }
    }
}

/// A call, who signs it and who signs along.
#[derive(Clone, Debug)]
pub struct Deed {
    pub by: Key,
    pub along: Vec<Key>,
    pub what: What,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It takes effect.
    Done,
    /// It stands in the block and is refused.
    Refused,
    /// It may not stand in a block.
    Invalid,
}
