//! What is rarer than the main story, told of one patient more: an appointment that carries a grant, a grant to an
//! attribute, an emergency with its review, and a recovery after a lost key.

use salus_access::cases::Finding;
use salus_appointments::{Change, SlotRef};
use salus_consent::{Action, Attribute, Grantee, Kind, Kinds, Purpose, Reason, Tier};
use salus_patients::{
    Error as PatientsError,
    types::{GuardianChange, GuardianTerms, Powers, RecoveryNews, RecoveryStep},
};
use salus_primitives::{
    BoundedVec, Hash, Moment, RecordId, Window,
    time::{DAY, MINUTE, SECOND, YEAR},
};
use salus_runtime::RuntimeError;

use super::{
    DemoError, charts,
    opening::{history, open_denied, open_permitted, reported},
    people::{CARDIOLOGY, Doctor, Patient, doing},
    stage::{Stage, eventually, expect, refused, untaken},
    story::{Cast, enrol},
    teller::Teller,
};
use crate::{
    actions::{
        ActionError, appointments, booking::Booking, consent, emergency, fresh_key, guardians, patients, practitioners,
        records::Filing,
    },
    chain::Chain,
    envelope::{Appointment, KemSecret},
    fhir::{self, BundleInfo, chain_kind},
    remote,
};

/// How far ahead the appointment's hours begin: what is told between booking and visit takes about as long.
const AHEAD: u64 = 24 * SECOND;

/// Code of the reason for an emergency, by the deployment's list: the patient is unconscious.
const UNCONSCIOUS: u8 = 1;

/// A patient and what is filed of them.
struct Filed {
    patient: Patient,
    /// What was measured.
    general: (RecordId, BundleInfo),
    /// What happened to them.
    chart: (RecordId, BundleInfo),
}

/// Tell it. `friend` is a patient of before, who becomes a guardian.
pub async fn tell(stage: &mut Stage, cast: &Cast, friend: &Patient, teller: &mut Teller) -> Result<(), DemoError> {
    teller.chapter("9. Another patient takes an appointment that carries a grant");
    let mut filed = file(&stage.turn().await?, cast, teller).await?;
    let (slot, hours) = book(&stage.turn().await?, cast, &filed, teller).await?;

    teller.chapter("10. The patient grants View to any cardiologist of Linden Clinic");
    let cleo = by_attribute(stage, cast, &filed, teller).await?;

    teller.chapter("11. An emergency: the patient is unconscious, nothing permits Dr Cleo the chart");
    in_emergency(stage, cast, &cleo, &filed, teller).await?;

    teller.chapter("12. The patient loses their key, and two guardians recover");
    recover(stage, cast, friend, &mut filed, teller).await?;

    teller.chapter("13. The visit: the grant of the appointment holds for its hours alone");
    visit(stage, cast, &filed, (slot, hours), teller).await?;
    history(&stage.turn().await?, &[&cast.amara, &cast.ben, &cleo], &filed.patient, teller).await
}

/// The patient registers, grants the hospital, and Dr Amara files what there is.
async fn file(chain: &Chain, cast: &Cast, teller: &mut Teller) -> Result<Filed, DemoError> {
    let patient = enrol(chain, cast, teller).await?;
    let now = chain.now().await?;
    let window = Window { from: now, until: now.plus(YEAR) };
    let aster = Grantee::Organisation(cast.aster.id);
    let terms = consent::permit(aster, Kinds::ALL, &[Purpose::Treatment], &[Action::Add, Action::View], window);
    let granted = doing("granting", consent::grant(chain, &patient.key, patient.id, terms, None).await)?;
    teller.step(&granted.receipt, &format!("They grant Aster Hospital Add and View: rule {}", granted.rule.id));

    let (general, _) = charts::general_information(&patient.id, 4, now)?;
    let chart = fhir::generated(1, 4).remove(0).info;
    let mut records = Vec::new();
    for bundle in [&general, &chart] {
        let filing = Filing::unlabelled(patient.id, cast.aster.id, chain_kind(bundle.kind));
        let put = doing("filing", remote::put(chain, None, &cast.amara.key, filing.clone(), &bundle.bytes[..]).await)?;
        teller.step(&put.receipt, &format!("Dr Amara files a {:?} record at Aster Hospital", filing.kind));
        records.push(put.record);
    }
    Ok(Filed { patient, general: (records[0], general), chart: (records[1], chart) })
}

/// Hours are offered, taken by a key used once, and confirmed; the patient grants Dr Ben View within them.
async fn book(chain: &Chain, cast: &Cast, filed: &Filed, teller: &mut Teller) -> Result<(SlotRef, Window), DemoError> {
    let (ben, linden) = (&cast.ben, &cast.linden);
    let now = chain.now().await?;
    let hours = Window { from: now.plus(AHEAD), until: now.plus(AHEAD + 30 * MINUTE) };
    let offered = BoundedVec::try_from(vec![hours]).unwrap_or_default();
    let published = appointments::publish(chain, &ben.key, ben.id, linden.id, offered).await;
    teller.step(&doing("publishing hours", published)?, "Dr Ben offers half an hour at Linden Clinic");

    let (once, desk) = (fresh_key()?, doing("asking", appointments::sealed_to(chain, linden.id).await)?);
    let appointment = Appointment { practitioner: ben.id, organisation: linden.id, hours };
    let taken = Booking::take(chain.genesis(), appointment, &once, filed.patient.id.to_string().as_bytes(), &desk);
    let entered = appointments::enter(chain, &linden.registrar, &doing("booking", taken)?).await;
    teller
        .step(&doing("booking", entered)?, "The patient takes it by a key made for it; who it is, is sealed to Linden");
    let slot = SlotRef { practitioner: ben.id, from: hours.from };
    let confirmed = appointments::set(chain, &ben.key, slot, Change::Confirm).await;
    teller.step(&doing("confirming", confirmed)?, "Dr Ben confirms; the chain names no patient");

    let granted = view(chain, filed, Grantee::Practitioner(ben.id, linden.id), Kinds::ALL, hours).await?;
    teller.step(
        &granted.receipt,
        &format!("The patient grants Dr Ben View of everything within these hours: rule {}", granted.rule.id),
    );
    let chart = (&filed.patient, filed.chart.0);
    open_denied(chain, ben, chart, Reason::NoConsent, "Dr Ben opens the chart before they begin", teller).await?;
    Ok((slot, hours))
}

/// A grant of View for treatment.
async fn view(
    chain: &Chain,
    filed: &Filed,
    to: Grantee,
    kinds: Kinds,
    window: Window,
) -> Result<consent::Granted, DemoError> {
    let terms = consent::permit(to, kinds, &[Purpose::Treatment], &[Action::View], window);
    let patient = &filed.patient;
    doing("granting", consent::grant(chain, &patient.key, patient.id, terms, None).await)
}

/// Whoever has the attribute at that moment reads, and nobody else.
async fn by_attribute(stage: &mut Stage, cast: &Cast, filed: &Filed, teller: &mut Teller) -> Result<Doctor, DemoError> {
    let chain = &stage.turn().await?;
    let cardiologists =
        Grantee::Attribute(Attribute { organisation: cast.linden.id, speciality: Some(CARDIOLOGY), role: None });
    let now = chain.now().await?;
    let month = Window { from: now, until: now.plus(30 * DAY) };
    let granted = view(chain, filed, cardiologists, Kinds::of(&[Kind::General]), month).await?;
    teller.step(
        &granted.receipt,
        &format!("Of the General record, for a month: rule {}; it names no doctor", granted.rule.id),
    );
    let (record, bundle) = &filed.general;
    let of = (&filed.patient, *record);
    let text = "Dr Ben, a general practitioner, opens the General record";
    open_denied(chain, &cast.ben, of, Reason::NoConsent, text, teller).await?;
    let cleo = cast.linden.employ(chain, "Dr Cleo", CARDIOLOGY, teller).await?;
    let text = "Dr Cleo, a cardiologist whom nobody had named, opens it";
    let index = open_permitted(chain, &cleo, of.0, of.1, text, teller).await?;
    released(stage, chain, &cleo, filed, (*record, bundle, index)).await?;
    teller.aside("Aster's gateway releases it to Dr Cleo, whose key the rule never named");
    Ok(cleo)
}

/// What a receipt permits arrives byte for byte, and the release is reported.
async fn released(
    stage: &mut Stage,
    chain: &Chain,
    doctor: &Doctor,
    filed: &Filed,
    (record, bundle, index): (RecordId, &BundleInfo, u32),
) -> Result<(), DemoError> {
    let fetched = stage.fetch(chain, doctor.keys(), (filed.patient.id, record, Some(index))).await;
    let plain = doing("fetching a record", fetched)?;
    expect("reading the record", plain == bundle.bytes, "the bytes that were filed", "others came")?;
    reported(chain, &filed.patient, index).await
}

/// An emergency permits what no rule does, is on record at once, and is reviewed by somebody else.
async fn in_emergency(
    stage: &mut Stage,
    cast: &Cast,
    cleo: &Doctor,
    filed: &Filed,
    teller: &mut Teller,
) -> Result<(), DemoError> {
    let chain = &stage.turn().await?;
    let (record, bundle) = &filed.chart;
    let asked = emergency::Asked {
        organisation: cast.linden.id,
        tier: Tier::Full,
        records: BoundedVec::try_from(vec![*record]).unwrap_or_default(),
        reason: UNCONSCIOUS,
        note: Hash::ZERO,
    };
    let call = emergency::open_call(filed.patient.id, asked);
    let submitted = doing("opening in an emergency", chain.submit(&cleo.key, call).await)?;
    let opened = doing("opening in an emergency", emergency::opened(chain, submitted).await)?;
    expect("opening in an emergency", opened.is_permitted(), "a permission", "it was denied")?;
    let text = format!("Dr Cleo declares it and opens the chart: permitted by emergency, receipt {}", opened.index);
    teller.access(&opened.receipt, &text);
    teller.detail("for four hours; a case is open, and until it is reviewed it counts against Dr Cleo");
    released(stage, chain, cleo, filed, (*record, bundle, opened.index)).await?;
    teller.aside("Aster's gateway releases the chart by that receipt");

    let review = emergency::review(chain, &cleo.key, filed.patient.id, opened.index, Finding::Justified, Hash::ZERO);
    let receipt = refused("reviewing one's own emergency", review.await, |error| {
        matches!(error, RuntimeError::Access(salus_access::Error::NotAuthorised))
    })?;
    teller.step(&receipt, "Dr Cleo reviews it herself: refused, Access.NotAuthorised");
    let reviewer = &cast.linden.reviewer;
    let review = emergency::review(chain, reviewer, filed.patient.id, opened.index, Finding::Justified, Hash::ZERO);
    let reviewed = doing("reviewing", review.await)?;
    teller.step(&reviewed.receipt, "Linden's Reviewer does: justified. Opening and review stand in the patient's log");
    Ok(())
}

/// Guardians give the patient a new key, after a delay in which the old one could object.
async fn recover(
    stage: &mut Stage,
    cast: &Cast,
    friend: &Patient,
    filed: &mut Filed,
    teller: &mut Teller,
) -> Result<(), DemoError> {
    let chain = &stage.turn().await?;
    let id = filed.patient.id;
    let sister = enrol(chain, cast, teller).await?;
    let terms = GuardianTerms {
        guardians: BoundedVec::try_from(vec![friend.id, sister.id]).unwrap_or_default(),
        threshold: 2,
        powers: Powers::RECOVER,
        excluded: Default::default(),
        until: chain.now().await?.plus(YEAR),
    };
    let named = chain.submit(&filed.patient.key, guardians::change_call(id, GuardianChange::Set(terms))).await;
    teller.step(&doing("naming guardians", named)?, "The patient names two guardians, of whom both recover together");

    let (key, kem) = (fresh_key()?, KemSecret::generate()?);
    let keys = guardians::recovery_keys(vec![key.public()])
        .map_err(|_| DemoError::Node("a recovery takes two keys".into()))?;
    let propose = || guardians::recover_call(id, RecoveryStep::Propose(keys.clone()));
    let first = doing("proposing a recovery", chain.submit_cosigned(&friend.key, propose(), &[&key]).await)?;
    teller.step(&first, "The key is lost. One guardian proposes a new one, which signs along");
    let second = doing("proposing a recovery", chain.submit_cosigned(&sister.key, propose(), &[&key]).await)?;
    let ripe = match guardians::recovery_news(&second)? {
        RecoveryNews::Begun { ripe, .. } => ripe,
        other => return expect("proposing a recovery", false, "that it begins", &format!("{other:?}")),
    };
    let delay = ripe.since(second.at) / SECOND;
    teller
        .step(&second, &format!("The other guardian agrees: {delay} s from now it can be finished, until then vetoed"));
    teller.detail("three days where records are at stake: `recovery_delay`, a parameter of the chain");

    let finish = || guardians::recover_call(id, RecoveryStep::Finish);
    let early = chain.submit(&friend.key, finish()).await.map_err(ActionError::from);
    let receipt = refused("finishing a recovery at once", early, |error| {
        matches!(error, RuntimeError::Patients(PatientsError::TooEarly))
    })?;
    teller.step(&receipt, "The guardians finish at once: refused, Patients.TooEarly");
    until(chain, ripe).await?;
    let finished = doing("finishing a recovery", chain.submit(&friend.key, finish()).await)?;
    teller.step(&finished, "They finish after the delay: the new key speaks for the patient, every old one is ended");

    let freeze = patients::set_status(chain, &filed.patient.key, id, salus_patients::Change::Freeze, &[]).await;
    untaken("acting by a key that was replaced", freeze)?;
    teller.aside("Whoever finds the old key can do nothing: no node takes a call that it signed");
    let set = practitioners::set_kem(chain, &key, kem.public()).await;
    teller.step(&doing("setting an encryption key", set)?, "The patient sets a new encryption key");
    filed.patient = Patient { id, key, kem };
    let (record, bundle) = &filed.general;
    let fetched = stage.fetch(chain, filed.patient.keys(), (id, *record, None)).await;
    let plain = doing("fetching one's own record", fetched)?;
    expect("reading the record", plain == bundle.bytes, "the bytes that were filed", "others came")?;
    teller.aside("Nothing is lost: Aster's gateway seals the record to the new key, and the patient reads it");
    Ok(())
}

/// The hours have come.
async fn visit(
    stage: &mut Stage,
    cast: &Cast,
    filed: &Filed,
    (slot, hours): (SlotRef, Window),
    teller: &mut Teller,
) -> Result<(), DemoError> {
    let chain = &stage.turn().await?;
    until(chain, hours.from).await?;
    let there = appointments::set(chain, &cast.ben.key, slot, Change::CheckIn).await;
    teller.step(&doing("checking in", there)?, "The hours have come, and the patient is there");
    let (record, bundle) = &filed.chart;
    let text = "Dr Ben opens the chart again";
    let index = open_permitted(chain, &cast.ben, &filed.patient, *record, text, teller).await?;
    released(stage, chain, &cast.ben, filed, (*record, bundle, index)).await?;
    teller.aside("It arrives, and when the hours are over nothing has to be taken back");
    let over = appointments::set(chain, &cast.ben.key, slot, Change::Complete).await;
    teller.step(&doing("completing", over)?, "The visit took place");
    Ok(())
}

/// Wait until block time is `moment`.
async fn until(chain: &Chain, moment: Moment) -> Result<(), DemoError> {
    eventually("the moment waited for", async || Ok(moment <= chain.now().await?)).await
}
