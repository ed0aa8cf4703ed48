//! Answers about the caller, and about nobody else: who they are, a patient's records, log, rules and requests.
//!
//! Each value is proven. Which records, pages and requests there are is what the node lists: one that it left out would
//! be missed here, and shows in the log, whose places are counted on the chain.

use parity_scale_codec::{Decode as _, Encode};
use salus_access::storage::{Logs, Receipts, Requests};
use salus_client::door::{
    CallerInfo, LogEntry, LogInfo, NonceOf, PatientInfo, RecordInfo, Refusal, RequestInfo, RuleInfo, SubjectInfo,
};
use salus_consent::{storage::Rules, types::GranteeKey};
use salus_patients::{is_provisional, storage::Patients};
use salus_primitives::{AccountId, PatientId, PractitionerId, RecordId, Subject, crypto::blake2_128};
use salus_records::storage::Records;
use salus_registry::storage::KemKeys;
use salus_system::storage::Account;

use crate::{app::App, auth::caller, refused::Refused};

fn subject(subject: Subject) -> SubjectInfo {
    match subject {
        Subject::Council => SubjectInfo::Council,
        Subject::Organisation(id) => SubjectInfo::Organisation(id),
        Subject::Practitioner(id) => SubjectInfo::Practitioner(id),
        Subject::Patient(id) => SubjectInfo::Patient(id),
    }
}

fn scale(value: &impl Encode) -> String {
    hex::encode(value.encode())
}

/// The variant's name of a value whose `Debug` begins with it.
fn name(value: &impl core::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// Who the caller is.
///
/// # Errors
/// [`Refusal::NotRegistered`], or that the chain cannot be read.
pub async fn me(app: &App, account: AccountId) -> Result<CallerInfo, Refused> {
    let (info, _) = app
        .judge(|state, at| {
            let caller = caller(state, account, at.time)?;
            let patient = match caller.subject {
                Subject::Patient(id) => Patients::get(state, &id).map(|found| PatientInfo {
                    state: name(&found.state_at(at.time)),
                    assurance: found.assurance,
                    inviting: found.inviting,
                    provisional: is_provisional(state, &id),
                }),
                _ => None,
            };
            Ok(CallerInfo {
                account,
                subject: subject(caller.subject),
                session: caller.session,
                kem_key: KemKeys::get(state, &caller.subject).map(|key| hex::encode(key.key)),
                patient,
                height: at.height.0,
            })
        })
        .await?;
    Ok(info)
}

/// The number of the caller's next extrinsic.
///
/// # Errors
/// [`Refusal::NotRegistered`], or that the chain cannot be read.
pub async fn nonce(app: &App, account: AccountId) -> Result<NonceOf, Refused> {
    let (nonce, _) =
        app.judge(|state, at| caller(state, account, at.time).map(|_| Account::get(state, &account).nonce)).await?;
    Ok(NonceOf { nonce })
}

/// The caller, who is a patient.
async fn patient(app: &App, account: AccountId) -> Result<PatientId, Refused> {
    let (patient, _) = app
        .judge(|state, at| match caller(state, account, at.time)?.subject {
            Subject::Patient(patient) if is_provisional(state, &patient) => Err(Refused::new(
                Refusal::Provisional,
                "the patient is provisional: their keys are held by an officer, and read nothing",
            )),
            Subject::Patient(patient) => Ok(patient),
            _ => Err(Refused::new(Refusal::NotAuthorised, "only patients have records, a log, rules and requests")),
        })
        .await?;
    Ok(patient)
}

/// Every last part of keys that begin with `prefix`, then this patient.
async fn listed<T>(
    app: &App,
    prefix: [u8; 32],
    patient: PatientId,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>, Refused> {
    let part = patient.encode();
    let prefix = [&prefix[..], &blake2_128(&part), &part].concat();
    let keys = app.ledger.keys(&prefix, app.limits.page).await.map_err(|error| app.blind(error))?;
    Ok(keys
        .iter()
        .filter_map(|key| key.strip_prefix(&prefix[..]))
        // 16 bytes of hash stand before the part itself.
        .filter_map(|rest| read(rest.get(16..)?))
        .collect())
}

/// The caller's records, at most one page of them.
///
/// # Errors
/// [`Refusal::NotRegistered`], [`Refusal::NotAuthorised`], [`Refusal::Provisional`], or that the chain cannot be read.
pub async fn records(app: &App, account: AccountId) -> Result<Vec<RecordInfo>, Refused> {
    let patient = patient(app, account).await?;
    let ids = listed(app, Records::prefix(), patient, |mut part| RecordId::decode(&mut part).ok()).await?;
    let (records, _) = app
        .judge(|state, _| {
            let found = ids.iter().filter_map(|id| Some((*id, Records::get(state, &(patient, *id))?)));
            Ok(found
                .map(|(id, record)| RecordInfo {
                    record: id,
                    version: record.version,
                    kind: name(&record.kind),
                    status: name(&record.status),
                    digest: record.digest,
                    size: record.size,
                    key_epoch: record.key_epoch,
                    custodian: record.custodian,
                    scale: scale(&record),
                })
                .collect())
        })
        .await?;
    Ok(records)
}

/// Who looked at the caller's records, or tried, from place `from` on: one page. Complete up to the height it names.
///
/// # Errors
/// As [`records`].
pub async fn log(app: &App, account: AccountId, from: u32) -> Result<LogInfo, Refused> {
    let patient = patient(app, account).await?;
    let page = u32::try_from(app.limits.page).unwrap_or(u32::MAX);
    let (log, _) = app
        .judge(|state, at| {
            let log = Logs::get(state, &patient);
            let start = from.max(log.first);
            let end = start.saturating_add(page).min(log.count);
            let entries = (start..end).filter_map(|index| Some((index, Receipts::get(state, &(patient, index))?)));
            let entries = entries.map(|(index, receipt)| LogEntry {
                index,
                opener: subject(receipt.opener),
                organisation: receipt.organisation,
                purpose: name(&receipt.purpose),
                at: receipt.at.0,
                until: receipt.until.0,
                permitted: format!("{:016x}", receipt.permitted()),
                scale: scale(&receipt),
            });
            Ok(LogInfo {
                height: at.height.0,
                count: log.count,
                first: log.first,
                head: log.head,
                next: (end < log.count).then_some(end),
                entries: entries.collect(),
            })
        })
        .await?;
    Ok(log)
}

/// The caller's rules.
///
/// # Errors
/// As [`records`].
pub async fn rules(app: &App, account: AccountId) -> Result<Vec<RuleInfo>, Refused> {
    let patient = patient(app, account).await?;
    let pages = listed(app, Rules::prefix(), patient, |mut part| GranteeKey::decode(&mut part).ok()).await?;
    let (rules, _) = app
        .judge(|state, _| {
            let pages = pages.iter().filter_map(|key| Some((*key, Rules::get(state, &(patient, *key))?)));
            Ok(pages
                .flat_map(|(key, page)| {
                    let rules: Vec<RuleInfo> = page
                        .iter()
                        .map(|rule| RuleInfo {
                            id: rule.id,
                            grantee: scale(&key),
                            effect: name(&rule.terms.effect),
                            from: rule.terms.window.from.0,
                            until: rule.terms.window.until.0,
                            scale: scale(rule),
                        })
                        .collect();
                    rules
                })
                .collect())
        })
        .await?;
    Ok(rules)
}

/// Requests to the caller, the latest of each requester.
///
/// # Errors
/// As [`records`].
pub async fn requests(app: &App, account: AccountId) -> Result<Vec<RequestInfo>, Refused> {
    let patient = patient(app, account).await?;
    let ids = listed(app, Requests::prefix(), patient, |mut part| PractitionerId::decode(&mut part).ok()).await?;
    let (requests, _) = app
        .judge(|state, at| {
            let found = ids.iter().filter_map(|id| Some((*id, Requests::get(state, &(patient, *id))?)));
            Ok(found
                .map(|(requester, request)| RequestInfo {
                    requester,
                    number: request.number,
                    organisation: request.organisation,
                    at: request.at.0,
                    open: request.is_open(at.time),
                    scale: scale(&request),
                })
                .collect())
        })
        .await?;
    Ok(requests)
}
