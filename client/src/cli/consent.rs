//! `salus consent`: a patient's rules.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use salus_client::{
    actions::consent::{self, permit},
    chain::Chain,
    fhir::{Release, grant_of, instant, terms_of},
};
use salus_consent::{
    Action, Effect, Grantee, GranteeKey, Kind, Kinds, Obligations, Purpose, Rule, RuleRef, Scope, Tag, Tags, Terms,
    Withdrawal,
};
use salus_primitives::{BoundedVec, OrganisationId, PatientId, PractitionerId, Window, crypto::KeyPair};

use super::{
    error::CliError,
    output::Output,
    parse,
    refs::{RecordRef, Ref},
    session::Session,
};

/// `salus consent`
#[derive(Subcommand, Debug)]
pub enum ConsentCommand {
    /// Permit something.
    Grant(GrantArgs),
    /// Deny something: it overrides every permission.
    Deny(GrantArgs),
    /// Withdraw rules by number, or every rule about somebody.
    Revoke {
        /// Your id.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// Numbers of rules: `salus consent list` names them.
        #[arg(long = "rule", value_delimiter = ',', value_name = "N,...")]
        rules: Vec<u32>,
        /// Every rule about this organisation.
        #[arg(long, value_name = "ORG", conflicts_with = "rules")]
        to_org: Option<Ref<OrganisationId>>,
        /// Every rule about this doctor at the organisation given by --at.
        #[arg(long, value_name = "DOCTOR", conflicts_with_all = ["rules", "to_org"], requires = "at")]
        to_doctor: Option<Ref<PractitionerId>>,
        /// Where the doctor works.
        #[arg(long, value_name = "ORG")]
        at: Option<Ref<OrganisationId>>,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Write a rule as a FHIR Consent.
    Export {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// Number of the rule: `salus consent list` names it.
        #[arg(long, value_name = "N")]
        rule: u32,
        /// Of which release of FHIR: r4 or r5.
        #[arg(long, value_parser = parse::release, default_value = "r4", value_name = "RELEASE")]
        fhir: Release,
        /// Name of the patient's tag key, where you have it: then labels are told by name.
        #[arg(long, value_name = "NAME")]
        tag_key: Option<String>,
        /// Address of the policy that your deployment's consents are given under.
        #[arg(long, value_name = "URI", default_value = "urn:salus:policy")]
        policy: String,
    },
    /// Make the rule that a FHIR Consent says, of R4 or R5, as its patient. What a rule cannot say is refused.
    Import {
        /// The Consent's file.
        file: PathBuf,
        /// Name of your tag key, where the consent names labels.
        #[arg(long, value_name = "NAME")]
        tag_key: Option<String>,
        /// Number of the rule it takes the place of.
        #[arg(long, value_name = "N")]
        replaces: Option<u32>,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// List a patient's rules.
    List {
        /// The patient's id.
        patient: Ref<PatientId>,
    },
}

/// What a rule says.
#[derive(Args, Debug)]
pub struct GrantArgs {
    /// Your id.
    #[arg(long)]
    pub patient: Ref<PatientId>,
    /// To everyone who acts for this organisation.
    #[arg(long, value_name = "ORG")]
    pub to_org: Option<Ref<OrganisationId>>,
    /// To this doctor at the organisation given by --at.
    #[arg(long, value_name = "DOCTOR", conflicts_with = "to_org", requires = "at")]
    pub to_doctor: Option<Ref<PractitionerId>>,
    /// Where the doctor works.
    #[arg(long, value_name = "ORG")]
    pub at: Option<Ref<OrganisationId>>,
    /// To everyone: denials only.
    #[arg(long, conflicts_with_all = ["to_org", "to_doctor"])]
    pub everyone: bool,
    /// What they may do: view, add, amend, share.
    #[arg(long, value_delimiter = ',', value_parser = parse::action, default_value = "view", value_name = "ACTION,...")]
    pub actions: Vec<Action>,
    /// For what: HL7 codes as TREAT.
    #[arg(long, value_delimiter = ',', value_parser = parse::purpose, default_value = "TREAT", value_name = "CODE,...")]
    pub purposes: Vec<Purpose>,
    /// Which.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// For how long from now, at most 5y.
    #[arg(long, value_parser = parse::duration, default_value = "1y", value_name = "TIME")]
    pub valid_for: u64,
    /// How many openings.
    #[arg(long, value_name = "N")]
    pub max_uses: Option<u32>,
    /// The reader may not pass it on.
    #[arg(long)]
    pub no_redisclose: bool,
    /// The reader may not take it out of its own systems.
    #[arg(long)]
    pub local_only: bool,
    /// Number of the rule it takes the place of.
    #[arg(long, value_name = "N")]
    pub replaces: Option<u32>,
    /// Name of the key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Which records.
#[derive(Args, Debug)]
pub struct ScopeArgs {
    /// Kinds of records; without it all kinds.
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
    /// Was anything said?
    pub fn is_given(&self) -> bool {
        !(self.kinds.is_empty() && self.records.is_empty() && self.any_of.is_empty() && self.none_of.is_empty())
    }

    /// The scope.
    pub async fn scope(self, session: &Session, chain: &Chain, patient: PatientId) -> Result<Scope, CliError> {
        let tags = |tags| Tags::try_from(tags).map_err(|_| CliError::Usage("a list of tags has at most 8".to_owned()));
        let records = if self.records.is_empty() {
            None
        } else {
            let records = session.records(chain, patient, &self.records).await?;
            Some(BoundedVec::try_from(records).map_err(|_| CliError::Usage("at most 64 records".to_owned()))?)
        };
        let kinds = if self.kinds.is_empty() { Kinds::ALL } else { Kinds::of(&self.kinds) };
        Ok(Scope { kinds, records, any_of: tags(self.any_of)?, none_of: tags(self.none_of)? })
    }
}

/// Run it.
pub async fn run(session: &Session, command: ConsentCommand) -> Result<Output, CliError> {
    match command {
        ConsentCommand::Grant(arguments) => grant(session, Effect::Permit, arguments).await,
        ConsentCommand::Deny(arguments) => grant(session, Effect::Deny, arguments).await,
        ConsentCommand::Revoke { patient, rules, to_org, to_doctor, at, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let to_org = session.maybe_id(&chain, to_org.as_ref()).await?;
            let to_doctor = session.maybe_id(&chain, to_doctor.as_ref()).await?;
            let at = session.maybe_id(&chain, at.as_ref()).await?;
            let page = match (to_org, to_doctor, at) {
                (Some(organisation), _, _) => Some(GranteeKey::Organisation(organisation)),
                (_, Some(doctor), Some(at)) => Some(GranteeKey::Practitioner(doctor, at)),
                _ => None,
            };
            let too_many = |_| CliError::Usage("at most 32 rules are withdrawn at once".to_owned());
            let what = match page {
                Some(page) => Withdrawal::Pages(BoundedVec::try_from(vec![page]).map_err(too_many)?),
                None if rules.is_empty() => {
                    return Err(CliError::Usage(
                        "say what to revoke: --rule N, --to-org ORG or --to-doctor".to_owned(),
                    ));
                }
                None => {
                    let named = named(&consent::list(&chain, patient).await?, &rules)?;
                    Withdrawal::Rules(BoundedVec::try_from(named).map_err(too_many)?)
                }
            };
            let receipt = session.wait("revoking", consent::revoke(&chain, &key, patient, what)).await?;
            Ok(Output::new("Revoked: from this block on nothing is opened or released by these rules.")
                .with_text("patient", patient)
                .with_receipt(&receipt))
        }
        ConsentCommand::Export { patient, rule: number, fhir, tag_key, policy } => {
            let tag_key = tag_key.map(|name| session.tag_key(&name)).transpose()?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let (rules, now) = (consent::list(&chain, patient).await?, chain.now().await?);
            let rule = rules.iter().find(|rule| rule.id == number).ok_or_else(|| no_such(number))?;
            let grant = grant_of(patient, &rule.terms, !rule.is_over(now), tag_key.as_ref());
            Ok(Output::document(grant.to_consent(fhir, now.0, &policy)))
        }
        ConsentCommand::Import { file, tag_key, replaces, key } => {
            let failed = |source| CliError::Io { doing: "reading", path: file.clone(), source };
            let consent = salus_client::fhir::Grant::from_consent_bytes(&fs::read(&file).map_err(failed)?)?;
            if !consent.active {
                return Err(CliError::Usage("the consent is inactive: no rule is made of it".to_owned()));
            }
            let tag_key = tag_key.map(|name| session.tag_key(&name)).transpose()?;
            let terms = terms_of(&consent, tag_key.as_ref())?;
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            make(session, &chain, &key, PatientId(consent.patient.0), terms, replaces).await
        }
        ConsentCommand::List { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let rows = consent::list(&chain, patient).await?.iter().map(row).collect();
            Ok(Output::new(format!("Rules of patient {patient}")).with_list("rules", RULE_COLUMNS, rows))
        }
    }
}

/// The rules of these numbers.
fn named(rules: &[Rule], numbers: &[u32]) -> Result<Vec<RuleRef>, CliError> {
    numbers
        .iter()
        .map(|number| {
            let rule = rules.iter().find(|rule| rule.id == *number);
            let rule = rule.ok_or_else(|| no_such(*number))?;
            Ok(RuleRef { grantee: rule.terms.grantee.key(), id: rule.id })
        })
        .collect()
}

fn no_such(number: u32) -> CliError {
    CliError::Usage(format!("the patient has no rule {number}: `salus consent list` names those there are"))
}

async fn grant(session: &Session, effect: Effect, arguments: GrantArgs) -> Result<Output, CliError> {
    let key = session.key(&arguments.key)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &arguments.patient).await?;
    let to_org = session.maybe_id(&chain, arguments.to_org.as_ref()).await?;
    let to_doctor = session.maybe_id(&chain, arguments.to_doctor.as_ref()).await?;
    let at = session.maybe_id(&chain, arguments.at.as_ref()).await?;
    let grantee = match (to_org, to_doctor, at, arguments.everyone) {
        (Some(organisation), _, _, _) => Grantee::Organisation(organisation),
        (_, Some(doctor), Some(at), _) => Grantee::Practitioner(doctor, at),
        (_, _, _, true) => Grantee::Everyone,
        _ => {
            return Err(CliError::Usage("say to whom: --to-org ORG, --to-doctor DOCTOR --at ORG or --everyone".into()));
        }
    };
    let scope = arguments.scope.scope(session, &chain, patient).await?;
    let window = parse::window(chain.now().await?, arguments.valid_for);
    let obligations =
        Obligations { no_redisclose: arguments.no_redisclose, erase_by: None, local_only: arguments.local_only };
    let terms = Terms {
        effect,
        scope,
        max_uses: arguments.max_uses,
        obligations,
        ..permit(grantee, Kinds::ALL, &arguments.purposes, &arguments.actions, window)
    };
    make(session, &chain, &key, patient, terms, arguments.replaces).await
}

/// Make a rule.
async fn make(
    session: &Session,
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    terms: Terms,
    replaces: Option<u32>,
) -> Result<Output, CliError> {
    let replaces = match replaces {
        Some(number) => named(&consent::list(chain, patient).await?, &[number])?.pop(),
        None => None,
    };
    let (effect, grantee, until) = (terms.effect, terms.grantee, terms.window.until);
    let granted = session.wait("granting", consent::grant(chain, key, patient, terms, replaces)).await?;
    let title = match effect {
        Effect::Permit => "Granted.",
        Effect::Deny => "Denied: it overrides every permission.",
    };
    Ok(Output::new(title)
        .with_text("patient", patient)
        .with("rule", granted.rule.id)
        .with_text("to", grantee_text(&grantee))
        .with_moment("until", until)
        .with_receipt(&granted.receipt))
}

const RULE_COLUMNS: &[&str] = &["rule", "effect", "to", "kinds", "records", "actions", "purposes", "until", "uses"];

fn row(rule: &Rule) -> Vec<serde_json::Value> {
    let terms = &rule.terms;
    let uses = terms.max_uses.map(|max| format!("{} of {max}", rule.uses.map_or(0, |uses| uses.count)));
    let Window { until, .. } = terms.window;
    vec![
        rule.id.into(),
        format!("{:?}", terms.effect).to_lowercase().into(),
        grantee_text(&terms.grantee).into(),
        kinds_value(terms.scope.kinds),
        terms.scope.records.as_ref().map(|records| records.iter().map(ToString::to_string).collect::<Vec<_>>()).into(),
        parse::action_names(terms.actions).into(),
        parse::purpose_codes(terms.purposes).into(),
        instant(until).into(),
        uses.into(),
    ]
}

/// Kinds by name, or that it is all of them.
pub fn kinds_value(kinds: Kinds) -> serde_json::Value {
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
