//! The connection to a gateway, and signed requests over it.

use std::time::Duration;

use reqwest::{
    Body, Client, Method, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, HeaderValue, RANGE},
    redirect::Policy,
};
use salus_primitives::{
    Hash, OrganisationId,
    crypto::{KeyPair, sha256},
};
use serde::de::DeserializeOwned;

use super::{ANSWER_BYTES_MAX, RemoteError};
use crate::door::{EXPIRY_MAX, GatewayInfo, NonceAnswer, RefusalBody, Request, SignedRequest};

/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Longest silence of a gateway: it proves state and seals a key meanwhile.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a request may be under way before it is void, ms: less than a gateway allows, for clocks run.
const EXPIRY: u64 = EXPIRY_MAX - 10_000;
/// Longest words of a gateway that are passed on, characters.
const WORDS_MAX: usize = 300;

/// A gateway that answered, and says which it is.
#[derive(Clone, Debug)]
pub struct Gateway {
    url: Url,
    http: Client,
    info: GatewayInfo,
}

/// A body to send: its bytes and how many there are.
pub(super) struct Sent {
    pub body: Body,
    pub bytes: u64,
    pub digest: Hash,
}

impl Gateway {
    /// The gateway at `url`, as `https://gateway.hospital.example`, of the chain of `genesis`. Beyond the loopback
    /// address it must be `https://`.
    ///
    /// # Errors
    /// [`RemoteError::BadUrl`], [`RemoteError::Unreachable`], [`RemoteError::OtherChain`] or
    /// [`RemoteError::Answer`].
    pub async fn connect(url: &str, genesis: Hash) -> Result<Self, RemoteError> {
        let base = checked(url)?;
        let http = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME)
            .read_timeout(SILENCE)
            .no_proxy()
            .build()
            .map_err(|error| unreachable(&base, &error))?;
        let response =
            http.get(joined(&base, "/v1/gateway")).send().await.map_err(|error| unreachable(&base, &error))?;
        let info: GatewayInfo = read(response, "description").await?;
        if info.genesis != genesis {
            return Err(RemoteError::OtherChain { found: info.genesis, expected: genesis });
        }
        Ok(Self { url: base, http, info })
    }

    /// Whose gateway it says it is. The signature of each request binds it.
    pub fn organisation(&self) -> OrganisationId {
        self.info.organisation
    }

    /// What it said of itself when it was connected to.
    pub fn info(&self) -> &GatewayInfo {
        &self.info
    }

    /// Ask by GET, signed by `key`, and read the answer as `T`, which is named `what` in an error.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        key: &KeyPair,
        target: &str,
        what: &'static str,
    ) -> Result<T, RemoteError> {
        read(self.send(key, Method::GET, target, None, 0).await?, what).await
    }

    /// Ask by GET for what is no JSON, from byte `from` on. A gateway may answer the whole instead.
    pub(super) async fn download(&self, key: &KeyPair, target: &str, from: u64) -> Result<Response, RemoteError> {
        self.send(key, Method::GET, target, None, from).await
    }

    /// Send `sent` by PUT and read the answer.
    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        key: &KeyPair,
        target: &str,
        sent: Sent,
        what: &'static str,
    ) -> Result<T, RemoteError> {
        read(self.send(key, Method::PUT, target, Some(sent), 0).await?, what).await
    }

    /// Send a signed request. `target` is the path and query, of characters that need no encoding. Any answer but a
    /// good one is an error.
    async fn send(
        &self,
        key: &KeyPair,
        method: Method,
        target: &str,
        sent: Option<Sent>,
        from: u64,
    ) -> Result<Response, RemoteError> {
        let asked = self.http.post(joined(&self.url, "/v1/nonce")).header(CONTENT_LENGTH, "0").send().await;
        let nonce: NonceAnswer = read(asked.map_err(|error| unreachable(&self.url, &error))?, "nonce").await?;
        let digest = sent.as_ref().map_or_else(|| sha256(b""), |sent| sent.digest);
        let request = Request { method: method.as_str(), target, body: digest };
        let expires = nonce.now.saturating_add(nonce.lives_ms.min(EXPIRY));
        let signed =
            SignedRequest::sign(key, &self.info.genesis, self.info.organisation, &request, nonce.nonce, expires);
        let mut builder = self.http.request(method, joined(&self.url, target));
        for (name, value) in signed.headers() {
            builder = builder.header(name, value);
        }
        if let Some(sent) = sent {
            builder = builder.header(CONTENT_LENGTH, HeaderValue::from(sent.bytes)).body(sent.body);
        }
        if from > 0 {
            builder = builder.header(RANGE, format!("bytes={from}-"));
        }
        let response = builder.send().await.map_err(|error| unreachable(&self.url, &error))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::PARTIAL_CONTENT if from > 0 => Ok(response),
            _ => Err(refused(response).await),
        }
    }
}

/// Read a whole JSON answer of bounded length.
async fn read<T: DeserializeOwned>(response: Response, what: &'static str) -> Result<T, RemoteError> {
    if response.status() != StatusCode::OK {
        return Err(refused(response).await);
    }
    let bytes = bounded(response).await?.ok_or(RemoteError::Answer { what })?;
    serde_json::from_slice(&bytes).map_err(|_| RemoteError::Answer { what })
}

/// The body of an answer; none when it is longer than any.
async fn bounded(mut response: Response) -> Result<Option<Vec<u8>>, RemoteError> {
    let mut bytes = Vec::new();
    let broken = |error| RemoteError::Broken { reason: RemoteError::reason(&error) };
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// Why the gateway refused. Its words are a stranger's: one line of plain characters is passed on.
async fn refused(response: Response) -> RemoteError {
    let status = response.status().as_u16();
    let bytes = match bounded(response).await {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => return error,
    };
    let Ok(body) = serde_json::from_slice::<RefusalBody>(&bytes) else {
        return RemoteError::Refused { refusal: None, status, message: format!("HTTP status {status}") };
    };
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let message = body.message.chars().take(WORDS_MAX).map(plain).collect();
    RemoteError::Refused { refusal: body.refusal(), status, message }
}

fn unreachable(url: &Url, error: &reqwest::Error) -> RemoteError {
    let reason = RemoteError::reason(error);
    if error.is_connect() {
        RemoteError::Unreachable { url: url.to_string(), reason }
    } else {
        RemoteError::Broken { reason }
    }
}

/// The address, if it is one that a signed request may go to.
fn checked(text: &str) -> Result<Url, RemoteError> {
    let bad = |reason| RemoteError::BadUrl { url: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|_| bad("it does not read as an address"))?;
    let loopback = match url.host_str() {
        None => return Err(bad("it names no host")),
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(bad("unencrypted beyond this machine")),
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(bad("nothing may follow host and port"));
    }
    Ok(url)
}

fn joined(base: &Url, target: &str) -> String {
    format!("{}{target}", base.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_goes_over_tls_or_stays_on_this_machine() {
        for good in ["https://gateway.example", "https://gateway.example:8443/", "http://127.0.0.1:9", "http://[::1]:9"]
        {
            assert!(checked(good).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("gateway", "it does not read as an address"),
            ("http://gateway.example", "unencrypted beyond this machine"),
            ("http://127.0.0.1.example", "unencrypted beyond this machine"),
            ("ftp://127.0.0.1", "unencrypted beyond this machine"),
            ("https://gateway.example/v1", "nothing may follow host and port"),
            ("https://gateway.example?x=1", "nothing may follow host and port"),
            ("https://user@gateway.example", "nothing may follow host and port"),
        ] {
            let found = checked(bad).unwrap_err();
            assert!(matches!(found, RemoteError::BadUrl { reason: found, .. } if found == reason), "{bad}: {found}");
        }
        assert_eq!(joined(&checked("https://gateway.example").unwrap(), "/v1/me"), "https://gateway.example/v1/me");
    }
}
