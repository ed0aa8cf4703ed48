//! Organisations and their officers: calls 5 and 6, and what the council's OrganisationSet does.

use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, Subject,
    peer::{FullNodePeer, check_peer, peer_key},
    signed::CoSigns,
    subject::Roles,
};
use salus_support::{Ctx, Overlay, StateReader, ensure};
use salus_system::{BindError, Ended, Purpose, keys as system_keys, storage::Account};

use super::{exactly, new_keys_agree};
use crate::{
    Error, Event, keys, officer,
    storage::{Hosts, Organisations},
    types::{
        Caps, DisplayName, KemKey, Organisation, OrganisationStatus, PEERS_MAX, PeerId, Url, is_display_name, is_url,
    },
};

/// Call 5.
///
/// # Errors
/// As [`crate::Call::OrganisationUpdate`] says.
pub fn update(
    ctx: &mut Ctx<'_, '_>,
    profile: Hash,
    url: Url,
    kem: Option<KemKey>,
    peer_ids: BoundedVec<PeerId, PEERS_MAX>,
) -> Result<(), Error> {
    let id = officer(ctx, Roles::ADMIN)?;
    let organisation = Organisations::get(ctx.state(), &id).ok_or(Error::BadState)?;
    ensure(is_url(&url), Error::BadText)?;
    ensure(!peer_ids.has_duplicates(), Error::BadPeers)?;
    for peer in &peer_ids {
        let key = check_peer(peer)?;
        let account = Account::get(ctx.state(), &key).data.subject.is_some();
        let authority = system_keys::purpose(ctx.state(), key) == Some(Purpose::Authority);
        ensure(!account && !authority, Error::KeyTaken)?;
    }
    keep_host(ctx.state_mut(), id, !peer_ids.is_empty())?;
    if let Some(kem) = kem {
        keys::set_kem(ctx.state_mut(), Subject::Organisation(id), kem)?;
    }
    Organisations::insert(ctx.state_mut(), &id, &Organisation { profile, url, peer_ids, ..organisation });
    ctx.emit(Event::OrganisationUpdated { organisation: id });
    Ok(())
}

/// List `id` among the organisations with full nodes, or not. Where there is no room, removed ones make it.
fn keep_host(state: &mut Overlay<'_>, id: OrganisationId, lists: bool) -> Result<(), Error> {
    let mut hosts = Hosts::get(state);
    if hosts.contains(&id) == lists {
        return Ok(());
    }
    if lists {
        if hosts.is_full() {
            hosts.retain(|host| !is_removed(state, host));
        }
        hosts.try_push(id).map_err(|_| Error::TooMany)?;
    } else {
        hosts.retain(|host| *host != id);
    }
    Hosts::put(state, &hosts);
    Ok(())
}

fn is_removed(state: &dyn StateReader, id: &OrganisationId) -> bool {
    Organisations::get(state, id).is_none_or(|organisation| organisation.status == OrganisationStatus::Removed)
}

/// The full nodes that organisations listed, those of removed ones left out: one read for each organisation that has
/// any.
pub fn full_nodes(state: &dyn StateReader) -> Vec<FullNodePeer> {
    let mut nodes = Vec::new();
    for id in Hosts::get(state) {
        let Some(organisation) = Organisations::get(state, &id) else { continue };
        if organisation.status != OrganisationStatus::Removed {
            let keys = organisation.peer_ids.iter().filter_map(|peer| peer_key(peer));
            nodes.extend(keys.map(|network| FullNodePeer { network, organisation: id }));
        }
    }
    nodes
}

/// Call 6.
///
/// # Errors
/// As [`crate::Call::OfficerSet`] says.
pub fn officer_set(
    ctx: &mut Ctx<'_, '_>,
    account: AccountId,
    roles: Option<Roles>,
    cosign: &CoSigns,
) -> Result<(), Error> {
    let id = officer(ctx, Roles::ADMIN)?;
    let subject = Subject::Organisation(id);
    ensure(roles.is_none_or(|roles| roles.is_valid() && !roles.is_empty()), Error::BadRoles)?;
    let data = Account::get(ctx.state(), &account).data;
    match (data.subject, roles) {
        (None, None) => return Err(Error::UnknownKey),
        (None, Some(roles)) => {
            new_keys_agree(ctx, cosign, &[account])?;
            let now = ctx.now();
            system_keys::bind(ctx.state_mut(), now, account, subject, roles, None)?;
        }
        (Some(held), _) => {
            ensure(held == subject && data.ended == Ended::No, Error::KeyTaken)?;
            exactly(ctx, cosign, &[])?;
            let stays_admin = roles.is_some_and(|roles| roles.contains(Roles::ADMIN));
            let is_last = data.roles.contains(Roles::ADMIN) && system_keys::admins(ctx.state(), subject) == 1;
            ensure(stays_admin || !is_last, Error::LastAdmin)?;
            match roles {
                Some(roles) => system_keys::set_roles(ctx.state_mut(), account, roles),
                None => system_keys::end(ctx.state_mut(), account),
            }
        }
    }
    ctx.emit(Event::OfficerSet { organisation: id, account, roles });
    Ok(())
}

/// Why an organisation cannot be set so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrganisationError {
    /// The name is not one people can read.
    #[error("the display name is empty, no UTF-8 or has control characters")]
    Name,
    /// Capabilities that do not exist.
    #[error("capabilities that do not exist")]
    Caps,
    /// Not from the state it is in; a new one starts Active.
    #[error("no such transition: Active <-> Suspended -> Removed, and a new organisation starts Active")]
    Transition,
    /// A new organisation needs an Admin.
    #[error("a new organisation needs an Admin's key")]
    AdminMissing,
    /// The Admin's key cannot be bound.
    #[error("the Admin's key: {0}")]
    Admin(#[from] BindError),
}

/// Make an organisation with its first Admin, change its state, name and capabilities, or give it a further
/// Admin in place of one that was lost. Called by the council only. The Admin's key must have agreed.
/// Without an Admin's key this is one write. The event returned is the caller's to deposit.
///
/// # Errors
/// [`OrganisationError`]; then nothing is changed.
pub fn organisation_set(
    state: &mut Overlay<'_>,
    now: Moment,
    id: OrganisationId,
    status: OrganisationStatus,
    display_name: DisplayName,
    caps: Caps,
    admin: Option<AccountId>,
) -> Result<Event, OrganisationError> {
    ensure(is_display_name(&display_name), OrganisationError::Name)?;
    ensure(caps.is_valid(), OrganisationError::Caps)?;
    let organisation = match Organisations::get(state, &id) {
        Some(organisation) => {
            ensure(organisation.status.may_become(status), OrganisationError::Transition)?;
            Organisation { status, display_name, caps, ..organisation }
        }
        None => {
            ensure(status == OrganisationStatus::Active, OrganisationError::Transition)?;
            ensure(admin.is_some(), OrganisationError::AdminMissing)?;
            Organisation {
                status,
                display_name,
                profile: Hash::ZERO,
                url: Url::new(),
                caps,
                peer_ids: BoundedVec::new(),
            }
        }
    };
    if let Some(admin) = admin {
        system_keys::bind(state, now, admin, Subject::Organisation(id), Roles::ADMIN, None)?;
    }
    Organisations::insert(state, &id, &organisation);
    Ok(Event::OrganisationSet { organisation: id, status, admin })
}
