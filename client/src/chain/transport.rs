//! The connection to a node: as `subxt` makes it, and with a bearer token where the node asks for one.

use std::{fmt, path::Path};

use subxt::{
    ext::jsonrpsee::{
        client_transport::ws::{Url, WsHandshakeError, WsTransportClientBuilder},
        core::client::Client,
        ws_client::{HeaderMap, HeaderValue},
    },
    rpcs::{RpcClient, utils::validate_url_is_secure},
};
use zeroize::Zeroizing;

use super::ChainError;
use crate::keystore::{KeystoreError, read_secret};

/// Notifications of one subscription that may wait to be read.
const BUFFERED: usize = 4_096;
/// What a node answers a caller without its token.
const UNAUTHORISED: u16 = 401;

/// The token that opens a node to callers beyond its machine. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct AccessToken(Zeroizing<String>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file cannot be read, or others may read it.
    #[error(transparent)]
    File(#[from] KeystoreError),
    /// What the file holds is no token.
    #[error("{path} holds no token: it has to be one word that can stand in a header, as the node's operator made it")]
    Malformed {
        /// The file.
        path: std::path::PathBuf,
    },
}

impl AccessToken {
    /// The token in a file that only its owner may read; spaces and line ends around it do not count.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let bytes = Zeroizing::new(read_secret(path)?);
        let malformed = || TokenError::Malformed { path: path.to_owned() };
        let text = core::str::from_utf8(&bytes).map_err(|_| malformed())?.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed());
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    fn header(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", *self.0));
        let mut value = HeaderValue::from_str(&text).expect("reading has checked each character");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(secret)")
    }
}

/// Connect to `url`, with `token` if there is one.
pub(crate) async fn connect(url: &str, token: Option<&AccessToken>) -> Result<RpcClient, ChainError> {
    validate_url_is_secure(url).map_err(|error| ChainError::connecting(url, error))?;
    let bad_url = |reason: String| ChainError::BadUrl { url: url.to_owned(), reason };
    let target = Url::parse(url).map_err(|error| bad_url(error.to_string()))?;
    let mut builder = WsTransportClientBuilder::default();
    if let Some(token) = token {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", token.header());
        // One try: the token is for this node, not for where it may send us.
        builder = builder.set_headers(headers).max_redirections(1);
    }
    let (sender, receiver) = builder.build(target).await.map_err(|error| match error {
        WsHandshakeError::Rejected { status_code: UNAUTHORISED } => {
            ChainError::Unauthorised { url: url.to_owned(), token: token.is_some() }
        }
        WsHandshakeError::Url(reason) => bad_url(reason.into_owned()),
        other => ChainError::unreachable(url, &other),
    })?;
    let client = Client::builder().max_buffer_capacity_per_subscription(BUFFERED).build_with_tokio(sender, receiver);
    Ok(RpcClient::new(client))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_token_is_read_without_what_stands_around_it_and_never_shown() {
        let (_folder, path) = file(" 0123456789abcdef\n", 0o600);
        let token = AccessToken::read(&path).unwrap();
        assert_eq!(token.header().as_bytes(), b"Bearer 0123456789abcdef");
        assert!(token.header().is_sensitive());
        assert_eq!(format!("{token:?}"), "AccessToken(secret)");
    }

    #[test]
    fn what_is_no_token_is_told_without_showing_it() {
        for text in ["", "\n", "two words", "Zürich", "a\u{7f}b"] {
            let (_folder, path) = file(text, 0o600);
            let error = AccessToken::read(&path).unwrap_err();
            assert!(matches!(error, TokenError::Malformed { .. }), "{text:?}");
            assert!(text.trim().is_empty() || !error.to_string().contains(text.trim()), "{error}");
        }
    }

    #[test]
    fn a_token_that_others_may_read_is_refused() {
        let (_folder, path) = file("0123456789abcdef", 0o640);
        let error = AccessToken::read(&path).unwrap_err();
        assert!(matches!(error, TokenError::File(KeystoreError::Mode { mode: 0o640, .. })), "{error}");
    }
}
