//! Byzantine agreement as a pure function: inputs in, acts out.
//!
//! A [`Host`] decides one height after another by Tendermint, with the Malachite core inside. It
//! knows no clock, disk, network or task: the engine owns those, feeds [`Input`]s, one at a time,
//! and carries out the [`Act`]s of each answer before it feeds the next.
//!
//! ```text
//!      network          timers          execution             storage
//!         |                |                |                     ^
//!   Input::Message   Input::Timeout   Input::Built                |
//!   Input::Certified       |          Input::Block                |
//!         |                |                |                     |
//!         v                v                v                     |
//!   +---------------------------------------------------+         |
//!   |  engine: one thread, one input at a time          |         |
//!   |                                                   |         |
//!   |   host.input(input)? ----> Host ----> Vec<Act> ---|---------+--> in the order given:
//!   |   host.start_height(..)?                          |
//!   +---------------------------------------------------+
//!
//!   SaveSigned, WalAppend   write, not yet synced (the record may wait for the sync)
//!   WalSync                 one fsync for all of the above and for stored bodies; failure ends the process
//!   SendBlock, Broadcast    send (what is sent was made durable by the WalSync before it)
//!   BuildBlock              build, store the body  ---> Input::Built
//!   RequestBlock            get, store, execute    ---> Input::Block
//!   SetTimer, Cancel*       wait                   ---> Input::Timeout
//!   Finalised               always last: one synced batch of block, state, certificate and tip,
//!                           then start_height(next) now or later
//! ```
//!
//! # Rules for an engine
//!
//! 1. **Order.** Acts are carried out in the order given. Storage must keep a prefix of what was
//!    written when it crashes, as one RocksDB with one write-ahead log does: a record or log entry
//!    may be lost only together with everything written after it.
//! 2. **Bodies first.** A block's body is written before [`Input::Built`] or [`Input::Block`] names
//!    it. The log holds hashes only, and a validator must be able to show what it voted for.
//! 3. **A failed write or fsync ends the process**, and so does any [`Fatal`]. Nothing is retried.
//! 4. **Follow-ups are queued.** What an act leads to, such as a block built at once, may be fed
//!    right away, but its acts are carried out after all acts that are still open.
//! 5. **Heights.** `start_height` comes after the block before is committed. Until then, and while
//!    there is no reason for a block, the host is idle: it sends nothing and ignores timers.
//!    Reasons to start are a transaction, the heartbeat, [`Act::WantHeight`], and rule 6.
//! 6. **After a restart** the tip is that of the database. Drop log entries of heights up to the
//!    tip. If [`Host::must_start`] says so, start the next height with its log at once, before
//!    anything else, even on an idle chain: peers may hold our votes of it. Bodies that the log
//!    names are on disk, by rule 2.
//! 7. **Blocks.** Hold bodies that arrive unasked, a few per peer, until [`Act::RequestBlock`] asks
//!    for them; those of the next height wait for this one's commit. Judge each once, by
//!    executing it and by [`judge_time`]. Answer for bad blocks too: then nil is voted at once.
//! 8. **Falling behind.** [`Ignored::Far`] is the hint. Commit ranges of certified blocks without
//!    the host, then call [`Host::skip_to`]; or feed one [`Input::Certified`] for the running height.
//! 9. **Validator sets** come with `start_height`: a change in block h rules from h + 1.
//! 10. **Peers.** Feed messages only from peers that the on-chain registry lists. [`Ignored::Unproven`]
//!     and [`Ignored::Unfit`] are reasons to drop one.
//! 11. **Logs.** The core logs each message at `info` under `arc_malachitebft`: filter that at `warn`.
//!
//! # What keeps a validator honest across crashes
//!
//! The log lets the core derive again what it derived before, and the recorded signatures are used
//! again. The signer's record guards that from outside: it refuses to go back or to differ. Where the
//! log does not lead back to the record (it was lost, or an older backup was restored), the validator
//! observes that height and signs from the next on, because a lock may be forgotten. Where no other
//! validator exists the host stops instead ([`Fatal::Muted`]) and an operator decides.
//!
//! # Time
//!
//! The clock judges only a block proposed for the first time (formats.md 5). A value this node called
//! untimely, or that was built for another round, is withheld: the core knows it as invalid. As soon
//! as a quorum of prevotes or precommits stands behind it, the host tells the core that it is valid.

mod api;
mod convert;
mod ctx;
mod effects;
mod host;
mod message;
mod park;
mod running;
mod signer;
mod time;
mod wal;

#[doc(hidden)]
pub use api::Flaw;
pub use api::{Act, Fatal, Ignored, Input, Judgement, Peer, Timeouts, Timer, TimerKind, Why};
pub use host::Host;
pub use message::{
    Evidence, MESSAGE_BYTES_MAX, PolkaCertificate, Proposal, RoundCertificate, RoundReason, RoundVote, SignedProposal,
    SignedVote, Vote, WireMessage,
};
pub use signer::{Position, SignedRecord, Signer, SignerError, Step};
pub use time::{CLOCK_TOLERANCE, TimeVerdict, block_time, judge_time};
pub use wal::WalError;
