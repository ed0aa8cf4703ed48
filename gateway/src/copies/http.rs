//! The chain and the other custodians as the running gateway reaches them: proven state, and signed requests to the
//! address that an organisation has on the chain.
//!
//! | Request | Body | Answer |
//! |---|---|---|
//! | `GET /v1/copies` | | a line `<patient>/<record>` for each record that both keep, then a line `end` |
//! | `GET /v1/copies/<patient>/<record>/wraps` | | JSON: its standing wraps |
//! | `PUT /v1/copies/<patient>/<record>/wraps` | the same JSON | 204 |
//! | `GET /v1/copies/<patient>/<record>/blob` | | the ciphertext |
//! | `PUT /v1/copies/<patient>/<record>/blob?version=N&key_epoch=N&wrap=<holder>.<hex>...` | the ciphertext | 204 |

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use http::Method;
use salus_client::{
    door::{NonceAnswer, Refusal, RefusalBody, Request, SignedRequest},
    envelope::{KemPublic, Wrap},
};
use salus_primitives::{
    Hash, OrganisationId, Subject,
    crypto::{KeyPair, sha256},
};
use salus_registry::{
    storage::{KemKeys, Organisations},
    types::Caps,
};
use serde::{Deserialize, Serialize};

use super::{Incoming, Outgoing, Peer, PeerError, Wraps};
use crate::{
    app::Identity,
    ledger::{Ledger, judge},
    store::{Filing, Holder, Place},
    upkeep::{Chain, ChainError, Peers, Seen},
};

/// How long a request is valid, ms: below what gateways allow.
const VALID_MS: u64 = 30_000;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come of an answer.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest line of a list of records, bytes.
const LINE_MAX: usize = 128;
/// Most organisations that are asked for records of ours.
const KNOWN_MAX: usize = 1_000;

/// The chain, proven.
pub struct Proven(pub Arc<dyn Ledger>);

#[async_trait]
impl Chain for Proven {
    async fn record(&self, place: Place) -> Result<Seen, ChainError> {
        let Place { patient, record } = place;
        let found = judge(&*self.0, move |state, _| salus_records::record(state, patient, record)).await;
        match found {
            Ok((record, at)) => Ok(Seen { at: at.time, record }),
            Err(error) => Err(ChainError { about: format!("record {place}"), reason: error.to_string() }),
        }
    }

    async fn kem_key(&self, organisation: OrganisationId) -> Result<Option<KemPublic>, ChainError> {
        let subject = Subject::Organisation(organisation);
        let found = judge(&*self.0, move |state, _| KemKeys::get(state, &subject)).await;
        match found {
            Ok((key, _)) => Ok(key.map(|key| KemPublic(key.key))),
            Err(error) => Err(ChainError { about: format!("organisation {organisation}"), reason: error.to_string() }),
        }
    }
}

/// The other custodians, at the addresses they have on the chain.
#[derive(Clone)]
pub struct Neighbours {
    us: OrganisationId,
    genesis: Hash,
    officer: KeyPair,
    ledger: Arc<dyn Ledger>,
    client: reqwest::Client,
}

impl Neighbours {
    /// As this gateway's Gateway officer.
    ///
    /// # Errors
    /// When the system's TLS certificates cannot be read.
    pub fn new(identity: &Identity, ledger: Arc<dyn Ledger>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // A custodian is where the chain says, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let Identity { organisation, genesis, officer, .. } = identity;
        Ok(Self { us: *organisation, genesis: *genesis, officer: officer.clone(), ledger, client })
    }
}

#[async_trait]
impl Peers for Neighbours {
    async fn of(&self, organisation: OrganisationId) -> Result<Arc<dyn Peer>, PeerError> {
        let found = judge(&*self.ledger, move |state, _| Organisations::get(state, &organisation)).await;
        let (found, _) = found.map_err(|error| blind(organisation, error))?;
        let url = found.map(|found| String::from_utf8_lossy(&found.url).trim_end_matches('/').to_owned());
        let url = url.filter(|url| !url.is_empty()).ok_or(PeerError::NoGateway { organisation })?;
        Ok(Arc::new(Door { organisation, url, from: self.clone() }))
    }

    async fn known(&self) -> Result<Vec<OrganisationId>, PeerError> {
        let us = self.us;
        let keys = self.ledger.keys(&Organisations::prefix(), KNOWN_MAX).await;
        let keys = keys.map_err(|error| blind(us, error))?;
        let ids: Vec<OrganisationId> = keys.iter().filter_map(|key| Some(OrganisationId(*key.last_chunk()?))).collect();
        let read = judge(&*self.ledger, move |state, _| {
            let keeps = |id: &OrganisationId| {
                *id != us
                    && Organisations::get(state, id)
                        .is_some_and(|found| found.caps.contains(Caps::CUSTODIAN) && !found.url.is_empty())
            };
            ids.iter().copied().filter(keeps).collect()
        });
        Ok(read.await.map_err(|error| blind(us, error))?.0)
    }
}

fn blind(organisation: OrganisationId, error: impl ToString) -> PeerError {
    PeerError::Unreachable { organisation, reason: format!("the chain was not read: {}", error.to_string()) }
}

/// Standing wraps, as they go from gateway to gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapsBody {
    /// Each as its holder, a dot and hex.
    pub wraps: Vec<String>,
}

impl WrapsBody {
    /// In text.
    pub fn of(wraps: &Wraps) -> Self {
        Self { wraps: wraps.iter().map(|(holder, wrap)| wrap_text(*holder, wrap)).collect() }
    }

    /// From text; none when one does not read.
    pub fn read(&self) -> Option<Wraps> {
        self.wraps.iter().map(|text| read_wrap(text)).collect()
    }
}

fn wrap_text(holder: Holder, wrap: &Wrap) -> String {
    format!("{holder}.{}", hex::encode(wrap.to_bytes()))
}

/// A standing wrap from text.
pub(super) fn read_wrap(text: &str) -> Option<(Holder, Wrap)> {
    let (holder, wrap) = text.split_once('.')?;
    let holder = if holder == "patient" { Holder::Patient } else { Holder::Custodian(holder.parse().ok()?) };
    Some((holder, Wrap::from_bytes(&hex::decode(wrap).ok()?).ok()?))
}

/// The door of another gateway.
struct Door {
    organisation: OrganisationId,
    url: String,
    from: Neighbours,
}

impl Door {
    fn unreachable(&self, error: &reqwest::Error) -> PeerError {
        unreachable(self.organisation, error)
    }

    /// Sign and send; gives the answer when it is a good one.
    async fn send(
        &self,
        method: Method,
        target: &str,
        digest: Hash,
        body: Option<(reqwest::Body, u64)>,
        place: Option<Place>,
    ) -> Result<reqwest::Response, PeerError> {
        let asked = self.from.client.post(format!("{}/v1/nonce", self.url)).send().await;
        let answer = self.good(asked.map_err(|error| self.unreachable(&error))?, None).await?;
        let NonceAnswer { nonce, now, .. } = answer.json().await.map_err(|error| self.unreachable(&error))?;
        let request = Request { method: method.as_str(), target, body: digest };
        let signed = SignedRequest::sign(
            &self.from.officer,
            &self.from.genesis,
            self.organisation,
            &request,
            nonce,
            now.saturating_add(VALID_MS),
        );
        let mut builder = self.from.client.request(method, format!("{}{target}", self.url));
        for (name, value) in signed.headers() {
            builder = builder.header(name, value);
        }
        if let Some((body, length)) = body {
            builder = builder.header(http::header::CONTENT_LENGTH, length).body(body);
        }
        let answer = builder.send().await.map_err(|error| self.unreachable(&error))?;
        self.good(answer, place).await
    }

    async fn good(&self, answer: reqwest::Response, place: Option<Place>) -> Result<reqwest::Response, PeerError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let organisation = self.organisation;
        let said = match answer.json::<RefusalBody>().await {
            Ok(said) => said,
            Err(_) => return Err(PeerError::Refused { organisation, reason: format!("status {status}") }),
        };
        match (said.refusal(), place) {
            (Some(Refusal::NotStored), Some(place)) => Err(PeerError::Missing { organisation, place }),
            _ => Err(PeerError::Refused { organisation, reason: format!("{}: {}", said.error, said.message) }),
        }
    }

    async fn get(&self, target: &str, place: Option<Place>) -> Result<reqwest::Response, PeerError> {
        self.send(Method::GET, target, sha256(b""), None, place).await
    }
}

fn unreachable(organisation: OrganisationId, error: &reqwest::Error) -> PeerError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    PeerError::Unreachable { organisation, reason }
}

#[async_trait]
impl Peer for Door {
    async fn wraps(&self, place: Place) -> Result<Wraps, PeerError> {
        let answer = self.get(&format!("/v1/copies/{place}/wraps"), Some(place)).await?;
        let body: WrapsBody = answer.json().await.map_err(|error| self.unreachable(&error))?;
        let organisation = self.organisation;
        body.read().ok_or(PeerError::Refused { organisation, reason: "its wraps do not read".to_owned() })
    }

    async fn blob(&self, place: Place) -> Result<Incoming, PeerError> {
        let answer = self.get(&format!("/v1/copies/{place}/blob"), Some(place)).await?;
        let organisation = self.organisation;
        Ok(answer.bytes_stream().map_err(move |error| unreachable(organisation, &error)).boxed())
    }

    async fn put(&self, filing: &Filing, wraps: &Wraps, blob: Outgoing) -> Result<(), PeerError> {
        let Filing { place, version, key_epoch, anchor, .. } = *filing;
        let mut target = format!("/v1/copies/{place}/blob?version={version}&key_epoch={key_epoch}");
        for (holder, wrap) in wraps {
            target += &format!("&wrap={}", wrap_text(*holder, wrap));
        }
        let body = (reqwest::Body::wrap_stream(blob), anchor.size);
        self.send(Method::PUT, &target, anchor.digest, Some(body), Some(place)).await?;
        Ok(())
    }

    async fn put_wraps(&self, place: Place, wraps: &Wraps) -> Result<(), PeerError> {
        let body = serde_json::to_vec(&WrapsBody::of(wraps)).expect("strings are always JSON");
        let (digest, length) = (sha256(&body), body.len() as u64);
        let target = format!("/v1/copies/{place}/wraps");
        self.send(Method::PUT, &target, digest, Some((body.into(), length)), Some(place)).await?;
        Ok(())
    }

    async fn held(&self) -> Result<BoxStream<'static, Result<Place, PeerError>>, PeerError> {
        let answer = self.get("/v1/copies", None).await?;
        let organisation = self.organisation;
        let pieces = answer.bytes_stream().map_err(move |error| unreachable(organisation, &error));
        Ok(places(organisation, pieces.boxed()))
    }
}

/// The records of a list. One that does not end with its last line was broken off, and is an error.
fn places(organisation: OrganisationId, pieces: Incoming) -> BoxStream<'static, Result<Place, PeerError>> {
    let walk = (pieces, Vec::<u8>::new());
    let lines = stream::try_unfold(walk, move |(mut pieces, mut rest): (Incoming, Vec<u8>)| async move {
        let wrong = |reason: &str| PeerError::Unreachable { organisation, reason: reason.to_owned() };
        loop {
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                if line == "end" {
                    return Ok(None);
                }
                let place = read_place(&line).ok_or_else(|| wrong("its list of records does not read"))?;
                return Ok(Some((place, (pieces, rest))));
            }
            if rest.len() > LINE_MAX {
                return Err(wrong("its list of records has a line without end"));
            }
            let piece: Bytes = pieces.try_next().await?.ok_or_else(|| wrong("its list of records broke off"))?;
            rest.extend_from_slice(&piece);
        }
    });
    lines.boxed()
}

fn read_place(line: &str) -> Option<Place> {
    let (patient, record) = line.split_once('/')?;
    Some(Place { patient: patient.parse().ok()?, record: record.parse().ok()? })
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod http_tests;
