//! Filing and reading records by the gateways of those who keep them.

use std::{io::Read, path::Path, time::Duration};

use salus_access::storage::Receipts;
use salus_primitives::{OrganisationId, PatientId, RecordId, crypto::KeyPair};
use salus_records::{CustodyReceipts, Record};
use salus_registry::storage::{KemKeys, Organisations};
use salus_support::StateReader;
use salus_system::storage::Account;

use super::{Fetched, Gateway, RemoteError, Upload, Wanted, fetch, upload};
use crate::{
    actions::{
        ActionError, FreshId as _,
        records::{Filed, Filing, Parties, parties, put_call, show, standing_wrap},
    },
    chain::Chain,
    door::Refusal,
    envelope::{Anchor, Compression, KemSecret, RecordRef, Wrap, seal},
};

/// How often a gateway is asked again that is behind, and after how long: within the 12 seconds in which it must have
/// a newer block, or answers nothing.
const BEHIND_TRIES: u32 = 20;
const BEHIND_PAUSE: Duration = Duration::from_millis(500);

/// File a record: encrypt `plain` to a file without a name, upload it with the wraps for patient and custodians to
/// the gateway of each custodian, of the first one at `url` or where the chain says, and put digest, labels and the
/// gateways' custody receipts on chain, all signed by `author`. What the chain refuses, a gateway drops after a day.
///
/// # Errors
/// [`ActionError`] by what went wrong: a gateway's refusal or the chain's (no consent above all), or a missing
/// encryption key of the patient or a custodian.
pub async fn put(
    chain: &Chain,
    url: Option<&str>,
    author: &KeyPair,
    filing: Filing,
    plain: impl Read,
) -> Result<Filed, ActionError> {
    let (patient, record) = (filing.patient, RecordId::fresh()?);
    let Parties { writer, patient_key, custodian_keys, version } = parties(chain, author.public(), &filing).await?;
    let mut gateways = Vec::new();
    for custodian in filing.custodians() {
        gateways.push(connect(chain, url.filter(|_| custodian == filing.custodian), custodian).await?);
    }
    let of = RecordRef { patient, record, version };
    let here = std::env::temp_dir();
    let blob = tempfile::tempfile().map_err(RemoteError::file("making a file in", &here))?;
    let sealed = seal(of, Compression::Zlib, plain, std::io::BufWriter::new(&blob))?;
    let patient_wrap = standing_wrap(&sealed.key, &patient_key, of)?;
    let wraps: Vec<(OrganisationId, Wrap)> = custodian_keys
        .iter()
        .map(|(custodian, key)| Ok((*custodian, standing_wrap(&sealed.key, key, of)?)))
        .collect::<Result<_, ActionError>>()?;
    let sent = Upload {
        of,
        anchor: sealed.anchor,
        patient: &patient_wrap,
        custodians: &wraps,
        organisation: filing.organisation,
        author: writer,
    };
    let mut receipts = Vec::new();
    for gateway in &gateways {
        receipts.push(upload(gateway, author, &sent, &blob).await?);
    }
    let receipts = CustodyReceipts::try_from(receipts).expect("a record has one custodian or two");
    let receipt = chain.submit(author, put_call(filing, record, &sealed.anchor, receipts)).await?;
    Ok(Filed { record, version, anchor: sealed.anchor, plain_bytes: sealed.plain_bytes, receipt })
}

/// Fetch a record to the new file `out`: by a receipt of the reader's own, or without one as the patient. From the
/// gateway at `url`, or from the custodians' in turn where the chain says.
///
/// # Errors
/// [`ActionError`] by what went wrong; of several gateways what the last one failed with.
pub async fn get(
    chain: &Chain,
    url: Option<&str>,
    key: &KeyPair,
    secret: &KemSecret,
    (patient, id, receipt): (PatientId, RecordId, Option<u32>),
    out: &Path,
) -> Result<(Record, Fetched), ActionError> {
    let record = show(chain, patient, id).await?;
    let wanted = Wanted {
        patient,
        record: id,
        version: record.version,
        key_epoch: record.key_epoch,
        anchor: Anchor { digest: record.digest, size: record.size },
        receipt,
    };
    let keepers = || [Some(record.custodian), record.second].into_iter().flatten();
    if let Some(url) = url {
        // Either custodian may be meant: the gateway says which it is.
        let gateway = Gateway::connect(url, chain.genesis()).await?;
        let found = gateway.organisation();
        if !keepers().any(|keeper| keeper == found) {
            return Err(RemoteError::OtherGateway { found, expected: record.custodian }.into());
        }
        let fetched = patiently(chain, &gateway, key, &wanted, secret, out).await?;
        return Ok((record, fetched));
    }
    let mut failed = RemoteError::NoAddress { organisation: record.custodian };
    for keeper in keepers() {
        let fetched = match connect(chain, None, keeper).await {
            Ok(gateway) => patiently(chain, &gateway, key, &wanted, secret, out).await,
            Err(ActionError::Remote(error)) => Err(error),
            Err(other) => return Err(other),
        };
        match fetched {
            Ok(fetched) => return Ok((record, fetched)),
            Err(error) if error.is_this_custodians() => failed = error,
            Err(error) => return Err(error.into()),
        }
    }
    Err(failed.into())
}

/// Fetch from a gateway, and ask again where its node is some blocks behind ours.
async fn patiently(
    chain: &Chain,
    gateway: &Gateway,
    key: &KeyPair,
    wanted: &Wanted,
    secret: &KemSecret,
    out: &Path,
) -> Result<Fetched, RemoteError> {
    for _ in 0..BEHIND_TRIES {
        match fetch(gateway, key, wanted, secret, out).await {
            Err(error) if is_behind(chain, key, wanted, &error).await => tokio::time::sleep(BEHIND_PAUSE).await,
            other => return other,
        }
    }
    fetch(gateway, key, wanted, secret, out).await
}

/// Does a gateway know nothing of what our node has as final?
async fn is_behind(chain: &Chain, key: &KeyPair, wanted: &Wanted, error: &RemoteError) -> bool {
    let known = match (error.refusal(), wanted.receipt) {
        // Ours was just read from our node.
        (Some(Refusal::NoSuchRecord), _) => Ok(true),
        (Some(Refusal::NoSuchReceipt), Some(index)) => {
            chain.view_now(|state| Receipts::get(state, &(wanted.patient, index)).is_some()).await
        }
        (Some(Refusal::NotRegistered | Refusal::NoKemKey), _) => {
            let reader = key.public();
            let subject = |state: &dyn StateReader| Account::get(state, &reader).data.subject;
            chain.view_now(|state| subject(state).is_some_and(|of| KemKeys::get(state, &of).is_some())).await
        }
        _ => return false,
    };
    known.unwrap_or(false)
}

/// The gateway of `organisation`, at `url` or where the chain says.
async fn connect(chain: &Chain, url: Option<&str>, organisation: OrganisationId) -> Result<Gateway, ActionError> {
    let url = match url {
        Some(url) => url.to_owned(),
        None => {
            let entry = chain.view_now(|state| Organisations::get(state, &organisation)).await?;
            let url = entry.map(|entry| String::from_utf8_lossy(&entry.url).into_owned()).unwrap_or_default();
            if url.is_empty() {
                return Err(RemoteError::NoAddress { organisation }.into());
            }
            url
        }
    };
    let gateway = Gateway::connect(&url, chain.genesis()).await?;
    if gateway.organisation() != organisation {
        let (found, expected) = (gateway.organisation(), organisation);
        return Err(RemoteError::OtherGateway { found, expected }.into());
    }
    Ok(gateway)
}
