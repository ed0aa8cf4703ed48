//! Earning and redeeming: what counts, what does not, and that nothing is lost or made.
//!
//! Nothing but other calls earns, so a pallet of these tests stands in for them: its one call earns.

mod earning;
mod properties;
mod redeeming;

use salus_patients::testing::{Person, confirmed, registered};
use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, Subject, subject::Roles, time::DAY};
use salus_registry::{
    Standing,
    testing::{key, officer, organisation, set_status},
    types::{Caps, OrganisationStatus},
};
use salus_support::testing::TestChain;
use salus_system::{Parameters, storage::ChainParameters, usage};

use super::*;
use crate::{
    storage::{AllTime, Balances, ByPatient},
    types::{CREDIT_WEIGHT, DayCount, PER_PATIENT_DAY, Totals},
};

/// A pallet within whose call is earned.
mod sharing {
    use super::*;

    #[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
    pub enum Call {
        #[codec(index = 0)]
        Share { earner: OrganisationId, user: OrganisationId, patient: PatientId, records: u32 },
    }

    #[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
    pub enum Event {}
    impl PalletEvent for Event {
        const PALLET: &'static str = "Sharing";
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
    pub enum Error {}

    pub struct Sharing;
    impl Pallet for Sharing {
        const NAME: &'static str = "Sharing";
        const DOCS: &'static str = "Stands in for what earns.";
        type Call = Call;
        type Event = Event;
        type Error = Error;

        fn cost(_: &Call) -> Cost {
            Cost::ordinary(1)
        }

        fn dispatch(ctx: &mut Ctx<'_, '_>, call: Call) -> Result<(), Error> {
            let Call::Share { earner, user, patient, records } = call;
            earn(ctx, earner, user, patient, records);
            Ok(())
        }
    }
}

salus_support::runtime! {
    0 => System: salus_system,
    4 => Registry: salus_registry,
    5 => Patients: salus_patients,
    10 => Credits: crate,
    11 => Sharing: sharing,
}

type Chain = TestChain<Runtime>;

/// Keeps records.
const HOSPITAL: OrganisationId = OrganisationId([0x0A; 16]);
/// Reads them.
const CLINIC: OrganisationId = OrganisationId([0x0B; 16]);

/// An Admin of the hospital.
fn admin() -> AccountId {
    key(101).public()
}

fn registrar() -> AccountId {
    key(1).public()
}

/// Both organisations, their Admins, a Registrar and a clerk of the hospital.
fn chain() -> Chain {
    let mut chain = Chain::new();
    organisation(&mut chain, HOSPITAL, Caps::CUSTODIAN, &key(101));
    organisation(&mut chain, CLINIC, Caps::CUSTODIAN, &key(102));
    officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &key(1));
    officer(&mut chain, HOSPITAL, Roles::PRIVACY.with(Roles::REVIEWER).with(Roles::GATEWAY), &key(3));
    chain
}

fn patient(chain: &mut Chain, number: u16) -> PatientId {
    confirmed(chain, registrar(), number).id
}

/// `user` reads `records` records of `patient` that `earner` keeps; what that earned.
fn share(chain: &mut Chain, earner: OrganisationId, user: OrganisationId, patient: PatientId, records: u32) -> u64 {
    let before = balance(chain.state(), earner);
    chain.ok(key(9).public(), sharing::Call::Share { earner, user, patient, records });
    balance(chain.state(), earner) - before
}

fn redeem(credits: u64) -> Call {
    Call::Redeem { credits }
}
