//! Every call and act of the council: the allowed case, and each refusal.

mod acts;
mod genesis;
mod motions;
mod properties;
mod validators;

use std::{collections::BTreeMap, sync::LazyLock};

use parity_scale_codec::Decode;
use salus_primitives::{
    AccountId, Moment, OrganisationId, Subject,
    crypto::{KeyPair, Signature},
    signed::{CoSign, CoSigns},
    time::{DAY, HOUR},
};
use salus_registry::{
    testing::key,
    types::{Caps, DisplayName, OrganisationStatus},
};
use salus_support::{StateReader, table::RuntimeTable, testing::TestChain};
use salus_system::{Parameters, keys as system_keys, storage::ChainParameters};

use crate::{
    Act, ActError, Call, Error, Event, Stage,
    storage::{Due, Motions, NextMotion, Threshold},
    types::{LAPSE, Members, Motion, SLOTS},
};

salus_support::runtime! {
    0 => System: salus_system,
    2 => Validators: salus_validators,
    3 => Council: crate,
    4 => Registry: salus_registry,
}

type Chain = TestChain<Runtime>;

const CLINIC: OrganisationId = OrganisationId([0xc1; 16]);
const DELAY: u64 = DAY;

fn account(seed: u8) -> AccountId {
    static ACCOUNTS: LazyLock<Vec<AccountId>> =
        LazyLock::new(|| (0..=u8::MAX).map(|seed| key(seed).public()).collect());
    ACCOUNTS[usize::from(seed)]
}

/// A council of the keys 1 to `members`, with a `root_delay` of a day.
fn council(members: u8, threshold: u8) -> Chain {
    let mut chain = Chain::new();
    let now = chain.now();
    let keys: Vec<AccountId> = (1..=members).map(account).collect();
    chain.prepare(|state| {
        crate::genesis::build(state, &keys, threshold, now).unwrap();
        let parameters = Parameters { root_delay: DELAY, ..Parameters::default() };
        salus_system::genesis::build(state, &parameters, now);
    });
    chain
}

fn propose(act: Act) -> Call {
    Call::Propose { act, cosign: CoSigns::new() }
}

/// The proposal of `act`, co-signed by `signers`.
fn cosigned(chain: &Chain, submitter: u8, act: &Act, signers: &[u8]) -> Call {
    let pairs: Vec<KeyPair> = signers.iter().map(|seed| key(*seed)).collect();
    let pairs: Vec<&KeyPair> = pairs.iter().collect();
    let cosign = chain.cosigns(account(submitter), propose(act.clone()), &pairs);
    Call::Propose { act: act.clone(), cosign }
}

fn vote(motion: u32, aye: bool) -> Call {
    Call::Vote { motion, aye }
}

fn organisation_set(status: OrganisationStatus, admin: Option<u8>) -> Act {
    Act::OrganisationSet {
        id: CLINIC,
        status,
        display_name: DisplayName::try_from(b"Clinic".to_vec()).unwrap(),
        caps: Caps::CUSTODIAN,
        admin: admin.map(account),
    }
}

fn council_set(members: &[u8], threshold: u8) -> Act {
    let members: Vec<AccountId> = members.iter().map(|seed| account(*seed)).collect();
    Act::CouncilSet { members: Members::try_from(members).unwrap(), threshold }
}

fn parameters_set(patient_weight: u64) -> Act {
    let parameters = Parameters { root_delay: DELAY, patient_weight, ..Parameters::default() };
    Act::ParametersSet { parameters }
}

fn motion(chain: &Chain, number: u32) -> Motion {
    crate::acts::find(chain.state(), number).unwrap()
}

/// What the start of a block does, and the events it deposits.
fn start_block(chain: &mut Chain) -> Vec<RuntimeEvent> {
    let (now, height) = (chain.now(), chain.height());
    let mut deposited = Vec::new();
    chain.prepare(|state| crate::on_initialise(state, now, height, &mut deposited));
    deposited
        .iter()
        .map(|event| RuntimeEvent::decode(&mut &Runtime::event_bytes(event)[..]).expect("an event survives encoding"))
        .collect()
}
