//! A patient's rules: granting, denying, passing on, revoking, listing.

use parity_scale_codec::Encode;
use salus_consent::{
    Action, Actions, Call, Effect, Event, Grantee, Kinds, Obligations, Page, Purpose, Purposes, Rule, RuleRef, Scope,
    Terms, Withdrawal, storage::Rules,
};
use salus_primitives::{PatientId, Window, crypto::KeyPair};
use salus_runtime::{RuntimeCall, RuntimeEvent};

use super::ActionError;
use crate::chain::{Chain, Receipt};

/// A rule was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Granted {
    /// Which.
    pub rule: RuleRef,
    /// Where that stands.
    pub receipt: Receipt,
}

/// A Permit for `grantee`, on every record of `kinds`, without limit of uses or obligations. Change its parts for
/// more.
pub fn permit(grantee: Grantee, kinds: Kinds, purposes: &[Purpose], actions: &[Action], window: Window) -> Terms {
    Terms {
        effect: Effect::Permit,
        grantee,
        scope: Scope::kinds(kinds),
        purposes: Purposes::of(purposes),
        actions: Actions::of(actions),
        window,
        max_uses: None,
        obligations: Obligations::default(),
    }
}

/// Make a rule, in place of another where `replaces` names one. By the patient, or a guardian with the power to act.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn grant(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    terms: Terms,
    replaces: Option<RuleRef>,
) -> Result<Granted, ActionError> {
    let receipt = chain.submit(key, RuntimeCall::Consent(Call::Grant { patient, terms, replaces })).await?;
    let rule = receipt.find(|event| match event {
        RuntimeEvent::Consent(Event::Granted { rule, .. } | Event::DenySet { rule, .. }) => Some(*rule),
        _ => None,
    })?;
    Ok(Granted { rule, receipt })
}

/// Pass a part of the rule `parent` on. By whom it speaks to.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn delegate(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    parent: RuleRef,
    terms: Terms,
) -> Result<Granted, ActionError> {
    let receipt = chain.submit(key, RuntimeCall::Consent(Call::Delegate { patient, parent, terms })).await?;
    let rule = receipt.find(|event| match event {
        RuntimeEvent::Consent(Event::Delegated { rule, .. }) => Some(*rule),
        _ => None,
    })?;
    Ok(Granted { rule, receipt })
}

/// Withdraw rules. By the patient, by a guardian who made them, or by whom a Permit speaks to.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn revoke(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    what: Withdrawal,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit(key, RuntimeCall::Consent(Call::Revoke { patient, what })).await?)
}

/// All rules of a patient, by number.
///
/// # Errors
/// What asking failed with.
pub async fn list(chain: &Chain, patient: PatientId) -> Result<Vec<Rule>, ActionError> {
    let at = chain.finalised().await?;
    let prefix = super::records::partial_key(Rules::prefix(), &patient.encode());
    let pages = chain.entries(&prefix, at, usize::from(salus_consent::types::PAGES_MAX)).await?;
    let mut rules = Vec::new();
    for (_, bytes) in pages {
        let page: Page = crate::chain::decode_value("page of rules", &bytes)?;
        rules.extend(page);
    }
    rules.sort_by_key(|rule| rule.id);
    Ok(rules)
}
