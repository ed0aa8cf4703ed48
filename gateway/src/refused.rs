//! A refusal on its way out: its name, what happened in words, and the HTTP answer.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use salus_client::door::{Refusal, RefusalBody};

use crate::store::StoreError;

/// A request is refused. The words name nobody.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{refusal}: {message}")]
pub struct Refused {
    /// By which name.
    pub refusal: Refusal,
    /// What happened.
    pub message: String,
}

impl Refused {
    /// Refuse, saying what happened.
    pub fn new(refusal: Refusal, message: impl Into<String>) -> Self {
        Self { refusal, message: message.into() }
    }

    /// A failure of the gateway's own: told in full to its log alone.
    pub fn internal(doing: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, doing, "a request failed for a reason of the gateway's own");
        Self::new(Refusal::Internal, format!("{doing} failed at the gateway"))
    }
}

/// Does a refusal leave the rest of the body unread, so that the connection cannot go on?
fn ends_connection(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::BadLength | Refusal::LengthRequired | Refusal::TooLarge | Refusal::TooSlow | Refusal::BadBlob
    )
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(RefusalBody::new(self.refusal, self.message))).into_response();
        let headers = answer.headers_mut();
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if ends_connection(self.refusal) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer.extensions_mut().insert(self.refusal);
        answer
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let refusal = match &error {
            StoreError::Missing { .. } => Refusal::NotStored,
            StoreError::Damaged { .. } | StoreError::Wrap { .. } => Refusal::Damaged,
            StoreError::Shredded { .. } => Refusal::NotServable,
            StoreError::Conflict { .. } => Refusal::Conflict,
            StoreError::Quota { .. } => Refusal::QuotaFull,
            StoreError::TooLarge { .. } => Refusal::TooLarge,
            StoreError::Length { .. } => Refusal::BadLength,
            StoreError::Digest { .. } => Refusal::BodyMismatch,
            StoreError::Header(_) => Refusal::BadBlob,
            StoreError::Range { .. } => Refusal::BadRequest,
            StoreError::Full { .. } => {
                tracing::error!(%error, "the store is full");
                Refusal::StoreFull
            }
            _ => return Self::internal("the store", &error),
        };
        if matches!(refusal, Refusal::Damaged | Refusal::NotStored) {
            tracing::error!(%error, "the store lost something");
        }
        Self::new(refusal, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Place;
    use salus_primitives::{PatientId, RecordId};

    #[test]
    fn a_full_store_is_named_and_names_nobody() {
        let error = StoreError::Full { doing: "writing", reason: "no space left on device".to_owned() };
        let refused = Refused::from(error);
        assert_eq!(refused.refusal, Refusal::StoreFull);
        assert_eq!(refused.refusal.status(), 507);
    }

    #[test]
    fn what_fails_for_the_gateways_own_reasons_is_told_to_its_log_alone() {
        let error = StoreError::Backend { doing: "reading", key: "key".into(), reason: "10.1.2.3 refused".into() };
        let refused = Refused::from(error);
        assert_eq!(refused.refusal, Refusal::Internal);
        assert!(!refused.message.contains("10.1.2.3"), "{refused}");
    }

    #[test]
    fn what_was_shredded_is_given_to_nobody() {
        let place = Place { patient: PatientId([1; 16]), record: RecordId([2; 16]) };
        assert_eq!(Refused::from(StoreError::Shredded { place }).refusal, Refusal::NotServable);
    }
}
