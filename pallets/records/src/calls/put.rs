//! Filing: who writes, what it amends, who keeps it, and whether the patient agreed.

use salus_consent::{Action, Grounds, Kind, Purpose, Question, RuleRef, Tags, Verdict, record_uses};
use salus_patients as patients;
use salus_primitives::{
    Hash, OrganisationId, PatientId, PractitionerId, RecordId, Subject, crypto, signed, subject::Roles,
};
use salus_registry as registry;
use salus_support::{Ctx, StateReader, ensure};

use super::{by_patient, caller, is_custodian};
use crate::{
    Error, Event,
    storage::{Records, Summary},
    types::{CustodyReceipts, FIRST_EPOCH, FIRST_VERSION, Record, RecordStatus},
};

/// What is to be filed, as the call says it.
pub struct Filing {
    /// Whose.
    pub patient: PatientId,
    /// For whom the practitioner acts.
    pub organisation: OrganisationId,
    /// Under which id.
    pub id: RecordId,
    /// What it amends.
    pub prev: Option<RecordId>,
    /// What sort of document.
    pub kind: Kind,
    /// Its labels.
    pub labels: Labels,
    /// Its ciphertext.
    pub content: Content,
}

/// What the author says of sensitivity.
pub struct Labels {
    /// Blinded.
    pub tags: Tags,
    /// Complete?
    pub labelled: bool,
    /// Any, or unknown?
    pub restricted: bool,
}

impl Labels {
    /// Does each tag stand once, and is what is not labelled restricted?
    pub(super) fn are_sound(&self) -> bool {
        !self.tags.has_duplicates() && (self.labelled || self.restricted)
    }
}

/// The ciphertext and where it lies.
pub struct Content {
    /// Its SHA-256.
    pub digest: Hash,
    /// Its length in bytes.
    pub size: u64,
    /// Who keeps it.
    pub custodian: OrganisationId,
    /// Who keeps it too.
    pub second: Option<OrganisationId>,
}

/// Who files.
enum Author {
    Practitioner(PractitionerId),
    Patient,
}

/// File a record.
///
/// # Errors
/// See [`crate::Call::Put`].
pub fn put(ctx: &mut Ctx<'_, '_>, filing: Filing, receipts: &CustodyReceipts) -> Result<(), Error> {
    let (author, subject) = author(ctx, &filing)?;
    let (now, patient, id) = (ctx.now(), filing.patient, filing.id);
    let prev = amended(ctx.state(), &filing)?;
    let record = compose(filing, subject, prev.as_ref().map(|(_, prev)| prev))?;
    ensure(!Records::contains(ctx.state(), &(patient, id)), Error::IdTaken)?;
    let used = match author {
        Author::Practitioner(actor) => consented(ctx, actor, patient, (id, &record), prev.as_ref())?,
        Author::Patient => {
            let owns = prev.as_ref().is_none_or(|(_, prev)| prev.author == subject);
            ensure(owns, Error::NotAuthorised)?;
            ensure(record.organisation == record.custodian, Error::BadCustodian)?;
            Vec::new()
        }
    };
    patients::may_be_filed_for(ctx.state(), &patient, now)?;
    let summary = record.kind == Kind::Summary;
    ensure(!summary || prev.is_some() || !Summary::contains(ctx.state(), &patient), Error::SummaryExists)?;
    stored(ctx, patient, id, &record, receipts)?;

    record_uses(ctx.state_mut(), now, patient, &used);
    if let Some((prev_id, prev)) = prev {
        let superseded = Record { status: RecordStatus::Superseded, ..prev };
        Records::insert(ctx.state_mut(), &(patient, prev_id), &superseded);
    }
    if summary {
        Summary::insert(ctx.state_mut(), &patient, &id);
    }
    Records::insert(ctx.state_mut(), &(patient, id), &record);
    let Record { version, prev, kind, author, organisation, custodian, .. } = record;
    ctx.emit(Event::RecordPut { patient, record: id, version, prev, kind, author, organisation, custodian });
    Ok(())
}

/// The caller as an author of this filing: a practitioner who acts for the organisation, or the patient.
fn author(ctx: &Ctx<'_, '_>, filing: &Filing) -> Result<(Author, Subject), Error> {
    let caller = caller(ctx)?;
    ensure(!caller.session, Error::NotAuthorised)?;
    let author = match caller.subject {
        Subject::Practitioner(id) => {
            registry::practitioner_acts(ctx.state(), id, filing.organisation, ctx.now())?;
            Author::Practitioner(id)
        }
        Subject::Patient(_) => {
            by_patient(ctx, &caller, filing.patient)?;
            Author::Patient
        }
        Subject::Council | Subject::Organisation(_) => return Err(Error::NotAuthorised),
    };
    Ok((author, caller.subject))
}

/// The record that is amended: a Current one of this patient and of the same kind.
fn amended(state: &dyn StateReader, filing: &Filing) -> Result<Option<(RecordId, Record)>, Error> {
    let Some(id) = filing.prev else { return Ok(None) };
    let prev = Records::get(state, &(filing.patient, id)).ok_or(Error::NotHead)?;
    ensure(prev.status == RecordStatus::Current, Error::NotHead)?;
    ensure(prev.kind == filing.kind, Error::BadKind)?;
    Ok(Some((id, prev)))
}

/// The record as it will stand, with what carries over from the one it amends.
fn compose(filing: Filing, author: Subject, prev: Option<&Record>) -> Result<Record, Error> {
    ensure(filing.labels.are_sound(), Error::BadTags)?;
    let Labels { mut tags, mut labelled, mut restricted } = filing.labels;
    let Content { digest, size, custodian, second } = filing.content;
    ensure(size > 0, Error::BadSize)?;
    let mut version = FIRST_VERSION;
    if let Some(prev) = prev {
        for tag in &prev.tags {
            if !tags.contains(tag) {
                tags.try_push(*tag).map_err(|_| Error::TooMany)?;
            }
        }
        labelled &= prev.labelled;
        restricted |= prev.restricted;
        version = prev.version.checked_add(1).ok_or(Error::TooMany)?;
    }
    Ok(Record {
        version,
        prev: filing.prev,
        kind: filing.kind,
        tags,
        labelled,
        restricted,
        digest,
        size,
        key_epoch: FIRST_EPOCH,
        author,
        organisation: filing.organisation,
        custodian,
        second,
        status: RecordStatus::Current,
        hold: false,
    })
}

/// The rules by which the practitioner may file this: for a new record one Permit to Add, for an amendment one to
/// Amend what there is and one to Amend what will be.
fn consented(
    ctx: &Ctx<'_, '_>,
    actor: PractitionerId,
    patient: PatientId,
    (id, record): (RecordId, &Record),
    prev: Option<&(RecordId, Record)>,
) -> Result<Vec<RuleRef>, Error> {
    let action = if prev.is_some() { Action::Amend } else { Action::Add };
    let question = Question {
        patient,
        actor,
        organisation: record.organisation,
        action,
        purpose: Purpose::Treatment,
        at: ctx.now(),
    };
    let grounds = Grounds::of(ctx.state(), &question, &[]);
    let as_amended = prev.map(|(prev_id, prev)| prev.view(*prev_id));
    let will_be = record.view(prev.map_or(id, |(prev_id, _)| *prev_id));
    let mut used = Vec::new();
    for view in as_amended.iter().chain([&will_be]) {
        let verdict = grounds.judge(view);
        if let Verdict::Denied(denial) = verdict {
            return Err(Error::NoConsent(denial.reason));
        }
        used.extend(verdict.rule());
    }
    Ok(used)
}

/// Each custodian is one, and says by a Gateway officer's key that it has stored the ciphertext.
fn stored(
    ctx: &Ctx<'_, '_>,
    patient: PatientId,
    id: RecordId,
    record: &Record,
    receipts: &CustodyReceipts,
) -> Result<(), Error> {
    ensure(record.second != Some(record.custodian), Error::BadCustodian)?;
    ensure(record.custodians().all(|custodian| is_custodian(ctx.state(), custodian)), Error::BadCustodian)?;
    ensure(record.custodians().count() == receipts.len(), Error::BadReceipt)?;
    let message = signed::custody_receipt(&ctx.genesis(), &patient, &id, &record.digest, record.size, &record.author);
    for (custodian, receipt) in record.custodians().zip(receipts) {
        let signer = registry::officer_key(ctx.state(), receipt.account, Roles::GATEWAY, ctx.now());
        ensure(signer == Ok(custodian), Error::BadReceipt)?;
        ensure(crypto::verify(&receipt.account, &message, &receipt.signature), Error::BadReceipt)?;
    }
    Ok(())
}
