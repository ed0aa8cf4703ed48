//! An organisation's Admin: its officers and its own part of its entry.

use salus_primitives::{
    AccountId, BoundedVec, Hash, OrganisationId, Subject, crypto::KeyPair, peer::PeerId, subject::Roles,
};
use salus_registry::{
    Call, KemKey,
    types::{PEERS_MAX, SUITE_X25519, Url},
};
use salus_runtime::RuntimeCall;
use salus_system::storage::{Account, Keys};

use super::ActionError;
use crate::{
    chain::{Chain, Receipt},
    envelope::KemPublic,
};

/// Make the holder of `officer` an officer with `roles`, or change its roles. A key that is new agrees.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn set(chain: &Chain, admin: &KeyPair, officer: &KeyPair, roles: Roles) -> Result<Receipt, ActionError> {
    let account = officer.public();
    let agreeing: &[&KeyPair] = if agrees(chain, account).await? { &[officer] } else { &[] };
    Ok(chain.submit_cosigned(admin, set_call(account, Some(roles)), agreeing).await?)
}

/// Does `account` have to agree when it becomes an officer? Only a key that nobody knows yet does.
///
/// # Errors
/// What asking failed with.
pub async fn agrees(chain: &Chain, account: AccountId) -> Result<bool, ActionError> {
    Ok(chain.view_now(|state| Account::get(state, &account).data.subject.is_none()).await?)
}

/// The call that gives `account` these roles in the caller's organisation; without any it ends for good.
pub fn set_call(account: AccountId, roles: Option<Roles>) -> RuntimeCall {
    RuntimeCall::Registry(Call::OfficerSet { account, roles, cosign: Default::default() })
}

/// Change the roles of an officer there is, or end it for good with none.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn change(
    chain: &Chain,
    admin: &KeyPair,
    account: AccountId,
    roles: Option<Roles>,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit(admin, set_call(account, roles)).await?)
}

/// What an Admin sets of the organisation's entry; all of it is replaced, but without a KEM key the present one
/// stays.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Commitment to the profile that the gateway's signed card opens.
    pub commitment: Hash,
    /// Where the gateway is.
    pub url: Url,
    /// The key that records' keys are sealed to for this organisation as custodian.
    pub kem: Option<KemPublic>,
    /// Peer ids of its full nodes, which may connect besides its validator.
    pub full_nodes: FullNodes,
}

/// Peer ids of an organisation's full nodes.
pub type FullNodes = BoundedVec<PeerId, PEERS_MAX>;

/// Set the organisation's own part of its entry.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn update_organisation(chain: &Chain, admin: &KeyPair, profile: Profile) -> Result<Receipt, ActionError> {
    let call = Call::OrganisationUpdate {
        profile: profile.commitment,
        url: profile.url,
        kem: profile.kem.map(kem_key),
        peer_ids: profile.full_nodes,
    };
    Ok(chain.submit(admin, RuntimeCall::Registry(call)).await?)
}

/// An encryption key as the chain has it.
pub fn kem_key(key: KemPublic) -> KemKey {
    KemKey { suite: SUITE_X25519, key: key.0 }
}

/// The officers of an organisation, with their roles.
///
/// # Errors
/// What asking failed with.
pub async fn list(chain: &Chain, organisation: OrganisationId) -> Result<Vec<(AccountId, Roles)>, ActionError> {
    Ok(chain
        .view_now(|state| {
            let keys = Keys::get(state, &Subject::Organisation(organisation)).keys;
            keys.into_iter().map(|key| (key, Account::get(state, &key).data.roles)).collect()
        })
        .await?)
}

/// The names of roles, and roles by name.
pub const ROLE_NAMES: [(&str, Roles); 5] = [
    ("admin", Roles::ADMIN),
    ("registrar", Roles::REGISTRAR),
    ("privacy", Roles::PRIVACY),
    ("reviewer", Roles::REVIEWER),
    ("gateway", Roles::GATEWAY),
];

/// Roles in words.
pub fn roles_text(roles: Roles) -> String {
    let names: Vec<&str> = ROLE_NAMES.iter().filter(|(_, role)| roles.contains(*role)).map(|(name, _)| *name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
