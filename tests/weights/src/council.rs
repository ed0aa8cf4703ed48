//! The council, the validators, credits and the call that does nothing.

use salus_council::{
    Call,
    storage::{Due, Motions, NextMotion},
    types::{Act, MEMBERS_MAX, Members, Motion, SLOTS, Stage},
};
use salus_credits::storage::{AllTime, Balances};
use salus_primitives::{
    Hash, Height, OrganisationId, PractitionerId,
    commit::VoteKind,
    crypto::KeyPair,
    evidence::{Evidence, SignedVote, Vote},
    signed::CoSigns,
    subject::Roles,
    time::DAY,
};
use salus_registry::{
    storage::Practitioners,
    types::{Caps, NAME_MAX, OrganisationStatus, PractitionerStatus},
};
use salus_system::Parameters;
use salus_validators::types::{CHANGE_MAX, NewValidator, peer_of};

use crate::{
    people::{HOSPITAL, doctor, id, key, list, officer, organisation},
    scene::{Builder, GENESIS, HEIGHT, NOW},
};

/// Members of the council: as many as it may have.
pub(crate) const MEMBERS: usize = MEMBERS_MAX as usize;
/// Validators: as many as there may be.
pub(crate) const VALIDATORS: usize = 100;

/// The key of a member.
pub(crate) fn member(number: usize) -> KeyPair {
    key("member", number)
}

/// The validators of these numbers.
pub(crate) fn validators(numbers: core::ops::Range<usize>) -> Vec<NewValidator> {
    let validator = |number| NewValidator {
        authority: key("authority", number).public(),
        peer_id: peer_of(&key("node", number).public()),
        organisation: HOSPITAL,
    };
    numbers.map(validator).collect()
}

/// A council of 32, none of whom stays.
fn another_council() -> Act {
    Act::CouncilSet {
        members: list((0..MEMBERS).map(|number| key("new member", number).public()).collect()),
        threshold: 1,
    }
}

/// All members but those of `without`.
fn members_without(without: usize) -> Members {
    list((0..MEMBERS - without).map(|number| member(number).public()).collect())
}

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    motions(builder);
    proposals(builder);
    let voter = member(MEMBERS - 1);
    builder.case(
        "the vote by which 32 members leave and 32 join; 31 long motions wait",
        &voter,
        Call::Vote { motion: SLOTS - 1, aye: true },
    );
    let offender = key("authority", 0);
    let vote = |value| {
        let vote = Vote {
            height: Height(HEIGHT.0 - 1),
            round: 0,
            kind: VoteKind::Precommit,
            value,
            authority: offender.public(),
        };
        SignedVote { vote, signature: offender.sign(&vote.bytes(&GENESIS)) }
    };
    let evidence = Evidence::Votes(vote(Some(Hash([1; 32]))), vote(Some(Hash([2; 32]))));
    builder.bare("one of 100 validators", salus_validators::Call::ReportEquivocation { evidence });

    Balances::insert(&mut builder.state, &HOSPITAL, &1_000);
    AllTime::put(&mut builder.state, &salus_credits::types::Totals { earned: 1_000_000, redeemed: 1_000 });
    builder.case(
        "some of its credits, on a day that was given more already",
        &officer(HOSPITAL, Roles::ADMIN),
        salus_credits::Call::Redeem { credits: 10 },
    );
    let (_, signs) = doctor(builder, "does nothing");
    builder.case("it has one size", &signs, salus_system::Call::Noop {});
}

/// All slots but one hold a long motion that waits; the last holds one that the next vote passes.
fn motions(builder: &mut Builder<'_>) {
    for number in 0..SLOTS - 1 {
        let motion = Motion {
            number,
            proposer: member(0).public(),
            act: another_council(),
            proposed: NOW,
            ayes: members_without(0),
            nays: list(Vec::new()),
            stage: Stage::Waiting(NOW.plus(DAY)),
        };
        Motions::insert(&mut builder.state, &number, &motion);
    }
    let motion = Motion {
        number: SLOTS - 1,
        proposer: member(1).public(),
        act: another_council(),
        proposed: NOW,
        ayes: list(Vec::new()),
        nays: members_without(1),
        stage: Stage::Open,
    };
    Motions::insert(&mut builder.state, &motion.number, &motion);
    NextMotion::put(&mut builder.state, &SLOTS);
    Due::put(&mut builder.state, &NOW.plus(DAY));
}

/// One proposal for each kind of act: it is tried out, and run, since one aye passes it.
fn proposals(builder: &mut Builder<'_>) {
    // Whoever proposes took their last motion back: its slot is free.
    let proposer = member(MEMBERS - 1);
    let motion = Motions::get(&builder.state, &0).expect("every slot has a motion");
    let over = Motion { number: 0, stage: Stage::Rejected, ..motion };
    Motions::insert(&mut builder.state, &0, &over);

    let admin = key("new admin", 0);
    let act = Act::OrganisationSet {
        id: HOSPITAL,
        status: OrganisationStatus::Suspended,
        display_name: list(vec![b'N'; NAME_MAX as usize]),
        caps: Caps::ALL,
        admin: Some(admin.public()),
    };
    builder.cosigned("a hospital with 255 officers is suspended and given one more", &proposer, &[&admin], |cosign| {
        Call::Propose { act: act.clone(), cosign }
    });
    let changed = CHANGE_MAX as usize;
    let removed = OrganisationId(id("removed", 0));
    organisation(&mut builder.state, removed, OrganisationStatus::Removed);
    let (suspended, _) = doctor(builder, "struck off");
    let entry = Practitioners::get(&builder.state, &suspended).expect("a doctor just made");
    Practitioners::insert(
        &mut builder.state,
        &suspended,
        &salus_registry::types::Practitioner { status: PractitionerStatus::Suspended, ..entry },
    );
    let acts: [(&'static str, Act); 7] = [
        ("32 members leave and 32 join", another_council()),
        (
            "33 of 100 validators leave and 33 join",
            Act::ValidatorsSet {
                add: list(validators(VALIDATORS..VALIDATORS + changed)),
                drop: list((0..changed).map(|number| key("authority", number).public()).collect()),
            },
        ),
        ("all parameters", Act::ParametersSet { parameters: Parameters::default() }),
        ("an upgrade", Act::UpgradeSchedule { spec_version: 1_000, height: Height(HEIGHT.0 + 1) }),
        (
            "a motion that waits is cancelled; the others are looked through for the next that is due",
            Act::CancelMotion { motion: 1 },
        ),
        ("a suspended practitioner is struck off", practitioner(suspended)),
        ("a removed hospital's successor", Act::Successor { removed, new: HOSPITAL }),
    ];
    for (size, act) in acts {
        builder.case(size, &proposer, Call::Propose { act, cosign: CoSigns::new() });
    }
}

fn practitioner(id: PractitionerId) -> Act {
    Act::PractitionerStatus { id, status: PractitionerStatus::Struck }
}
