//! What a case costs, counted: keys read from the state below the block, and keys written.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::Decode;
use salus_consent::traced;
use salus_primitives::{
    Hash, RawExtrinsic,
    dispatch::DispatchError,
    runtime_api::{BlockContext, Executed, InvalidBlock, RuntimeApi, StateReader, VerifiedSignatures, signature_key},
    storage_key::prefix,
};
use salus_runtime::{EventRecord, RuntimeEvent, SalusRuntime};
use salus_system::Event;

use crate::Case;

/// What one case costs beyond an empty block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Keys that the empty block does not read.
    pub reads: u64,
    /// Keys that the empty block does not write.
    pub writes: u64,
    /// Bytes of those keys and of their values.
    pub bytes: u64,
    /// Why its call was refused, if it was.
    pub refused: Option<DispatchError>,
}

/// The signatures of an extrinsic, taken as seen good before: that check has a budget of its own.
pub struct Known(BTreeSet<Hash>);

impl Known {
    /// Those of these extrinsics.
    pub fn of(runtime: &SalusRuntime, state: &dyn StateReader, block: &BlockContext, raw: &[RawExtrinsic]) -> Self {
        let claims = runtime.claims(state, block, raw);
        Self(claims.iter().map(|claim| signature_key(&claim.key, &claim.message, &claim.signature)).collect())
    }
}

impl VerifiedSignatures for Known {
    fn contains(&self, signature_key: &Hash) -> bool {
        self.0.contains(signature_key)
    }
}

/// Counts cases on one state.
pub struct Counter<'a> {
    runtime: &'a SalusRuntime,
    state: &'a dyn StateReader,
    block: BlockContext,
    idle: Traced,
}

/// Keys that were read, and what was written.
type Traced = (BTreeSet<Vec<u8>>, BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl<'a> Counter<'a> {
    /// Count on `state`, in `block`.
    ///
    /// # Errors
    /// [`InvalidBlock`]: not even an empty block is valid there.
    pub fn new(
        runtime: &'a SalusRuntime,
        state: &'a dyn StateReader,
        block: BlockContext,
    ) -> Result<Self, InvalidBlock> {
        let mut counter = Self { runtime, state, block, idle: Traced::default() };
        counter.idle = counter.traced(&[])?;
        Ok(counter)
    }

    /// What `case` costs.
    ///
    /// # Errors
    /// [`InvalidBlock`]: its extrinsic may not stand in the block.
    pub fn count(&self, case: &Case) -> Result<Counted, InvalidBlock> {
        let (read, changes) = self.traced(std::slice::from_ref(&case.extrinsic))?;
        let (idle_read, idle_changes) = &self.idle;
        let reads = read.iter().filter(|key| !idle_read.contains(*key)).count() as u64;
        let written = || changes.iter().filter(|(key, _)| !idle_changes.contains_key(*key));
        let bytes: usize = written().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
        let events = changes.get(&prefix("System", "Events")[..]).and_then(Option::as_deref).unwrap_or_default();
        Ok(Counted { reads, writes: written().count() as u64, bytes: bytes as u64, refused: refusal(events) })
    }

    fn traced(&self, extrinsics: &[RawExtrinsic]) -> Result<Traced, InvalidBlock> {
        let known = Known::of(self.runtime, self.state, &self.block, extrinsics);
        let run = |state: &dyn StateReader| self.runtime.execute(state, &self.block, extrinsics, &known);
        let (executed, read) = traced(self.state, run);
        let Executed { changes, .. } = executed?;
        Ok((read, changes.into_iter().collect()))
    }
}

/// What the events of a block say was refused.
fn refusal(events: &[u8]) -> Option<DispatchError> {
    let events = Vec::<EventRecord>::decode(&mut &events[..]).unwrap_or_default();
    events.into_iter().find_map(|record| match record.event {
        RuntimeEvent::System(Event::ExtrinsicFailed { dispatch_error, .. }) => Some(dispatch_error),
        _ => None,
    })
}
