//! How the chain stands.

use salus_primitives::{AccountId, Hash, Height, Moment};
use salus_system::{
    AccountInfo, Parameters,
    storage::{Account, ChainParameters},
};

use super::ActionError;
use crate::chain::Chain;

/// How the chain stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its genesis.
    pub genesis: Hash,
    /// Newest final height.
    pub height: Height,
    /// Hash of that block.
    pub block: Hash,
    /// Its time.
    pub time: Moment,
    /// Root of the state after it.
    pub state_root: Hash,
    /// Spec version of node and program.
    pub spec_version: u32,
    /// Parameters of the chain.
    pub parameters: Parameters,
}

/// How the chain stands now.
///
/// # Errors
/// What asking failed with.
pub async fn status(chain: &Chain) -> Result<Status, ActionError> {
    let block = chain.finalised().await?;
    let header = chain.header(block).await?;
    let (time, parameters) =
        chain.view(block, |state| (salus_system::timestamp::Now::get(state), ChainParameters::get(state))).await?;
    Ok(Status {
        name: chain.name().to_owned(),
        genesis: chain.genesis(),
        height: header.number,
        block,
        time: Moment(time),
        state_root: header.state_root,
        spec_version: chain.context().spec_version,
        parameters,
    })
}

/// What the chain knows of a key: whom it speaks for and its next number.
///
/// # Errors
/// What asking failed with.
pub async fn account(chain: &Chain, account: AccountId) -> Result<AccountInfo, ActionError> {
    Ok(chain.view_now(|state| Account::get(state, &account)).await?)
}
