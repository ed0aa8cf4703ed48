//! The decision once more, written from the specification's words over plain lists, without a line of the
//! pallet's own matching, finding or ordering. Slow, and simple enough to be believed.

use std::collections::BTreeSet;

use salus_primitives::{OrganisationId, PractitionerId};

use crate::{
    Basis, Question, Reason, Verdict,
    codes::{Action, Kind, Purpose},
    types::{Attribute, Effect, Grantee, RecordView, Servable, Terms},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    Living,
    Frozen,
    Dead,
    Closed,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub id: PractitionerId,
    pub active: bool,
    pub licence_until: u64,
    pub speciality: u64,
}

#[derive(Clone, Debug)]
pub struct Post {
    pub person: PractitionerId,
    pub place: OrganisationId,
    pub until: u64,
    pub roles: Vec<u64>,
}

#[derive(Clone, Debug)]
pub struct Written {
    pub id: u32,
    pub terms: Terms,
    pub used: u32,
    /// Matches labelled records only.
    pub labelled_only: bool,
    /// The rule it is a part of.
    pub parent: Option<u32>,
}

/// All that matters to a decision about one patient.
#[derive(Clone, Debug)]
pub struct Facts {
    pub active_places: BTreeSet<OrganisationId>,
    pub people: Vec<Person>,
    pub posts: Vec<Post>,
    pub patient: Condition,
    pub custodians_may_treat: bool,
    pub rules: Vec<Written>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    ByRule(u32),
    ByDefault,
    DeniedByRule(u32),
    NotAdmitted,
    NotServable,
    NoConsent,
}

impl Answer {
    pub fn kind(self) -> &'static str {
        match self {
            Self::ByRule(_) => "by a rule",
            Self::ByDefault => "by default",
            Self::DeniedByRule(_) => "denied by a rule",
            Self::NotAdmitted => "not admitted",
            Self::NotServable => "not servable",
            Self::NoConsent => "no consent",
        }
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Permit(Basis::Rule(rule)) => Self::ByRule(rule.id),
            Verdict::Permit(Basis::Default) => Self::ByDefault,
            Verdict::Permit(other) => panic!("no decision rests on {other:?}"),
            Verdict::Denied(denial) => match (denial.reason, denial.rule) {
                (Reason::DenyRule, Some(rule)) => Self::DeniedByRule(rule.id),
                (Reason::Standing(_) | Reason::Patient(_), None) => Self::NotAdmitted,
                (Reason::EnteredInError | Reason::Erased, None) => Self::NotServable,
                (Reason::NoConsent, None) => Self::NoConsent,
                other => panic!("a denial that contradicts itself: {other:?}"),
            },
        }
    }
}

pub fn answer(facts: &Facts, question: &Question, record: &RecordView) -> Answer {
    let t = question.at.0;
    let person = facts.people.iter().find(|person| person.id == question.actor);
    let post = facts.posts.iter().find(|post| post.person == question.actor && post.place == question.organisation);
    let (Some(person), Some(post)) = (person, post) else { return Answer::NotAdmitted };
    let place_active = facts.active_places.contains(&question.organisation);
    if !place_active || !person.active || t >= person.licence_until || t >= post.until {
        return Answer::NotAdmitted;
    }
    if facts.patient == Condition::Closed {
        return Answer::NotAdmitted;
    }
    if record.servable != Servable::Yes {
        return Answer::NotServable;
    }
    let mut denying = BTreeSet::new();
    let mut permitting = BTreeSet::new();
    for rule in &facts.rules {
        let terms = &rule.terms;
        let speaks = match terms.grantee {
            Grantee::Practitioner(who, place) => who == question.actor && place == question.organisation,
            Grantee::Organisation(place) => place == question.organisation,
            Grantee::Everyone => true,
            Grantee::Attribute(Attribute { organisation, speciality, role }) => {
                let special = match speciality {
                    Some(code) => code == person.speciality,
                    None => true,
                };
                let employed = match role {
                    Some(code) => post.roles.contains(&code),
                    None => true,
                };
                organisation == question.organisation && special && employed
            }
        };
        let live = terms.window.from.0 <= t && t < terms.window.until.0 && terms.max_uses.is_none_or(|n| rule.used < n);
        let asked = has(u32::from(terms.purposes.0), question.purpose as u32)
            && has(u32::from(terms.actions.0), question.action as u32);
        let seen = record.labelled || !rule.labelled_only;
        if speaks && live && asked && seen && in_scope(terms, record) {
            match terms.effect {
                Effect::Deny => denying.insert(rule.id),
                Effect::Permit => permitting.insert(rule.id),
            };
        }
    }
    if let Some(oldest) = denying.first() {
        return Answer::DeniedByRule(*oldest);
    }
    if let Some(oldest) = permitting.first() {
        return Answer::ByRule(*oldest);
    }
    let treating = question.purpose == Purpose::Treatment && question.action != Action::Share;
    let keeps = record.custodian == question.organisation && !record.restricted;
    if facts.custodians_may_treat && facts.patient != Condition::Dead && treating && keeps {
        return Answer::ByDefault;
    }
    Answer::NoConsent
}

/// Is there a record, purpose, action or moment that `part` permits and `whole` does not, or an obligation it drops?
/// By trying all of them, over records that differ in everything that the histories of these tests speak of.
pub fn exceeds(part: &Terms, whole: &Terms, records: &[RecordView], moments: &[u64]) -> bool {
    let reaches = |terms: &Terms, t: u64| terms.window.from.0 <= t && t < terms.window.until.0;
    let more = |part: u32, whole: u32| (0..32).any(|index| has(part, index) && !has(whole, index));
    let (ours, theirs) = (part.obligations, whole.obligations);
    let drops = (theirs.no_redisclose && !ours.no_redisclose)
        || (theirs.local_only && !ours.local_only)
        || theirs.erase_by.is_some_and(|by| ours.erase_by.is_none_or(|own| own > by));
    records.iter().any(|record| in_scope(part, record) && !in_scope(whole, record))
        || moments.iter().any(|t| reaches(part, *t) && !reaches(whole, *t))
        || more(u32::from(part.purposes.0), u32::from(whole.purposes.0))
        || more(u32::from(part.actions.0), u32::from(whole.actions.0))
        || whole.max_uses.is_some_and(|max| part.max_uses.is_none_or(|own| own > max))
        || drops
}

fn has(bits: u32, index: u32) -> bool {
    bits >> index & 1 == 1
}

fn in_scope(terms: &Terms, record: &RecordView) -> bool {
    let scope = &terms.scope;
    let kind = match record.kind {
        Kind::General => 0,
        Kind::Encounter => 1,
        Kind::Lab => 2,
        Kind::Imaging => 3,
        Kind::Medication => 4,
        Kind::Document => 5,
        Kind::Device => 6,
        Kind::Summary => 7,
        Kind::Other => 8,
    };
    if !has(u32::from(scope.kinds.0), kind) {
        return false;
    }
    if let Some(list) = &scope.records
        && !list.contains(&record.id)
    {
        return false;
    }
    let common = |list: &[crate::Tag]| list.iter().filter(|tag| record.tags.iter().any(|own| own == *tag)).count();
    match terms.effect {
        Effect::Deny => scope.any_of.is_empty() || common(&scope.any_of) > 0 || !record.labelled,
        Effect::Permit if scope.any_of.is_empty() && scope.none_of.is_empty() => true,
        Effect::Permit if !record.labelled => false,
        Effect::Permit => (scope.any_of.is_empty() || common(&scope.any_of) > 0) && common(&scope.none_of) == 0,
    }
}
