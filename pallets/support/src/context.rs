//! What a call is given: who calls, when, on which state; and where its events go.

use parity_scale_codec::Encode;
use salus_primitives::{
    AccountId, Hash, Height, Moment,
    signed::{self, CoSigns},
};

use crate::Overlay;

/// An event and the pallet it belongs to.
pub trait PalletEvent: Encode {
    /// The pallet's name in the runtime's table.
    const PALLET: &'static str;
}

/// An event as a call deposited it: the pallet's name and the SCALE bytes of its event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deposited {
    /// Whose.
    pub pallet: &'static str,
    /// The event.
    pub bytes: Vec<u8>,
}

/// The height, time and chain a call runs at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Environment {
    /// Height of the block being executed.
    pub height: Height,
    /// Its block time.
    pub now: Moment,
    /// Hash of the genesis block: every signature binds it.
    pub genesis: Hash,
}

/// The context of one call.
pub struct Ctx<'c, 's> {
    caller: AccountId,
    nonce: u32,
    call: &'c [u8],
    environment: Environment,
    state: &'c mut Overlay<'s>,
    events: &'c mut Vec<Deposited>,
}

impl<'c, 's> Ctx<'c, 's> {
    /// The context of a call by `caller` under `nonce`, whose SCALE bytes are `call`.
    pub fn new(
        caller: AccountId,
        nonce: u32,
        call: &'c [u8],
        environment: Environment,
        state: &'c mut Overlay<'s>,
        events: &'c mut Vec<Deposited>,
    ) -> Self {
        Self { caller, nonce, call, environment, state, events }
    }

    /// The account that signed.
    pub fn caller(&self) -> AccountId {
        self.caller
    }

    /// Block time.
    pub fn now(&self) -> Moment {
        self.environment.now
    }

    /// Height of the block being executed.
    pub fn height(&self) -> Height {
        self.environment.height
    }

    /// Hash of the genesis block.
    pub fn genesis(&self) -> Hash {
        self.environment.genesis
    }

    /// State, to read.
    pub fn state(&self) -> &Overlay<'s> {
        self.state
    }

    /// State, to change: a pallet changes its own storage only.
    pub fn state_mut(&mut self) -> &mut Overlay<'s> {
        self.state
    }

    /// Deposit an event.
    pub fn emit<E: PalletEvent>(&mut self, event: E) {
        self.events.push(Deposited { pallet: E::PALLET, bytes: event.encode() });
    }

    /// The accounts that co-signed this call, whose last field is `cosigns`; none when any of the
    /// signatures is bad (formats.md 11).
    pub fn cosigners(&self, cosigns: &CoSigns) -> Option<Vec<AccountId>> {
        signed::cosigners(&self.environment.genesis, &self.caller, self.nonce, self.call, cosigns)
    }
}

/// `Err(error)` unless `condition`.
///
/// # Errors
/// The given one.
pub fn ensure<E>(condition: bool, error: E) -> Result<(), E> {
    if condition { Ok(()) } else { Err(error) }
}
