//! Access: every call with each refusal, and the invariants along random histories.

mod asking;
mod emergency;
mod guardians;
mod holes;
mod late;
mod log;
mod opening;
mod properties;
mod reviewing;
mod serving;

use salus_consent::{
    Action, Actions, Basis, Denial, Effect, Grantee, GranteeKey, Kind, Kinds, Obligations, Purpose, Purposes, Reason,
    RuleRef, Scope, Tag, Tags, Terms, Verdict,
    testing::{deny, permit},
    types::Withdrawal,
};
use salus_patients::{
    storage::Patients,
    testing::{Person, confirmed},
    types::PatientState,
};
use salus_primitives::{
    AccountId, BoundedVec, Hash, OrganisationId, PatientId, PractitionerId, RecordId, Subject, crypto::KeyPair,
    subject::Roles, time::HOUR,
};
use salus_records::{Record, RecordStatus, storage::Records};
use salus_registry::{testing as registry, types::Caps};
use salus_support::testing::TestChain;

use crate::{Call, Event, types::*};

salus_support::runtime! {
    0 => System: salus_system,
    4 => Registry: salus_registry,
    5 => Patients: salus_patients,
    7 => Consent: salus_consent,
    8 => Access: crate,
    10 => Credits: salus_credits,
}

type Chain = TestChain<Runtime>;

/// Keeps the records.
const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
/// Wants to see them.
const CLINIC: OrganisationId = OrganisationId([2; 16]);
/// Keeps record 3 too.
const ARCHIVE: OrganisationId = OrganisationId([3; 16]);
const NOWHERE: OrganisationId = OrganisationId([9; 16]);
/// Works at the hospital.
const DOCTOR: PractitionerId = PractitionerId([11; 16]);
/// Works at the clinic.
const SURGEON: PractitionerId = PractitionerId([12; 16]);
const STRANGER: PatientId = PatientId([0; 16]);

const DOCTOR_KEY: u8 = 11;
const SURGEON_KEY: u8 = 12;
const REGISTRAR_KEY: u8 = 21;
const GATEWAY_KEY: u8 = 22;
const ARCHIVE_KEY: u8 = 23;
const CLINIC_GATEWAY_KEY: u8 = 24;
const SESSION_KEY: u8 = 31;
const UNBOUND_KEY: u8 = 99;

fn key(seed: u8) -> KeyPair {
    registry::key(seed)
}

fn account(seed: u8) -> AccountId {
    key(seed).public()
}

fn record_id(byte: u8) -> RecordId {
    RecordId([byte; 16])
}

fn ids(bytes: &[u8]) -> RecordIds {
    RecordIds::try_from(bytes.iter().map(|byte| record_id(*byte)).collect::<Vec<_>>()).unwrap()
}

fn no(reason: Reason) -> Verdict {
    Verdict::Denied(Denial { reason, rule: None })
}

fn by(rule: RuleRef) -> Verdict {
    Verdict::Permit(Basis::Rule(rule))
}

/// A surgeon of the clinic, and a patient whose records 1 (lab), 2 (imaging) and 3 (document) the hospital
/// keeps, the archive the third too.
struct World {
    chain: Chain,
    patient: PatientId,
    me: AccountId,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        for (place, admin) in [(HOSPITAL, 1), (CLINIC, 2), (ARCHIVE, 3)] {
            registry::organisation(&mut chain, place, Caps::ALL, &key(admin));
        }
        registry::officer(&mut chain, HOSPITAL, Roles::REGISTRAR, &key(REGISTRAR_KEY));
        registry::officer(&mut chain, HOSPITAL, Roles::GATEWAY, &key(GATEWAY_KEY));
        registry::officer(&mut chain, ARCHIVE, Roles::GATEWAY, &key(ARCHIVE_KEY));
        registry::officer(&mut chain, CLINIC, Roles::GATEWAY, &key(CLINIC_GATEWAY_KEY));
        registry::doctor(&mut chain, DOCTOR, HOSPITAL, &key(DOCTOR_KEY));
        registry::doctor(&mut chain, SURGEON, CLINIC, &key(SURGEON_KEY));
        let Person { id: patient, key } = confirmed(&mut chain, account(REGISTRAR_KEY), 1);
        let mut world = Self { chain, patient, me: key.public() };
        for (byte, kind) in [(1, Kind::Lab), (2, Kind::Imaging), (3, Kind::Document)] {
            world.file(byte, |record| record.kind = kind);
        }
        world.file(3, |record| record.second = Some(ARCHIVE));
        world
    }

    /// Put a record into state, or change the one of this id.
    fn file(&mut self, byte: u8, change: impl FnOnce(&mut Record)) {
        let key = (self.patient, record_id(byte));
        self.chain.prepare(|state| {
            let mut record = Records::get(state, &key).unwrap_or(Record {
                version: 1,
                prev: None,
                kind: Kind::Lab,
                tags: Tags::new(),
                labelled: true,
                restricted: false,
                digest: Hash([byte; 32]),
                size: 4_096,
                key_epoch: 1,
                author: Subject::Practitioner(DOCTOR),
                organisation: HOSPITAL,
                custodian: HOSPITAL,
                second: None,
                status: RecordStatus::Current,
                hold: false,
            });
            change(&mut record);
            Records::insert(state, &key, &record);
        });
    }

    /// A session key of this subject.
    fn session(&mut self, subject: Subject) -> AccountId {
        let until = self.chain.now().plus(HOUR);
        let now = self.chain.now();
        self.chain.prepare(|state| {
            salus_system::keys::bind(state, now, account(SESSION_KEY), subject, Roles::NONE, Some(until)).unwrap();
        });
        account(SESSION_KEY)
    }

    fn set_patient(&mut self, to: PatientState) {
        let id = self.patient;
        self.chain.prepare(|state| {
            let mut patient = Patients::get(state, &id).unwrap();
            patient.state = to;
            Patients::insert(state, &id, &patient);
        });
    }

    /// The surgeon may view everything for treatment for a year.
    fn permit(&self) -> Terms {
        permit(self.chain.now(), Grantee::Practitioner(SURGEON, CLINIC))
    }

    fn deny(&self, grantee: Grantee) -> Terms {
        deny(self.chain.now(), grantee)
    }

    /// Make a rule and give its name.
    #[track_caller]
    fn grant(&mut self, terms: Terms) -> RuleRef {
        let grantee = terms.grantee.key();
        let id = salus_consent::storage::Ledgers::get(self.chain.state(), &self.patient).next_id;
        self.chain.ok(self.me, salus_consent::Call::Grant { patient: self.patient, terms, replaces: None });
        RuleRef { grantee, id }
    }

    #[track_caller]
    fn revoke(&mut self, rule: RuleRef) {
        let what = Withdrawal::Rules(BoundedVec::try_from(vec![rule]).unwrap());
        self.chain.ok(self.me, salus_consent::Call::Revoke { patient: self.patient, what });
    }

    fn opening(&self, records: &[u8]) -> Call {
        Call::Open { patient: self.patient, organisation: CLINIC, purpose: Purpose::Treatment, records: ids(records) }
    }

    /// The surgeon opens records; the receipt and its index.
    #[track_caller]
    fn open(&mut self, records: &[u8]) -> (u32, Receipt) {
        let index = self.log().count;
        self.chain.ok(account(SURGEON_KEY), self.opening(records));
        (index, self.receipt(index))
    }

    fn serving(&self, receipt: u32, entries: u64) -> Call {
        Call::Serve { patient: self.patient, receipt, entries, digest: Hash([5; 32]) }
    }

    fn log(&self) -> salus_primitives::patient_log::LogHead {
        crate::storage::Logs::get(self.chain.state(), &self.patient)
    }

    #[track_caller]
    fn receipt(&self, index: u32) -> Receipt {
        crate::storage::Receipts::get(self.chain.state(), &(self.patient, index)).unwrap()
    }

    fn releasable(&self, receipt: &Receipt, entry: usize) -> Result<Basis, Withheld> {
        crate::releasable(self.chain.state(), self.patient, receipt, entry, self.chain.now())
    }

    fn verdicts(receipt: &Receipt) -> Vec<Verdict> {
        receipt.entries.iter().map(|entry| entry.verdict).collect()
    }
}
