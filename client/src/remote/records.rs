//! Filing and reading records by the gateways of those who keep them.

use std::{io::Read, path::Path};

use salus_primitives::{OrganisationId, PatientId, RecordId, crypto::KeyPair};
use salus_records::Record;
use salus_registry::storage::Organisations;

use super::{Fetched, Gateway, RemoteError, Upload, Wanted, fetch, upload};
use crate::{
    actions::{
        ActionError, FreshId as _,
        records::{Filed, Filing, Parties, parties, put_call, show, standing_wrap},
    },
    chain::Chain,
    envelope::{Anchor, Compression, KemSecret, RecordRef, seal},
};

/// File a record: encrypt `plain` to a file without a name, upload it with the wraps for patient and custodian to the
/// custodian's gateway, at `url` or where the chain says, and put digest, labels and the gateway's custody receipt on
/// chain, all signed by `author`. What the chain refuses, the gateway drops after a day.
///
/// # Errors
/// [`ActionError`] by what went wrong: the gateway's refusal or the chain's (no consent above all), or a missing
/// encryption key of the patient or the custodian.
pub async fn put(
    chain: &Chain,
    url: Option<&str>,
    author: &KeyPair,
    filing: Filing,
    plain: impl Read,
) -> Result<Filed, ActionError> {
    let (patient, custodian, record) = (filing.patient, filing.custodian, RecordId::fresh()?);
    let Parties { writer, patient_key, custodian_key, version } = parties(chain, author.public(), &filing).await?;
    let gateway = connect(chain, url, custodian).await?;
    let of = RecordRef { patient, record, version };
    let here = std::env::temp_dir();
    let blob = tempfile::tempfile().map_err(RemoteError::file("making a file in", &here))?;
    let sealed = seal(of, Compression::Zlib, plain, std::io::BufWriter::new(&blob))?;
    let patient_wrap = standing_wrap(&sealed.key, &patient_key, of)?;
    let custodian_wrap = standing_wrap(&sealed.key, &custodian_key, of)?;
    let sent = Upload {
        of,
        anchor: sealed.anchor,
        patient: &patient_wrap,
        custodians: &[(custodian, custodian_wrap)],
        author: writer,
    };
    let custody = upload(&gateway, author, &sent, &blob).await?;
    let receipt = chain.submit(author, put_call(filing, record, &sealed.anchor, custody)).await?;
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
        let fetched = fetch(&gateway, key, &wanted, secret, out).await?;
        return Ok((record, fetched));
    }
    let mut failed = RemoteError::NoAddress { organisation: record.custodian };
    for keeper in keepers() {
        let fetched = match connect(chain, None, keeper).await {
            Ok(gateway) => fetch(&gateway, key, &wanted, secret, out).await,
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
