//! Every call of the registry: the allowed case, and each of its refusals.

mod affiliation;
mod keys;
mod organisation;
mod practitioner;
mod properties;
mod standing;

use std::sync::LazyLock;

use salus_primitives::{
    AccountId, BoundedVec, Hash, OrganisationId, PractitionerId,
    crypto::{KeyPair, Signature},
    signed::{CoSign, CoSigns},
    subject::Roles,
    time::YEAR,
};
use salus_support::testing::TestChain;

use crate::{
    Call, Error, Event, KemKey, Standing,
    testing::{key, set_status},
    types::*,
};

salus_support::runtime! { 0 => System: salus_system, 4 => Registry: crate }

type Chain = TestChain<Runtime>;

const CLINIC: OrganisationId = OrganisationId([0xc1; 16]);
const LABORATORY: OrganisationId = OrganisationId([0x1a; 16]);
const DOCTOR: PractitionerId = PractitionerId([0xd0; 16]);

const ADMIN: u8 = 1;
const REGISTRAR: u8 = 2;
const LAB_ADMIN: u8 = 3;
const LAB_REGISTRAR: u8 = 4;
const DOCTOR_KEY: u8 = 5;

fn account(seed: u8) -> AccountId {
    static ACCOUNTS: LazyLock<Vec<AccountId>> =
        LazyLock::new(|| (0..=u8::MAX).map(|seed| key(seed).public()).collect());
    ACCOUNTS[usize::from(seed)]
}

/// A clinic that licenses, a laboratory that does not, each with an Admin and a Registrar.
fn chain() -> Chain {
    let mut chain = Chain::new();
    crate::testing::organisation(&mut chain, CLINIC, Caps::CUSTODIAN.with(Caps::LICENSING), &key(ADMIN));
    crate::testing::officer(&mut chain, CLINIC, Roles::REGISTRAR, &key(REGISTRAR));
    crate::testing::organisation(&mut chain, LABORATORY, Caps::NONE, &key(LAB_ADMIN));
    crate::testing::officer(&mut chain, LABORATORY, Roles::REGISTRAR, &key(LAB_REGISTRAR));
    chain
}

/// The same with a doctor licensed by the clinic and affiliated nowhere.
fn chain_with_doctor() -> Chain {
    let mut chain = chain();
    crate::testing::practitioner(&mut chain, DOCTOR, CLINIC, &key(DOCTOR_KEY));
    chain
}

/// The co-signatures of `signers` on `call`, put into it.
fn cosigned(chain: &Chain, submitter: u8, call: &Call, signers: &[u8]) -> Call {
    let pairs: Vec<KeyPair> = signers.iter().map(|seed| key(*seed)).collect();
    let agreed = chain.cosigns(account(submitter), call.clone(), &pairs.iter().collect::<Vec<_>>());
    with_cosigns(call, agreed)
}

fn with_cosigns(call: &Call, agreed: CoSigns) -> Call {
    let mut call = call.clone();
    match &mut call {
        Call::OfficerSet { cosign, .. }
        | Call::PractitionerSet { cosign, .. }
        | Call::AffiliationSet { cosign, .. }
        | Call::KeysSet { cosign, .. } => *cosign = agreed,
        Call::OrganisationUpdate { .. } => panic!("organisation_update has no co-signatures"),
    }
    call
}

/// A key under which one signature fits every message, with that signature.
fn weak_cosign() -> (AccountId, CoSigns) {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let account = AccountId(identity);
    let cosign = CoSign { account, signature: Signature(signature) };
    (account, CoSigns::try_from(vec![cosign]).unwrap())
}

fn kem_key(seed: u8) -> KemKey {
    let secret = x25519_dalek::StaticSecret::from([seed; 32]);
    KemKey { suite: SUITE_X25519, key: x25519_dalek::PublicKey::from(&secret).to_bytes() }
}

const WEAK_KEM: KemKey = KemKey { suite: SUITE_X25519, key: [0; 32] };
