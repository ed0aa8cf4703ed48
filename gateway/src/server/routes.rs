//! The endpoints: who asks what, by which path.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{FromRequest, Path, Query, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use salus_client::door::{
    CallerInfo, ExtrinsicRequest, ExtrinsicStatus, GatewayInfo, LogInfo, MetadataAnswer, NONCE_LIFE, NonceAnswer,
    NonceOf, RecordInfo, Refusal, RequestInfo, RuleInfo, SignedRequest, SubmitAnswer, Uploaded, WrapAnswer,
};
use salus_primitives::{Hash, PatientId, RecordId, crypto::sha256, runtime_api::RuntimeApi as _};

use super::Peer;
use crate::{
    about,
    app::App,
    auth::{authenticate, same_body},
    copies,
    refused::Refused,
    relay,
    release::{self, Asked, By},
    turns::{Doing, Turn},
    upload,
};

type Shared = State<Arc<App>>;
type Answer<T> = Result<Json<T>, Refused>;

/// All that the gateway serves.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/gateway", get(gateway))
        .route("/v1/nonce", post(nonce))
        .route("/v1/metadata", get(metadata))
        .route("/v1/me", get(me))
        .route("/v1/me/nonce", get(my_nonce))
        .route("/v1/me/records", get(my_records))
        .route("/v1/me/log", get(my_log))
        .route("/v1/me/rules", get(my_rules))
        .route("/v1/me/requests", get(my_requests))
        .route("/v1/extrinsics", post(submit))
        .route("/v1/extrinsics/{hash}", get(fate))
        .route("/v1/patients/{patient}/records/{record}/blob", put(take_blob).get(own_blob))
        .route("/v1/patients/{patient}/records/{record}/wrap", get(own_wrap))
        .route("/v1/patients/{patient}/receipts/{index}/records/{record}/blob", get(blob))
        .route("/v1/patients/{patient}/receipts/{index}/records/{record}/wrap", get(wrap))
        .merge(copies::serve::routes())
        .fallback(|| async { Refused::new(Refusal::NotFound, "there is no such path") })
        .method_not_allowed_fallback(|| async { Refused::new(Refusal::MethodNotAllowed, "not by this method") })
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .with_state(app)
}

/// Counts what was answered.
async fn count(State(app): Shared, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let mut refusal = answer.extensions().get::<Refusal>().copied();
    if refusal.is_none() && !answer.status().is_success() {
        // The library's own words for a path or query that is no text: said in our form.
        answer = Refused::new(Refusal::BadRequest, "the path or query does not read").into_response();
        refusal = Some(Refusal::BadRequest);
    }
    app.metrics.answered(refusal);
    answer
}

/// A signed request whose whole body, a small one, is here and is the one that was signed.
pub(crate) struct Signed {
    pub(crate) request: SignedRequest,
    pub(crate) body: Bytes,
}

impl FromRequest<Arc<App>> for Signed {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let signed = authenticate(app, &parts)?;
        let body = whole(app, body).await?;
        same_body(&signed, sha256(&body))?;
        Ok(Self { request: signed, body })
    }
}

impl Signed {
    /// A turn for something that is no transfer.
    fn turn(&self, app: &App) -> Result<Turn, Refused> {
        app.turns.take(self.request.account, Doing::Request)
    }
}

/// A body, within its size and its time.
async fn whole(app: &App, body: Body) -> Result<Bytes, Refused> {
    let limits = &app.limits;
    let read = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_time, read).await {
        Err(_) => Err(Refused::new(Refusal::TooSlow, "the body did not come in the time for it")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refused::new(Refusal::TooLarge, format!("a body of more than {} bytes", limits.body_bytes)))
        }
        Ok(Err(_)) => Err(Refused::new(Refusal::BadLength, "the body ended or broke early")),
    }
}

/// Read a part of the path.
pub(crate) fn part<T: core::str::FromStr>(what: &'static str, text: &str) -> Result<T, Refused> {
    text.parse().map_err(|_| Refused::new(Refusal::BadRequest, format!("the path's {what} does not read as one")))
}

async fn gateway(State(app): Shared) -> Answer<GatewayInfo> {
    Ok(Json(app.info().await?))
}

async fn nonce(State(app): Shared, request: Request) -> Answer<NonceAnswer> {
    let peer = request.extensions().get::<Peer>().and_then(|peer| peer.0);
    let now = app.now();
    Ok(Json(NonceAnswer { nonce: app.nonces.give(now, peer)?, lives_ms: NONCE_LIFE, now }))
}

async fn metadata() -> Answer<MetadataAnswer> {
    /// What wallets and client libraries read today.
    const FORMAT: u32 = 15;
    static METADATA: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let known = METADATA.get_or_init(|| salus_runtime::SalusRuntime::new().metadata(FORMAT).map(hex::encode));
    let metadata = known.clone().ok_or_else(|| Refused::internal("making the metadata", &"unknown format"))?;
    Ok(Json(MetadataAnswer { format: FORMAT, metadata }))
}

async fn me(State(app): Shared, signed: Signed) -> Answer<CallerInfo> {
    let _turn = signed.turn(&app)?;
    Ok(Json(about::me(&app, signed.request.account).await?))
}

async fn my_nonce(State(app): Shared, signed: Signed) -> Answer<NonceOf> {
    let _turn = signed.turn(&app)?;
    Ok(Json(about::nonce(&app, signed.request.account).await?))
}

async fn my_records(State(app): Shared, signed: Signed) -> Answer<Vec<RecordInfo>> {
    let _turn = signed.turn(&app)?;
    Ok(Json(about::records(&app, signed.request.account).await?))
}

async fn my_log(State(app): Shared, Query(query): Query<Vec<(String, String)>>, signed: Signed) -> Answer<LogInfo> {
    let _turn = signed.turn(&app)?;
    let from = match &query[..] {
        [] => Some(0),
        [(name, from)] if name == "from" => from.parse().ok(),
        _ => None,
    };
    let from = from.ok_or_else(|| Refused::new(Refusal::BadRequest, "the query takes from, a number, and no more"))?;
    Ok(Json(about::log(&app, signed.request.account, from).await?))
}

async fn my_rules(State(app): Shared, signed: Signed) -> Answer<Vec<RuleInfo>> {
    let _turn = signed.turn(&app)?;
    Ok(Json(about::rules(&app, signed.request.account).await?))
}

async fn my_requests(State(app): Shared, signed: Signed) -> Answer<Vec<RequestInfo>> {
    let _turn = signed.turn(&app)?;
    Ok(Json(about::requests(&app, signed.request.account).await?))
}

async fn submit(State(app): Shared, signed: Signed) -> Answer<SubmitAnswer> {
    let _turn = signed.turn(&app)?;
    let request: ExtrinsicRequest = serde_json::from_slice(&signed.body)
        .map_err(|_| Refused::new(Refusal::BadRequest, "the body is not {\"extrinsic\": hex}"))?;
    Ok(Json(relay::submit(&app, signed.request.account, &request.extrinsic).await?))
}

async fn fate(State(app): Shared, Path(hash): Path<String>, signed: Signed) -> Answer<ExtrinsicStatus> {
    let _turn = signed.turn(&app)?;
    let hash: Hash = part("hash", &hash)?;
    Ok(Json(app.relayed.status(signed.request.account, hash)?))
}

async fn take_blob(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Answer<Uploaded> {
    let (parts, body) = request.into_parts();
    let mut pieces = upload::Pieces::new(&app, body);
    let taken = take(&app, (patient.as_str(), record.as_str()), &query, &parts, &mut pieces).await;
    if taken.is_err() {
        pieces.drain().await;
    }
    taken.map(Json)
}

async fn take(
    app: &App,
    (patient, record): (&str, &str),
    query: &[(String, String)],
    parts: &Parts,
    pieces: &mut upload::Pieces<'_>,
) -> Result<Uploaded, Refused> {
    let size = declared_length(&parts.headers)?;
    let signed = authenticate(app, parts)?;
    let _turn = app.turns.take(signed.account, Doing::Transfer)?;
    let (patient, record): (PatientId, RecordId) = (part("patient", patient)?, part("record", record)?);
    let asked = upload::Asked::read(patient, record, query, app.identity.organisation)?;
    upload::take(app, &asked, &signed, size, pieces).await
}

/// The length that the head of an upload declares.
pub(crate) fn declared_length(headers: &HeaderMap) -> Result<u64, Refused> {
    let required = || Refused::new(Refusal::LengthRequired, "the upload declares no length");
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(required());
    }
    let length = headers.get(header::CONTENT_LENGTH).ok_or_else(required)?;
    length.to_str().ok().and_then(|length| length.parse().ok()).ok_or_else(required)
}

async fn own_wrap(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    signed: Signed,
) -> Answer<WrapAnswer> {
    let _turn = signed.turn(&app)?;
    let asked = asked(&signed, &patient, &record, By::Own)?;
    Ok(Json(release::wrap(&app, &asked).await?))
}

async fn own_blob(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    headers: HeaderMap,
    signed: Signed,
) -> Result<Response, Refused> {
    let asked = asked(&signed, &patient, &record, By::Own)?;
    download(app, asked, &headers).await
}

async fn wrap(
    State(app): Shared,
    Path((patient, index, record)): Path<(String, String, String)>,
    signed: Signed,
) -> Answer<WrapAnswer> {
    let _turn = signed.turn(&app)?;
    let asked = asked(&signed, &patient, &record, By::Receipt(part("receipt", &index)?))?;
    Ok(Json(release::wrap(&app, &asked).await?))
}

async fn blob(
    State(app): Shared,
    Path((patient, index, record)): Path<(String, String, String)>,
    headers: HeaderMap,
    signed: Signed,
) -> Result<Response, Refused> {
    let asked = asked(&signed, &patient, &record, By::Receipt(part("receipt", &index)?))?;
    download(app, asked, &headers).await
}

fn asked(signed: &Signed, patient: &str, record: &str, by: By) -> Result<Asked, Refused> {
    let (patient, record) = (part("patient", patient)?, part("record", record)?);
    Ok(Asked { account: signed.request.account, patient, record, by })
}

async fn download(app: Arc<App>, asked: Asked, headers: &HeaderMap) -> Result<Response, Refused> {
    let turn = app.turns.take(asked.account, Doing::Transfer)?;
    let from = first_byte(headers)?;
    let download = release::blob(app, asked, from.unwrap_or(0), turn).await?;
    let mut answer = Body::from_stream(download.bytes).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(download.size - from.unwrap_or(0)));
    if let Some(from) = from {
        let range = format!("bytes {from}-{}/{}", download.size - 1, download.size);
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&range).expect("digits and signs"));
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// The byte from which on a broken download goes on: `Range: bytes=N-`.
fn first_byte(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(range) = headers.get(header::RANGE) else { return Ok(None) };
    let from = range.to_str().ok().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let bad = || Refused::new(Refusal::BadRequest, "a range is taken as bytes=N- alone");
    from.map(Some).ok_or_else(bad)
}
