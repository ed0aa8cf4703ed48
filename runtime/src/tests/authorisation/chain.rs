//! System, validators and council.

use salus_council::{
    Call, Error,
    types::{Act, Members},
};
use salus_primitives::{
    commit::VoteKind,
    evidence::{Evidence, SignedVote, Vote},
    signed::CoSigns,
};
use salus_registry::types::{OrganisationStatus, PractitionerStatus};

use super::*;

/// `noop` is anyone's who is registered, for it does nothing.
pub(super) const SYSTEM: Table = Table {
    pallet: "System",
    codes: &[],
    cells: "
                             | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        noop                 | -  -  -  | ok | ok ok ok ok ok | ok ok ok ok ok | ok | ok ok ok ok ok | ok ok ok | ok ok
    ",
    rows: &[row("noop", |world, role| world.by(role, noop()))],
};

/// A report proves itself and is bare: with a signature it can stand in no block, whoever's it is.
pub(super) const VALIDATORS: Table = Table {
    pallet: "Validators",
    codes: &[("un", Outcome::Unfit(InvalidTransaction::Call))],
    cells: "
                             | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        report_equivocation  | un un un | un | un un un un un | un un un un un | un | un un un un un | un un un | un un
    ",
    rows: &[row("report_equivocation", |world, role| {
        let [nil, one] = [None, Some(Hash([1; 32]))].map(|value| {
            let vote =
                Vote { height: Height(2), round: 0, kind: VoteKind::Precommit, value, authority: key(2).public() };
            SignedVote { vote, signature: key(2).sign(&vote.bytes(&world.net.genesis)) }
        });
        let evidence = Evidence::Votes(nil, one);
        world.by(role, RuntimeCall::Validators(salus_validators::Call::ReportEquivocation { evidence }))
    })],
};

/// Members of the council and nobody else, whatever the act.
pub(super) const COUNCIL: Table = Table {
    pallet: "Council",
    codes: &[refused(".", RuntimeError::Council(Error::NotAuthorised))],
    cells: "
                             | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        OrganisationSet      | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        CouncilSet           | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        ValidatorsSet        | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        ParametersSet        | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        UpgradeSchedule      | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        CancelMotion         | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        PractitionerStatus   | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        Successor            | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
        vote                 | -  -  -  | ok | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | .  .  .  | .  .
    ",
    rows: &[
        row("OrganisationSet", |world, role| {
            let (id, admin) = (OrganisationId([0xAA; 16]), key(FRESH));
            let act = organisation(id, OrganisationStatus::Active, Some(admin.public()));
            world.by(role, propose(act)).along([admin])
        }),
        row("CouncilSet", |world, role| {
            let members = Members::try_from(vec![council().public(), key(FRESH).public()]).unwrap();
            world.by(role, propose(Act::CouncilSet { members, threshold: 2 }))
        }),
        row("ValidatorsSet", |world, role| {
            let add = vec![GenesisValidator { organisation: HERE, ..validator(FRESH) }].try_into().unwrap();
            world.by(role, propose(Act::ValidatorsSet { add, drop: vec![].try_into().unwrap() }))
        }),
        row("ParametersSet", |world, role| world.by(role, propose(parameters()))),
        row("UpgradeSchedule", |world, role| {
            world.by(role, propose(Act::UpgradeSchedule { spec_version: 2, height: Height(1_000_000) }))
        }),
        after(
            |world| {
                moved(world);
                world.ok(world.by(Role::Council, Call::Vote { motion: moved_last(world), aye: true }));
            },
            "CancelMotion",
            |world, role| world.by(role, propose(Act::CancelMotion { motion: moved_last(world) })),
        ),
        row("PractitionerStatus", |world, role| {
            let status = PractitionerStatus::Suspended;
            world.by(role, propose(Act::PractitionerStatus { id: DOCTOR, status }))
        }),
        row("Successor", |world, role| world.by(role, propose(Act::Successor { removed: GONE, new: THERE }))),
        after(moved, "vote", |world, role| world.by(role, Call::Vote { motion: moved_last(world), aye: true })),
    ],
};

fn propose(act: Act) -> Call {
    Call::Propose { act, cosign: CoSigns::new() }
}

fn parameters() -> Act {
    Act::ParametersSet { parameters: Parameters { invitations_max: 7, ..Parameters::default() } }
}

/// The other member proposes an act that will wait.
fn moved(world: &mut World) {
    world.ok(world.by_key(OTHER_MEMBER, propose(parameters())));
}

fn moved_last(world: &World) -> u32 {
    salus_council::storage::NextMotion::get(&world.net.state) - 1
}
