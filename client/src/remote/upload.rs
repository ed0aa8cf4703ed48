//! Uploading a ciphertext to the custodian that will keep it.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    path::Path,
};

use reqwest::Body;
use salus_primitives::{
    OrganisationId, Subject,
    crypto::{KeyPair, Signature, verify},
    signed,
};
use salus_records::CustodyReceipt;

use super::{ATTEMPTS, CHUNK_BYTES, Gateway, RemoteError, gateway::Sent};
use crate::{
    door::Uploaded,
    envelope::{Anchor, RecordRef, Wrap},
};

/// What is uploaded.
#[derive(Clone, Copy)]
pub struct Upload<'u> {
    /// Which record version.
    pub of: RecordRef,
    /// Digest and size of the ciphertext.
    pub anchor: Anchor,
    /// The content key sealed to the patient.
    pub patient: &'u Wrap,
    /// The content key sealed to each custodian.
    pub custodians: &'u [(OrganisationId, Wrap)],
    /// For whom it is filed.
    pub organisation: OrganisationId,
    /// Who files: the custody receipt is for them.
    pub author: Subject,
}

impl Upload<'_> {
    /// Where it goes.
    fn target(&self) -> String {
        let (RecordRef { patient, record, version }, organisation) = (self.of, self.organisation);
        let mut target =
            format!("/v1/patients/{patient}/records/{record}/blob?version={version}&organisation={organisation}");
        target += &format!("&wrap=patient.{}", hex::encode(self.patient.to_bytes()));
        for (organisation, wrap) in self.custodians {
            target += &format!("&wrap={organisation}.{}", hex::encode(wrap.to_bytes()));
        }
        target
    }
}

/// Upload the ciphertext in `blob`, signed by `key`, and get the custodian's word that it is stored. A connection
/// that breaks is tried again: the same bytes are the same upload.
///
/// # Errors
/// [`RemoteError`]; then nothing is to be filed. What was stored nevertheless is dropped after a day.
pub async fn upload(
    gateway: &Gateway,
    key: &KeyPair,
    upload: &Upload<'_>,
    blob: &File,
) -> Result<CustodyReceipt, RemoteError> {
    let target = upload.target();
    let mut attempt = 1;
    let answer: Uploaded = loop {
        let sent = Sent { body: body_of(blob)?, bytes: upload.anchor.size, digest: upload.anchor.digest };
        match gateway.put(key, &target, sent, "answer to the upload").await {
            Err(RemoteError::Broken { .. }) if attempt < ATTEMPTS => attempt += 1,
            other => break other?,
        }
    };
    if (answer.digest, answer.size) != (upload.anchor.digest, upload.anchor.size) {
        return Err(RemoteError::Differs { what: "digest of the upload" });
    }
    let mut signature = [0; 64];
    hex::decode_to_slice(&answer.receipt.signature, &mut signature).map_err(|_| RemoteError::Custody)?;
    let receipt = CustodyReceipt { account: answer.receipt.account, signature: Signature(signature) };
    let Anchor { digest, size } = upload.anchor;
    let RecordRef { patient, record, .. } = upload.of;
    let genesis = gateway.info().genesis;
    let message = signed::custody_receipt(&genesis, &patient, &record, &digest, size, &upload.author);
    if verify(&receipt.account, &message, &receipt.signature) { Ok(receipt) } else { Err(RemoteError::Custody) }
}

/// The whole file as a body, read a little at a time.
fn body_of(blob: &File) -> Result<Body, RemoteError> {
    let failed = RemoteError::file("reading", Path::new("the ciphertext"));
    let mut file = blob.try_clone().map_err(&failed)?;
    file.rewind().map_err(&failed)?;
    let chunks = futures::stream::unfold(Some(file), |file| async {
        let mut file = file?;
        // A file of this machine: reading it is no wait for anybody.
        let mut chunk = vec![0; CHUNK_BYTES];
        match file.read(&mut chunk) {
            Ok(0) => None,
            Ok(bytes) => {
                chunk.truncate(bytes);
                Some((Ok(chunk), Some(file)))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Body::wrap_stream(chunks))
}
