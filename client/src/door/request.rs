//! Signing a request and checking it.

use core::{fmt, str::FromStr};

use salus_primitives::{
    AccountId, Hash, OrganisationId,
    crypto::{KeyPair, Signature, verify},
    signed,
};

use crate::envelope::{RandomError, random_bytes};

/// The caller's key.
pub const HEADER_ACCOUNT: &str = "salus-account";
/// The organisation whose gateway is asked.
pub const HEADER_GATEWAY: &str = "salus-gateway";
/// The server's nonce.
pub const HEADER_NONCE: &str = "salus-nonce";
/// When the request is void, ms since the Unix epoch.
pub const HEADER_EXPIRES: &str = "salus-expires";
/// SHA-256 of the body.
pub const HEADER_BODY: &str = "salus-body-sha256";
/// The signature.
pub const HEADER_SIGNATURE: &str = "salus-signature";

/// How long a nonce waits for its request, ms.
pub const NONCE_LIFE: u64 = 60_000;
/// How far ahead of the gateway's clock a request may expire, ms.
pub const EXPIRY_MAX: u64 = 60_000;

/// A number that a gateway gives out and takes back once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNonce(pub [u8; 16]);

impl RequestNonce {
    /// A new one, which nobody can guess.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn fresh() -> Result<Self, RandomError> {
        Ok(Self(*random_bytes()?))
    }
}

impl fmt::Display for RequestNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RequestNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", hex::encode(&self.0[..4]))
    }
}

/// The text is not a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a nonce: expected 32 hex digits")]
pub struct NotANonce;

impl FromStr for RequestNonce {
    type Err = NotANonce;

    fn from_str(text: &str) -> Result<Self, NotANonce> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotANonce)?;
        Ok(Self(bytes))
    }
}

/// What a caller asks of which gateway: what stands in the request itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'r> {
    /// As `GET`, in capitals.
    pub method: &'r str,
    /// Path and query exactly as sent, as `/v1/me/log?from=3`.
    pub target: &'r str,
    /// SHA-256 of the body.
    pub body: Hash,
}

/// The signature on a request, and what it binds besides the request: what stands in its headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedRequest {
    /// Who asks.
    pub account: AccountId,
    /// Whose gateway is asked.
    pub gateway: OrganisationId,
    /// The gateway's nonce.
    pub nonce: RequestNonce,
    /// First moment at which it is void, ms since the Unix epoch.
    pub expires: u64,
    /// SHA-256 of the body.
    pub body: Hash,
    /// Over all this and the request.
    pub signature: Signature,
}

/// A header of a signed request is not there or does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// Not there: the request is not signed.
    #[error("the header {0} is not there: sign the request")]
    Missing(&'static str),
    /// Not what belongs there.
    #[error("the header {0} does not read as what belongs there")]
    Malformed(&'static str),
}

impl SignedRequest {
    /// Sign `request` to the gateway of `gateway` on the chain of `genesis`, with a nonce of that gateway; void from
    /// `expires` on, at most [`EXPIRY_MAX`] ahead.
    pub fn sign(
        key: &KeyPair,
        genesis: &Hash,
        gateway: OrganisationId,
        request: &Request<'_>,
        nonce: RequestNonce,
        expires: u64,
    ) -> Self {
        let account = key.public();
        let signature = key.sign(&message(genesis, gateway, account, request, nonce, expires));
        Self { account, gateway, nonce, expires, body: request.body, signature }
    }

    /// The headers to send, by name.
    pub fn headers(&self) -> [(&'static str, String); 6] {
        [
            (HEADER_ACCOUNT, self.account.to_string()),
            (HEADER_GATEWAY, self.gateway.to_string()),
            (HEADER_NONCE, self.nonce.to_string()),
            (HEADER_EXPIRES, self.expires.to_string()),
            (HEADER_BODY, hex::encode(self.body.0)),
            (HEADER_SIGNATURE, hex::encode(self.signature.0)),
        ]
    }

    /// Read the headers of a request; `header` gives one by its name in lower case.
    ///
    /// # Errors
    /// [`HeaderProblem`] of the first that is not there or does not read.
    pub fn parse<'h>(header: impl Fn(&'static str) -> Option<&'h str>) -> Result<Self, HeaderProblem> {
        fn read<'h, T: FromStr>(
            header: &impl Fn(&'static str) -> Option<&'h str>,
            name: &'static str,
        ) -> Result<T, HeaderProblem> {
            let text = header(name).ok_or(HeaderProblem::Missing(name))?;
            text.parse().map_err(|_| HeaderProblem::Malformed(name))
        }
        let mut signature = [0; 64];
        let text = header(HEADER_SIGNATURE).ok_or(HeaderProblem::Missing(HEADER_SIGNATURE))?;
        hex::decode_to_slice(text, &mut signature).map_err(|_| HeaderProblem::Malformed(HEADER_SIGNATURE))?;
        Ok(Self {
            account: read(&header, HEADER_ACCOUNT)?,
            gateway: read(&header, HEADER_GATEWAY)?,
            nonce: read(&header, HEADER_NONCE)?,
            expires: read(&header, HEADER_EXPIRES)?,
            body: read(&header, HEADER_BODY)?,
            signature: Signature(signature),
        })
    }

    /// Is this the account's signature on the request of this method and target, on the chain of `genesis`? By the
    /// ZIP-215 rule. Says nothing of time, nonce or gateway.
    pub fn is_signed(&self, genesis: &Hash, method: &str, target: &str) -> bool {
        let request = Request { method, target, body: self.body };
        let message = message(genesis, self.gateway, self.account, &request, self.nonce, self.expires);
        // Under a key of small order one signature fits every message. None is ever bound to a subject, but the door
        // also hears who is not registered yet.
        salus_primitives::crypto::check_key(&self.account.0).is_ok() && verify(&self.account, &message, &self.signature)
    }
}

fn message(
    genesis: &Hash,
    gateway: OrganisationId,
    account: AccountId,
    request: &Request<'_>,
    nonce: RequestNonce,
    expires: u64,
) -> Vec<u8> {
    let Request { method, target, body } = request;
    let fields = (method.as_bytes(), target.as_bytes(), body, gateway, account, nonce.0, expires);
    signed::message(b"salus/request/1", genesis, &fields)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
