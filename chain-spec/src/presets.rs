//! Ready-made networks: `dev` with published keys, `local` with fresh ones.

use std::collections::BTreeMap;

use salus_primitives::{
    AccountId, OrganisationId,
    crypto::{KeyPair, sha256_of},
    time::SECOND,
};
use salus_system::types::Parameters;

use crate::{ChainKind, ChainSpec, Council, FORMAT, Genesis, ParametersFile, ValidatorFile, peer_id_of};

/// Genesis time of `dev`: 1 January 2026, so that its genesis hash is the same everywhere.
const DEV_TIME: u64 = 1_767_225_600_000;

/// A key of the development network. Its seed is SHA-256 of `salus development key: <name>`: known to everybody,
/// worth nothing, refused by every other kind of chain.
pub fn development_key(name: &str) -> KeyPair {
    KeyPair::from_seed(&sha256_of(&[b"salus development key: ", name.as_bytes()]).0)
}

/// Names of the published development keys.
pub const DEVELOPMENT_NAMES: [&str; 3] = ["council", "validator", "network"];

/// Is this one of the published keys?
pub fn is_published(key: &AccountId) -> bool {
    DEVELOPMENT_NAMES.iter().any(|name| development_key(name).public() == *key)
}

/// The development network: one validator, a council of one, published keys, no waiting.
pub fn development() -> ChainSpec {
    let validators = vec![validator(&development_key("validator"), &development_key("network"), [0xde; 16])];
    spec("Salus Development", "dev", ChainKind::Development, DEV_TIME, &[development_key("council")], validators)
}

/// The keys of one validator of a `local` network.
pub struct ValidatorKeys {
    /// Signs votes.
    pub authority: KeyPair,
    /// Names the node to its peers.
    pub network: KeyPair,
}

/// A network on one machine with fresh keys.
pub struct LocalNetwork {
    /// Its specification.
    pub spec: ChainSpec,
    /// The council's only key.
    pub council: KeyPair,
    /// One per validator, in the specification's order.
    pub validators: Vec<ValidatorKeys>,
}

/// The system has no randomness to make keys of.
#[derive(Debug, thiserror::Error)]
#[error("no randomness from the system: {0}")]
pub struct NoRandomness(getrandom::Error);

/// A local network of `count` validators that begins at `time`, with keys made now.
///
/// # Errors
/// [`NoRandomness`].
pub fn local(count: usize, time: u64) -> Result<LocalNetwork, NoRandomness> {
    let council = fresh_key()?;
    let mut validators = Vec::new();
    let mut files = Vec::new();
    for _ in 0..count {
        let keys = ValidatorKeys { authority: fresh_key()?, network: fresh_key()? };
        let mut organisation = [0; 16];
        getrandom::fill(&mut organisation).map_err(NoRandomness)?;
        files.push(validator(&keys.authority, &keys.network, organisation));
        validators.push(keys);
    }
    let spec = spec("Salus Local", "local", ChainKind::Local, time, std::slice::from_ref(&council), files);
    Ok(LocalNetwork { spec, council, validators })
}

fn fresh_key() -> Result<KeyPair, NoRandomness> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(NoRandomness)?;
    Ok(KeyPair::from_seed(&seed))
}

fn validator(authority: &KeyPair, network: &KeyPair, organisation: [u8; 16]) -> ValidatorFile {
    ValidatorFile {
        authority: authority.public().to_string(),
        peer_id: peer_id_of(&network.public()),
        organisation: OrganisationId(organisation).to_string(),
    }
}

fn spec(
    name: &str,
    id: &str,
    kind: ChainKind,
    time: u64,
    council: &[KeyPair],
    validators: Vec<ValidatorFile>,
) -> ChainSpec {
    // Root acts take effect at once, and a recovery soon, where nobody's records are at stake.
    let parameters = Parameters { root_delay: 0, recovery_delay: 5 * SECOND, ..Parameters::default() };
    let parameters = ParametersFile::from(parameters);
    ChainSpec {
        format: FORMAT,
        name: name.into(),
        id: id.into(),
        kind,
        properties: BTreeMap::from([("ss58Format".into(), 42.into())]),
        bootnodes: Vec::new(),
        genesis: Genesis {
            time,
            parameters,
            council: Council { threshold: 1, members: council.iter().map(|key| key.public().to_string()).collect() },
            validators,
        },
    }
}
