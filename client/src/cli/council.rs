//! `salus council`: motions of the administrators.

use clap::Subcommand;
use salus_client::{
    actions::{
        FreshId as _,
        council::{self, Moved, NewOrganisation, Outcome, stage_text},
    },
    fhir::instant,
};
use salus_council::Act;
use salus_primitives::OrganisationId;
use salus_registry::types::{Caps, DisplayName, OrganisationStatus};

use super::{error::CliError, output::Output, parse, session::Session};

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
        /// Name of the first Admin's key, which agrees.
        #[arg(long, value_name = "NAME")]
        admin_key: String,
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

/// An organisation and who proposes.
#[derive(clap::Args, Debug)]
pub struct OnOrganisation {
    /// The organisation's id.
    pub organisation: OrganisationId,
    /// Name of the member's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: CouncilCommand) -> Result<Output, CliError> {
    match command {
        CouncilCommand::Status => status(session).await,
        CouncilCommand::RegisterOrg { name, caps, id, admin_key, key } => {
            let display = DisplayName::try_from(name.clone().into_bytes())
                .map_err(|_| CliError::Usage("a display name has at most 64 bytes".to_owned()))?;
            let id = id.map_or_else(OrganisationId::fresh, Ok)?;
            let caps = caps.into_iter().fold(Caps::NONE, Caps::with);
            let (member, admin) = (session.key(&key)?, session.key(&admin_key)?);
            let chain = session.chain().await?;
            let new = NewOrganisation { id, name: display, caps };
            let moved = council::register_organisation(&chain, &member, new, &admin);
            let moved = session.wait("registering", moved).await?;
            Ok(output(&format!("register {name}"), &moved).with_text("organisation", id))
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

async fn set(
    session: &Session,
    on: OnOrganisation,
    status: OrganisationStatus,
    what: &str,
) -> Result<Output, CliError> {
    let member = session.key(&on.key)?;
    let chain = session.chain().await?;
    let moved = council::set_organisation_status(&chain, &member, on.organisation, status);
    let moved = session.wait("proposing", moved).await?;
    Ok(output(what, &moved).with_text("organisation", on.organisation))
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
    Ok(Output::new("The council").with("members", members).with("threshold", state.threshold).with_list(
        "motions",
        &["number", "act", "stage", "ayes", "nays", "proposed"],
        rows,
    ))
}

fn act_text(act: &Act) -> String {
    match act {
        Act::OrganisationSet { id, status, .. } => format!("organisation {id}: {status:?}").to_lowercase(),
        Act::CouncilSet { members, threshold } => format!("council of {}, threshold {threshold}", members.len()),
        Act::ValidatorsSet { add, drop } => format!("validators: {} in, {} out", add.len(), drop.len()),
        Act::ParametersSet { .. } => "parameters".to_owned(),
        Act::CancelMotion { motion } => format!("cancel motion {motion}"),
    }
}
