//! The world of the matrix: two hospitals side by side, one suspended and one removed; a patient with guardians, rules,
//! records, requests and a receipt; and one key for each role. All of it entered by extrinsics, in blocks.

use salus_consent::{Action, Kind, Purpose, Tags};
use salus_council::types::{Act, Members};
use salus_patients::types::{GuardianChange, Powers};
use salus_primitives::{
    PatientId, RecordId, Subject,
    crypto::sha256,
    signed::{self, CoSign, CoSigns, cosign},
    subject::Roles,
    time::HOUR,
};
use salus_records::{CustodyReceipt, CustodyReceipts};
use salus_registry::types::{OrganisationStatus, PractitionerStatus};

use super::*;

/// An extrinsic to be: who signs, what, and who signs along.
pub(super) struct Sent {
    by: KeyPair,
    call: RuntimeCall,
    along: Vec<KeyPair>,
}

impl Sent {
    /// These sign along.
    pub fn along(mut self, keys: impl IntoIterator<Item = KeyPair>) -> Self {
        self.along.extend(keys);
        self
    }

    /// Who signs.
    pub fn signer(&self) -> AccountId {
        self.by.public()
    }

    /// The call, without co-signatures.
    pub fn call(&self) -> &RuntimeCall {
        &self.call
    }
}

#[derive(Clone)]
pub(super) struct World {
    pub net: TestNet,
    /// What the guardians may do.
    pub powers: Powers,
    /// The patient concerned, and their key.
    pub patient: PatientId,
    patient_key: u8,
}

impl World {
    /// The world in which the guardians have these powers.
    pub fn new(powers: Powers) -> Self {
        let net = TestNet::new();
        let patient_key = Role::Patient.seed();
        let mut world = Self { net, powers, patient: PATIENT, patient_key };
        world.found();
        world.employ();
        world.enrol();
        world.consent();
        world.file();
        world.act_of_patient_and_doctors();
        world.close();
        world
    }

    /// The key of this role.
    pub fn key(&self, role: Role) -> KeyPair {
        if role == Role::Patient { key(self.patient_key) } else { key(role.seed()) }
    }

    /// From here on the patient concerned is the child.
    pub fn concerns_child(&mut self) {
        (self.patient, self.patient_key) = (CHILD, CHILD_KEY);
    }

    /// Time of the next block.
    pub fn now(&self) -> Moment {
        self.net.context().slot.time
    }

    /// Let time pass.
    pub fn skip(&mut self, ms: u64) {
        let step = core::mem::replace(&mut self.net.step, ms);
        self.net.pass(1);
        self.net.step = step;
    }

    /// Let time pass until the next block is at `moment`.
    pub fn skip_to(&mut self, moment: Moment) {
        self.skip(moment.since(self.now()));
    }

    pub fn by(&self, role: Role, call: impl Into<RuntimeCall>) -> Sent {
        Sent { by: self.key(role), call: call.into(), along: Vec::new() }
    }

    pub fn by_key(&self, seed: u8, call: impl Into<RuntimeCall>) -> Sent {
        Sent { by: key(seed), call: call.into(), along: Vec::new() }
    }

    /// The extrinsic, co-signatures filled in: they are the last field of every call that has them.
    pub fn extrinsic(&self, sent: &Sent) -> RawExtrinsic {
        let (by, bare) = (&sent.by, sent.call.encode());
        if sent.along.is_empty() {
            return self.net.signed(by, sent.call.clone(), 0);
        }
        let message = cosign(&self.net.genesis, &by.public(), self.net.nonce(by.public()), &bare);
        let agreed = |key: &KeyPair| CoSign { account: key.public(), signature: key.sign(&message) };
        let agreed = CoSigns::try_from(sent.along.iter().map(agreed).collect::<Vec<_>>()).unwrap();
        let bytes = [&bare[..bare.len() - 1], &agreed.encode()].concat();
        self.net.signed(by, RuntimeCall::decode(&mut &bytes[..]).unwrap(), 0)
    }

    /// A block with this extrinsic, which takes effect.
    #[track_caller]
    pub fn ok(&mut self, sent: Sent) {
        let events = self.net.block(vec![self.extrinsic(&sent)]);
        assert!(events.last().is_some_and(succeeded), "{:?}: {events:?}", sent.call);
    }

    /// The council decides, as long as one member is enough.
    fn decide(&mut self, act: Act, along: &[u8]) {
        let call = salus_council::Call::Propose { act, cosign: CoSigns::new() };
        self.ok(self.by(Role::Council, call).along(along.iter().copied().map(key)));
    }

    /// Two members decide.
    pub fn decided(&mut self, act: Act) {
        let motion = salus_council::storage::NextMotion::get(&self.net.state);
        let propose = salus_council::Call::Propose { act, cosign: CoSigns::new() };
        self.ok(self.by_key(OTHER_MEMBER, propose));
        self.ok(self.by(Role::Council, salus_council::Call::Vote { motion, aye: true }));
    }

    fn found(&mut self) {
        for (id, admin) in [
            (HERE, Role::Admin.seed()),
            (THERE, Role::OtherAdmin.seed()),
            (CLOSED, Role::Suspended.seed()),
            (GONE, GONE_OFFICER),
        ] {
            self.decide(organisation(id, OrganisationStatus::Active, Some(key(admin).public())), &[admin]);
        }
        let officer = |account: u8, roles| {
            let account = key(account).public();
            salus_registry::Call::OfficerSet { account, roles, cosign: CoSigns::new() }
        };
        for role in [Role::Suspended.seed(), GONE_OFFICER] {
            self.ok(self.by_key(role, officer(role, Some(Roles::ALL))));
        }
        for (admin, role, roles) in [
            (Role::Admin, Role::Registrar, Roles::REGISTRAR),
            (Role::Admin, Role::Privacy, Roles::PRIVACY),
            (Role::Admin, Role::Reviewer, Roles::REVIEWER),
            (Role::Admin, Role::Gateway, Roles::GATEWAY),
            (Role::Admin, Role::Ended, Roles::ALL),
            (Role::OtherAdmin, Role::OtherRegistrar, Roles::REGISTRAR),
            (Role::OtherAdmin, Role::OtherPrivacy, Roles::PRIVACY),
            (Role::OtherAdmin, Role::OtherReviewer, Roles::REVIEWER),
            (Role::OtherAdmin, Role::OtherGateway, Roles::GATEWAY),
        ] {
            self.ok(self.by(admin, officer(role.seed(), Some(roles))).along([self.key(role)]));
        }
        self.ok(self.by(Role::Admin, officer(Role::Ended.seed(), None)));
    }

    fn employ(&mut self) {
        for (registrar, organisation, role, id) in [
            (Role::Registrar, HERE, Role::Doctor, DOCTOR),
            (Role::OtherRegistrar, THERE, Role::OtherDoctor, OTHER_DOCTOR),
            (Role::Suspended, CLOSED, Role::SuspendedDoctor, SUSPENDED_DOCTOR),
            (Role::Registrar, HERE, Role::StruckDoctor, STRUCK_DOCTOR),
        ] {
            let enrolled = enrolment(id, Some(self.key(role).public()), self.now());
            self.ok(self.by(registrar, enrolled).along([self.key(role)]));
            let employed = employment(id, organisation, self.now());
            self.ok(self.by(registrar, employed).along([self.key(role)]));
        }
    }

    fn enrol(&mut self) {
        for (registrar, person, id, invitation) in [
            (Role::Registrar, Role::Patient.seed(), PATIENT, 100),
            (Role::OtherRegistrar, Role::OtherPatient.seed(), OTHER_PATIENT, 101),
            (Role::Registrar, Role::GuardianActing.seed(), GUARDIAN, 103),
            (Role::Registrar, CHILD_KEY, CHILD, 104),
        ] {
            self.ok(self.by(registrar, invite(invitation, self.now())));
            self.ok(self.by_key(person, self.registration(invitation, person, id)));
            if id != CHILD {
                self.ok(self.by(registrar, salus_patients::Call::Confirm { patient: id, assurance: 1 }));
            }
        }
        self.ok(self.by(Role::Registrar, invite(INVITATION, self.now())));
        let change = GuardianChange::Set(guardians(self.now(), self.powers));
        self.ok(self.by(Role::Patient, guardians_set(PATIENT, change)));
    }

    /// The call by which the holder of this key registers against this invitation.
    pub fn registration(&self, invitation: u8, person: u8, id: PatientId) -> salus_patients::Call {
        let message = signed::possession(&self.net.genesis, &key(person).public(), &id);
        let (invite, possession) = (key(invitation).public(), key(invitation).sign(&message));
        salus_patients::Call::Register { id, invite, possession, kem: kem() }
    }

    /// Rules 0 to 4 by the patient, 5 by the guardian, or by the patient where the guardian may not act.
    fn consent(&mut self) {
        for rule in [RULE, SUSPENDED_RULE, STRUCK_RULE, HERE_RULE, CLOSED_RULE] {
            let actions = [Action::View, Action::Add, Action::Amend, Action::Share];
            let grantee = grantee(rule);
            self.ok(self.by(Role::Patient, grant(permit(grantee, Purpose::Treatment, &actions, self.now()))));
        }
        let may = self.powers.contains(Powers::ACT);
        let maker = if may { Role::GuardianActing } else { Role::Patient };
        self.ok(self.by(maker, grant(guardians_terms(self.now()))));
    }

    fn file(&mut self) {
        for (author, id, kind, custodians) in [
            (Role::Doctor, LAB, Kind::Lab, &[HERE][..]),
            (Role::Doctor, SUMMARY, Kind::Summary, &[HERE]),
            (Role::Doctor, SHARED, Kind::Document, &[HERE, THERE]),
            (Role::SuspendedDoctor, SUSPENDED_LAB, Kind::Lab, &[CLOSED]),
            (Role::StruckDoctor, STRUCK_LAB, Kind::Lab, &[HERE]),
            (Role::Patient, OWN, Kind::General, &[HERE]),
            (Role::Doctor, LEFT, Kind::Imaging, &[GONE]),
        ] {
            self.ok(self.by(author, self.filing(author, id, kind, custodians)));
        }
    }

    /// The call by which `author` files a record that these keep, who say so.
    pub fn filing(&self, author: Role, id: RecordId, kind: Kind, custodians: &[OrganisationId]) -> salus_records::Call {
        let gateways = custodians.iter().map(|custodian| match *custodian {
            HERE => Role::Gateway.seed(),
            THERE => Role::OtherGateway.seed(),
            CLOSED => Role::Suspended.seed(),
            _ => GONE_OFFICER,
        });
        let receipts: Vec<_> = gateways.map(|gateway| self.receipt(author, id, &key(gateway))).collect();
        salus_records::Call::Put {
            patient: PATIENT,
            organisation: place(author),
            id,
            prev: None,
            kind,
            tags: Tags::new(),
            labelled: true,
            restricted: false,
            digest: sha256(&id.0),
            size: 4_096,
            custodian: custodians[0],
            second: custodians.get(1).copied(),
            receipts: CustodyReceipts::try_from(receipts).unwrap(),
        }
    }

    /// The word of the holder of `gateway` that this record by `author` is stored.
    pub fn receipt(&self, author: Role, id: RecordId, gateway: &KeyPair) -> CustodyReceipt {
        let author = author.subject();
        let message = signed::custody_receipt(&self.net.genesis, &PATIENT, &id, &sha256(&id.0), 4_096, &author);
        CustodyReceipt { account: gateway.public(), signature: gateway.sign(&message) }
    }

    /// Receipt 0 is the doctor's, of a record kept here, one kept there too and one that the suspended keep.
    fn act_of_patient_and_doctors(&mut self) {
        for role in [Role::Doctor, Role::SuspendedDoctor, Role::StruckDoctor] {
            self.ok(self.by(role, publishing(role, HOURS)));
            if role != Role::Doctor {
                self.ok(self.by(role, request(role, self.now())));
            }
        }
        let records = [LAB, SHARED, SUSPENDED_LAB];
        self.ok(self.by(Role::Doctor, opening(HERE, Purpose::Treatment, &records)));
    }

    /// Who is not Active any more; and from here on the council needs two, and acts on it wait.
    fn close(&mut self) {
        self.decide(organisation(CLOSED, OrganisationStatus::Suspended, None), &[]);
        for status in [OrganisationStatus::Suspended, OrganisationStatus::Removed] {
            self.decide(organisation(GONE, status, None), &[]);
        }
        for status in [PractitionerStatus::Suspended, PractitionerStatus::Struck] {
            self.decide(Act::PractitionerStatus { id: STRUCK_DOCTOR, status }, &[]);
        }
        let members = Members::try_from(vec![council().public(), key(OTHER_MEMBER).public()]).unwrap();
        self.decide(Act::CouncilSet { members, threshold: 2 }, &[]);
        self.decided(Act::ParametersSet { parameters: Parameters::default() });
    }

    /// What a row needs has happened: session keys are bound now, so that they live whatever time it is.
    pub fn ready(&mut self) {
        let (now, until) = (self.now(), self.now().plus(HOUR));
        let sessions = [
            (Role::DoctorSession, Subject::Practitioner(DOCTOR)),
            (Role::PatientSession, Subject::Patient(self.patient)),
        ];
        self.net.prepare(|state| {
            for (role, subject) in sessions {
                let account = key(role.seed()).public();
                salus_system::keys::bind(state, now, account, subject, Roles::NONE, Some(until)).unwrap();
            }
        });
    }
}
