//! Filing.

use salus_consent::{Kinds, Scope, Servable, Tag, storage::Rules};
use salus_patients::Change as PatientChange;
use salus_primitives::signed::CoSigns;
use salus_system::{Parameters, Policy, storage::ChainParameters};

use super::*;

fn tags(numbers: &[u8]) -> Tags {
    Tags::try_from(numbers.iter().map(|number| Tag([*number; 8])).collect::<Vec<_>>()).unwrap()
}

/// The patient changes their own state.
#[track_caller]
fn patient_sets(chain: &mut Chain, person: &Person, to: PatientChange) {
    let call = salus_patients::Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() };
    chain.ok(person.account(), call);
}

fn policy(chain: &mut Chain, policy: Policy) {
    chain.prepare(|state| ChainParameters::put(state, &Parameters { policy, ..Parameters::default() }));
}

#[test]
fn a_doctor_files_with_the_patients_consent() {
    let (mut chain, person) = chain();
    let draft = Draft { tags: tags(&[1]), restricted: true, ..Draft::lab(person.id, HOSPITAL, 1) };
    let id = file(&mut chain, &draft);
    chain.emitted(Event::RecordPut {
        patient: person.id,
        record: id,
        version: 1,
        prev: None,
        kind: Kind::Lab,
        author: DOCTOR_SUBJECT,
        organisation: HOSPITAL,
        custodian: HOSPITAL,
    });
    let expected = Record {
        version: 1,
        prev: None,
        kind: Kind::Lab,
        tags: tags(&[1]),
        labelled: true,
        restricted: true,
        digest: draft.digest,
        size: draft.size,
        key_epoch: 1,
        author: DOCTOR_SUBJECT,
        organisation: HOSPITAL,
        custodian: HOSPITAL,
        second: None,
        status: RecordStatus::Current,
        hold: false,
    };
    assert_eq!(kept(&chain, &person, id), expected);
    assert_eq!(view(chain.state(), person.id, id).unwrap().servable, Servable::Yes);
    assert_eq!(view(chain.state(), Person::number(9).id, id), None, "an id is one patient's");
    assert_eq!(summary(chain.state(), person.id), None);
}

#[test]
fn nothing_is_filed_before_the_patient_agrees_nor_after_they_revoke() {
    let mut chain = organisations();
    let person = confirmed(&mut chain, registrar(), 1);
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    refuses(&mut chain, &draft, Error::NoConsent(Reason::NoConsent));
    let view_only = permit(chain.now(), Grantee::Organisation(HOSPITAL));
    grant(&mut chain, person.account(), person.id, view_only);
    refuses(&mut chain, &draft, Error::NoConsent(Reason::NoConsent));
    let terms = full(&chain, Grantee::Organisation(HOSPITAL));
    grant(&mut chain, person.account(), person.id, terms);
    file(&mut chain, &draft);
    let nobody = deny(chain.now(), Grantee::Organisation(HOSPITAL));
    grant(&mut chain, person.account(), person.id, nobody);
    refuses(&mut chain, &Draft::lab(person.id, HOSPITAL, 2), Error::NoConsent(Reason::DenyRule));
}

#[test]
fn consent_to_add_is_for_treatment_and_for_what_its_scope_names() {
    let mut chain = organisations();
    let person = confirmed(&mut chain, registrar(), 1);
    let labs = Terms {
        scope: Scope::kinds(Kinds::of(&[Kind::Lab])),
        actions: Actions::of(&[Action::Add]),
        ..permit(chain.now(), Grantee::Organisation(HOSPITAL))
    };
    let research =
        Terms { purposes: Purposes::of(&[Purpose::Research]), scope: Scope::kinds(Kinds::ALL), ..labs.clone() };
    grant(&mut chain, person.account(), person.id, labs);
    grant(&mut chain, person.account(), person.id, research);
    let imaging = Draft { kind: Kind::Imaging, ..Draft::lab(person.id, HOSPITAL, 1) };
    refuses(&mut chain, &imaging, Error::NoConsent(Reason::NoConsent));
    let lab = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &lab);
    refuses(&mut chain, &amendment(&lab, 2), Error::NoConsent(Reason::NoConsent));
}

#[test]
fn one_filing_is_one_use_of_a_rule() {
    let mut chain = organisations();
    let person = confirmed(&mut chain, registrar(), 1);
    let terms = Terms { max_uses: Some(2), ..full(&chain, Grantee::Organisation(HOSPITAL)) };
    let page = (person.id, terms.grantee.key());
    grant(&mut chain, person.account(), person.id, terms);
    let used = |chain: &Chain| Rules::get(chain.state(), &page).unwrap()[0].uses.map(|uses| uses.count);
    let first = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &first);
    assert_eq!(used(&chain), Some(1));
    file(&mut chain, &amendment(&first, 2));
    assert_eq!(used(&chain), Some(2), "an amendment asks twice and uses once");
    refuses(&mut chain, &Draft::lab(person.id, HOSPITAL, 3), Error::NoConsent(Reason::NoConsent));
}

#[test]
fn the_default_policy_lets_a_custodian_file_and_amend_what_is_not_restricted() {
    let mut chain = organisations();
    let person = confirmed(&mut chain, registrar(), 1);
    policy(&mut chain, Policy::CustodianTreatment);
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &draft);
    let elsewhere = Draft { custodian: CLINIC, ..amendment(&draft, 2) };
    refuses(&mut chain, &elsewhere, Error::NoConsent(Reason::NoConsent));
    file(&mut chain, &amendment(&draft, 2));
    let restricted = Draft { restricted: true, ..Draft::lab(person.id, HOSPITAL, 3) };
    refuses(&mut chain, &restricted, Error::NoConsent(Reason::NoConsent));
}

#[test]
fn an_added_tag_opens_no_record_for_amendment() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &draft);
    let tagged = Terms {
        scope: Scope { any_of: tags(&[7]), ..Scope::kinds(Kinds::ALL) },
        actions: Actions::of(&[Action::Amend]),
        ..permit(chain.now(), Grantee::Organisation(CLINIC))
    };
    grant(&mut chain, person.account(), person.id, tagged);
    let theirs = Draft { prev: Some(draft.id), tags: tags(&[7]), restricted: true, ..Draft::lab(person.id, CLINIC, 2) };
    let author = Subject::Practitioner(OTHER);
    let call = theirs.call(&chain.genesis(), &author, &[&clinic_gateway()]);
    chain.refused(other_doctor(), call, Error::NoConsent(Reason::NoConsent));
    file(&mut chain, &Draft { tags: tags(&[7]), restricted: true, ..amendment(&draft, 3) });
    let theirs = Draft { prev: Some(amendment(&draft, 3).id), ..theirs };
    theirs.file(&mut chain, other_doctor(), &author, &[&clinic_gateway()]);
}

#[test]
fn an_amendment_supersedes_what_it_amends_and_carries_its_labels_over() {
    let (mut chain, person) = chain();
    let first = Draft { tags: tags(&[1, 2]), restricted: true, ..Draft::lab(person.id, HOSPITAL, 1) };
    file(&mut chain, &first);
    let second = Draft { tags: tags(&[2, 3]), ..amendment(&first, 2) };
    let id = file(&mut chain, &second);
    let (before, after) = (kept(&chain, &person, first.id), kept(&chain, &person, id));
    assert_eq!((before.status, before.version), (RecordStatus::Superseded, 1));
    assert_eq!((after.status, after.version, after.prev), (RecordStatus::Current, 2, Some(first.id)));
    assert_eq!(after.tags.iter().map(|tag| tag.0[0]).collect::<Vec<_>>(), vec![2, 3, 1]);
    assert!(after.restricted, "only the patient clears it");
    let unlabelled = Draft { labelled: false, restricted: true, ..amendment(&second, 3) };
    file(&mut chain, &unlabelled);
    let labelled_again = Draft { labelled: true, ..amendment(&unlabelled, 4) };
    let id = file(&mut chain, &labelled_again);
    assert!(!kept(&chain, &person, id).labelled, "an author who has the tokens does not know what was before");
}

#[test]
fn only_a_current_record_of_the_same_patient_is_amended() {
    let (mut chain, person) = chain();
    let other = confirmed(&mut chain, registrar(), 2);
    let terms = full(&chain, Grantee::Organisation(HOSPITAL));
    grant(&mut chain, other.account(), other.id, terms);
    let first = Draft::lab(person.id, HOSPITAL, 1);
    refuses(&mut chain, &amendment(&first, 2), Error::NotHead);
    file(&mut chain, &first);
    refuses(&mut chain, &Draft { patient: other.id, ..amendment(&first, 2) }, Error::NotHead);
    file(&mut chain, &amendment(&first, 2));
    refuses(&mut chain, &amendment(&first, 3), Error::NotHead);
    let second = amendment(&first, 2);
    let call = Call::StatusSet { patient: person.id, id: second.id, to: Change::EnteredInError, basis: 0 };
    chain.ok(doctor_account(), call);
    refuses(&mut chain, &amendment(&second, 3), Error::NotHead);
}

#[test]
fn an_amendment_keeps_its_kind() {
    let (mut chain, person) = chain();
    let first = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &first);
    refuses(&mut chain, &Draft { kind: Kind::Imaging, ..amendment(&first, 2) }, Error::BadKind);
}

#[test]
fn an_id_is_used_once_per_patient() {
    let (mut chain, person) = chain();
    let first = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &first);
    refuses(&mut chain, &first, Error::IdTaken);
    refuses(&mut chain, &Draft { prev: Some(first.id), ..first.clone() }, Error::IdTaken);
}

#[test]
fn tags_stand_once_and_what_is_not_labelled_is_restricted() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    refuses(&mut chain, &Draft { tags: tags(&[1, 1]), ..draft.clone() }, Error::BadTags);
    refuses(&mut chain, &Draft { labelled: false, ..draft.clone() }, Error::BadTags);
    file(&mut chain, &Draft { labelled: false, restricted: true, ..draft });
}

#[test]
fn tags_carried_over_count() {
    let (mut chain, person) = chain();
    let first = Draft { tags: tags(&[1, 2, 3, 4, 5]), restricted: true, ..Draft::lab(person.id, HOSPITAL, 1) };
    file(&mut chain, &first);
    refuses(&mut chain, &Draft { tags: tags(&[6, 7, 8, 9]), ..amendment(&first, 2) }, Error::TooMany);
    file(&mut chain, &Draft { tags: tags(&[5, 6, 7, 8]), ..amendment(&first, 2) });
}

#[test]
fn an_empty_ciphertext_is_no_record() {
    let (mut chain, person) = chain();
    refuses(&mut chain, &Draft { size: 0, ..Draft::lab(person.id, HOSPITAL, 1) }, Error::BadSize);
}

#[test]
fn a_record_is_kept_by_active_custodians_only() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    let unknown = OrganisationId([0xFF; 16]);
    for custodian in [PRACTICE, unknown] {
        refuses(&mut chain, &Draft { custodian, ..draft.clone() }, Error::BadCustodian);
        refuses(&mut chain, &Draft { second: Some(custodian), ..draft.clone() }, Error::BadCustodian);
    }
    refuses(&mut chain, &Draft { second: Some(HOSPITAL), ..draft.clone() }, Error::BadCustodian);
    suspend(&mut chain, CLINIC);
    refuses(&mut chain, &Draft { custodian: CLINIC, ..draft }, Error::BadCustodian);
}

#[test]
fn each_custodian_says_by_its_gateway_that_it_has_the_ciphertext() {
    let (mut chain, person) = chain();
    let genesis = chain.genesis();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    let call = |draft: &Draft, gateways: &[&KeyPair]| draft.call(&genesis, &DOCTOR_SUBJECT, gateways);
    let both = Draft { second: Some(CLINIC), ..draft.clone() };
    for (draft, gateways) in [
        (&draft, &[][..]),
        (&draft, &[&clinic_gateway()]),
        (&draft, &[&key(6)]),
        (&draft, &[&key(99)]),
        (&draft, &[&gateway(), &clinic_gateway()]),
        (&both, &[&gateway()]),
        (&both, &[&gateway(), &gateway()]),
        (&both, &[&clinic_gateway(), &gateway()]),
    ] {
        chain.refused(doctor_account(), call(draft, gateways), Error::BadReceipt);
    }
    chain.ok(doctor_account(), call(&both, &[&gateway(), &clinic_gateway()]));
    let kept = kept(&chain, &person, both.id);
    assert!(kept.is_kept_by(HOSPITAL) && kept.is_kept_by(CLINIC) && !kept.is_kept_by(PRACTICE));
}

#[test]
fn a_custody_receipt_fits_one_record_of_one_patient_by_one_author_on_one_chain() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    let genesis = chain.genesis();
    let signed_for = |other: &Draft, genesis: &Hash, author: &Subject| {
        let Call::Put { receipts, .. } = other.call(genesis, author, &[&gateway()]) else { panic!("it files") };
        receipts
    };
    let mut filed_with = |with: CustodyReceipts| {
        let Call::Put {
            patient,
            organisation,
            id,
            prev,
            kind,
            tags,
            labelled,
            restricted,
            digest,
            size,
            custodian,
            second,
            ..
        } = draft.call(&genesis, &DOCTOR_SUBJECT, &[])
        else {
            panic!("it files")
        };
        let receipts = with;
        let call = Call::Put {
            patient,
            organisation,
            id,
            prev,
            kind,
            tags,
            labelled,
            restricted,
            digest,
            size,
            custodian,
            second,
            receipts,
        };
        chain.refused(doctor_account(), call, Error::BadReceipt);
    };
    filed_with(signed_for(&Draft { patient: Person::number(2).id, ..draft.clone() }, &genesis, &DOCTOR_SUBJECT));
    filed_with(signed_for(&Draft { id: RecordId([1; 16]), ..draft.clone() }, &genesis, &DOCTOR_SUBJECT));
    filed_with(signed_for(&Draft { digest: Hash::ZERO, ..draft.clone() }, &genesis, &DOCTOR_SUBJECT));
    filed_with(signed_for(&Draft { size: 1, ..draft.clone() }, &genesis, &DOCTOR_SUBJECT));
    filed_with(signed_for(&draft, &genesis, &Subject::Practitioner(OTHER)));
    filed_with(signed_for(&draft, &Hash::ZERO, &DOCTOR_SUBJECT));
}

#[test]
fn a_patient_has_one_current_summary() {
    let (mut chain, person) = chain();
    let first = Draft { kind: Kind::Summary, ..Draft::lab(person.id, HOSPITAL, 1) };
    file(&mut chain, &first);
    assert_eq!(summary(chain.state(), person.id), Some(first.id));
    let another = Draft { id: RecordId([2; 16]), ..first.clone() };
    refuses(&mut chain, &another, Error::SummaryExists);
    let second = amendment(&first, 2);
    file(&mut chain, &second);
    assert_eq!(summary(chain.state(), person.id), Some(second.id));
    let call = Call::StatusSet { patient: person.id, id: second.id, to: Change::EnteredInError, basis: 0 };
    chain.ok(doctor_account(), call);
    assert_eq!(summary(chain.state(), person.id), None);
    file(&mut chain, &another);
    assert_eq!(summary(chain.state(), person.id), Some(another.id));
}

#[test]
fn a_patient_contributes_their_own_without_asking_anybody() {
    let mut chain = organisations();
    let person = confirmed(&mut chain, registrar(), 1);
    let author = Subject::Patient(person.id);
    let first = Draft { kind: Kind::Device, ..Draft::lab(person.id, HOSPITAL, 1) };
    first.file(&mut chain, person.account(), &author, &[&gateway()]);
    assert_eq!(kept(&chain, &person, first.id).author, author);
    amendment(&first, 2).file(&mut chain, person.account(), &author, &[&gateway()]);

    let elsewhere = Draft { organisation: CLINIC, ..Draft::lab(person.id, HOSPITAL, 3) };
    let call = elsewhere.call(&chain.genesis(), &author, &[&gateway()]);
    chain.refused(person.account(), call, Error::BadCustodian);
}

#[test]
fn a_patient_neither_files_for_another_nor_amends_what_a_doctor_wrote() {
    let (mut chain, person) = chain();
    let other = confirmed(&mut chain, registrar(), 2);
    let call = Draft::lab(person.id, HOSPITAL, 1).call(&chain.genesis(), &Subject::Patient(other.id), &[&gateway()]);
    chain.refused(other.account(), call, Error::NotAuthorised);
    let written = Draft::lab(person.id, HOSPITAL, 1);
    file(&mut chain, &written);
    let call = amendment(&written, 2).call(&chain.genesis(), &Subject::Patient(person.id), &[&gateway()]);
    chain.refused(person.account(), call, Error::NotAuthorised);
}

#[test]
fn a_frozen_patient_contributes_nothing_while_their_doctor_files() {
    let (mut chain, person) = chain();
    patient_sets(&mut chain, &person, PatientChange::Freeze);
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    let own = draft.call(&chain.genesis(), &Subject::Patient(person.id), &[&gateway()]);
    chain.refused(person.account(), own, Error::Patient(Problem::Frozen));
    file(&mut chain, &draft);
}

#[test]
fn nothing_is_filed_for_a_closed_patient() {
    let (mut chain, person) = chain();
    patient_sets(&mut chain, &person, PatientChange::Close);
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    refuses(&mut chain, &draft, Error::NoConsent(Reason::Patient(Problem::Closed)));
    let own = draft.call(&chain.genesis(), &Subject::Patient(person.id), &[&gateway()]);
    chain.refused(person.account(), own, Error::Patient(Problem::Closed));
}

#[test]
fn nothing_is_filed_for_whom_nobody_confirmed_unless_provisional() {
    let mut chain = organisations();
    for (number, provisional) in [(1, false), (2, true)] {
        let person = registered(&mut chain, registrar(), number, provisional);
        let terms = full(&chain, Grantee::Organisation(HOSPITAL));
        grant(&mut chain, person.account(), person.id, terms);
        let draft = Draft::lab(person.id, HOSPITAL, 1);
        let own = draft.call(&chain.genesis(), &Subject::Patient(person.id), &[&gateway()]);
        if provisional {
            file(&mut chain, &draft);
            chain.refused(person.account(), own, Error::NotAuthorised);
        } else {
            refuses(&mut chain, &draft, Error::Patient(Problem::Unconfirmed));
            chain.refused(person.account(), own, Error::Patient(Problem::Unconfirmed));
        }
    }
}

#[test]
fn nobody_files_but_a_practitioner_who_acts_there_with_a_lasting_key() {
    let (mut chain, person) = chain();
    let draft = Draft::lab(person.id, HOSPITAL, 1);
    let call = draft.call(&chain.genesis(), &DOCTOR_SUBJECT, &[&gateway()]);
    chain.refused(key(99).public(), call.clone(), Error::NotRegistered);
    for officer in [registrar(), privacy(), gateway().public()] {
        chain.refused(officer, call.clone(), Error::NotAuthorised);
    }
    let session = session_key(&mut chain, DOCTOR_SUBJECT);
    chain.refused(session, call.clone(), Error::NotAuthorised);
    chain.refused(other_doctor(), call.clone(), Error::NotActive(Standing::NotAffiliated));
    suspend(&mut chain, HOSPITAL);
    chain.refused(doctor_account(), call, Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn a_doctor_whose_licence_ran_out_files_nothing() {
    let (mut chain, person) = chain();
    chain.advance(5 * 365 * DAY);
    refuses(&mut chain, &Draft::lab(person.id, HOSPITAL, 1), Error::NotActive(Standing::LicenceExpired));
}
