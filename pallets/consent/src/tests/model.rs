//! The decision once more, written from the specification's words over plain lists, without a line of the
//! pallet's own matching, finding or ordering. Slow, and simple enough to be believed.

use std::collections::BTreeSet;

use salus_primitives::{OrganisationId, PractitionerId};

use crate::{
    Basis, Question, Reason, Verdict,
    types::{Action, Attribute, Effect, Grantee, Kind, Purpose, RecordView, Servable, Terms},
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
        if speaks && live && asked && in_scope(terms, record) {
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
