//! What the server asks of the chain. The node implements it over storage, pool and engine.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use salus_primitives::{
    AccountId, Hash, Header, Height, RawExtrinsic,
    dispatch::{DispatchError, InvalidTransaction},
    extrinsic::Extrinsic,
    runtime_api::{Changes, RuntimeApi, StateReader},
};
use tokio::sync::{broadcast, mpsc};

/// Who this chain and this node are; fixed while the node runs.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain's name, as its chain spec has it.
    pub chain: String,
    /// Hash of the genesis block.
    pub genesis: Hash,
    /// What wallets want to know, such as `{"ss58Format":42}`.
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// The program's name.
    pub node_name: String,
    /// The program's version.
    pub node_version: String,
}

/// A block that has just become final, with everything subscribers want of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalisedBlock {
    /// Its hash.
    pub hash: Hash,
    /// Its header.
    pub header: Header,
    /// Its extrinsics, byte for byte.
    pub extrinsics: Vec<RawExtrinsic>,
    /// What it did to state; none when that is no longer known, and then readers compare for themselves.
    pub changes: Option<Changes>,
}

/// How the pool is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Extrinsics that can stand in the next block.
    pub ready: usize,
    /// Extrinsics that wait for an earlier nonce.
    pub waiting: usize,
    /// Bytes of both.
    pub bytes: usize,
}

impl PoolStatus {
    /// Extrinsics in it, ready and waiting together.
    pub fn extrinsics(&self) -> usize {
        self.ready + self.waiting
    }
}

/// A connected peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its network key, by which the chain lists it.
    pub key: AccountId,
    /// Is it a validator's node?
    pub validator: bool,
    /// The newest height it says is final for it; none while it has said nothing. A claim, not a proof.
    pub tip: Option<Height>,
}

/// How the node stands among the others, besides what its chain says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The name its operator gave it.
    pub name: String,
    /// The round in which the next height is being decided; 0 while none is.
    pub round: u32,
    /// The key it votes with, none where it only follows.
    pub validator: Option<AccountId>,
    /// Is that key among the validators that decide the next height?
    pub in_set: bool,
    /// The last height at which this validator does not sign, to be safe, as far as is known; none while it signs.
    pub silent_until: Option<Height>,
    /// How many validators decide the next height.
    pub validators: usize,
    /// How many of them it takes.
    pub quorum: usize,
    /// Who is connected.
    pub peers: Vec<PeerStatus>,
    /// How many blocks the highest tip a peer claims is above this node's. A claim, not a proof.
    pub behind: u32,
    /// Since the newest block became final here, or since the start.
    pub heartbeat_age: Duration,
}

impl NodeStatus {
    /// Is the node catching up? One block behind is the usual moment between two nodes' commits.
    pub fn is_syncing(&self) -> bool {
        self.behind > 1
    }

    /// Should it have peers at all? The only validator of a chain needs none.
    pub fn should_have_peers(&self) -> bool {
        self.validators > 1 || !self.in_set
    }

    /// How many validators can vote together as far as this node sees: those connected, and itself.
    pub fn validators_reached(&self) -> usize {
        self.peers.iter().filter(|peer| peer.validator).count() + usize::from(self.in_set)
    }
}

/// Why the pool does not take an extrinsic, as a class with the number clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was found invalid a short while ago.
    Banned,
    /// It is in the pool already, or in a block.
    AlreadyImported,
    /// Another extrinsic of the same account and nonce holds the place.
    PlaceTaken,
    /// The pool took it and had to drop it at once.
    Dropped,
    /// The account has its share of the pool in use.
    AccountQuota,
    /// Its nonce is too far ahead to wait for.
    NonceGap,
    /// The organisation has its share of the pool in use.
    OrganisationQuota,
    /// No room for anybody.
    PoolFull,
    /// The node has more to verify than it can at the moment.
    Busy,
    /// The node is shutting down.
    Stopping,
}

impl Refusal {
    /// The JSON-RPC error code: Substrate's where it has one, ours from -32050 down where it has none.
    pub const fn code(self) -> i32 {
        match self {
            Self::Banned => 1012,
            Self::AlreadyImported => 1013,
            Self::PlaceTaken => 1014,
            Self::Dropped => 1016,
            Self::AccountQuota => -32052,
            Self::NonceGap => -32053,
            Self::PoolFull => -32054,
            Self::OrganisationQuota => -32055,
            Self::Busy | Self::Stopping => -32009,
        }
    }

    /// Might the same bytes be taken a little later?
    pub const fn is_temporary(self) -> bool {
        match self {
            Self::Dropped | Self::AccountQuota | Self::OrganisationQuota => true,
            Self::NonceGap | Self::PoolFull | Self::Busy => true,
            Self::Banned | Self::AlreadyImported | Self::PlaceTaken | Self::Stopping => false,
        }
    }
}

/// Why an extrinsic was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It may not stand in the next block.
    #[error("{0}")]
    Invalid(#[from] InvalidTransaction),
    /// It may, but the pool does not take it.
    #[error("{text}")]
    Refused {
        /// Why, as a class.
        class: Refusal,
        /// Why, in words with figures, and what to do.
        text: String,
    },
}

/// What becomes of an extrinsic that is watched. [`Self::Finalised`], [`Self::Invalid`], [`Self::Dropped`] and
/// [`Self::Usurped`] are the last of their stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtrinsicStatus {
    /// In the pool, and its turn has come.
    Ready,
    /// In the pool, waiting for a lower nonce.
    Future,
    /// In a finalised block. There are no forks: being in a block and being final are one event here.
    Finalised {
        /// The block.
        block: Hash,
        /// Its place in the block.
        index: u32,
    },
    /// Found invalid after it was taken.
    Invalid(InvalidTransaction),
    /// Put out of the pool for want of room or of time.
    Dropped(String),
    /// Another extrinsic of the same account and nonce was taken instead.
    Usurped(Hash),
}

/// An extrinsic that was taken, and the stream of what becomes of it. The first item tells whether it is ready.
#[derive(Debug)]
pub struct ExtrinsicWatch {
    /// Its hash.
    pub hash: Hash,
    /// What becomes of it. Few items; dropping the receiver ends the watch.
    pub statuses: mpsc::Receiver<ExtrinsicStatus>,
}

/// The outcome of an extrinsic that was tried and thrown away: it may not stand in a block, or its call failed,
/// or its call succeeded.
pub type DryRun = Result<Result<(), DispatchError>, InvalidTransaction>;

/// Why an extrinsic was not even tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTried {
    /// State after the block is not kept any more.
    StateDiscarded,
    /// The node has more to verify than it can at the moment: when to ask again, in words.
    Busy(String),
}

/// The chain as the server sees it. Everything here is final: there are no forks.
///
/// Synchronous methods may read the disk; the server calls them off its event loop. An unreadable disk stops the
/// node, so they return no error.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Who this chain and node are.
    fn identity(&self) -> &Identity;

    /// The newest finalised block: genesis at first.
    fn finalised(&self) -> (Hash, Header);

    /// The header of a finalised block, none when there is no such block.
    fn header(&self, hash: &Hash) -> Option<Header>;

    /// The block at a height, none above the newest.
    fn hash_at(&self, height: Height) -> Option<Hash>;

    /// The extrinsics of a block, none when there is no such block or its body is pruned.
    fn body(&self, hash: &Hash) -> Option<Vec<RawExtrinsic>>;

    /// The SCALE commit certificate of a block; none for genesis and unknown blocks.
    fn justification(&self, hash: &Hash) -> Option<Vec<u8>>;

    /// State after a block, none when there is no such block or its state is pruned.
    fn state_at(&self, hash: &Hash) -> Option<Box<dyn StateReader + '_>>;

    /// At most `count` keys of state that begin with `prefix`, in order, strictly after `start_after`;
    /// none where [`Self::state_at`] gives none.
    fn keys_paged(&self, hash: &Hash, prefix: &[u8], start_after: Option<&[u8]>, count: usize) -> Option<Vec<Vec<u8>>>;

    /// The last height, up to that of `hash`, at which a key that begins with the first 32 bytes of `prefix`
    /// changed; none when none ever did. It may be later than the truth (for a prefix shorter than 32 bytes the
    /// height of `hash` itself will do), never earlier.
    fn prefix_changed_at(&self, hash: &Hash, prefix: &[u8]) -> Option<Height>;

    /// Proofs of `keys`, present or absent, against the state root of a block, in the form of docs/protocol.md;
    /// none where [`Self::state_at`] gives none.
    fn read_proof(&self, hash: &Hash, keys: &[Vec<u8>]) -> Option<Vec<Vec<u8>>>;

    /// The runtime. Its functions by name go through [`RuntimeApi::call`].
    fn runtime(&self) -> &dyn RuntimeApi;

    /// Blocks that become final from now on, in order. A receiver that lags loses the oldest; the server then reads
    /// them by height, so a capacity of a few dozen is enough. A block is announced once it can be read.
    fn blocks(&self) -> broadcast::Receiver<Arc<FinalisedBlock>>;

    /// Take an extrinsic into the pool.
    ///
    /// # Errors
    /// [`SubmitError`] with the reason.
    async fn submit(&self, extrinsic: RawExtrinsic) -> Result<Hash, SubmitError>;

    /// Take an extrinsic into the pool and tell what becomes of it.
    ///
    /// # Errors
    /// [`SubmitError`] with the reason.
    async fn submit_and_watch(&self, extrinsic: RawExtrinsic) -> Result<ExtrinsicWatch, SubmitError>;

    /// The extrinsics in the pool.
    fn pending(&self) -> Vec<RawExtrinsic>;

    /// How the pool is filled.
    fn pool_status(&self) -> PoolStatus;

    /// How the node stands among the others.
    fn node_status(&self) -> NodeStatus;

    /// The nonce to sign next: `in_state` when nothing of the account waits in the pool, else the first number
    /// after those that wait without a gap.
    fn next_nonce(&self, account: &AccountId, in_state: u32) -> u32 {
        let mut waiting: Vec<u32> = self
            .pending()
            .iter()
            .filter_map(|raw| match Extrinsic::parse(raw) {
                Ok(Extrinsic::Signed(signed)) if signed.signer == *account => Some(signed.nonce),
                _ => None,
            })
            .collect();
        waiting.sort_unstable();
        waiting.into_iter().fold(in_state, |next, nonce| if nonce == next { next.saturating_add(1) } else { next })
    }

    /// Try an extrinsic on the state after a block and throw the result away. It is verified and executed like one
    /// of the next block, so it costs the same.
    ///
    /// # Errors
    /// [`NotTried`].
    fn dry_run(&self, at: &Hash, extrinsic: &RawExtrinsic) -> Result<DryRun, NotTried>;
}
