//! `salus council`: motions of the administrators.

use clap::Subcommand;
use salus_client::{
    actions::{
        FreshId as _,
        council::{self, Moved, NewOrganisation, Outcome, act_text, stage_text, upgrade_text},
    },
    fhir::instant,
};
use salus_council::{
    Act,
    types::{MEMBERS_MAX, Members},
};
use salus_primitives::{AccountId, Height, OrganisationId, PractitionerId, bounded::Full};
use salus_registry::types::{Caps, DisplayName, Organisation, OrganisationStatus, PractitionerStatus};
use salus_system::{Parameters, Policy};
use salus_validators::types::{Added, Authorities, CHANGE_MAX, NewValidator};

use super::{
    agreement::{Done, HandOverTo},
    error::CliError,
    output::Output,
    parse,
    refs::Ref,
    session::Session,
};

/// `salus council`
#[derive(Subcommand, Debug)]
pub enum CouncilCommand {
    /// Show members, threshold and motions.
    Status,
    /// Propose a new organisation with its first Admin.
    RegisterOrg {
        /// What people read: at most 64 bytes.
        name: String,
        /// What it may do.
        #[arg(long, value_delimiter = ',', value_parser = parse::cap, value_name = "CAP,...")]
        caps: Vec<Caps>,
        /// Its id; a new random one when none is given.
        #[arg(long)]
        id: Option<OrganisationId>,
        /// Name of the first Admin's key, which agrees, or its address where it is on another machine.
        #[arg(long, value_name = "NAME")]
        admin_key: String,
        #[command(flatten)]
        to: HandOverTo,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose another name or other capabilities for an organisation, or a further Admin in place of one that was
    /// lost; what is not given stays.
    ChangeOrg {
        /// The organisation's id.
        organisation: Ref<OrganisationId>,
        #[command(flatten)]
        changes: OrganisationChanges,
        #[command(flatten)]
        to: HandOverTo,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose to suspend an organisation: its people can report releases and nothing else.
    Suspend(OnOrganisation),
    /// Propose to lift an organisation's suspension.
    Restore(OnOrganisation),
    /// Propose to remove a suspended organisation for good.
    Remove(OnOrganisation),
    /// Propose who may take over the records of a removed organisation: `salus record hand-over`.
    NameSuccessor {
        /// Id of the removed organisation.
        removed: Ref<OrganisationId>,
        /// Id of who takes over: Active, with the Custodian capability.
        #[arg(long, value_name = "ORG")]
        successor: Ref<OrganisationId>,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose who the members are and how many ayes pass a motion. Waits `root_delay` after it passed.
    SetMembers {
        /// All members, present ones too: names of keys in your folder, or addresses. A key that leaves never
        /// returns.
        #[arg(required = true, value_name = "MEMBER")]
        members: Vec<String>,
        /// How many ayes pass a motion from then on.
        #[arg(long, value_name = "N")]
        threshold: u8,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose who enters the validators and who leaves. Waits `root_delay` after it passed.
    SetValidators {
        /// Who enters, or gets another peer id: authority address, peer id and organisation, as
        /// `salus-node key show` and `salus org show` print them. May be given again.
        #[arg(long, value_parser = parse::validator, value_name = "AUTHORITY,PEER,ORGANISATION")]
        add: Vec<NewValidator>,
        /// Authority address of a validator that leaves. May be given again.
        #[arg(long, value_parser = parse::authority, value_name = "AUTHORITY", required_unless_present = "add")]
        drop: Vec<AccountId>,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose other parameters of the chain; those not given stay. Waits `root_delay` after it passed.
    SetParameters {
        #[command(flatten)]
        changes: ParameterChanges,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose to suspend a doctor: only the council lifts that again.
    SuspendDoctor(OnDoctor),
    /// Propose to lift a doctor's suspension, by whomever it was.
    RestoreDoctor(OnDoctor),
    /// Propose to strike a suspended doctor off the register for good.
    StrikeDoctor(OnDoctor),
    /// Propose from which height on blocks mean what another release says. Waits `root_delay` after it passed.
    ///
    /// Every node needs that release before the height comes: one without it stops before. It takes the place of an
    /// upgrade whose height has not come.
    ScheduleUpgrade {
        /// The release's spec version, above the present one: `salus chain status` names that.
        spec_version: u32,
        /// The first height of it.
        #[arg(long, value_name = "HEIGHT")]
        from_height: u32,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Propose to cancel a motion that passed and waits.
    Cancel {
        /// Its number.
        motion: u32,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Vote on a motion.
    Vote {
        /// Its number.
        motion: u32,
        /// Against it.
        #[arg(long)]
        nay: bool,
        /// Name of the member's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// What to change of the chain's parameters.
#[derive(clap::Args, Debug, Default)]
#[group(required = true, multiple = true)]
pub struct ParameterChanges {
    /// What is decided when no rule of the patient matches.
    #[arg(long, value_enum)]
    pub policy: Option<DefaultPolicy>,
    /// How long acts on members, validators and parameters wait after they passed, at most 30d; 0s for not at all.
    #[arg(long, value_parser = parse::delay, value_name = "TIME")]
    pub root_delay: Option<u64>,
    /// Shortest time between blocks, ms.
    #[arg(long, value_name = "MS")]
    pub block_interval_min: Option<u64>,
    /// Weight units that an organisation's officers may use a day, together.
    #[arg(long, value_name = "UNITS")]
    pub organisation_weight: Option<u64>,
    /// Weight units that a practitioner may use a day.
    #[arg(long, value_name = "UNITS")]
    pub practitioner_weight: Option<u64>,
    /// Weight units that a patient may use a day.
    #[arg(long, value_name = "UNITS")]
    pub patient_weight: Option<u64>,
    /// Invitations that an organisation may have open or spent within 30 days.
    #[arg(long, value_name = "N")]
    pub invitations_max: Option<u32>,
    /// How long a recovery by a patient's guardians waits: 1d to 30d, or from 1s where root acts do not wait.
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    pub recovery_delay: Option<u64>,
}

impl ParameterChanges {
    /// `present` with the changes.
    fn apply(&self, present: Parameters) -> Parameters {
        Parameters {
            policy: self.policy.map_or(present.policy, Into::into),
            root_delay: self.root_delay.unwrap_or(present.root_delay),
            block_interval_min: self.block_interval_min.unwrap_or(present.block_interval_min),
            organisation_weight: self.organisation_weight.unwrap_or(present.organisation_weight),
            practitioner_weight: self.practitioner_weight.unwrap_or(present.practitioner_weight),
            patient_weight: self.patient_weight.unwrap_or(present.patient_weight),
            invitations_max: self.invitations_max.unwrap_or(present.invitations_max),
            recovery_delay: self.recovery_delay.unwrap_or(present.recovery_delay),
        }
    }
}

/// What is decided when no rule matches.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPolicy {
    /// Nothing without a patient's rule.
    DenyAll,
    /// A record's custodian may view, add and amend for treatment, unless the record is restricted.
    CustodianTreatment,
}

impl From<DefaultPolicy> for Policy {
    fn from(policy: DefaultPolicy) -> Self {
        match policy {
            DefaultPolicy::DenyAll => Self::DenyAll,
            DefaultPolicy::CustodianTreatment => Self::CustodianTreatment,
        }
    }
}

/// An organisation and who proposes.
#[derive(clap::Args, Debug)]
pub struct OnOrganisation {
    /// The organisation's id.
    pub organisation: Ref<OrganisationId>,
    /// Name of the member's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// A doctor and who proposes.
#[derive(clap::Args, Debug)]
pub struct OnDoctor {
    /// The doctor's id.
    pub doctor: Ref<PractitionerId>,
    /// Name of the member's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// What to change of an organisation.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = true)]
pub struct OrganisationChanges {
    /// What people read: at most 64 bytes.
    #[arg(long)]
    pub name: Option<String>,
    /// Everything it may do from then on.
    #[arg(long, value_delimiter = ',', value_parser = parse::cap, value_name = "CAP,...")]
    pub caps: Vec<Caps>,
    /// It may employ people and nothing more.
    #[arg(long, conflicts_with = "caps")]
    pub no_caps: bool,
    /// Name of the further Admin's new key, which agrees, or its address where it is on another machine.
    #[arg(long, value_name = "NAME")]
    pub admin_key: Option<String>,
}

impl OrganisationChanges {
    /// The act that makes `present` so, with `admin` as a further Admin.
    fn act(&self, id: OrganisationId, present: Organisation, admin: Option<AccountId>) -> Result<Act, CliError> {
        Ok(Act::OrganisationSet {
            id,
            status: present.status,
            display_name: self.name.as_deref().map_or(Ok(present.display_name), display_name)?,
            caps: match &self.caps[..] {
                [] if !self.no_caps => present.caps,
                caps => all(caps),
            },
            admin,
        })
    }
}

fn display_name(name: &str) -> Result<DisplayName, CliError> {
    DisplayName::try_from(name.as_bytes().to_vec())
        .map_err(|_| CliError::Usage("a display name has at most 64 bytes".to_owned()))
}

fn all(caps: &[Caps]) -> Caps {
    caps.iter().copied().fold(Caps::NONE, Caps::with)
}

/// Run it.
pub async fn run(session: &Session, command: CouncilCommand) -> Result<Output, CliError> {
    match command {
        CouncilCommand::Status => status(session).await,
        CouncilCommand::RegisterOrg { name, caps, id, admin_key, to, key } => {
            let display = display_name(&name)?;
            let id = id.map_or_else(OrganisationId::fresh, Ok)?;
            let caps = all(&caps);
            let signers = session.signers(to, &key, &[&admin_key])?;
            let chain = session.chain().await?;
            let act = NewOrganisation { id, name: display, caps }.act(signers.other());
            let done = signers.submit(session, &chain, "registering", council::propose_call(act)).await?;
            Ok(proposed(done, &format!("register {name}"))?.with_text("organisation", id))
        }
        CouncilCommand::ChangeOrg { organisation, changes, to, key } => {
            let admin: Vec<&str> = changes.admin_key.iter().map(String::as_str).collect();
            let signers = session.signers(to, &key, &admin)?;
            let chain = session.chain().await?;
            let id = session.id(&chain, &organisation).await?;
            let admin = changes.admin_key.as_ref().map(|_| signers.other());
            let act = changes.act(id, council::organisation(&chain, id).await?, admin)?;
            let done = signers.submit(session, &chain, "proposing", council::propose_call(act)).await?;
            Ok(proposed(done, "change the organisation")?.with_text("organisation", id))
        }
        CouncilCommand::NameSuccessor { removed, successor, key } => {
            let chain = session.chain().await?;
            let removed = session.id(&chain, &removed).await?;
            let act = Act::Successor { removed, new: session.id(&chain, &successor).await? };
            propose(session, &key, "name a successor", |_| act).await
        }
        CouncilCommand::SetMembers { members, threshold, key } => {
            let members = members.iter().map(|text| session.account(text)).collect::<Result<Vec<_>, _>>()?;
            let members = Members::try_from(members)
                .map_err(|_| CliError::Usage(format!("a council has at most {MEMBERS_MAX} members")))?;
            propose(session, &key, "set the members", |_| Act::CouncilSet { members, threshold }).await
        }
        CouncilCommand::SetValidators { add, drop, key } => {
            let many =
                |_: Full| CliError::Usage(format!("one motion adds and drops at most {CHANGE_MAX} validators each"));
            let add = Added::try_from(add).map_err(many)?;
            let drop = Authorities::try_from(drop).map_err(many)?;
            propose(session, &key, "set the validators", |_| Act::ValidatorsSet { add, drop }).await
        }
        CouncilCommand::SetParameters { changes, key } => {
            propose(session, &key, "set the parameters", |present| Act::ParametersSet {
                parameters: changes.apply(present),
            })
            .await
        }
        CouncilCommand::SuspendDoctor(on) => set_doctor(session, on, PractitionerStatus::Suspended, "suspend").await,
        CouncilCommand::RestoreDoctor(on) => set_doctor(session, on, PractitionerStatus::Active, "restore").await,
        CouncilCommand::StrikeDoctor(on) => set_doctor(session, on, PractitionerStatus::Struck, "strike off").await,
        CouncilCommand::ScheduleUpgrade { spec_version, from_height, key } => {
            let act = Act::UpgradeSchedule { spec_version, height: Height(from_height) };
            propose(session, &key, "schedule an upgrade", |_| act).await
        }
        CouncilCommand::Cancel { motion, key } => {
            propose(session, &key, &format!("cancel motion {motion}"), |_| Act::CancelMotion { motion }).await
        }
        CouncilCommand::Suspend(on) => set(session, on, OrganisationStatus::Suspended, "suspend").await,
        CouncilCommand::Restore(on) => set(session, on, OrganisationStatus::Active, "restore").await,
        CouncilCommand::Remove(on) => set(session, on, OrganisationStatus::Removed, "remove").await,
        CouncilCommand::Vote { motion, nay, key } => {
            let member = session.key(&key)?;
            let chain = session.chain().await?;
            let moved = session.wait("voting", council::vote(&chain, &member, motion, !nay)).await?;
            Ok(output(if nay { "vote against" } else { "vote for" }, &moved))
        }
    }
}

/// Propose an act, made with the present parameters at hand.
async fn propose(
    session: &Session,
    key: &str,
    what: &str,
    act: impl FnOnce(Parameters) -> Act,
) -> Result<Output, CliError> {
    let member = session.key(key)?;
    let chain = session.chain().await?;
    let present = council::state(&chain).await?.parameters;
    let moved = session.wait("proposing", council::propose(&chain, &member, act(present), &[])).await?;
    Ok(output(what, &moved))
}

async fn set(
    session: &Session,
    on: OnOrganisation,
    status: OrganisationStatus,
    what: &str,
) -> Result<Output, CliError> {
    let member = session.key(&on.key)?;
    let chain = session.chain().await?;
    let organisation = session.id(&chain, &on.organisation).await?;
    let moved = council::set_organisation_status(&chain, &member, organisation, status);
    let moved = session.wait("proposing", moved).await?;
    Ok(output(what, &moved).with_text("organisation", organisation))
}

async fn set_doctor(
    session: &Session,
    on: OnDoctor,
    status: PractitionerStatus,
    what: &str,
) -> Result<Output, CliError> {
    let member = session.key(&on.key)?;
    let chain = session.chain().await?;
    let id = session.id(&chain, &on.doctor).await?;
    let done = council::propose(&chain, &member, Act::PractitionerStatus { id, status }, &[]);
    let moved = session.wait("proposing", done).await?;
    Ok(output(&format!("{what} the doctor"), &moved).with_text("doctor", id))
}

/// What came of a proposal that a new key agrees to.
fn proposed(done: Done, what: &str) -> Result<Output, CliError> {
    Ok(match done {
        Done::Final(receipt) => output(what, &Moved::proposed(*receipt)?),
        handed_over => handed_over.end(Output::new(handed_over.title(""))),
    })
}

fn output(what: &str, moved: &Moved) -> Output {
    let outcome = match &moved.outcome {
        Outcome::Executed => "executed".to_owned(),
        Outcome::Waiting(due) => format!("passed, takes effect at {}", instant(*due)),
        Outcome::Open => "open: it needs more votes (salus council vote)".to_owned(),
        Outcome::Rejected => "rejected".to_owned(),
        Outcome::Failed(why) => format!("passed, but could not take effect: {why}"),
    };
    Output::new(format!("Motion {} to {what}: {outcome}.", moved.motion))
        .with("motion", moved.motion)
        .with("outcome", outcome)
        .with_receipt(&moved.receipt)
}

async fn status(session: &Session) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let state = council::state(&chain).await?;
    let rows = state
        .motions
        .iter()
        .map(|motion| {
            vec![
                motion.number.into(),
                act_text(&motion.act).into(),
                stage_text(&motion.stage).into(),
                motion.ayes.len().into(),
                motion.nays.len().into(),
                instant(motion.proposed).into(),
            ]
        })
        .collect();
    let members: Vec<String> = state.members.iter().map(ToString::to_string).collect();
    let parameters = state.parameters;
    Ok(Output::new("The council")
        .with("members", members)
        .with("threshold", state.threshold)
        .with_text("policy", format!("{:?}", parameters.policy))
        .with("root_delay_ms", parameters.root_delay)
        .with("block_interval_min_ms", parameters.block_interval_min)
        .with("organisation_weight", parameters.organisation_weight)
        .with("practitioner_weight", parameters.practitioner_weight)
        .with("patient_weight", parameters.patient_weight)
        .with("invitations_max", parameters.invitations_max)
        .with("recovery_delay_ms", parameters.recovery_delay)
        .with("upgrade", state.upgrade.map(|upgrade| upgrade_text(&upgrade)))
        .with_list("motions", &["number", "act", "stage", "ayes", "nays", "proposed"], rows))
}

#[cfg(test)]
#[path = "council_tests.rs"]
mod tests;
