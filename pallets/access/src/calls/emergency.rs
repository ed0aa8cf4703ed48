//! Opening in an emergency, and writing down one that happened while the chain stood still.

use salus_consent::{Reason, Tier};
use salus_patients::Problem;
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PatientId, PractitionerId, Subject, crypto,
    signed::{self, CoSign, CoSigns, EmergencyRelease},
    subject::Roles,
};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::{caller, storage::Account};

use crate::{
    Error, Event,
    cases::{Case, Caseload, EMERGENCY_LIFE, Emergency, Evidence, FULL_PER_DAY, Late, OpenCase, REVIEW_WITHIN},
    judge::EmergencyGrounds,
    log,
    storage::{Activities, Anchored, Caseloads, Cases, LateHolds, Receipts},
    types::{Entry, Fact, Receipt, RecordIds, ServedBy},
};

/// What is opened in an emergency.
pub struct Asked {
    /// For whom the practitioner acts.
    pub organisation: OrganisationId,
    /// How much.
    pub tier: Tier,
    /// Which records.
    pub records: RecordIds,
    /// Code of the reason.
    pub reason: u8,
    /// Commitment to a note.
    pub note: Hash,
}

/// A practitioner opens in an emergency.
///
/// # Errors
/// As [`crate::Call::EmergencyOpen`] lists for an emergency that is not late.
pub fn emergency_open(ctx: &mut Ctx<'_, '_>, patient: PatientId, asked: &Asked, cosign: &CoSigns) -> Result<(), Error> {
    let (now, state) = (ctx.now(), ctx.state());
    let actor = salus_registry::practitioner(ctx)?;
    let Asked { organisation, tier, ref records, .. } = *asked;
    let grounds = EmergencyGrounds::of(state, patient, actor, organisation, tier, now);
    match grounds.barred() {
        Some(Reason::Standing(standing)) => return Err(standing.into()),
        Some(Reason::NoEmergency) => return Err(Error::NoEmergency),
        Some(Reason::FullClosed) => return Err(Error::FullClosed),
        Some(Reason::Patient(Problem::UnknownPatient)) => return Err(Error::Patient(Problem::UnknownPatient)),
        _ => {}
    }
    ensure(!records.is_empty() && !records.has_duplicates(), Error::BadRecords)?;
    let officer = officer_along(ctx, organisation, cosign)?;
    let mut activity = Activities::get(state, &Subject::Practitioner(actor)).on(now.day());
    let backlog = Backlog { caseload: Caseloads::get(state, &actor), held: LateHolds::get(state, &organisation) > 0 };
    match tier {
        Tier::Full => {
            backlog.allows_full(now)?;
            ensure(activity.emergencies < FULL_PER_DAY, Error::RateLimited)?;
            activity.emergencies += 1;
        }
        Tier::Summary => {
            let summary = salus_records::summary(state, patient).ok_or(Error::NotSummary)?;
            ensure(records[..] == [summary], Error::NotSummary)?;
            ensure(officer.is_some() || !backlog.is_behind(now), Error::CoSignNeeded)?;
        }
    }
    let until = now.plus(EMERGENCY_LIFE);
    let receipt = receipt(ctx, patient, actor, asked, &grounds, until);
    let emergency = Emergency { tier, reason: asked.reason, note: asked.note, officer, late: None };

    Activities::insert(ctx.state_mut(), &Subject::Practitioner(actor), &activity);
    leave(ctx, patient, actor, receipt, emergency);
    Ok(())
}

/// Whoever was there, or an officer, writes down an emergency of the time when the chain stood still.
///
/// It happened, so it is written down whatever it says: only what does not prove itself, or was written down before,
/// is no report.
///
/// # Errors
/// As [`crate::Call::EmergencyOpen`] lists for a late one.
pub fn anchor(ctx: &mut Ctx<'_, '_>, patient: PatientId, asked: &Asked, evidence: &Evidence) -> Result<(), Error> {
    let (now, state) = (ctx.now(), ctx.state());
    let Asked { organisation, tier, ref records, reason, note } = *asked;
    let Evidence { practitioner: actor, happened, opener, officer } = *evidence;
    let who = caller(ctx).map_err(|_| Error::NotRegistered)?.subject;
    ensure(who == Subject::Practitioner(actor) || who == Subject::Organisation(organisation), Error::NotAuthorised)?;
    salus_patients::may_revoke(state, &patient).map_err(Error::Patient)?;
    let [record] = records[..] else { return Err(Error::BadRecords) };
    ensure(tier == Tier::Summary && happened <= now, Error::BadEvidence)?;
    let release = EmergencyRelease { patient, organisation, practitioner: actor, record, reason, note, happened };
    let message = signed::emergency_receipt(&ctx.genesis(), &release);
    ensure(signed_by(state, &opener, Subject::Practitioner(actor), happened, &message), Error::BadEvidence)?;
    ensure(signed_by(state, &officer, Subject::Organisation(organisation), happened, &message), Error::BadEvidence)?;
    let digest = crypto::sha256(&message);
    ensure(!Anchored::contains(state, &(patient, digest)), Error::AlreadyAnchored)?;
    // Judged by the moment it happened, on what the registers say today.
    let grounds = EmergencyGrounds::of(state, patient, actor, organisation, tier, happened);
    let overdue = now >= happened.plus(REVIEW_WITHIN);
    let late = Some(Late { happened, overdue });
    let emergency = Emergency { tier, reason, note, officer: Some(officer.account), late };
    // What was given out was given out: nothing more is, on this receipt.
    let receipt = receipt(ctx, patient, actor, asked, &grounds, now);

    if overdue {
        let held = LateHolds::get(ctx.state(), &organisation).saturating_add(1);
        LateHolds::insert(ctx.state_mut(), &organisation, &held);
    }
    let index = leave(ctx, patient, actor, receipt, emergency);
    Anchored::insert(ctx.state_mut(), &(patient, digest), &index);
    Ok(())
}

/// What a practitioner and an organisation have not had reviewed.
struct Backlog {
    caseload: Caseload,
    /// Does an emergency of the organisation that was written down after 72 hours wait for its review?
    held: bool,
}

impl Backlog {
    /// Is a case overdue, of the practitioner or of the organisation's late ones?
    fn is_behind(&self, now: Moment) -> bool {
        self.held || self.caseload.is_overdue(now)
    }

    /// May another record be opened in full?
    fn allows_full(&self, now: Moment) -> Result<(), Error> {
        ensure(!self.held, Error::EmergencySuspended)?;
        ensure(!self.caseload.is_overdue(now), Error::CasesOverdue)?;
        ensure(!self.caseload.is_full(), Error::CaseloadFull)
    }
}

/// The officer of the organisation who signed along, where one did.
fn officer_along(
    ctx: &Ctx<'_, '_>,
    organisation: OrganisationId,
    cosign: &CoSigns,
) -> Result<Option<AccountId>, Error> {
    match ctx.cosigners(cosign).ok_or(Error::BadCoSign)?[..] {
        [] => Ok(None),
        [officer] => {
            let at = salus_registry::officer_key(ctx.state(), officer, Roles::NONE, ctx.now());
            ensure(at == Ok(organisation), Error::BadCoSign)?;
            Ok(Some(officer))
        }
        _ => Err(Error::BadCoSign),
    }
}

/// Did a key that speaks for `subject`, or spoke for it, sign this? A key that ended since signed all the same; a
/// session key that had run out did not.
fn signed_by(state: &dyn StateReader, sign: &CoSign, subject: Subject, happened: Moment, message: &[u8]) -> bool {
    let key = Account::get(state, &sign.account).data;
    key.subject == Some(subject)
        && key.until.is_none_or(|until| happened < until)
        && crypto::verify(&sign.account, message, &sign.signature)
}

/// The receipt of an emergency: each record decided alone, on the state before the call.
fn receipt(
    ctx: &Ctx<'_, '_>,
    patient: PatientId,
    actor: PractitionerId,
    asked: &Asked,
    grounds: &EmergencyGrounds,
    until: Moment,
) -> Receipt {
    let entry = |&record| {
        let verdict = grounds.judge(ctx.state(), patient, record);
        Entry { record, verdict, served: ServedBy::default() }
    };
    let entries: Vec<Entry> = asked.records.iter().map(entry).collect();
    Receipt {
        opener: Subject::Practitioner(actor),
        organisation: asked.organisation,
        purpose: salus_consent::Purpose::EmergencyTreatment,
        height: ctx.height(),
        at: ctx.now(),
        until,
        entries: BoundedVec::try_from(entries).expect("there are as many entries as records, which have this bound"),
    }
}

/// Write an emergency down: its fact, its receipt, and its case, which waits for a review.
fn leave(
    ctx: &mut Ctx<'_, '_>,
    patient: PatientId,
    actor: PractitionerId,
    receipt: Receipt,
    emergency: Emergency,
) -> u32 {
    let index = log::append(ctx, patient, &Fact::Emergency { receipt: receipt.clone(), emergency });
    let state = ctx.state_mut();
    let case = Case::of(state, &receipt, emergency);
    let mut caseload = Caseloads::get(state, &actor);
    let since = emergency.late.map_or(receipt.at, |late| late.happened);
    caseload.add(OpenCase { patient, receipt: index, since });
    Caseloads::insert(state, &actor, &caseload);
    Cases::insert(state, &(patient, index), &case);
    Receipts::insert(state, &(patient, index), &receipt);
    let (tier, late, organisation) = (emergency.tier, emergency.late, receipt.organisation);
    let permitted = receipt.permitted();
    ctx.emit(Event::EmergencyOpened { patient, receipt: index, opener: actor, organisation, tier, permitted, late });
    index
}
