//! Bugs planted on purpose, each behind a switch that only the simulator has: what a simulator does not find when it is
//! there, it would not find when it is not known to be there.

mod runtime;

pub use runtime::FlawedRuntime;

/// What is wrong with a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskFlaw {
    /// A sync returns and has synced nothing.
    SyncDoesNothing,
    /// A sync leaves out the last write.
    SyncOneBehind,
    /// The sync is done after the message that waits for it has left.
    SyncAfterSending,
    /// The consensus log is never written; the signer's record is.
    LogNotWritten,
    /// Blocks voted on are never stored.
    BodyNotSaved,
    /// The newest block is announced before it is synced.
    CommitNotSynced,
}

/// What is wrong with the runtime of a node, or of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuntimeFlaw {
    /// A change of validators rules one height late.
    SetOneHeightLate,
    /// One node's execution depends on how often it executed something before.
    Undeterministic,
    /// A nonce is no longer compared with the account's: what was included once may be included again.
    Replay,
}

/// A bug, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// In the disk of every node.
    Disk(DiskFlaw),
    /// In the runtime.
    Runtime(RuntimeFlaw),
    /// In consensus or the engine.
    Engine(salus_engine::Flaw),
    /// The waits of consensus do not grow with the round.
    TimeoutsDoNotGrow,
}

/// Every planted bug: its name, what it is, and a sentence about it.
pub const ALL: &[(&str, Planted, &str)] = &[
    ("sync-does-nothing", Planted::Disk(DiskFlaw::SyncDoesNothing), "the sync before a signature leaves does nothing"),
    ("sync-one-behind", Planted::Disk(DiskFlaw::SyncOneBehind), "that sync leaves out the very last write"),
    (
        "sync-after-sending",
        Planted::Disk(DiskFlaw::SyncAfterSending),
        "signatures leave before the log and the signer's record are synced",
    ),
    ("log-not-written", Planted::Disk(DiskFlaw::LogNotWritten), "the consensus log, and with it the lock, is not kept"),
    ("body-not-saved", Planted::Disk(DiskFlaw::BodyNotSaved), "blocks are voted on without being stored"),
    (
        "commit-not-synced",
        Planted::Disk(DiskFlaw::CommitNotSynced),
        "a block is announced as final before it is synced",
    ),
    (
        "set-one-height-late",
        Planted::Runtime(RuntimeFlaw::SetOneHeightLate),
        "one node applies a change of validators one height late",
    ),
    (
        "undeterministic",
        Planted::Runtime(RuntimeFlaw::Undeterministic),
        "one node's state depends on how many blocks it executed",
    ),
    ("replay", Planted::Runtime(RuntimeFlaw::Replay), "an included extrinsic may be included a second time"),
    ("quorum-of-half", Planted::Engine(salus_engine::Flaw::QuorumOfHalf), "more than half of the validators decide"),
    (
        "untimely-for-ever",
        Planted::Engine(salus_engine::Flaw::UntimelyForEver),
        "a block this clock called untimely stays invalid when a quorum stands behind it",
    ),
    (
        "certificate-unchecked",
        Planted::Engine(salus_engine::Flaw::CertificateUnchecked),
        "a peer's range of blocks is taken without looking at its certificates",
    ),
    (
        "time-judged-in-sync",
        Planted::Engine(salus_engine::Flaw::TimeJudgedInSync),
        "a range of final blocks is held against this node's clock",
    ),
    (
        "body-not-checked-first",
        Planted::Engine(salus_engine::Flaw::BodyUnchecked),
        "a header that comes with another body has the block called invalid",
    ),
    (
        "no-hints",
        Planted::Engine(salus_engine::Flaw::NoHints),
        "a node that missed the news of a block does not infer it from votes on the next",
    ),
    ("timeouts-do-not-grow", Planted::TimeoutsDoNotGrow, "the waits of a round do not grow with its number"),
];

/// The planted bug of this name.
pub fn named(name: &str) -> Option<Planted> {
    ALL.iter().find(|(known, ..)| *known == name).map(|(_, planted, _)| *planted)
}
