//! The authorisation matrix: every call, made by every role, ends as its table says.
//!
//! There is one table for each pallet. A row is a call, or what a call can be about where that has a rule of its own; a
//! column is a role, so that a cell says what becomes of this call when that role signs it. In a row whose name ends
//! in "along" the caller is always the right one, and the column is who signs along. What must have happened before,
//! in the same world for all roles, is in the row's code. A role acts for its own organisation and on its own
//! record, rule, request or hours where it has such, else on those of the organisation, doctor and patient concerned.
//!
//! ```text
//! nw  a key that was never registered     ad rg pr rv gt  officers of the organisation concerned: Admin, Registrar,
//! en  an officer's key that was ended                     Privacy, Reviewer, Gateway
//! va  a validator's authority key         AD RG PR RV GT  the same of another organisation
//! co  a member of the council             of              an officer of a suspended organisation, with every role
//!
//! dr  the practitioner concerned          pt  the patient concerned
//! ds  a session key of theirs             ps  a session key of theirs
//! DR  one of another organisation         PT  another patient
//! su  one of a suspended organisation     ga  a guardian of the patient who may act, and not recover
//! sk  one who was struck off              gr  a guardian who may recover, and not act
//! ```
//! Each table lists the codes of its cells beside it. These are the same in all of them:
//! ```text
//! ok  it takes effect
//! dn  it takes effect as a denial, which the patient's log keeps
//! .   it is refused with the pallet's `NotAuthorised`
//! -   it can stand in no block: nobody in the register signed it
//! ```

mod access;
mod calls;
mod cast;
mod chain;
mod consent;
mod coverage;
mod patients;
mod records;
mod registry;
mod services;
mod world;

use std::collections::BTreeMap;

use salus_patients::types::Powers;
use salus_primitives::{
    Subject,
    dispatch::{DispatchError, InvalidTransaction},
};
use salus_support::table::module_error;

use self::{
    calls::*,
    cast::*,
    world::{Sent, World},
};
use super::*;
use crate::RuntimeError;

/// Every table.
const TABLES: &[&Table] = &[
    &chain::SYSTEM,
    &chain::VALIDATORS,
    &chain::COUNCIL,
    &registry::TABLE,
    &patients::TABLE,
    &records::TABLE,
    &consent::TABLE,
    &access::TABLE,
    &services::APPOINTMENTS,
    &services::CREDITS,
];

/// The columns, in their order, each with its code.
const COLUMNS: [(&str, Role); 25] = [
    ("nw", Role::New),
    ("en", Role::Ended),
    ("va", Role::Authority),
    ("co", Role::Council),
    ("ad", Role::Admin),
    ("rg", Role::Registrar),
    ("pr", Role::Privacy),
    ("rv", Role::Reviewer),
    ("gt", Role::Gateway),
    ("AD", Role::OtherAdmin),
    ("RG", Role::OtherRegistrar),
    ("PR", Role::OtherPrivacy),
    ("RV", Role::OtherReviewer),
    ("GT", Role::OtherGateway),
    ("of", Role::Suspended),
    ("dr", Role::Doctor),
    ("ds", Role::DoctorSession),
    ("DR", Role::OtherDoctor),
    ("su", Role::SuspendedDoctor),
    ("sk", Role::StruckDoctor),
    ("pt", Role::Patient),
    ("ps", Role::PatientSession),
    ("PT", Role::OtherPatient),
    ("ga", Role::GuardianActing),
    ("gr", Role::GuardianRecovering),
];

/// Who signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    New,
    Ended,
    Authority,
    Council,
    Admin,
    Registrar,
    Privacy,
    Reviewer,
    Gateway,
    OtherAdmin,
    OtherRegistrar,
    OtherPrivacy,
    OtherReviewer,
    OtherGateway,
    Suspended,
    Doctor,
    DoctorSession,
    OtherDoctor,
    SuspendedDoctor,
    StruckDoctor,
    Patient,
    PatientSession,
    OtherPatient,
    GuardianActing,
    GuardianRecovering,
}

impl Role {
    /// Seed of this role's key. The guardian is one person, in two worlds.
    const fn seed(self) -> u8 {
        match self {
            Self::Council => 1,
            Self::Authority => 2,
            Self::GuardianRecovering => Self::GuardianActing.seed(),
            other => 20 + other as u8,
        }
    }

    /// Whom this role's key speaks for.
    const fn subject(self) -> Subject {
        match self {
            Self::Doctor | Self::DoctorSession => Subject::Practitioner(DOCTOR),
            Self::OtherDoctor => Subject::Practitioner(OTHER_DOCTOR),
            Self::SuspendedDoctor => Subject::Practitioner(SUSPENDED_DOCTOR),
            Self::StruckDoctor => Subject::Practitioner(STRUCK_DOCTOR),
            Self::New | Self::Ended | Self::Authority | Self::Patient | Self::PatientSession => {
                Subject::Patient(PATIENT)
            }
            Self::OtherPatient => Subject::Patient(OTHER_PATIENT),
            Self::GuardianActing | Self::GuardianRecovering => Subject::Patient(GUARDIAN),
            Self::Council => Subject::Council,
            Self::Admin | Self::Registrar | Self::Privacy | Self::Reviewer | Self::Gateway => {
                Subject::Organisation(HERE)
            }
            Self::OtherAdmin | Self::OtherRegistrar | Self::OtherPrivacy | Self::OtherReviewer | Self::OtherGateway => {
                Subject::Organisation(THERE)
            }
            Self::Suspended => Subject::Organisation(CLOSED),
        }
    }
}

/// What becomes of an extrinsic.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Outcome {
    /// It takes effect.
    Done,
    /// It takes effect as a denial, which the patient's log keeps.
    Denied,
    /// Its call is refused: nonce and quota are spent, nothing else remains.
    Refused(RuntimeError),
    /// It can stand in no block.
    Unfit(InvalidTransaction),
}

/// The codes that all tables have.
const COMMON: &[(&str, Outcome)] =
    &[("ok", Outcome::Done), ("dn", Outcome::Denied), ("-", Outcome::Unfit(InvalidTransaction::UnknownSigner))];

/// A code of cells that stands for this error.
const fn refused(code: &'static str, error: RuntimeError) -> (&'static str, Outcome) {
    (code, Outcome::Refused(error))
}

/// The calls of one pallet.
struct Table {
    pallet: &'static str,
    /// What the codes of its cells mean, besides those that all tables have.
    codes: &'static [(&'static str, Outcome)],
    /// The columns' codes, then a line for each row: its name, `|`, its cells. Bars and spaces are for the eye.
    cells: &'static str,
    rows: &'static [Row],
}

/// One call, as each role makes it.
struct Row {
    name: &'static str,
    /// What has happened before.
    given: fn(&mut World),
    /// What this role sends.
    sent: fn(&World, Role) -> Sent,
}

/// A row before which nothing happened.
const fn row(name: &'static str, sent: fn(&World, Role) -> Sent) -> Row {
    Row { name, given: |_| (), sent }
}

/// A row before which something happened.
const fn after(given: fn(&mut World), name: &'static str, sent: fn(&World, Role) -> Sent) -> Row {
    Row { name, given, sent }
}

impl Table {
    /// The lines of [`Table::cells`]: the columns' codes, then each row's name and its cells.
    fn lines(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let lines = self.cells.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (name, cells) = line.split_once('|').expect("a bar follows the name");
                (name.trim(), cells.split_whitespace().filter(|cell| *cell != "|").collect())
            })
            .collect()
    }

    /// The codes of its cells and what they mean.
    fn legend(&self) -> impl Iterator<Item = &(&'static str, Outcome)> {
        COMMON.iter().chain(self.codes)
    }

    fn meaning(&self, code: &str) -> Outcome {
        self.legend().find(|(known, _)| *known == code).unwrap_or_else(|| panic!("{}: no code {code}", self.pallet)).1
    }

    fn code(&self, outcome: Outcome) -> String {
        self.legend()
            .find(|(_, known)| *known == outcome)
            .map_or_else(|| format!("{outcome:?}"), |(code, _)| (*code).into())
    }
}

/// The worlds that a table needs: where guardians may do everything, act only, and recover only.
struct Worlds {
    all: World,
    act: World,
    recover: World,
}

impl Worlds {
    fn new() -> Self {
        let world = World::new;
        Self { all: world(Powers::ALL), act: world(Powers::ACT), recover: world(Powers::RECOVER) }
    }

    /// The same after what has happened before a row.
    fn before(&self, row: &Row) -> Self {
        let ready = |world: &World| {
            let mut world = world.clone();
            (row.given)(&mut world);
            world.ready();
            world
        };
        Self { all: ready(&self.all), act: ready(&self.act), recover: ready(&self.recover) }
    }

    fn of(&self, role: Role) -> &World {
        match role {
            Role::GuardianActing => &self.act,
            Role::GuardianRecovering => &self.recover,
            _ => &self.all,
        }
    }
}

/// What becomes of this extrinsic in the world's next block.
///
/// # Panics
/// When a refused one leaves more behind than nonce and quota, or pool and block disagree.
fn outcome(world: &World, raw: &RawExtrinsic, signer: AccountId) -> Outcome {
    let net = &world.net;
    let executed = match net.execute(std::slice::from_ref(raw)) {
        Ok(executed) => executed,
        Err(InvalidBlock::Extrinsic { reason, .. }) => {
            assert_eq!(net.runtime.validate(&net.state, &net.tip, raw, &NoneVerified), Err(reason), "pool and block");
            return Outcome::Unfit(reason);
        }
        Err(other) => panic!("{other}"),
    };
    let changes: BTreeMap<_, _> = executed.changes.into_iter().collect();
    let events_key = crate::executive::events_key();
    let events = changes.get(&events_key).cloned().flatten().unwrap();
    let events = Vec::<EventRecord>::decode(&mut &events[..]).unwrap();
    let error = match &events.last().unwrap().event {
        RuntimeEvent::System(salus_system::Event::ExtrinsicSuccess { .. }) => {
            let denied = |record: &EventRecord| {
                matches!(record.event, RuntimeEvent::Access(salus_access::Event::Opened { permitted: 0, .. }))
            };
            return if events.iter().any(denied) { Outcome::Denied } else { Outcome::Done };
        }
        RuntimeEvent::System(salus_system::Event::ExtrinsicFailed { dispatch_error, .. }) => match dispatch_error {
            DispatchError::Module(error) => error,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let bytes = [&[error.index][..], &error.error].concat();
    let refused = RuntimeError::decode(&mut &bytes[..]).unwrap();
    assert_eq!(module_error(&refused), *error);

    let empty: BTreeMap<_, _> = net.execute(&[]).unwrap().changes.into_iter().collect();
    let mut account = salus_system::storage::Account::get(&net.state, &signer);
    account.nonce += 1;
    let nonce_key = salus_system::storage::Account::key(&signer);
    assert_eq!(changes.get(&nonce_key), Some(&Some(account.encode())), "the nonce is spent, the rest of it stays");
    for (key, value) in changes {
        let spent = key == nonce_key || key.starts_with(&salus_system::storage::WeightUsed::prefix());
        let same = empty.get(&key) == Some(&value) || value == net.state.get(&key).cloned();
        assert!(spent || same || key == events_key, "{refused:?} leaves {key:?} behind");
    }
    Outcome::Refused(refused)
}

/// Run a table; its lines as they should be, where one differs.
fn differences(worlds: &Worlds, table: &Table) -> Vec<String> {
    let lines = table.lines();
    let columns: Vec<&str> = COLUMNS.iter().map(|(code, _)| *code).collect();
    assert_eq!(lines[0].1, columns, "{}: the columns", table.pallet);
    let names: Vec<&str> = table.rows.iter().map(|row| row.name).collect();
    assert_eq!(lines[1..].iter().map(|line| line.0).collect::<Vec<_>>(), names, "{}: the rows", table.pallet);
    for (code, _) in table.codes {
        assert!(lines[1..].iter().any(|(_, cells)| cells.contains(code)), "{}: no cell is {code}", table.pallet);
    }

    let mut differences = Vec::new();
    for (row, (name, cells)) in table.rows.iter().zip(&lines[1..]) {
        assert_eq!(cells.len(), COLUMNS.len(), "{} {name}: its cells", table.pallet);
        let worlds = worlds.before(row);
        let found = COLUMNS.map(|(_, role)| {
            let world = worlds.of(role);
            let sent = (row.sent)(world, role);
            outcome(world, &world.extrinsic(&sent), sent.signer())
        });
        if found.iter().zip(cells).any(|(found, cell)| *found != table.meaning(cell)) {
            let cells: Vec<String> = found.iter().map(|outcome| format!("{:2}", table.code(*outcome))).collect();
            differences.push(format!("{} {name:24} | {}", table.pallet, cells.join(" ")));
        }
    }
    differences
}

#[test]
fn every_call_by_every_role_ends_as_the_tables_say() {
    let worlds = Worlds::new();
    let differences: Vec<String> = TABLES.iter().flat_map(|table| differences(&worlds, table)).collect();
    assert!(differences.is_empty(), "these rows are otherwise:\n{}", differences.join("\n"));
}
