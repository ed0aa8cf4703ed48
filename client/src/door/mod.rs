//! The door of a hospital's gateway, as both of its sides know it: how a request is signed, what the answers look
//! like, and by which name each request is refused (formats.md 10, domain.md 5).
//!
//! # A signed request
//!
//! The caller asks `POST /v1/nonce` for a nonce, which serves one request within a minute, and sends with the request
//!
//! ```text
//! salus-account      the caller's key: SS58, or 64 hex digits after 0x
//! salus-gateway      id of the organisation whose gateway is asked, 32 hex digits
//! salus-nonce        the nonce, 32 hex digits
//! salus-expires      when the request is void, ms since the Unix epoch, at most a minute ahead
//! salus-body-sha256  SHA-256 of the body (of no bytes where there is none), 64 hex digits
//! salus-signature    Ed25519 over the message below, 128 hex digits
//! ```
//!
//! ```text
//! "<Bytes>" ++ "salus/request/1" ++ genesis[32] ++ SCALE(
//!     method: bytes, path and query: bytes, SHA-256 of the body[32], organisation[16], account[32], nonce[16],
//!     expires: u64) ++ "</Bytes>"
//! ```
//!
//! It begins with `<`, so it is never the payload of an extrinsic, nor is an extrinsic's payload ever a request; it
//! names the gateway, so that no gateway can pass it on to another; and the nonce lets it be used once.

mod refusal;
mod request;
mod shapes;

pub use refusal::{Refusal, RefusalBody, UnknownRefusal};
pub use request::{
    EXPIRY_MAX, HEADER_ACCOUNT, HEADER_BODY, HEADER_EXPIRES, HEADER_GATEWAY, HEADER_NONCE, HEADER_SIGNATURE,
    HeaderProblem, NONCE_LIFE, NotANonce, Request, RequestNonce, SignedRequest,
};
pub use shapes::{
    CallerInfo, CustodyAnswer, ExtrinsicRequest, ExtrinsicState, ExtrinsicStatus, GatewayInfo, GatewayLimits, LogEntry,
    LogInfo, MetadataAnswer, NonceAnswer, NonceOf, PatientInfo, RecordInfo, RequestInfo, RuleInfo, SubjectInfo,
    SubmitAnswer, Uploaded, WrapAnswer, text,
};
