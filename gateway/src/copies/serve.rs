//! What other custodians' Gateway officers may ask of this gateway: see [`super::http`] for the requests.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderValue, StatusCode, header, request::Parts};
use salus_client::{
    door::{Refusal, SignedRequest},
    envelope::Anchor,
};
use salus_primitives::{Moment, OrganisationId, subject::Roles};

use super::{
    CopyError, PeerError, WRAPS_MAX, Wraps, accept, accept_wraps, held,
    http::{Proven, WrapsBody, read_wrap},
    offer,
};
use crate::{
    app::App,
    auth::{authenticate, inactive},
    refused::Refused,
    server::routes::{Signed, declared_length, part},
    store::{Filing, Place},
    turns::Doing,
    upload,
};

type Shared = State<Arc<App>>;

/// The paths of this page.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/copies", get(list))
        .route("/v1/copies/{patient}/{record}/wraps", get(wraps).put(take_wraps))
        .route("/v1/copies/{patient}/{record}/blob", get(blob).put(take_blob))
}

impl From<CopyError> for Refused {
    fn from(error: CopyError) -> Self {
        let refusal = match error {
            CopyError::Store(error) => return error.into(),
            CopyError::Peer(PeerError::Unreachable { .. }) => Refusal::BadLength,
            CopyError::Peer(_) => return Self::internal("taking a copy", &error),
            CopyError::Chain(_) => Refusal::NodeUnavailable,
            CopyError::NotOnChain { .. } => Refusal::NoSuchRecord,
            CopyError::NotThatRecord { .. } => Refusal::Conflict,
            CopyError::NotCustodian { .. } => Refusal::NotCustodian,
            CopyError::Wraps => Refusal::BadWrap,
        };
        Self::new(refusal, error.to_string())
    }
}

/// Us, and whose Gateway officer asks.
async fn both(app: &App, signed: &SignedRequest) -> Result<(OrganisationId, OrganisationId), Refused> {
    let account = signed.account;
    let judged = app
        .judge(move |state, at| salus_registry::officer_key(state, account, Roles::GATEWAY, at.time).map_err(inactive));
    let (them, _) = judged.await?;
    Ok((app.identity.organisation, them))
}

fn place(patient: &str, record: &str) -> Result<Place, Refused> {
    Ok(Place { patient: part("patient", patient)?, record: part("record", record)? })
}

async fn list(State(app): Shared, signed: Signed) -> Result<Response, Refused> {
    let turn = app.turns.take(signed.request.account, Doing::Transfer)?;
    let (_, them) = both(&app, &signed.request).await?;
    let lines = held(&app.store, them).map_ok(move |place| {
        let _turn = &turn;
        Bytes::from(format!("{place}\n"))
    });
    // Without the last line the list is known to be broken off.
    let end = stream::once(async { Ok(Bytes::from_static(b"end\n")) });
    Ok(([(header::CONTENT_TYPE, "text/plain")], Body::from_stream(lines.chain(end))).into_response())
}

async fn wraps(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    signed: Signed,
) -> Result<Json<WrapsBody>, Refused> {
    let _turn = app.turns.take(signed.request.account, Doing::Request)?;
    let both = both(&app, &signed.request).await?;
    let (_, wraps) = offer(&app.store, &Proven(app.ledger.clone()), both, place(&patient, &record)?).await?;
    Ok(Json(WrapsBody::of(&wraps)))
}

async fn take_wraps(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    signed: Signed,
) -> Result<StatusCode, Refused> {
    let _turn = app.turns.take(signed.request.account, Doing::Request)?;
    let both = both(&app, &signed.request).await?;
    let bad = || Refused::new(Refusal::BadWrap, "the body is not {\"wraps\": [\"<holder>.<hex>\", ...]}");
    let body: WrapsBody = serde_json::from_slice(&signed.body).map_err(|_| bad())?;
    let wraps = body.read().ok_or_else(bad)?;
    let place = place(&patient, &record)?;
    accept_wraps(&app.store, &Proven(app.ledger.clone()), both, place, &wraps).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn blob(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    signed: Signed,
) -> Result<Response, Refused> {
    let turn = app.turns.take(signed.request.account, Doing::Transfer)?;
    let (both, place) = (both(&app, &signed.request).await?, place(&patient, &record)?);
    let (meta, _) = offer(&app.store, &Proven(app.ledger.clone()), both, place).await?;
    let pieces = app.store.read(place, 0..meta.anchor.size).await?;
    let pieces = pieces.inspect_ok(move |_| {
        let _turn = &turn;
    });
    let mut answer = Body::from_stream(pieces).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(meta.anchor.size));
    Ok(answer)
}

async fn take_blob(
    State(app): Shared,
    Path((patient, record)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<StatusCode, Refused> {
    let (parts, body) = request.into_parts();
    let mut pieces = upload::Pieces::new(&app, body);
    let taken = take(&app, (&patient, &record), &query, &parts, &mut pieces).await;
    if taken.is_err() {
        pieces.drain().await;
    }
    taken.map(|()| StatusCode::NO_CONTENT)
}

async fn take(
    app: &App,
    (patient, record): (&str, &str),
    query: &[(String, String)],
    parts: &Parts,
    pieces: &mut upload::Pieces<'_>,
) -> Result<(), Refused> {
    let size = declared_length(&parts.headers)?;
    let signed = authenticate(app, parts)?;
    let _turn = app.turns.take(signed.account, Doing::Transfer)?;
    let both = both(app, &signed).await?;
    let (version, key_epoch, wraps) = read_query(query)?;
    let anchor = Anchor { digest: signed.body, size };
    let filing = Filing { place: place(patient, record)?, version, key_epoch, anchor, uploader: both.1 };
    let us = both.0;
    let body = stream::try_unfold(pieces, move |pieces| async move {
        let broken = |error: Refused| PeerError::Unreachable { organisation: us, reason: error.to_string() };
        Ok(pieces.next().await.map_err(broken)?.map(|piece| (piece, pieces)))
    });
    accept(&app.store, &Proven(app.ledger.clone()), both, filing, wraps, body.boxed(), Moment(app.now())).await?;
    Ok(())
}

fn read_query(query: &[(String, String)]) -> Result<(u32, u32, Wraps), Refused> {
    let bad = |what: &str| Refused::new(Refusal::BadRequest, format!("the query's {what} is missing or does not read"));
    let (mut version, mut key_epoch, mut wraps) = (None, None, Vec::new());
    for (name, value) in query {
        match name.as_str() {
            "version" => version = value.parse().ok(),
            "key_epoch" => key_epoch = value.parse().ok(),
            "wrap" if wraps.len() < WRAPS_MAX => wraps.push(read_wrap(value).ok_or_else(|| bad("wrap"))?),
            _ => return Err(bad("end")),
        }
    }
    Ok((version.ok_or_else(|| bad("version"))?, key_epoch.ok_or_else(|| bad("key_epoch"))?, wraps))
}
