//! State of the council. Its members are the keys that `System.Keys` lists of the subject Council.

use salus_primitives::Moment;

use crate::types::{Motion, Upgrade};

salus_support::storage! { Council;
    /// How many ayes pass a motion.
    Threshold: value u8;
    /// Motions by slot, 0 to 31: the number of a motion modulo 32. A slot is overwritten when its motion is over.
    Motions: map u32 => Motion;
    /// The number after that of the last motion.
    NextMotion: value u32;
    /// When the first of the waiting motions is due, none when none waits: all that an idle block reads.
    Due: option Moment;
    /// The last upgrade that was scheduled: ahead, or in force since its height.
    Scheduled: option Upgrade;
}
