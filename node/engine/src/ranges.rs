//! Catching up: whom to ask for blocks, and taking what comes, each block with its certificate.

use salus_consensus::{TimeVerdict, judge_time};
use salus_primitives::{Block, Height, archive::Record, commit::CertificateError};
use tracing::{debug, info, warn};

use crate::{
    engine::{Engine, EngineError, Flaw},
    execution,
    ledger::Ledger,
    outbox::Offence,
};

impl<L: Ledger> Engine<L> {
    /// Ask a peer for blocks, where it is time to.
    pub(crate) fn ask_if_due(&mut self) {
        if !self.range.is_empty() {
            return;
        }
        let tip = self.host.tip();
        if let Some(ask) = self.catch_up.due(tip, self.now) {
            debug!(peer = ?ask.peer, from = %ask.from, "asking for blocks");
            self.outbox.request_range(ask.peer, ask.from, ask.max);
        }
    }

    /// Verify, execute and commit the next block of the range a peer sent.
    pub(crate) fn take_one(&mut self) -> Result<(), EngineError> {
        let (Some(Record { block, certificate }), Some(peer)) = (self.range.pop_front(), self.range_from) else {
            return Ok(());
        };
        let tip = self.host.tip();
        let height = block.header.number;
        if height <= tip {
            return Ok(());
        }
        let set = self.chain.database.with_state(|state| self.chain.runtime.validators(state));
        let genesis = self.chain.database.genesis();
        let follows = block.header.follows(&self.chain.database.tip().0, self.chain.database.tip().1);
        let certified = match &certificate {
            Some(_) if self.flaw == Some(Flaw::CertificateUnchecked) && follows.is_ok() => Ok(()),
            Some(_) if self.flaw == Some(Flaw::TimeJudgedInSync) && !self.is_timely(&block) => {
                Err(CertificateError::Height { found: Height::GENESIS, expected: height })
            }
            Some(certificate) if follows.is_ok() => certificate.verify(&block.header, &set, &genesis),
            _ => Err(CertificateError::Height { found: Height::GENESIS, expected: height }),
        };
        if let Err(error) = certified {
            warn!(?peer, %height, %error, "a peer sent a block that is not certified");
            self.range.clear();
            self.catch_up.failed(&peer, self.now);
            self.outbox.report(peer, Offence::BadRange);
            return Ok(());
        }
        self.check_release(height)?;
        let verified = execution::verify_next(&self.chain.database, &*self.chain.runtime, &block);
        let prepared =
            execution::check(&self.chain.database, &*self.chain.runtime, block, &verified).map_err(|error| {
                if error.is_fatal() { error.into() } else { EngineError::FinalInvalid { height, error } }
            })?;
        let mut acts = self.host.skip_to(height)?;
        acts.extend(certificate.iter().flat_map(|certificate| self.host.witness(certificate, &set)));
        self.perform(acts)?;
        self.finish(prepared, certificate.as_ref())?;
        self.figures.synced += 1;
        if self.range.is_empty() {
            self.catch_up.served(&peer);
            info!(%height, "caught up by a range of blocks");
        }
        Ok(())
    }

    fn is_timely(&self, block: &Block) -> bool {
        let (parent, clock) = (self.time_of(&self.chain.database.tip().0), self.chain.clock.now());
        block.header.slot().is_ok_and(|slot| judge_time(parent, slot.time, clock) == TimeVerdict::Timely)
    }
}
