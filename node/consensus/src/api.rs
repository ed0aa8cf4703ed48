//! What goes into the host and what comes out: the whole face between consensus and an engine.

use core::time::Duration;

use arc_malachitebft_core_types::{LinearTimeouts, TimeoutKind};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{AccountId, Hash, Height, commit::CommitCertificate};

use crate::{
    message::{Evidence, WireMessage},
    signer::{Position, SignedRecord, SignerError},
    wal::WalError,
};

/// A connection, by a number the engine gives it. The host only tells peers apart by it: to bound what each may park
/// and to say whose message was bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Peer(pub u64);

/// The timers of consensus.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, Debug)]
pub enum TimerKind {
    /// How long a proposal is awaited.
    #[codec(index = 0)]
    Propose,
    /// How long further prevotes are awaited after a quorum of differing ones.
    #[codec(index = 1)]
    Prevote,
    /// How long further precommits are awaited after a quorum of differing ones.
    #[codec(index = 2)]
    Precommit,
    /// When to send our last votes again, for peers that missed them.
    #[codec(index = 3)]
    Rebroadcast,
}

impl TimerKind {
    /// Ours for the core's; none for the one kind this chain never uses.
    pub(crate) fn of(kind: TimeoutKind) -> Option<Self> {
        match kind {
            TimeoutKind::Propose => Some(Self::Propose),
            TimeoutKind::Prevote => Some(Self::Prevote),
            TimeoutKind::Precommit => Some(Self::Precommit),
            TimeoutKind::Rebroadcast => Some(Self::Rebroadcast),
            TimeoutKind::FinalizeHeight(_) => None,
        }
    }
}

impl From<TimerKind> for TimeoutKind {
    fn from(kind: TimerKind) -> Self {
        match kind {
            TimerKind::Propose => Self::Propose,
            TimerKind::Prevote => Self::Prevote,
            TimerKind::Precommit => Self::Precommit,
            TimerKind::Rebroadcast => Self::Rebroadcast,
        }
    }
}

/// One timer. It names its height, so one that fires late can do no harm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timer {
    /// Height it was set at.
    pub height: Height,
    /// Round it was set in.
    pub round: u32,
    /// Which.
    pub kind: TimerKind,
}

/// How long to wait. A step of round r waits its base plus r times its rise, at most `max`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For a proposal.
    pub propose: Duration,
    /// Its rise per round.
    pub propose_rise: Duration,
    /// For votes, in each of the two steps.
    pub vote: Duration,
    /// Its rise per round.
    pub vote_rise: Duration,
    /// Until our last votes are sent again.
    pub rebroadcast: Duration,
    /// Longest wait of all.
    pub max: Duration,
}

impl Default for Timeouts {
    /// For hospitals on one continent: 1 s for a proposal and half a second for votes, rising by half of that.
    fn default() -> Self {
        Self {
            propose: Duration::from_millis(1_000),
            propose_rise: Duration::from_millis(500),
            vote: Duration::from_millis(500),
            vote_rise: Duration::from_millis(250),
            rebroadcast: Duration::from_millis(1_000),
            max: Duration::from_millis(10_000),
        }
    }
}

impl From<Timeouts> for LinearTimeouts {
    fn from(timeouts: Timeouts) -> Self {
        Self {
            propose: timeouts.propose,
            propose_delta: timeouts.propose_rise,
            prevote: timeouts.vote,
            prevote_delta: timeouts.vote_rise,
            precommit: timeouts.vote,
            precommit_delta: timeouts.vote_rise,
            rebroadcast: timeouts.rebroadcast,
            max_timeout: timeouts.max,
        }
    }
}

/// What the engine found out about a block by executing it on its parent's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// Not a block of this chain on this parent: malformed, a wrong root, time not after the parent's, a wrong
    /// proposer index. Must depend on the block alone, so that every correct node says the same.
    Invalid,
    /// A sound block.
    Sound {
        /// The round its header says it was built in.
        build_round: u32,
        /// Was [`judge_time`](crate::judge_time) content with it? The host uses this for a fresh proposal only.
        timely: bool,
    },
}

/// What happens to consensus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A peer sent a message.
    Message {
        /// Who.
        from: Peer,
        /// What.
        message: WireMessage,
    },
    /// A timer ran out.
    Timeout(Timer),
    /// The answer to [`Act::BuildBlock`]: our block is built and its body stored.
    Built {
        /// As asked.
        height: Height,
        /// As asked; also the block's build round.
        round: u32,
        /// SHA-256 of its header.
        value: Hash,
    },
    /// The answer to [`Act::RequestBlock`]: the block is here, judged, and its body stored.
    Block {
        /// As asked.
        height: Height,
        /// As asked.
        value: Hash,
        /// What it is worth.
        judgement: Judgement,
    },
    /// A peer says a height is decided. Signatures and quorum are checked here.
    Certified {
        /// Who.
        from: Peer,
        /// The certificate.
        certificate: CommitCertificate,
    },
}

/// A bug that the simulator plants, to see that it finds it. No configuration reaches it.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// More than half of the validators decide, instead of more than two thirds.
    QuorumOfHalf,
    /// A block that this clock called untimely stays invalid, whatever stands behind it.
    UntimelyForEver,
}

/// Why a block is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It was proposed.
    Proposed {
        /// In this round.
        round: u32,
        /// On the polka of this earlier round, none for a fresh block.
        pol_round: Option<u32>,
        /// By this validator, which has the body for certain.
        proposer: AccountId,
    },
    /// It is final: the certificate was verified. A judgement of [`Judgement::Invalid`] stops the node.
    Certified,
}

/// Why something a peer sent was not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ignored {
    /// About a height that is final here. Common for the last votes of the height just decided; a peer that goes on so
    /// is behind: offer it the certificates.
    Old {
        /// The message's height.
        height: Height,
    },
    /// About a height after the next one. This node may be behind: ask for certificates.
    Far {
        /// The message's height.
        height: Height,
    },
    /// The peer's share of the parking space is full.
    Full,
    /// A signature or a certificate does not fit, or its signer is no validator. No honest peer sends this.
    Unproven,
    /// A fresh proposal of a block built for another round, or a repeated one older than its block. No honest
    /// proposer signs this.
    Unfit,
}

/// What the engine must do, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Store the signer's record over the former one: now, or in one write with the next [`Act::WalSync`], which makes
    /// it durable.
    SaveSigned(SignedRecord),
    /// Append to the write-ahead log. Durable by the next [`Act::WalSync`].
    WalAppend {
        /// Key of the log.
        height: Height,
        /// Number of the entry, rising by one from 0.
        index: u32,
        /// The bytes.
        entry: Vec<u8>,
    },
    /// Make every record, log entry and block body of before durable, with one fsync. If it fails, the process ends:
    /// nothing after it may be done.
    WalSync,
    /// Send to all validators.
    Broadcast(WireMessage),
    /// Send the body of this block to all validators; the proposal follows.
    SendBlock {
        /// Its height.
        height: Height,
        /// SHA-256 of its header.
        value: Hash,
    },
    /// Get this block, at once if its body came already, else from `from`, the proposer or anybody; execute and judge
    /// it; answer by [`Input::Block`]. Not answering is allowed: the round then times out.
    RequestBlock {
        /// Its height.
        height: Height,
        /// SHA-256 of its header.
        value: Hash,
        /// Why.
        why: Why,
        /// Who spoke of it, none after a restart.
        from: Option<Peer>,
    },
    /// Build a block on the tip, with `round` as its build round; answer by [`Input::Built`].
    BuildBlock {
        /// Its height.
        height: Height,
        /// Its build round.
        round: u32,
        /// Later than this it is of no use.
        within: Duration,
    },
    /// Set a timer; one that is set already starts anew.
    SetTimer(Timer, Duration),
    /// Stop a timer.
    CancelTimer(Timer),
    /// Stop all timers.
    CancelTimers,
    /// For the log and the figures: a round has begun.
    RoundStarted {
        /// Its height.
        height: Height,
        /// Its number.
        round: u32,
        /// Whose turn it is.
        proposer: AccountId,
    },
    /// For the log, as a warning: this validator does not sign at this height, since it signed something there, or
    /// later, that its log does not lead back to. It follows, and signs again after the height of `last`.
    Observing {
        /// The height.
        height: Height,
        /// Its last signature.
        last: SignedRecord,
    },
    /// For the log, as an error: the key signed what the signer's record does not know of, so the record is an old
    /// copy, or another process uses the key. This validator signs nothing for a while, see
    /// [`Host::witness`](crate::Host::witness).
    RecordIsOld {
        /// What the key signed.
        seen: Position,
        /// The record, none where there was none.
        last: Option<SignedRecord>,
    },
    /// Somebody speaks of the next height, which is not started: commit what is final, then start it.
    WantHeight(Height),
    /// Something a peer sent was not used.
    Ignored {
        /// Who.
        from: Peer,
        /// Why.
        why: Ignored,
    },
    /// The height is decided; always the last act. Commit block, state, certificate and tip in one synced batch, which
    /// may also delete the height's log; then start the next height, or wait with that for as long as there is no
    /// reason to.
    Finalised {
        /// Makes the block final.
        certificate: CommitCertificate,
        /// Who signed two different things at this height, for `report_equivocation`.
        evidence: Vec<Evidence>,
    },
}

/// Consensus cannot go on: stop the process. The host answers every later call with [`Fatal::Stopped`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// A log entry cannot be used.
    #[error(
        "write-ahead log of height {height}, entry {index}: {error}; restore the data folder from a backup, or join \
         again under a new key"
    )]
    Wal {
        /// Which log.
        height: Height,
        /// Which entry, from 0.
        index: usize,
        /// What is wrong with it.
        error: WalError,
    },
    /// The signer refused what consensus derived: a bug, or a second process with this key.
    #[error("the signer refused: {0}; make sure that no other process uses this key")]
    Signer(#[from] SignerError),
    /// The only validator may not sign, so the chain stands still for ever.
    #[error(
        "the only validator cannot sign at height {height}: it signed a {last} that its write-ahead log does not lead \
         back to; restore the data folder, or resume with `salus-node key resume --last-height`"
    )]
    Muted {
        /// The height to decide.
        height: Height,
        /// Where its last signature stands.
        last: Position,
    },
    /// The engine called out of turn.
    #[error("height {asked} cannot be started here, the next one is {next}")]
    OutOfTurn {
        /// The height asked for.
        asked: Height,
        /// The one height that may be started, or the tip that may be set, from here.
        next: Height,
    },
    /// More than two thirds of the validators finalised what this node holds to be invalid.
    #[error(
        "the validators finalised {value} at height {height}, which is invalid by this node's execution: stop, and \
         compare releases and state with the other validators"
    )]
    FinalInvalid {
        /// At.
        height: Height,
        /// The header's SHA-256.
        value: Hash,
    },
    /// The core asked to log something that may not be logged.
    #[error("the core asked to log an input that has no place in the write-ahead log")]
    Unloggable,
    /// The core asked for something that this chain has switched off.
    #[error("the core asked for {0}, which this chain has switched off")]
    SwitchedOff(&'static str),
    /// The core failed.
    #[error("the consensus core failed: {0}")]
    Core(String),
    /// An earlier call failed.
    #[error("consensus has stopped after an earlier failure")]
    Stopped,
}
