//! The file's shape, and the checks that name the field at fault.

use std::{collections::BTreeMap, fs, path::Path};

use salus_primitives::{
    AccountId, Moment, OrganisationId, crypto::check_key, peer::peer_of, validator_set::VALIDATORS_MAX,
};
use salus_runtime::{GenesisConfig, SalusRuntime, genesis::GenesisError};
use salus_system::types::{Parameters, Policy};
use salus_validators::genesis::GenesisValidator;
use serde::{Deserialize, Serialize};

use crate::{
    bootnode::{BOOTNODES_MAX, check_bootnode},
    peer_id::network_key_of,
    presets,
};

/// Version of the file's shape.
pub const FORMAT: u32 = 1;

/// What a chain is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainKind {
    /// One throw-away validator with published keys.
    Development,
    /// A network on one machine.
    Local,
    /// Real hospitals.
    Live,
}

/// A chain specification.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSpec {
    /// Version of this file's shape.
    pub format: u32,
    /// The chain's name, for people.
    pub name: String,
    /// The chain's id, for folders and databases.
    pub id: String,
    /// What it is for.
    pub kind: ChainKind,
    /// What wallets want to know.
    #[serde(default)]
    pub properties: BTreeMap<String, serde_json::Value>,
    /// Addresses of nodes to dial first, each with its peer id. No part of genesis.
    #[serde(default)]
    pub bootnodes: Vec<String>,
    /// What the chain begins with.
    pub genesis: Genesis,
}

/// What a chain begins with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Block time of genesis, ms since the Unix epoch.
    pub time: u64,
    /// Parameters of the chain; what is left out has its default.
    #[serde(default)]
    pub parameters: ParametersFile,
    /// The administrators.
    pub council: Council,
    /// The validators.
    pub validators: Vec<ValidatorFile>,
}

/// Parameters as they stand in the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParametersFile {
    /// `deny-all` or `custodian-treatment`.
    pub policy: PolicyFile,
    /// How long root acts wait, ms.
    pub root_delay: u64,
    /// Shortest time between blocks, ms.
    pub block_interval_min: u64,
    /// Weight units an organisation's officers may use a day.
    pub organisation_weight: u64,
    /// Weight units a practitioner may use a day.
    pub practitioner_weight: u64,
    /// Weight units a patient may use a day.
    pub patient_weight: u64,
    /// Invitations of an organisation in 30 days.
    pub invitations_max: u32,
    /// How long a recovery by guardians waits, ms.
    pub recovery_delay: u64,
}

/// The default consent policy, by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyFile {
    /// Nothing without a patient's rule.
    DenyAll,
    /// A record's custodian may view, add and amend for treatment.
    CustodianTreatment,
}

/// The administrators.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Council {
    /// How many members must agree.
    pub threshold: u8,
    /// Addresses of their keys.
    pub members: Vec<String>,
}

/// A validator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorFile {
    /// Address of its consensus key.
    pub authority: String,
    /// Peer id of its network key.
    pub peer_id: String,
    /// Id of the organisation that runs it, 32 hex digits; registered later under this id.
    pub organisation: String,
}

/// Why a file is not a chain specification. Each names the field at fault.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("chain spec {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The JSON is not of this shape.
    #[error("chain spec, field {field}: {problem}")]
    Field {
        /// Where in the file, as `genesis.validators[1].authority`.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// A newer or older format.
    #[error("chain spec, field format: {found}, this release reads format {FORMAT}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// What the fields say together makes no chain.
    #[error("chain spec, field genesis: {0}")]
    Genesis(#[from] GenesisError),
}

impl SpecError {
    fn field(field: impl Into<String>, problem: impl ToString) -> Self {
        Self::Field { field: field.into(), problem: problem.to_string() }
    }
}

impl Default for ParametersFile {
    fn default() -> Self {
        Self::from(Parameters::default())
    }
}

impl From<Parameters> for ParametersFile {
    fn from(parameters: Parameters) -> Self {
        Self {
            policy: match parameters.policy {
                Policy::DenyAll => PolicyFile::DenyAll,
                Policy::CustodianTreatment => PolicyFile::CustodianTreatment,
            },
            root_delay: parameters.root_delay,
            block_interval_min: parameters.block_interval_min,
            organisation_weight: parameters.organisation_weight,
            practitioner_weight: parameters.practitioner_weight,
            patient_weight: parameters.patient_weight,
            invitations_max: parameters.invitations_max,
            recovery_delay: parameters.recovery_delay,
        }
    }
}

impl From<ParametersFile> for Parameters {
    fn from(file: ParametersFile) -> Self {
        Self {
            policy: match file.policy {
                PolicyFile::DenyAll => Policy::DenyAll,
                PolicyFile::CustodianTreatment => Policy::CustodianTreatment,
            },
            root_delay: file.root_delay,
            block_interval_min: file.block_interval_min,
            organisation_weight: file.organisation_weight,
            practitioner_weight: file.practitioner_weight,
            patient_weight: file.patient_weight,
            invitations_max: file.invitations_max,
            recovery_delay: file.recovery_delay,
        }
    }
}

impl ChainSpec {
    /// Read a specification from its file.
    ///
    /// # Errors
    /// [`SpecError`] naming the field at fault.
    pub fn load(path: &Path) -> Result<Self, SpecError> {
        let text =
            fs::read_to_string(path).map_err(|source| SpecError::Read { path: path.display().to_string(), source })?;
        Self::parse(&text)
    }

    /// Read a specification from its text.
    ///
    /// # Errors
    /// [`SpecError`] naming the field at fault.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let spec: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| SpecError::field(error.path().to_string(), error.inner()))?;
        json.end().map_err(|error| SpecError::field("(end of file)", error))?;
        if spec.format != FORMAT {
            return Err(SpecError::Format { found: spec.format });
        }
        spec.genesis_config()?;
        Ok(spec)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a specification has string keys only");
        text.push('\n');
        text
    }

    /// The genesis it describes.
    ///
    /// # Errors
    /// [`SpecError`] naming the field at fault.
    pub fn genesis_config(&self) -> Result<GenesisConfig, SpecError> {
        if self.name.is_empty() || self.name.len() > 64 {
            return Err(SpecError::field("name", "1 to 64 bytes are expected"));
        }
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(legal) {
            return Err(SpecError::field("id", "1 to 64 of a-z, 0-9 and - are expected"));
        }
        let genesis = &self.genesis;
        let members = genesis.council.members.iter().zip(0usize..);
        let council: Vec<AccountId> = members
            .map(|(text, i)| text.parse().map_err(|e| SpecError::field(format!("genesis.council.members[{i}]"), e)))
            .collect::<Result<_, _>>()?;
        if genesis.validators.is_empty() {
            return Err(SpecError::field("genesis.validators", "a chain needs at least one validator"));
        }
        if genesis.validators.len() > VALIDATORS_MAX as usize {
            let problem = format!("{} validators, the limit is {VALIDATORS_MAX}", genesis.validators.len());
            return Err(SpecError::field("genesis.validators", problem));
        }
        let validators = self.validators(&council)?;
        self.check_bootnodes()?;
        let config = GenesisConfig {
            time: Moment(genesis.time),
            parameters: genesis.parameters.clone().into(),
            council,
            threshold: genesis.council.threshold,
            validators,
        };
        config.build(&SalusRuntime::new())?;
        Ok(config)
    }

    /// The validators, each key of which is acceptable and serves one purpose.
    fn validators(&self, council: &[AccountId]) -> Result<Vec<GenesisValidator>, SpecError> {
        // Which key stands where, to name both places where one stands twice.
        let members = (0usize..).zip(council).map(|(i, key)| (*key, format!("genesis.council.members[{i}]")));
        let mut places: Vec<(AccountId, String)> = members.collect();
        let mut validators = Vec::new();
        for (file, i) in self.genesis.validators.iter().zip(0usize..) {
            let field = |name: &str| format!("genesis.validators[{i}].{name}");
            let authority: AccountId =
                file.authority.parse().map_err(|error| SpecError::field(field("authority"), error))?;
            let network = network_key_of(&file.peer_id).map_err(|error| SpecError::field(field("peer_id"), error))?;
            let organisation: OrganisationId =
                file.organisation.parse().map_err(|error| SpecError::field(field("organisation"), error))?;
            for (key, field) in [(authority, field("authority")), (network, field("peer_id"))] {
                check_key(&key.0).map_err(|error| SpecError::field(&*field, error))?;
                if let Some((_, other)) = places.iter().find(|(taken, _)| *taken == key) {
                    return Err(SpecError::field(field, format!("the same key as {other}: each purpose has its own")));
                }
                self.check_secret(&key, &field)?;
                places.push((key, field));
            }
            validators.push(GenesisValidator { authority, peer_id: peer_of(&network), organisation });
        }
        for (key, field) in &places[..council.len()] {
            self.check_secret(key, field)?;
        }
        Ok(validators)
    }

    /// Outside development, nobody else has this key.
    fn check_secret(&self, key: &AccountId, field: &str) -> Result<(), SpecError> {
        if self.kind != ChainKind::Development && presets::is_published(key) {
            let problem = "this is a published development key: anybody can sign with it";
            return Err(SpecError::field(field, problem));
        }
        Ok(())
    }

    fn check_bootnodes(&self) -> Result<(), SpecError> {
        if self.bootnodes.len() > BOOTNODES_MAX {
            let problem = format!("{} addresses, the limit is {BOOTNODES_MAX}", self.bootnodes.len());
            return Err(SpecError::field("bootnodes", problem));
        }
        for (i, address) in self.bootnodes.iter().enumerate() {
            check_bootnode(address).map_err(|error| SpecError::field(format!("bootnodes[{i}]"), error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
