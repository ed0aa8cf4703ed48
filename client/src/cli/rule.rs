//! What a rule says: as arguments, and in words.

use clap::Args;
use salus_client::{chain::Chain, fhir::instant};
use salus_consent::{Attribute, Effect, Grantee, Kind, Kinds, Obligations, Origin, Rule, Scope, Tag, Tags};
use salus_primitives::{BoundedVec, Moment, OrganisationId, PatientId, PractitionerId, RecordId};
use serde_json::Value;

use super::{
    error::CliError,
    parse,
    refs::{RecordRef, Ref},
    session::Session,
};

/// To whom.
#[derive(Args, Debug)]
pub struct GranteeArgs {
    /// To everyone who acts for this organisation.
    #[arg(long, value_name = "ORG", conflicts_with = "at")]
    pub to_org: Option<Ref<OrganisationId>>,
    /// To this doctor at the organisation given by --at.
    #[arg(long, value_name = "DOCTOR", requires = "at")]
    pub to_doctor: Option<Ref<PractitionerId>>,
    /// To whoever has this speciality at the organisation given by --at: a SNOMED CT concept id, as 394579002 for
    /// cardiology.
    #[arg(long, value_name = "CODE", conflicts_with = "to_doctor", requires = "at")]
    pub to_speciality: Option<u64>,
    /// To whoever is employed in this role at the organisation given by --at: a SNOMED CT concept id, as 46255001 for
    /// pharmacists. With --to-speciality: who has both.
    #[arg(long, value_name = "CODE", conflicts_with = "to_doctor", requires = "at")]
    pub to_role: Option<u64>,
    /// Where they work.
    #[arg(long, value_name = "ORG")]
    pub at: Option<Ref<OrganisationId>>,
    /// To everyone: denials only.
    #[arg(long, conflicts_with_all = ["to_org", "at"])]
    pub everyone: bool,
}

impl GranteeArgs {
    /// To whom, where anybody was named.
    pub async fn grantee(&self, session: &Session, chain: &Chain) -> Result<Option<Grantee>, CliError> {
        let to_org = session.maybe_id(chain, self.to_org.as_ref()).await?;
        let to_doctor = session.maybe_id(chain, self.to_doctor.as_ref()).await?;
        let at = session.maybe_id(chain, self.at.as_ref()).await?;
        Ok(self.whom(to_org, to_doctor, at))
    }

    /// To whom, these being the ids of who is named.
    fn whom(
        &self,
        to_org: Option<OrganisationId>,
        to_doctor: Option<PractitionerId>,
        at: Option<OrganisationId>,
    ) -> Option<Grantee> {
        match (to_org, at) {
            (Some(organisation), _) => Some(Grantee::Organisation(organisation)),
            (None, Some(organisation)) => match (to_doctor, self.to_speciality, self.to_role) {
                (Some(doctor), _, _) => Some(Grantee::Practitioner(doctor, organisation)),
                // Where somebody works says nothing of whom.
                (None, None, None) => None,
                (None, speciality, role) => Some(Grantee::Attribute(Attribute { organisation, speciality, role })),
            },
            (None, None) => self.everyone.then_some(Grantee::Everyone),
        }
    }

    /// To whom; nobody is wrong usage.
    pub async fn someone(&self, session: &Session, chain: &Chain) -> Result<Grantee, CliError> {
        self.grantee(session, chain).await?.ok_or_else(|| {
            CliError::Usage(
                "say to whom: --to-org ORG; --to-doctor DOCTOR, --to-speciality CODE or --to-role CODE, with --at ORG; \
                 or --everyone"
                    .to_owned(),
            )
        })
    }
}

/// Which records.
#[derive(Args, Debug)]
pub struct ScopeArgs {
    /// Kinds of records; without it all kinds there may be.
    #[arg(long, value_delimiter = ',', value_parser = parse::kind, value_name = "KIND,...")]
    pub kinds: Vec<Kind>,
    /// These records only.
    #[arg(long, value_delimiter = ',', value_name = "RECORD,...")]
    pub records: Vec<RecordRef>,
    /// Records with at least one of these tags.
    #[arg(long, value_delimiter = ',', value_parser = parse::tag, value_name = "TAG,...")]
    pub any_of: Vec<Tag>,
    /// Records with none of these tags.
    #[arg(long, value_delimiter = ',', value_parser = parse::tag, value_name = "TAG,...")]
    pub none_of: Vec<Tag>,
}

impl ScopeArgs {
    /// The scope.
    pub async fn scope(self, session: &Session, chain: &Chain, patient: PatientId) -> Result<Scope, CliError> {
        self.within(session, chain, patient, Scope::kinds(Kinds::ALL)).await
    }

    /// The part of `outer` that is named: what is not said stays as it is there.
    pub async fn within(
        self,
        session: &Session,
        chain: &Chain,
        patient: PatientId,
        outer: Scope,
    ) -> Result<Scope, CliError> {
        let records = session.records(chain, patient, &self.records).await?;
        narrowed(outer, &self.kinds, records, self.any_of, self.none_of)
    }
}

/// `outer` with what is said in the place of its own. What it leaves out stays left out.
fn narrowed(
    outer: Scope,
    kinds: &[Kind],
    records: Vec<RecordId>,
    any_of: Vec<Tag>,
    mut none_of: Vec<Tag>,
) -> Result<Scope, CliError> {
    let tags = |tags| Tags::try_from(tags).map_err(|_| CliError::Usage("a list of tags has at most 8".to_owned()));
    let left_out = outer.none_of.iter().filter(|tag| !none_of.contains(tag)).copied().collect::<Vec<_>>();
    none_of.extend(left_out);
    Ok(Scope {
        kinds: if kinds.is_empty() { outer.kinds } else { Kinds::of(kinds) },
        records: if records.is_empty() {
            outer.records
        } else {
            Some(BoundedVec::try_from(records).map_err(|_| CliError::Usage("at most 64 records".to_owned()))?)
        },
        any_of: if any_of.is_empty() { outer.any_of } else { tags(any_of)? },
        none_of: tags(none_of)?,
    })
}

/// Duties of the reader.
#[derive(Args, Debug)]
pub struct DutyArgs {
    /// The reader may not pass it on.
    #[arg(long)]
    pub no_redisclose: bool,
    /// The reader may not take it out of its own systems.
    #[arg(long)]
    pub local_only: bool,
    /// The reader has to erase all copies within this time from now, which is not over before the rule is.
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    pub erase_by: Option<u64>,
}

impl DutyArgs {
    /// The duties, besides those of `outer`.
    pub fn besides(&self, outer: Obligations, now: Moment) -> Obligations {
        let said = self.erase_by.map(|length| now.plus(length));
        Obligations {
            no_redisclose: self.no_redisclose || outer.no_redisclose,
            local_only: self.local_only || outer.local_only,
            erase_by: match (said, outer.erase_by) {
                (Some(said), Some(outer)) => Some(said.min(outer)),
                (said, outer) => said.or(outer),
            },
        }
    }
}

/// Columns of a list of rules.
pub const RULE_COLUMNS: &[&str] = &[
    "rule",
    "effect",
    "to",
    "kinds",
    "records",
    "any_of",
    "none_of",
    "actions",
    "purposes",
    "until",
    "uses",
    "duties",
    "made_by",
    "passed_on",
];

/// A rule in a list.
pub fn row(rule: &Rule) -> Vec<Value> {
    let terms = &rule.terms;
    let uses = terms.max_uses.map(|max| format!("{} of {max}", rule.uses.map_or(0, |uses| uses.count)));
    let records = terms.scope.records.as_ref();
    vec![
        rule.id.into(),
        effect_name(terms.effect).into(),
        grantee_text(&terms.grantee).into(),
        kinds_value(terms.scope.kinds),
        records.map(|records| records.iter().map(ToString::to_string).collect::<Vec<_>>()).into(),
        parse::tag_texts(&terms.scope.any_of).into(),
        parse::tag_texts(&terms.scope.none_of).into(),
        parse::action_names(terms.actions).into(),
        parse::purpose_codes(terms.purposes).into(),
        instant(terms.window.until).into(),
        uses.into(),
        duty_texts(&terms.obligations).into(),
        origin_text(&rule.origin).into(),
        rule.children.iter().map(|child| child.id).collect::<Vec<_>>().into(),
    ]
}

fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
    }
}

/// Duties of the reader, in words.
fn duty_texts(obligations: &Obligations) -> Vec<String> {
    let mut texts = Vec::new();
    if obligations.no_redisclose {
        texts.push("not passed on".to_owned());
    }
    if obligations.local_only {
        texts.push("in its own systems only".to_owned());
    }
    texts.extend(obligations.erase_by.map(|by| format!("copies erased by {}", instant(by))));
    texts
}

/// Who made a rule, in words.
fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::Patient => "the patient".to_owned(),
        Origin::Guardian(guardian) => format!("guardian {guardian}"),
        Origin::Delegated(parent) => format!("who has rule {}", parent.id),
    }
}

/// Kinds by name, or that it is all of them.
pub fn kinds_value(kinds: Kinds) -> Value {
    if kinds == Kinds::ALL { "all".into() } else { parse::kind_names(kinds).into() }
}

/// To whom a rule speaks, in words.
pub fn grantee_text(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Practitioner(doctor, at) => format!("doctor {doctor} at {at}"),
        Grantee::Organisation(organisation) => format!("organisation {organisation}"),
        Grantee::Everyone => "everyone".to_owned(),
        Grantee::Attribute(attribute) => {
            let part =
                |name, value: Option<u64>| value.map(|value| format!(" with {name} {value}")).unwrap_or_default();
            let (speciality, role) = (part("speciality", attribute.speciality), part("role", attribute.role));
            format!("whoever acts for {}{speciality}{role}", attribute.organisation)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PSY: Tag = Tag([1; 8]);
    const HIV: Tag = Tag([2; 8]);

    fn outer() -> Scope {
        Scope {
            kinds: Kinds::of(&[Kind::Lab, Kind::Imaging]),
            records: None,
            any_of: Tags::new(),
            none_of: Tags::try_from(vec![PSY]).unwrap(),
        }
    }

    #[test]
    fn a_rule_speaks_to_whom_it_names_and_where_somebody_works_names_nobody() {
        let (at, doctor) = (OrganisationId([1; 16]), PractitionerId([2; 16]));
        let said = |to_speciality, to_role, everyone| GranteeArgs {
            to_org: None,
            to_doctor: None,
            to_speciality,
            to_role,
            at: None,
            everyone,
        };
        let nothing = said(None, None, false);
        assert_eq!(nothing.whom(None, None, Some(at)), None);
        assert_eq!(nothing.whom(None, None, None), None);
        assert_eq!(nothing.whom(Some(at), None, None), Some(Grantee::Organisation(at)));
        assert_eq!(nothing.whom(None, Some(doctor), Some(at)), Some(Grantee::Practitioner(doctor, at)));
        assert_eq!(said(None, None, true).whom(None, None, None), Some(Grantee::Everyone));
        let attribute = Attribute { organisation: at, speciality: Some(394_579_002), role: None };
        let whom = said(Some(394_579_002), None, false).whom(None, None, Some(at));
        assert_eq!(whom, Some(Grantee::Attribute(attribute)));
        let whom = said(Some(394_579_002), Some(46_255_001), false).whom(None, None, Some(at));
        assert_eq!(whom, Some(Grantee::Attribute(Attribute { role: Some(46_255_001), ..attribute })));
    }

    #[test]
    fn what_is_not_said_of_a_part_is_as_in_the_whole() {
        assert_eq!(narrowed(outer(), &[], vec![], vec![], vec![]).unwrap(), outer());
        let record = RecordId([7; 16]);
        let part = narrowed(outer(), &[Kind::Lab], vec![record], vec![HIV], vec![]).unwrap();
        assert_eq!((part.kinds, &part.any_of[..]), (Kinds::of(&[Kind::Lab]), &[HIV][..]));
        assert_eq!(part.records.as_ref().map(|records| records.to_vec()), Some(vec![record]));
        assert!(part.is_within(&outer()));
    }

    #[test]
    fn a_part_leaves_out_what_the_whole_leaves_out_and_each_tag_once() {
        let part = narrowed(outer(), &[], vec![], vec![], vec![HIV, PSY]).unwrap();
        assert_eq!(part.none_of[..], [HIV, PSY]);
        let part = narrowed(outer(), &[], vec![], vec![], vec![HIV]).unwrap();
        assert_eq!(part.none_of[..], [HIV, PSY]);
        let many = (10..18).map(|byte| Tag([byte; 8])).collect();
        assert_eq!(narrowed(outer(), &[], vec![], vec![], many).unwrap_err().status(), 2);
    }

    #[test]
    fn duties_of_a_part_are_those_of_the_whole_and_more() {
        let now = Moment(1_000);
        let nothing = DutyArgs { no_redisclose: false, local_only: false, erase_by: None };
        let outer = Obligations { no_redisclose: true, local_only: false, erase_by: Some(Moment(5_000)) };
        assert_eq!(nothing.besides(outer, now), outer);
        assert_eq!(nothing.besides(Obligations::default(), now), Obligations::default());
        let said = |erase_by| DutyArgs { no_redisclose: false, local_only: true, erase_by: Some(erase_by) };
        let both = Obligations { local_only: true, ..outer };
        assert_eq!(said(9_000).besides(outer, now), both);
        assert_eq!(said(500).besides(outer, now), Obligations { erase_by: Some(Moment(1_500)), ..both });
        assert!(said(9_000).besides(outer, now).is_within(&outer));
    }

    #[test]
    fn duties_and_origins_are_told_in_words() {
        let by = Moment(1_800_000_000_000);
        let all = Obligations { no_redisclose: true, local_only: true, erase_by: Some(by) };
        let texts = duty_texts(&all);
        assert_eq!(texts[..2], ["not passed on", "in its own systems only"]);
        assert!(texts[2].starts_with("copies erased by 2027-01-15T08:00:00"), "{texts:?}");
        assert_eq!(duty_texts(&Obligations::default()), Vec::<String>::new());
        let parent = salus_consent::RuleRef { grantee: salus_consent::GranteeKey::Everyone, id: 3 };
        assert_eq!(origin_text(&Origin::Delegated(parent)), "who has rule 3");
        let attribute = Attribute { organisation: OrganisationId([1; 16]), speciality: Some(394_579_002), role: None };
        assert!(grantee_text(&Grantee::Attribute(attribute)).ends_with("with speciality 394579002"));
    }
}
