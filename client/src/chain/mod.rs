//! Access to the chain through a node's JSON-RPC, on `subxt`: reading state, submitting calls, following what is
//! final.
//!
//! Calls are encoded, and events and state decoded, with the runtime's own types, so a program and its node must
//! be of one spec version: [`Chain::connect`] refuses another one at once, instead of misreading it later.
//!
//! Nothing here trusts a node more than `subxt` does: block hashes are recomputed, proofs are not checked.

mod blocks;
mod call;
mod error;
mod explain;
mod handover;
mod proposers;
mod relay;
mod state;
mod submit;
pub(crate) mod transport;

pub use blocks::{BlockData, ExportError, ExportSummary, FinalisedBlocks};
pub use call::{CoSignError, cosign, with_cosigns, without_cosigns};
pub use error::{BlockName, ChainError};
pub use explain::{Explained, explain, names};
pub use handover::{HandOver, HandOverError};
pub use proposers::{Proposer, Proposers};
pub(crate) use state::decode as decode_value;
pub use submit::{ManyReport, Receipt, SubmitError};
pub use transport::{AccessToken, TokenError};

use salus_primitives::{Hash, extrinsic::ChainContext};
use subxt::{
    OnlineClient, SubstrateConfig,
    backend::CombinedBackend,
    config::RpcConfigFor,
    rpcs::{LegacyRpcMethods, RpcClient},
};

/// Where a node listens unless something else is said.
pub const DEFAULT_URL: &str = "ws://127.0.0.1:9944";
/// How many blocks a call of ours may wait for its block before it is void.
pub const ERA_PERIOD: u64 = 1_024;

pub(crate) type Config = SubstrateConfig;
pub(crate) type Rpc = LegacyRpcMethods<RpcConfigFor<Config>>;

/// A connection to a node of a chain whose runtime this program knows. Cheap to clone.
#[derive(Clone)]
pub struct Chain {
    url: String,
    rpc_client: RpcClient,
    rpc: Rpc,
    client: OnlineClient<Config>,
    context: ChainContext,
    name: String,
}

impl core::fmt::Debug for Chain {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Chain({}, {})", self.url, self.context.genesis)
    }
}

impl Chain {
    /// Connect to the node at `url`, as `ws://127.0.0.1:9944`. Beyond the loopback address it must be `wss://`.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`], [`ChainError::BadUrl`], [`ChainError::Unauthorised`],
    /// [`ChainError::OtherChain`] or [`ChainError::SpecVersion`]: each says what to do.
    pub async fn connect(url: &str) -> Result<Self, ChainError> {
        Self::connect_with(url, None).await
    }

    /// [`Chain::connect`] to a node that may ask for a bearer token.
    ///
    /// # Errors
    /// As [`Chain::connect`].
    pub async fn connect_with(url: &str, token: Option<&AccessToken>) -> Result<Self, ChainError> {
        let rpc_client = transport::connect(url, token).await?;
        let rpc = Rpc::new(rpc_client.clone());
        let version = rpc.state_get_runtime_version(None).await?;
        let ours = salus_system::version();
        let spec = version.other.get("specName").and_then(serde_json::Value::as_str).unwrap_or("nothing");
        if spec != ours.spec_name {
            return Err(ChainError::OtherChain { url: url.to_owned(), found: spec.to_owned() });
        }
        if (version.spec_version, version.transaction_version) != (ours.spec_version, ours.transaction_version) {
            return Err(ChainError::SpecVersion { node: version.spec_version, ours: ours.spec_version });
        }
        let name = rpc.system_chain().await?;
        let backend = CombinedBackend::<Config>::builder()
            .build_with_background_driver(rpc_client.clone())
            .await
            .map_err(|error| ChainError::Client(error.to_string()))?;
        let client = OnlineClient::from_backend_with_config(Config::new(), std::sync::Arc::new(backend))
            .await
            .map_err(ChainError::from_client)?;
        let genesis = Hash(client.genesis_hash().0);
        let context =
            ChainContext { spec_version: ours.spec_version, transaction_version: ours.transaction_version, genesis };
        Ok(Self { url: url.to_owned(), rpc_client, rpc, client, context, name })
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The chain's name, as its specification has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of the genesis block: it names the chain, and every signature binds it.
    pub fn genesis(&self) -> Hash {
        self.context.genesis
    }

    /// What every signature binds.
    pub fn context(&self) -> ChainContext {
        self.context
    }

    /// The node's JSON-RPC, for what has no function here.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc_client
    }

    /// The `subxt` client, for what has no function here.
    pub fn subxt(&self) -> &OnlineClient<SubstrateConfig> {
        &self.client
    }
}
