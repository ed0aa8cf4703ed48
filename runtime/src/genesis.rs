//! Genesis: the state and block that everything else follows from.

use parity_scale_codec::Encode;
use salus_primitives::{
    AccountId, Block, Hash, Header, Height, Moment,
    header::{Digest, extrinsics_root},
    runtime_api::Changes,
    storage_key::CODE,
};
use salus_support::Overlay;
use salus_system::types::{ParameterError, Parameters};
use salus_validators::genesis::GenesisValidator;

use crate::SalusRuntime;

/// What a chain begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisConfig {
    /// Block time of genesis, ms since the Unix epoch.
    pub time: Moment,
    /// Parameters of the chain.
    pub parameters: Parameters,
    /// Keys of the council's members.
    pub council: Vec<AccountId>,
    /// How many of them must agree.
    pub threshold: u8,
    /// The validators.
    pub validators: Vec<GenesisValidator>,
}

/// Why a chain cannot begin so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A parameter out of bounds.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The council is not one.
    #[error("council: {0}")]
    Council(#[from] salus_council::genesis::GenesisError),
    /// The validators are not a set.
    #[error("validators: {0}")]
    Validators(#[from] salus_validators::genesis::GenesisError),
}

impl GenesisConfig {
    /// The state at genesis.
    ///
    /// # Errors
    /// [`GenesisError`] naming the part at fault.
    pub fn build(&self, runtime: &SalusRuntime) -> Result<Changes, GenesisError> {
        self.parameters.check()?;
        let base = std::collections::BTreeMap::new();
        let mut state = Overlay::new(&base);
        salus_system::genesis::build(&mut state, &self.parameters, self.time);
        salus_validators::genesis::build(&mut state, &self.validators, &self.council)?;
        salus_council::genesis::build(&mut state, &self.council, self.threshold, self.time)?;
        state.put(CODE.to_vec(), runtime.code_value());
        state.put(crate::executive::events_key(), Vec::<u8>::new().encode());
        Ok(state.into_changes())
    }
}

/// The genesis block over a state root.
pub fn block(state_root: Hash) -> Block {
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height::GENESIS,
        state_root,
        extrinsics_root: extrinsics_root(&[]),
        digest: Digest::default(),
    };
    Block { header, extrinsics: Vec::new() }
}
