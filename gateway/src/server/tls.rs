//! TLS by rustls with ring, from a certificate chain and a key in PEM files.

use std::{path::PathBuf, sync::Arc};

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use salus_client::keystore::{KeystoreError, read_secret};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// Where certificate and key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The chain of certificates, PEM, this server's first.
    pub certificate: PathBuf,
    /// Its private key, PEM, in a file of mode 0600.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error("{path} has no certificate that reads as PEM: {reason}", path = .path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The key's file.
    #[error(transparent)]
    Secret(#[from] KeystoreError),
    /// What is in it.
    #[error("{path} has no private key that reads as PEM", path = .path.display())]
    Key {
        /// Which.
        path: PathBuf,
    },
    /// They do not fit together.
    #[error("certificate {certificate} and its key do not do: {source}", certificate = .certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl TlsFiles {
    /// What accepts TLS with them.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let path = self.certificate.clone();
        let certificate = |reason: String| TlsError::Certificate { path: path.clone(), reason };
        let chain: Vec<_> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(|items| items.collect::<Result<_, _>>())
            .map_err(|error| certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(certificate("there is none in it".to_owned()));
        }
        let pem = Zeroizing::new(read_secret(&self.key)?);
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::Key { path: self.key.clone() })?;
        let pair = |source| TlsError::Pair { certificate: self.certificate.clone(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
