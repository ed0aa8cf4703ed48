//! What the gateway tells Prometheus, and whether it is well. Names no patient, record or caller.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use salus_client::door::Refusal;
use serde_json::json;

use crate::{app::App, refused::Refused};

type Labels = [(&'static str, &'static str); 1];

/// The form of the page.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters.
pub struct Metrics {
    registry: Registry,
    answers: Family<Labels, Counter>,
    cuts: Family<Labels, Counter>,
    wraps: Counter,
    sent: Counter,
    received: Counter,
    reported: Counter,
    owed: Gauge,
    transfers: Gauge,
    height: Gauge,
    age: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("salus_gateway");
        let answers = Family::<Labels, Counter>::default();
        registry.register(
            "answers",
            "Requests answered, by refusal; ok for those that were not refused",
            answers.clone(),
        );
        let cuts = Family::<Labels, Counter>::default();
        registry.register("downloads_cut", "Downloads ended on their way, by refusal", cuts.clone());
        let [wraps, sent, received, reported] = [(); 4].map(|()| Counter::<u64, AtomicU64>::default());
        registry.register("wraps_released", "Wraps given out", wraps.clone());
        registry.register("sent_bytes", "Ciphertext given out", sent.clone());
        registry.register("received_bytes", "Ciphertext taken in", received.clone());
        registry.register("reported_entries", "Entries of receipts reported as served and final", reported.clone());
        let [owed, transfers, height] = [(); 3].map(|()| Gauge::default());
        registry.register("owed_reports", "Entries released and not reported yet", owed.clone());
        registry.register("transfers", "Transfers of blobs under way", transfers.clone());
        registry.register("certified_height", "Height of the newest certified header", height.clone());
        let age = Gauge::default();
        registry.register("certified_age_ms", "Age of that header by the gateway's clock", age.clone());
        Self { registry, answers, cuts, wraps, sent, received, reported, owed, transfers, height, age }
    }
}

fn label(refusal: Option<Refusal>) -> Labels {
    [("refusal", refusal.map_or("ok", Refusal::name))]
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, refusal: Option<Refusal>) {
        self.answers.get_or_create(&label(refusal)).inc();
    }

    /// A download was ended on its way.
    pub fn cut(&self, refusal: Refusal) {
        self.cuts.get_or_create(&label(Some(refusal))).inc();
    }

    /// A wrap was given out.
    pub fn released_wrap(&self) {
        self.wraps.inc();
    }

    /// Ciphertext left.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// Ciphertext came.
    pub fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// Releases were reported and are final.
    pub fn reported(&self, entries: usize) {
        self.reported.inc_by(entries as u64);
    }

    fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// What is served to this machine alone: `/metrics` and `/health`.
pub fn routes(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(page)).route("/health", get(health)).with_state(app)
}

async fn page(State(app): State<Arc<App>>) -> Response {
    let metrics = &app.metrics;
    metrics.owed.set(i64::try_from(app.reports.len()).unwrap_or(i64::MAX));
    metrics.transfers.set(i64::from(app.turns.transfers()));
    if let Ok(newest) = app.ledger.newest().await {
        metrics.height.set(i64::from(newest.height.0));
        metrics.age.set(i64::try_from(app.now().saturating_sub(newest.time.0)).unwrap_or(i64::MAX));
    }
    match metrics.page() {
        Ok(page) => ([(header::CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        Err(error) => Refused::internal("writing the metrics", &error).into_response(),
    }
}

/// Does the gateway release at the moment?
async fn health(State(app): State<Arc<App>>) -> Response {
    let newest = match app.ledger.newest().await {
        Ok(newest) => app.fresh(&newest).map(|()| newest),
        Err(error) => Err(app.blind(error)),
    };
    match newest {
        Ok(newest) => (StatusCode::OK, Json(json!({ "releases": true, "height": newest.height.0 }))).into_response(),
        Err(refused) => refused.into_response(),
    }
}
