//! Asking, opening, reporting, emergencies, reviews and disputes.

use salus_access::{Answer, Call, Error, Evidence, Finding, RequestRef};
use salus_consent::{Action, Grantee, Purpose, Tier, Withdrawal};
use salus_primitives::{
    BoundedVec, RecordId,
    signed::{self, CoSign, CoSigns, EmergencyRelease},
    time::{DAY, HOUR, YEAR},
};
use salus_registry::{Standing, types::OrganisationStatus};

use super::*;

const fn no(code: &'static str, error: Error) -> (&'static str, Outcome) {
    refused(code, RuntimeError::Access(error))
}

/// Any practitioner who acts somewhere may ask, open (to be denied, `dn`, where nothing permits it) and open in an
/// emergency; the gateway reports and officers sign along and review. What happened is reported by the suspended too.
pub(super) const TABLE: Table = Table {
    pallet: "Access",
    codes: &[
        no(".", Error::NotAuthorised),
        no("os", Error::NotActive(Standing::OrganisationSuspended)),
        no("sk", Error::NotActive(Standing::PractitionerStruck)),
        no("na", Error::NotActive(Standing::NotAffiliated)),
        no("bp", Error::BadPurpose),
        no("nc", Error::NotCustodian),
        no("co", Error::BadCoSign),
        no("sr", Error::SelfReview),
    ],
    cells: "
                              | nw en va | co | ad rg pr rv gt | AD RG PR RV GT | of | dr ds DR su sk | pt ps PT | ga gr
        request               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok ok ok os sk | .  .  .  | .  .
        approve               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | ok .
        refuse                | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | ok .
        withdraw              | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok .  .  os ok | .  .  .  | .  .
        open                  | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok ok dn os sk | .  .  .  | bp .
        open, rule revoked    | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | dn dn dn os sk | .  .  .  | bp .
        open, rule over       | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | dn dn dn os sk | .  .  .  | bp .
        open for another      | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | na na dn na sk | .  .  .  | bp .
        open for the family   | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | dn dn dn os sk | .  .  .  | ok .
        serve                 | -  -  -  | .  | .  .  .  .  ok | .  .  .  .  nc | ok | .  .  .  .  .  | .  .  .  | .  .
        serve as second       | -  -  -  | .  | .  .  .  .  ok | .  .  .  .  ok | nc | .  .  .  .  .  | .  .  .  | .  .
        emergency summary     | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok ok ok os sk | .  .  .  | .  .
        emergency full        | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | ok ok ok os sk | .  .  .  | .  .
        emergency along       | co co co | co | ok ok ok ok ok | co co co co co | co | co co co co co | co co co | co co
        emergency late        | -  -  -  | .  | ok ok ok ok ok | .  .  .  .  .  | ok | ok ok .  ok ok | .  .  .  | .  .
        review                | -  -  -  | .  | .  .  .  ok .  | .  .  .  .  .  | os | .  .  .  .  .  | .  .  .  | .  .
        review, suspended     | -  -  -  | .  | .  .  .  os .  | .  .  .  ok .  | os | .  .  .  .  .  | .  .  .  | .  .
        review of dispute     | -  -  -  | .  | .  .  .  sr .  | .  .  .  ok .  | os | .  .  .  .  .  | .  .  .  | .  .
        dispute               | -  -  -  | .  | .  .  .  .  .  | .  .  .  .  .  | .  | .  .  .  .  .  | ok .  .  | ok ok
    ",
    rows: &[
        row("request", |world, role| world.by(role, request(role, world.now()))),
        after(asked, "approve", |world, role| {
            let terms = permit(Grantee::Practitioner(DOCTOR, HERE), Purpose::Treatment, &[Action::View], world.now());
            world.by(role, respond(Role::Doctor, Answer::Approve(terms)))
        }),
        after(asked, "refuse", |world, role| world.by(role, respond(Role::Doctor, Answer::Refuse(1)))),
        after(asked, "withdraw", |world, role| world.by(role, respond(role, Answer::Withdraw))),
        row("open", |world, role| world.by(role, opening(place(role), Purpose::Treatment, &[LAB]))),
        after(
            |world| {
                let what = Withdrawal::Pages(BoundedVec::try_from(vec![RULE.grantee, HERE_RULE.grantee]).unwrap());
                world.ok(world.by(Role::Patient, salus_consent::Call::Revoke { patient: PATIENT, what }));
            },
            "open, rule revoked",
            |world, role| world.by(role, opening(place(role), Purpose::Treatment, &[LAB])),
        ),
        after(
            |world| world.skip(YEAR / 2),
            "open, rule over",
            |world, role| world.by(role, opening(place(role), Purpose::Treatment, &[LAB])),
        ),
        row("open for another", |world, role| world.by(role, opening(THERE, Purpose::Treatment, &[LAB]))),
        row("open for the family", |world, role| world.by(role, opening(place(role), Purpose::FamilyRequest, &[LAB]))),
        row("serve", |world, role| {
            let entry = if role == Role::Suspended { 0b100 } else { 0b001 };
            world.by(role, serve(0, entry))
        }),
        row("serve as second", |world, role| world.by(role, serve(0, 0b010))),
        row("emergency summary", |world, role| world.by(role, emergency(place(role), Tier::Summary, SUMMARY, None))),
        row("emergency full", |world, role| world.by(role, emergency(place(role), Tier::Full, LAB, None))),
        after(
            |world| {
                opened_in_emergency(world);
                world.skip(3 * DAY);
            },
            "emergency along",
            |world, role| {
                world.by(Role::Doctor, emergency(HERE, Tier::Summary, SUMMARY, None)).along([world.key(role)])
            },
        ),
        row("emergency late", |world, role| {
            let (opener, officer) = match role {
                Role::Suspended | Role::SuspendedDoctor => (Role::SuspendedDoctor, Role::Suspended),
                Role::StruckDoctor => (Role::StruckDoctor, Role::Admin),
                _ => (Role::Doctor, Role::Admin),
            };
            world.by(role, emergency(place(opener), Tier::Summary, SUMMARY, Some(evidence(world, opener, officer))))
        }),
        after(opened_in_emergency, "review", |world, role| world.by(role, review(1))),
        after(
            |world| {
                opened_in_emergency(world);
                world.decided(organisation(HERE, OrganisationStatus::Suspended, None));
            },
            "review, suspended",
            |world, role| world.by(role, review(1)),
        ),
        after(
            |world| world.ok(world.by(Role::Patient, dispute())),
            "review of dispute",
            |world, role| world.by(role, review(0)),
        ),
        row("dispute", |world, role| world.by(role, dispute())),
    ],
};

fn asked(world: &mut World) {
    world.ok(world.by(Role::Doctor, request(Role::Doctor, world.now())));
}

/// The answer to the request of this role's practitioner, or of the one concerned.
fn respond(role: Role, answer: Answer) -> Call {
    let request = RequestRef { requester: practitioner(role), number: 0 };
    Call::Respond { patient: PATIENT, request, answer }
}

pub(super) fn serve(receipt: u32, entries: u64) -> Call {
    Call::Serve { patient: PATIENT, receipt, entries, digest: Hash([6; 32]) }
}

fn emergency(organisation: OrganisationId, tier: Tier, record: RecordId, late: Option<Evidence>) -> Call {
    let records = BoundedVec::try_from(vec![record]).unwrap();
    let (reason, note, cosign) = (REASON, NOTE, CoSigns::new());
    Call::EmergencyOpen { patient: PATIENT, organisation, tier, records, reason, note, late, cosign }
}

const REASON: u8 = 1;
const NOTE: Hash = Hash([5; 32]);

/// What both signed an hour ago.
fn evidence(world: &World, opener: Role, officer: Role) -> Evidence {
    let (practitioner, happened) = (practitioner(opener), Moment(world.now().0 - HOUR));
    let release = EmergencyRelease {
        patient: PATIENT,
        organisation: place(opener),
        practitioner,
        record: SUMMARY,
        reason: REASON,
        note: NOTE,
        happened,
    };
    let message = signed::emergency_receipt(&world.net.genesis, &release);
    let [opener, officer] = [opener, officer].map(|role| {
        let key = world.key(role);
        CoSign { account: key.public(), signature: key.sign(&message) }
    });
    Evidence { practitioner, happened, opener, officer }
}

/// Receipt 1 is an emergency's.
fn opened_in_emergency(world: &mut World) {
    world.ok(world.by(Role::Doctor, emergency(HERE, Tier::Summary, SUMMARY, None)));
}

fn review(receipt: u32) -> Call {
    Call::Review { patient: PATIENT, receipt, finding: Finding::Justified, note: NOTE }
}

fn dispute() -> Call {
    Call::Dispute { patient: PATIENT, receipt: 0, note: NOTE }
}
