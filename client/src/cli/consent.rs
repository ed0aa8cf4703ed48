//! `salus consent`: a patient's rules.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use salus_client::{
    actions::consent::{self, Granted, permit},
    chain::Chain,
    fhir::{Release, grant_of, terms_of},
};
use salus_consent::{
    Action, Actions, Effect, Grantee, Kinds, Obligations, Purpose, Purposes, Rule, RuleRef, Scope, Terms, Withdrawal,
};
use salus_primitives::{BoundedVec, Moment, PatientId, Window, crypto::KeyPair};

use super::{
    error::CliError,
    output::Output,
    parse,
    refs::Ref,
    rule::{DutyArgs, GranteeArgs, RULE_COLUMNS, ScopeArgs, grantee_text, row},
    session::Session,
};

/// `salus consent`
#[derive(Subcommand, Debug)]
pub enum ConsentCommand {
    /// Permit something, as the patient or a guardian with the power to act.
    ///
    /// A guardian names all tags that guardians are excluded from in --none-of, and gives a --valid-for that is not
    /// longer than the guardianship lasts: `salus guardian show` says both.
    #[command(after_long_help = GRANT_HELP)]
    Grant(GrantArgs),
    /// Deny something, as the patient: it overrides every permission.
    Deny(GrantArgs),
    /// Pass a part of a permission on, once, as the doctor it names, or as a Privacy officer of the hospital it names.
    ///
    /// The rule says share and does not forbid to pass it on. What you do not say is as in that rule; nothing can be
    /// wider. It ends with that rule, also when the patient revokes it.
    Delegate(DelegateArgs),
    /// Withdraw rules by number, or every rule about somebody.
    ///
    /// The patient withdraws any rule, a guardian those they made. Who a permission speaks to gives up their own: the
    /// doctor it names, or a Privacy officer of the hospital it names. What was passed on goes too.
    Revoke {
        /// The patient: an id, or the name of a key in your folder.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// Numbers of rules: `salus consent list` names them.
        #[arg(long = "rule", value_delimiter = ',', value_name = "N,...", conflicts_with = "GranteeArgs")]
        rules: Vec<u32>,
        /// Every rule that speaks so.
        #[command(flatten)]
        to: GranteeArgs,
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

const GRANT_HELP: &str = "Any cardiologist of a hospital, until they have seen you three times, within half a year:
  salus consent grant --patient me --to-speciality 394579002 --at HOSPITAL --max-uses 3 --valid-for 180d --key me

A prescription with two repeats: the pharmacists of a pharmacy open it three times at most. Each time one opens it, they
dispense:
  salus consent grant --patient me --records RECORD --to-role 46255001 --at PHARMACY --max-uses 3 --valid-for 90d --key me

A doctor may see and pass on laboratory results, and all copies are erased a month after:
  salus consent grant --patient me --to-doctor DOCTOR --at HOSPITAL --kinds lab --actions view,share --valid-for 30d \
  --erase-by 60d --key me";

/// What a rule says.
#[derive(Args, Debug)]
pub struct GrantArgs {
    /// The patient: an id, or the name of a key in your folder.
    #[arg(long)]
    pub patient: Ref<PatientId>,
    /// To whom.
    #[command(flatten)]
    pub to: GranteeArgs,
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
    /// What the reader has to keep to.
    #[command(flatten)]
    pub duties: DutyArgs,
    /// Number of the rule it takes the place of.
    #[arg(long, value_name = "N")]
    pub replaces: Option<u32>,
    /// Name of the key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// What of a rule is passed on.
#[derive(Args, Debug)]
pub struct DelegateArgs {
    /// The patient: an id, or the name of a key in your folder.
    #[arg(long)]
    pub patient: Ref<PatientId>,
    /// Number of the rule it is a part of: `salus consent list` names it.
    #[arg(long, value_name = "N")]
    pub rule: u32,
    /// To whom.
    #[command(flatten)]
    pub to: GranteeArgs,
    /// These actions only; without it those of the rule but share, for what was passed on is not passed on again.
    #[arg(long, value_delimiter = ',', value_parser = parse::action, value_name = "ACTION,...")]
    pub actions: Vec<Action>,
    /// These purposes only; without it those of the rule.
    #[arg(long, value_delimiter = ',', value_parser = parse::purpose, value_name = "CODE,...")]
    pub purposes: Vec<Purpose>,
    /// Which.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// For how long from now; without it as long as the rule.
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    pub valid_for: Option<u64>,
    /// How many openings. Where the rule has a limit they are taken from it.
    #[arg(long, value_name = "N")]
    pub max_uses: Option<u32>,
    /// What the reader has to keep to, besides what the rule says.
    #[command(flatten)]
    pub duties: DutyArgs,
    /// Name of the key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: ConsentCommand) -> Result<Output, CliError> {
    match command {
        ConsentCommand::Grant(arguments) => grant(session, Effect::Permit, arguments).await,
        ConsentCommand::Deny(arguments) => grant(session, Effect::Deny, arguments).await,
        ConsentCommand::Delegate(arguments) => delegate(session, arguments).await,
        ConsentCommand::Revoke { patient, rules, to, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let too_many = |_| CliError::Usage("at most 32 rules are withdrawn at once".to_owned());
            let what = match to.grantee(session, &chain).await? {
                // All rules by attribute lie in one page, those about others too.
                Some(to @ Grantee::Attribute(_)) => {
                    let about = about(&consent::list(&chain, patient).await?, &to)?;
                    Withdrawal::Rules(BoundedVec::try_from(about).map_err(too_many)?)
                }
                Some(to) => Withdrawal::Pages(BoundedVec::try_from(vec![to.key()]).map_err(too_many)?),
                None if rules.is_empty() => {
                    return Err(CliError::Usage(
                        "say what to revoke: --rule N, or whom it is about, as --to-org ORG".to_owned(),
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
            let rule = the(&rules, number)?;
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
    numbers.iter().map(|number| the(rules, *number).map(reference)).collect()
}

/// The rules that speak to just this grantee.
fn about(rules: &[Rule], to: &Grantee) -> Result<Vec<RuleRef>, CliError> {
    let found: Vec<RuleRef> = rules.iter().filter(|rule| rule.terms.grantee == *to).map(reference).collect();
    if found.is_empty() {
        let whom = grantee_text(to);
        return Err(CliError::Usage(format!(
            "there is no rule about {whom}: `salus consent list` names those there are"
        )));
    }
    Ok(found)
}

/// The rule of this number.
fn the(rules: &[Rule], number: u32) -> Result<&Rule, CliError> {
    rules.iter().find(|rule| rule.id == number).ok_or_else(|| {
        CliError::Usage(format!("the patient has no rule {number}: `salus consent list` names those there are"))
    })
}

fn reference(rule: &Rule) -> RuleRef {
    RuleRef { grantee: rule.terms.grantee.key(), id: rule.id }
}

async fn grant(session: &Session, effect: Effect, arguments: GrantArgs) -> Result<Output, CliError> {
    let key = session.key(&arguments.key)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &arguments.patient).await?;
    let grantee = arguments.to.someone(session, &chain).await?;
    let scope = arguments.scope.scope(session, &chain, patient).await?;
    let now = chain.now().await?;
    let window = parse::window(now, arguments.valid_for);
    let terms = Terms {
        effect,
        scope,
        max_uses: arguments.max_uses,
        obligations: arguments.duties.besides(Obligations::default(), now),
        ..permit(grantee, Kinds::ALL, &arguments.purposes, &arguments.actions, window)
    };
    make(session, &chain, &key, patient, terms, arguments.replaces).await
}

/// What is said of a part that is passed on.
struct Part {
    grantee: Grantee,
    scope: Scope,
    actions: Vec<Action>,
    purposes: Vec<Purpose>,
    valid_for: Option<u64>,
    max_uses: Option<u32>,
    obligations: Obligations,
}

impl Part {
    /// The whole of it, at `now`: what is not said is as in `rule`.
    fn of(self, rule: &Rule, now: Moment) -> Result<Terms, CliError> {
        let whole = &rule.terms;
        if let (None, Some(left)) = (self.max_uses, rule.left().uses) {
            return Err(CliError::Usage(format!(
                "{left} uses are left of rule {}: say with --max-uses how many of them you pass on",
                rule.id
            )));
        }
        let until = self.valid_for.map_or(whole.window.until, |length| now.plus(length));
        let share = Actions::of(&[Action::Share]);
        Ok(Terms {
            effect: whole.effect,
            grantee: self.grantee,
            scope: self.scope,
            purposes: if self.purposes.is_empty() { whole.purposes } else { Purposes::of(&self.purposes) },
            actions: if self.actions.is_empty() {
                Actions(whole.actions.0 & !share.0)
            } else {
                Actions::of(&self.actions)
            },
            window: Window { from: now.max(whole.window.from), until: until.min(whole.window.until) },
            max_uses: self.max_uses,
            obligations: self.obligations,
        })
    }
}

async fn delegate(session: &Session, arguments: DelegateArgs) -> Result<Output, CliError> {
    let key = session.key(&arguments.key)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &arguments.patient).await?;
    let grantee = arguments.to.someone(session, &chain).await?;
    let rules = consent::list(&chain, patient).await?;
    let rule = the(&rules, arguments.rule)?;
    let now = chain.now().await?;
    let part = Part {
        grantee,
        scope: arguments.scope.within(session, &chain, patient, rule.terms.scope.clone()).await?,
        actions: arguments.actions,
        purposes: arguments.purposes,
        valid_for: arguments.valid_for,
        max_uses: arguments.max_uses,
        obligations: arguments.duties.besides(rule.terms.obligations, now),
    };
    let terms = part.of(rule, now)?;
    let until = terms.window.until;
    let done = consent::delegate(&chain, &key, patient, reference(rule), terms);
    let passed = session.wait("passing on", done).await?;
    let title = format!("Passed on. It ends with rule {} at the latest.", rule.id);
    Ok(made(title, patient, &passed, &grantee, until).with("part_of", rule.id))
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
    Ok(made(title.to_owned(), patient, &granted, &grantee, until))
}

/// A rule that was made.
fn made(title: String, patient: PatientId, granted: &Granted, grantee: &Grantee, until: Moment) -> Output {
    Output::new(title)
        .with_text("patient", patient)
        .with("rule", granted.rule.id)
        .with_text("to", grantee_text(grantee))
        .with_moment("until", until)
        .with_receipt(&granted.receipt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_consent::{Attribute, Origin};
    use salus_primitives::OrganisationId;

    const NOW: Moment = Moment(1_000);
    const CLINIC: OrganisationId = OrganisationId([1; 16]);

    /// A rule that its grantee may share, used once of `max_uses`.
    fn shared(max_uses: Option<u32>) -> Rule {
        let window = Window { from: Moment(10), until: Moment(5_000) };
        let actions = [Action::View, Action::Share];
        let terms = permit(Grantee::Organisation(CLINIC), Kinds::ALL, &[Purpose::Treatment], &actions, window);
        Rule {
            id: 7,
            terms: Terms { max_uses, ..terms },
            uses: max_uses.map(|_| salus_consent::types::Uses { count: 1, last: Moment(20) }),
            origin: Origin::Patient,
            labelled_only: false,
            children: BoundedVec::new(),
        }
    }

    fn part(rule: &Rule) -> Part {
        Part {
            grantee: Grantee::Organisation(OrganisationId([2; 16])),
            scope: rule.terms.scope.clone(),
            actions: vec![],
            purposes: vec![],
            valid_for: None,
            max_uses: None,
            obligations: rule.terms.obligations,
        }
    }

    #[test]
    fn what_is_passed_on_is_the_rest_of_the_rule_without_sharing_it_further() {
        let rule = shared(None);
        let terms = part(&rule).of(&rule, NOW).unwrap();
        assert_eq!(terms.actions, Actions::of(&[Action::View]));
        assert_eq!(terms.window, Window { from: NOW, until: Moment(5_000) });
        assert!(terms.extent().is_within(&rule.left()));
    }

    #[test]
    fn what_is_passed_on_never_outlasts_the_rule() {
        let rule = shared(None);
        let until = |valid_for| Part { valid_for: Some(valid_for), ..part(&rule) }.of(&rule, NOW).unwrap().window.until;
        assert_eq!((until(500), until(500_000)), (Moment(1_500), Moment(5_000)));
    }

    #[test]
    fn uses_that_are_passed_on_are_counted_by_who_passes_them_on() {
        let rule = shared(Some(3));
        let refused = part(&rule).of(&rule, NOW).unwrap_err();
        assert_eq!(refused.status(), 2);
        assert!(refused.to_string().starts_with("2 uses are left of rule 7"), "{refused}");
        let terms = Part { max_uses: Some(2), ..part(&rule) }.of(&rule, NOW).unwrap();
        assert!(terms.extent().is_within(&rule.left()));
    }

    #[test]
    fn rules_about_one_attribute_are_found_among_all_that_lie_in_its_page() {
        let by = |role| Grantee::Attribute(Attribute { organisation: CLINIC, speciality: None, role: Some(role) });
        let rule = |id, role| Rule { id, terms: Terms { grantee: by(role), ..shared(None).terms }, ..shared(None) };
        let rules = [rule(1, 46_255_001), rule(2, 5), rule(3, 46_255_001)];
        let found = about(&rules, &by(46_255_001)).unwrap();
        assert_eq!(found.iter().map(|rule| rule.id).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(about(&rules, &by(6)).unwrap_err().status(), 2);
        assert_eq!(named(&rules, &[2, 9]).unwrap_err().status(), 2);
    }
}
