//! The decision: may this practitioner, at this organisation, do this with this record, for this purpose, now?
//!
//! One pure function over a state that is only read. It reads by exact key only: organisation, practitioner,
//! affiliation, patient, four pages of rules and the parameters; whoever asks has read the record. An absent
//! page proves that there is no rule in it, so that [`ReadSet`](crate::read_set::ReadSet) of a decision, with
//! its proofs, is all that anybody needs to repeat it.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use salus_patients::{Acting, Problem};
use salus_primitives::{Moment, OrganisationId, PatientId, PractitionerId, Subject};
use salus_registry::{Standing, storage::Practitioners, types::Affiliation};
use salus_support::StateReader;
use salus_system::{Policy, storage::ChainParameters};
use scale_info::TypeInfo;

use crate::{
    codes::{Action, Purpose},
    storage::Rules,
    terms::Extent,
    types::{Effect, Grantee, GranteeKey, RecordView, Rule, RuleRef, Servable},
};

/// Who wants to do what, why and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// Whose record.
    pub patient: PatientId,
    /// Who acts.
    pub actor: PractitionerId,
    /// For whom they act.
    pub organisation: OrganisationId,
    /// What they want to do.
    pub action: Action,
    /// Why.
    pub purpose: Purpose,
    /// When: block time.
    pub at: Moment,
}

/// The answer, as receipts keep it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Verdict {
    /// Yes. Whoever acts on it records the use: [`crate::rules::record_uses`].
    #[codec(index = 0)]
    Permit(Basis),
    /// No.
    #[codec(index = 1)]
    Denied(Denial),
}

/// What a permission rests on.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Basis {
    /// A rule of the patient: of all that permit, the oldest.
    #[codec(index = 0)]
    Rule(RuleRef),
    /// The chain's default policy.
    #[codec(index = 1)]
    Default,
    /// A guardianship with the power to act. Never the answer of [`decide()`].
    #[codec(index = 2)]
    Guardianship,
    /// An emergency of this tier, which has to be reviewed. Never the answer of [`decide()`].
    #[codec(index = 3)]
    Emergency(Tier),
}

/// How much an emergency opens.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub enum Tier {
    /// The patient's emergency summary and nothing else.
    #[codec(index = 0)]
    Summary,
    /// Any record that no Deny for emergency treatment closes.
    #[codec(index = 1)]
    Full,
}

/// Why not, and by which rule.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct Denial {
    /// Why not.
    pub reason: Reason,
    /// The Deny that matched, where the reason is [`Reason::DenyRule`]: of all that match, the oldest.
    pub rule: Option<RuleRef>,
}

/// Why not. At most two bytes on the wire, so that an error can carry it.
#[derive(
    Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug, thiserror::Error,
)]
pub enum Reason {
    /// The organisation, the practitioner or their affiliation does not allow it.
    #[codec(index = 0)]
    #[error("{0}")]
    Standing(Standing),
    /// The patient's state does not allow it.
    #[codec(index = 1)]
    #[error("{0}")]
    Patient(Problem),
    /// The patient has no such record.
    #[codec(index = 2)]
    #[error("the patient has no record of this id")]
    UnknownRecord,
    /// The record was filed in error.
    #[codec(index = 3)]
    #[error("the record was entered in error and is served to nobody")]
    EnteredInError,
    /// The record was erased.
    #[codec(index = 4)]
    #[error("the record was erased")]
    Erased,
    /// A Deny of the patient matches.
    #[codec(index = 5)]
    #[error("a rule of the patient denies it")]
    DenyRule,
    /// No rule of the patient permits it, nor does the chain's default policy.
    #[codec(index = 6)]
    #[error("no rule of the patient permits it: ask for access")]
    NoConsent,
    /// The record is not the patient's emergency summary.
    #[codec(index = 7)]
    #[error("the record is no emergency summary: the tier summary opens nothing else")]
    NotSummary,
    /// The organisation opens nothing in an emergency.
    #[codec(index = 8)]
    #[error("the organisation has no capability for emergencies")]
    NoEmergency,
    /// A review closed the opener's full tier.
    #[codec(index = 9)]
    #[error("a review found an emergency of the opener unjustified: the full tier is closed for 30 days")]
    FullClosed,
    /// The record has a tag that is excluded from the guardian, or no labels.
    #[codec(index = 10)]
    #[error("the record bears a tag that is excluded from guardians, or is not labelled")]
    Excluded,
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self { reason, rule: None }
    }
}

impl Verdict {
    /// Is it a Permit?
    pub const fn is_permit(&self) -> bool {
        matches!(self, Self::Permit(_))
    }

    /// The rule a Permit rests on, if it rests on one.
    pub const fn rule(&self) -> Option<RuleRef> {
        match self {
            Self::Permit(Basis::Rule(rule)) => Some(*rule),
            _ => None,
        }
    }
}

/// Decide one question about one record.
///
/// In this order: preconditions (the organisation Active; the actor Active, licensed and affiliated; the
/// patient's state; the record servable), a Deny that matches, a Permit that matches, the chain's default
/// policy, no.
pub fn decide(state: &dyn StateReader, question: &Question, record: &RecordView) -> Verdict {
    Grounds::of(state, question, &[]).judge(record)
}

/// A practitioner at an organisation: whom a grantee is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// Who.
    pub practitioner: PractitionerId,
    /// For whom they act.
    pub organisation: OrganisationId,
    /// By what.
    pub affiliation: &'a Affiliation,
}

/// What a decision about any record rests on: read once, then judged per record, which reads nothing more.
pub struct Grounds {
    /// Why the question is answered no whatever the record, if it is.
    barred: Option<Reason>,
    /// Live Denies that concern the question, the oldest first.
    denies: Vec<(RuleRef, Rule)>,
    /// Live Permits that concern the question, the oldest first.
    permits: Vec<(RuleRef, Rule)>,
    /// The organisation that the default policy lets do this with records it keeps.
    custodian: Option<OrganisationId>,
    /// The guardianship by which a guardian asks, who needs no Permit.
    guardian: Option<Acting>,
}

impl Grounds {
    /// Read the grounds of `question`. One use of each rule of `uncounted` does not count: that is how a
    /// receipt is judged again whose own opening made those uses.
    pub fn of(state: &dyn StateReader, question: &Question, uncounted: &[RuleRef]) -> Self {
        match Self::admitted(state, question) {
            Ok(affiliation) => Self::of_admitted(state, question, uncounted, &affiliation),
            Err(reason) => Self::barred_by(reason),
        }
    }

    /// The grounds on which a guardian views records of `patient` through `organisation`: what is denied to everyone
    /// is denied to a guardian too, and what the guardianship excludes.
    pub fn of_guardian(
        state: &dyn StateReader,
        patient: PatientId,
        guardian: Subject,
        organisation: OrganisationId,
        at: Moment,
    ) -> Self {
        if let Err(standing) = salus_registry::organisation_active(state, organisation) {
            return Self::barred_by(Reason::Standing(standing));
        }
        let Some(acting) = salus_patients::acts_for(state, &patient, guardian, at) else {
            return Self::barred_by(Reason::Standing(Standing::NotAuthorised));
        };
        let denies = within(state, patient, &[GranteeKey::Everyone], |_, rule| {
            rule.terms.effect == Effect::Deny
                && rule.terms.purposes.contains(Purpose::FamilyRequest)
                && rule.terms.actions.contains(Action::View)
                && rule.is_live(at, 0)
        });
        Self { barred: None, denies, permits: Vec::new(), custodian: None, guardian: Some(acting) }
    }

    /// Whatever the record, no.
    fn barred_by(reason: Reason) -> Self {
        Self { barred: Some(reason), denies: Vec::new(), permits: Vec::new(), custodian: None, guardian: None }
    }

    /// The preconditions, the record's apart.
    fn admitted(state: &dyn StateReader, question: &Question) -> Result<Affiliation, Reason> {
        let affiliation = salus_registry::practitioner_acts(state, question.actor, question.organisation, question.at)
            .map_err(Reason::Standing)?;
        salus_patients::may_receive_care(state, &question.patient, question.at).map_err(Reason::Patient)?;
        Ok(affiliation)
    }

    fn of_admitted(
        state: &dyn StateReader,
        question: &Question,
        uncounted: &[RuleRef],
        affiliation: &Affiliation,
    ) -> Self {
        let actor = Actor { practitioner: question.actor, organisation: question.organisation, affiliation };
        let mut rules = concerning(state, question.patient, &actor, |reference, rule| {
            rule.terms.purposes.contains(question.purpose)
                && rule.terms.actions.contains(question.action)
                && rule.is_live(question.at, u32::from(uncounted.contains(reference)))
        });
        rules.sort_by_key(|(reference, _)| reference.id);
        let (denies, permits) = rules.into_iter().partition(|(_, rule)| rule.terms.effect == Effect::Deny);
        Self { barred: None, denies, permits, custodian: default_custodian(state, question), guardian: None }
    }

    /// Why the question is answered no whatever the record, if it is.
    pub fn barred(&self) -> Option<Reason> {
        self.barred
    }

    /// Judge one record.
    pub fn judge(&self, record: &RecordView) -> Verdict {
        if let Some(reason) = self.barred {
            return Verdict::Denied(reason.into());
        }
        match record.servable {
            Servable::Yes => {}
            Servable::EnteredInError => return Verdict::Denied(Reason::EnteredInError.into()),
            Servable::Erased => return Verdict::Denied(Reason::Erased.into()),
        }
        if let Some((rule, _)) = self.denies.iter().find(|(_, rule)| rule.terms.scope.closes(record)) {
            return Verdict::Denied(Denial { reason: Reason::DenyRule, rule: Some(*rule) });
        }
        if let Some((rule, _)) = self.permits.iter().find(|(_, rule)| rule.opens(record)) {
            return Verdict::Permit(Basis::Rule(*rule));
        }
        if let Some(acting) = &self.guardian {
            return match acting.may_touch(&record.tags, record.labelled) {
                true => Verdict::Permit(Basis::Guardianship),
                false => Verdict::Denied(Reason::Excluded.into()),
            };
        }
        if self.custodian == Some(record.custodian) && !record.restricted {
            return Verdict::Permit(Basis::Default);
        }
        Verdict::Denied(Reason::NoConsent.into())
    }

    /// Judge an id under which the patient has no record: always no, for a reason of its own where nothing
    /// else bars the question.
    pub fn judge_unknown(&self) -> Verdict {
        Verdict::Denied(self.barred.unwrap_or(Reason::UnknownRecord).into())
    }
}

/// The organisation that may act by the chain's default policy on records it keeps, if the question is one
/// that the policy answers.
fn default_custodian(state: &dyn StateReader, question: &Question) -> Option<OrganisationId> {
    let covered = match ChainParameters::get(state).policy {
        Policy::DenyAll => false,
        Policy::CustodianTreatment => {
            question.purpose == Purpose::Treatment
                && matches!(question.action, Action::View | Action::Add | Action::Amend)
                && salus_patients::may_use_default(state, &question.patient, question.at).is_ok()
        }
    };
    covered.then_some(question.organisation)
}

/// The rules of `patient` that speak to `actor` and that `wanted` says yes to, page by page.
fn concerning(
    state: &dyn StateReader,
    patient: PatientId,
    actor: &Actor<'_>,
    wanted: impl Fn(&RuleRef, &Rule) -> bool,
) -> Vec<(RuleRef, Rule)> {
    let mut rules = within(state, patient, &GranteeKey::concerning(actor.practitioner, actor.organisation), wanted);
    // The speciality is read only where a rule by attribute is left to compare it with.
    let mut speciality = None;
    rules.retain(|(_, rule)| match rule.terms.grantee {
        Grantee::Attribute(attribute) => {
            let speciality = *speciality
                .get_or_insert_with(|| Practitioners::get(state, &actor.practitioner).map(|entry| entry.speciality));
            attribute.organisation == actor.organisation
                && attribute.speciality.is_none_or(|wanted| speciality == Some(wanted))
                && attribute.role.is_none_or(|wanted| actor.affiliation.roles.contains(&wanted))
        }
        // The page's key has said it.
        Grantee::Practitioner(..) | Grantee::Organisation(_) | Grantee::Everyone => true,
    });
    rules
}

/// The rules in these pages that `wanted` says yes to.
fn within(
    state: &dyn StateReader,
    patient: PatientId,
    keys: &[GranteeKey],
    wanted: impl Fn(&RuleRef, &Rule) -> bool,
) -> Vec<(RuleRef, Rule)> {
    let mut rules = Vec::new();
    for &grantee in keys {
        let page = Rules::get(state, &(patient, grantee)).unwrap_or_default();
        rules.extend(page.into_iter().map(|rule| (RuleRef { grantee, id: rule.id }, rule)));
    }
    rules.retain(|(reference, rule)| wanted(reference, rule));
    rules
}

/// Does a live Deny of the patient speak to `actor` and surely hit a part of what they ask for? Then the
/// patient need not be asked.
///
/// A Deny by tags does so only where a tag it names is asked for by name: otherwise one denied label would
/// keep everyone from asking for anything.
pub fn denies_request(
    state: &dyn StateReader,
    patient: PatientId,
    actor: &Actor<'_>,
    asked: &Extent<'_>,
    now: Moment,
) -> bool {
    !concerning(state, patient, actor, |_, rule| rule.surely_denies(asked, now)).is_empty()
}

/// As [`denies_request`], for an organisation itself.
pub fn denies_organisation(
    state: &dyn StateReader,
    patient: PatientId,
    organisation: OrganisationId,
    asked: &Extent<'_>,
    now: Moment,
) -> bool {
    let keys = [GranteeKey::Organisation(organisation), GranteeKey::Everyone];
    !within(state, patient, &keys, |_, rule| rule.surely_denies(asked, now)).is_empty()
}
