//! Where the store is and how much of it anybody may use, as the gateway's configuration says.

use std::{collections::BTreeMap, path::PathBuf};

use salus_primitives::OrganisationId;
use serde::Deserialize;

use super::error::StoreError;

/// Most bytes of one blob, unless configured otherwise: imaging series fit.
pub const BLOB_BYTES_MAX: u64 = 256 << 20;
/// Bytes that one organisation may store, unless configured otherwise: 1 TiB.
pub const QUOTA_BYTES: u64 = 1 << 40;
/// Bytes of uploads that are not on the chain yet that one organisation may store, unless configured otherwise:
/// 16 GiB.
pub const QUOTA_UNANCHORED_BYTES: u64 = 16 << 30;

/// `[store]` of the configuration. Either `folder` or `s3` is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// A folder of this machine, made when it is not there.
    pub folder: Option<PathBuf>,
    /// A bucket of an S3-compatible store.
    pub s3: Option<S3Config>,
    /// Who may store how much.
    #[serde(default)]
    pub quota: QuotaConfig,
}

/// `[store.s3]`: a bucket that this gateway alone writes to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The bucket. Neither versioning nor object lock may be on: what is shredded has to be gone.
    pub bucket: String,
    /// Its address, such as `https://s3.hospital.example`; that of Amazon when left out.
    pub endpoint: Option<String>,
    /// Its region.
    #[serde(default = "default_region")]
    pub region: String,
    /// What all keys begin with, so that a bucket can be shared with other things.
    pub prefix: Option<String>,
    /// A file of mode 0600 with two lines: access key id and secret access key.
    pub credentials_file: PathBuf,
    /// Speak HTTP without TLS: for a store on this machine only.
    #[serde(default)]
    pub allow_http: bool,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

/// `[store.quota]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaConfig {
    /// Most bytes of one blob.
    pub blob_bytes: u64,
    /// Bytes that one organisation may store.
    pub bytes: u64,
    /// Bytes that one organisation may store without their being on the chain yet.
    pub unanchored_bytes: u64,
    /// Bytes that these organisations may store instead, by their ids.
    #[serde(deserialize_with = "by_organisation")]
    pub organisations: BTreeMap<OrganisationId, u64>,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self {
            blob_bytes: BLOB_BYTES_MAX,
            bytes: QUOTA_BYTES,
            unanchored_bytes: QUOTA_UNANCHORED_BYTES,
            organisations: BTreeMap::new(),
        }
    }
}

impl QuotaConfig {
    /// How many bytes this organisation may store.
    pub fn bytes_of(&self, organisation: OrganisationId) -> u64 {
        self.organisations.get(&organisation).copied().unwrap_or(self.bytes)
    }
}

fn by_organisation<'de, D: serde::Deserializer<'de>>(source: D) -> Result<BTreeMap<OrganisationId, u64>, D::Error> {
    let texts = BTreeMap::<String, u64>::deserialize(source)?;
    let wrong = |id: &str| serde::de::Error::custom(format!("{id} is no organisation's id"));
    texts.into_iter().map(|(id, bytes)| Ok((id.parse().map_err(|_| wrong(&id))?, bytes))).collect()
}

/// The two lines of a credentials file.
pub(super) fn credentials(config: &S3Config) -> Result<(String, String), StoreError> {
    let path = &config.credentials_file;
    let wrong = |reason: String| StoreError::Config { reason };
    let bytes = salus_client::keystore::read_secret(path).map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(format!("{} is not text", path.display())))?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines[..] {
        [id, secret] => Ok((id.to_owned(), secret.to_owned())),
        _ => Err(wrong(format!("{} has to have two lines, access key id and secret access key", path.display()))),
    }
}
