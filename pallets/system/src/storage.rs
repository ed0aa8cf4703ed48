//! State of the system pallet. `Events` stands in metadata besides these: the executive writes it.

use salus_primitives::{AccountId, Hash, Subject, header::Digest as DigestValue};

use crate::types::{AccountInfo, Parameters, Purpose, SubjectKeys, Usage};

salus_support::storage! { System;
    /// Every key that was ever bound, with the number of its next extrinsic.
    Account: counters AccountId => AccountInfo;
    /// Keys of validators and their nodes: they are never bound to a subject.
    Purposes: map AccountId => Purpose;
    /// The live keys of each subject.
    Keys: counters Subject => SubjectKeys;
    /// Weight each subject used today.
    WeightUsed: counters Subject => Usage;
    /// Weight each subject may use besides its quota, on one day.
    WeightExtra: counters Subject => Usage;
    /// Hashes of the last 4096 blocks by height, and of genesis for ever.
    BlockHash: counters u32 => Hash;
    /// Height of the block this state is after.
    Number: value u32;
    /// Digest of the block this state is after.
    Digest: value DigestValue;
    /// Parameters of the chain.
    ChainParameters: value Parameters;
}
