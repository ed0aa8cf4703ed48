//! The council: motions, and what they do to organisations.

use salus_council::{Act, ActError, Call, Event, Motion, Stage, types::Upgrade};
use salus_primitives::{AccountId, Moment, OrganisationId, crypto::KeyPair};
use salus_registry::types::{Caps, DisplayName, Organisation, OrganisationStatus};
use salus_runtime::{RuntimeCall, RuntimeEvent};
use salus_system::{Parameters, storage::ChainParameters};

use super::ActionError;
use crate::chain::{Chain, Receipt};

/// What became of a motion by one call.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It passed and its act took effect.
    Executed,
    /// It passed and runs at this block time.
    Waiting(Moment),
    /// It needs more votes.
    Open,
    /// It can no longer pass.
    Rejected,
    /// It passed and its act could not run.
    Failed(ActError),
}

/// A motion moved: proposed or voted on.
#[derive(Clone, PartialEq, Debug)]
pub struct Moved {
    /// Its number.
    pub motion: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Where that stands.
    pub receipt: Receipt,
}

impl Moved {
    /// What a proposal came to, of which `receipt` is the receipt.
    ///
    /// # Errors
    /// When it is the receipt of something else.
    pub fn proposed(receipt: Receipt) -> Result<Self, ActionError> {
        let motion = receipt.find(|event| match event {
            RuntimeEvent::Council(Event::Proposed { motion, .. }) => Some(*motion),
            _ => None,
        })?;
        Ok(Self::of(receipt, motion))
    }

    fn of(receipt: Receipt, motion: u32) -> Self {
        let mut outcome = Outcome::Open;
        for event in &receipt.events {
            outcome = match event {
                RuntimeEvent::Council(Event::Passed { motion: passed, due }) if *passed == motion => {
                    Outcome::Waiting(*due)
                }
                RuntimeEvent::Council(Event::Executed { motion: done }) if *done == motion => Outcome::Executed,
                RuntimeEvent::Council(Event::Rejected { motion: gone }) if *gone == motion => Outcome::Rejected,
                RuntimeEvent::Council(Event::Failed { motion: failed, reason }) if *failed == motion => {
                    Outcome::Failed(*reason)
                }
                _ => continue,
            };
        }
        Self { motion, outcome, receipt }
    }
}

/// A new organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewOrganisation {
    /// Its id, random: [`super::FreshId`].
    pub id: OrganisationId,
    /// What people read: at most 64 bytes.
    pub name: DisplayName,
    /// What it may do.
    pub caps: Caps,
}

impl NewOrganisation {
    /// The act that makes it, with `admin` as the key of its first Admin.
    pub fn act(self, admin: AccountId) -> Act {
        Act::OrganisationSet {
            id: self.id,
            status: OrganisationStatus::Active,
            display_name: self.name,
            caps: self.caps,
            admin: Some(admin),
        }
    }
}

/// Propose `act`; keys that the act binds agree to it.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn propose(chain: &Chain, member: &KeyPair, act: Act, agreeing: &[&KeyPair]) -> Result<Moved, ActionError> {
    Moved::proposed(chain.submit_cosigned(member, propose_call(act), agreeing).await?)
}

/// The call that proposes `act`. A key that the act binds agrees.
pub fn propose_call(act: Act) -> RuntimeCall {
    RuntimeCall::Council(Call::Propose { act, cosign: Default::default() })
}

/// Vote on a motion.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn vote(chain: &Chain, member: &KeyPair, motion: u32, aye: bool) -> Result<Moved, ActionError> {
    let receipt = chain.submit(member, RuntimeCall::Council(Call::Vote { motion, aye })).await?;
    Ok(Moved::of(receipt, motion))
}

/// Propose a new organisation, whose first Admin's key agrees.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn register_organisation(
    chain: &Chain,
    member: &KeyPair,
    new: NewOrganisation,
    admin: &KeyPair,
) -> Result<Moved, ActionError> {
    propose(chain, member, new.act(admin.public()), &[admin]).await
}

/// Propose another status for an organisation, the rest of its entry unchanged: suspend it, lift that, or remove it.
///
/// # Errors
/// [`ActionError::Submit`], or [`ActionError::Unknown`] when there is no such organisation.
pub async fn set_organisation_status(
    chain: &Chain,
    member: &KeyPair,
    id: OrganisationId,
    status: OrganisationStatus,
) -> Result<Moved, ActionError> {
    let present = organisation(chain, id).await?;
    let act = Act::OrganisationSet { id, status, display_name: present.display_name, caps: present.caps, admin: None };
    propose(chain, member, act, &[]).await
}

/// The entry of an organisation.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn organisation(chain: &Chain, id: OrganisationId) -> Result<Organisation, ActionError> {
    let found = chain.view_now(|state| salus_registry::storage::Organisations::get(state, &id)).await?;
    found.ok_or_else(|| ActionError::Unknown { what: "organisation", id: id.to_string() })
}

/// Members, threshold, the chain's parameters and the motions that state keeps, by number.
#[derive(Clone, PartialEq, Debug)]
pub struct CouncilState {
    /// The members' keys.
    pub members: Vec<AccountId>,
    /// How many ayes pass a motion.
    pub threshold: u8,
    /// What the council can change of the chain.
    pub parameters: Parameters,
    /// Motions.
    pub motions: Vec<Motion>,
    /// The last upgrade that was scheduled: ahead, or in force since its height.
    pub upgrade: Option<Upgrade>,
}

/// How the council stands.
///
/// # Errors
/// What asking failed with.
pub async fn state(chain: &Chain) -> Result<CouncilState, ActionError> {
    use salus_council::storage::{Motions, Scheduled, Threshold};
    Ok(chain
        .view_now(|state| {
            let mut motions: Vec<Motion> =
                (0..salus_council::types::SLOTS).filter_map(|slot| Motions::get(state, &slot)).collect();
            motions.sort_by_key(|motion| motion.number);
            CouncilState {
                members: salus_council::members(state),
                threshold: Threshold::get(state),
                parameters: ChainParameters::get(state),
                motions,
                upgrade: Scheduled::get(state),
            }
        })
        .await?)
}

/// A motion's stage in words.
pub fn stage_text(stage: &Stage) -> String {
    match stage {
        Stage::Open => "open".into(),
        Stage::Waiting(due) => format!("waits until {due}"),
        Stage::Executed => "executed".into(),
        Stage::Failed(why) => format!("failed: {why}"),
        Stage::Rejected => "rejected".into(),
        Stage::Cancelled => "cancelled".into(),
    }
}

/// An upgrade in words.
pub fn upgrade_text(upgrade: &Upgrade) -> String {
    format!("spec version {} from height {} on", upgrade.spec_version, upgrade.height)
}

/// An act in words.
pub fn act_text(act: &Act) -> String {
    match act {
        Act::OrganisationSet { id, status, .. } => format!("organisation {id}: {status:?}").to_lowercase(),
        Act::CouncilSet { members, threshold } => format!("council of {}, threshold {threshold}", members.len()),
        Act::ValidatorsSet { add, drop } => format!("validators: {} in, {} out", add.len(), drop.len()),
        Act::ParametersSet { .. } => "parameters".to_owned(),
        Act::UpgradeSchedule { spec_version, height } => format!("spec version {spec_version} from height {height} on"),
        Act::CancelMotion { motion } => format!("cancel motion {motion}"),
        Act::Successor { removed, new } => format!("organisation {new}: successor of {removed}"),
        Act::PractitionerStatus { id, status } => format!("practitioner {id}: {status:?}").to_lowercase(),
    }
}
