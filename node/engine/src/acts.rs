//! What the engine does for consensus: building, judging, storing, sending and committing blocks.

use std::sync::Arc;

use salus_consensus::{Act, Input, Judgement, Peer, TimeVerdict, block_time, judge_time};
use salus_primitives::{Block, Hash, Height, Moment, commit::CommitCertificate};
use tracing::{debug, error, info, warn};

use crate::{
    engine::{Engine, EngineError},
    execution::{self, Prepared},
    ledger::Ledger,
};

impl<L: Ledger> Engine<L> {
    /// Perform one act; the answer it asks for, if it asks for one.
    pub(crate) fn act(&mut self, act: Act) -> Result<Option<Input>, EngineError> {
        let database = &self.chain.database;
        match act {
            Act::SaveSigned(record) => self.record = Some(record.to_bytes()),
            Act::WalAppend { height, entry, .. } => database.wal_append(height, &entry)?,
            Act::WalSync => {
                database.wal_sync(self.record.take().as_deref())?;
                self.figures.wal_syncs += 1;
            }
            Act::Broadcast(message) => self.outbox.broadcast(&message),
            Act::SendBlock { height, value } => {
                // After a restart the block is on disk only.
                let block = match self.prepared.get(&value) {
                    Some(prepared) => Some(prepared.block.clone()),
                    None => database.undecided_load(height, &value)?,
                };
                if let Some(block) = block {
                    self.outbox.send_block(&block);
                }
            }
            Act::RequestBlock { height, value, from, .. } => return self.find_block(height, value, from),
            Act::BuildBlock { height, round, .. } => return self.build(height, round).map(Some),
            Act::SetTimer(timer, wait) => {
                self.timers.insert(timer, self.now + wait);
            }
            Act::CancelTimer(timer) => {
                self.timers.remove(&timer);
            }
            Act::CancelTimers => self.timers.clear(),
            Act::RoundStarted { height, round, proposer } => {
                self.figures.round_max = self.figures.round_max.max(round);
                if round > 0 {
                    self.figures.rounds_more += 1;
                    info!(%height, round, %proposer, "new round");
                } else {
                    debug!(%height, %proposer, "height started");
                }
            }
            Act::Observing { height, last } => {
                self.figures.observed += 1;
                warn!(%height, last = %last.position, "not signing at this height: its log does not lead back to the last signature");
            }
            Act::RecordIsOld { seen, last } => {
                self.figures.old_records += 1;
                let known = last.map_or("nothing".to_owned(), |last| last.position.to_string());
                error!(
                    %seen, %known,
                    "this validator's key signed what its data folder does not know of: the folder is an old copy, or \
                     another process uses the key. It signs nothing until the other validators decided a height \
                     without it, nor at the height after; make sure that no other process uses the key"
                );
            }
            Act::WantHeight(_) => self.wanted = true,
            Act::Ignored { from, why } => self.ignored(from, why),
            Act::Finalised { certificate, evidence } => {
                self.figures.evidence += evidence.len() as u64;
                self.proven.extend(evidence);
                self.commit(&certificate)?;
            }
        }
        Ok(None)
    }

    fn build(&mut self, height: Height, round: u32) -> Result<Input, EngineError> {
        let chain = Arc::clone(&self.chain);
        let (parent, _) = chain.database.tip();
        let set = chain.database.with_state(|state| chain.runtime.validators(state));
        let parent_time = self.time_of(&parent);
        let slot = execution::slot(&parent, &set, round, block_time(parent_time, chain.clock.now()));
        let (candidates, verified) = {
            let pool = chain.pool();
            let candidates: Vec<_> = pool.ready().cloned().collect();
            (candidates, pool.verified())
        };
        let built = execution::build(&chain.database, &*chain.runtime, slot, &mut candidates.into_iter(), &verified)?;
        if !built.invalid.is_empty() {
            chain.remove_invalid(&built.invalid);
        }
        let value = built.prepared.block.header.vote_value();
        chain.database.undecided_save(&built.prepared.block)?;
        self.prepared.insert(value, built.prepared);
        Ok(Input::Built { height, round, value })
    }

    /// When a block was made. Genesis has no slot: its time stands in the state.
    pub(crate) fn time_of(&self, header: &salus_primitives::Header) -> Moment {
        match header.slot() {
            Ok(slot) => slot.time,
            Err(_) => self.chain.database.with_state(|state| self.chain.runtime.block_time(state)),
        }
    }

    /// Answer for a block that is here already; ask peers for one that is not.
    fn find_block(&mut self, height: Height, value: Hash, from: Option<Peer>) -> Result<Option<Input>, EngineError> {
        let block = match self.prepared.get(&value) {
            Some(prepared) => Some(prepared.block.clone()),
            None => self.chain.database.undecided_load(height, &value)?,
        };
        let Some(block) = block.or_else(|| self.held.take(&value)) else {
            self.held.ask(value);
            self.outbox.request_block(height, value, from);
            return Ok(None);
        };
        let judgement = self.judge(block)?;
        Ok(judgement.map(|judgement| Input::Block { height, value, judgement }))
    }

    /// Execute a block on the tip and say what it is worth; none when it is not for the next height. A sound one is
    /// stored before anything is said for it.
    pub(crate) fn judge(&mut self, block: Block) -> Result<Option<Judgement>, EngineError> {
        let (tip, _) = self.chain.database.tip();
        if block.header.number != tip.number.next() {
            return Ok(None);
        }
        let value = block.header.vote_value();
        if !self.prepared.contains_key(&value) {
            let verified = self.chain.pool().verified();
            match execution::check(&self.chain.database, &*self.chain.runtime, block, &verified) {
                Ok(prepared) => {
                    self.chain.database.undecided_save(&prepared.block)?;
                    self.prepared.insert(value, prepared);
                }
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(error) => {
                    self.figures.invalid_blocks += 1;
                    warn!(height = %tip.number.next(), %error, "a proposed block is invalid");
                    return Ok(Some(Judgement::Invalid));
                }
            }
        }
        let header = &self.prepared[&value].block.header;
        let Ok(slot) = header.slot() else { return Ok(Some(Judgement::Invalid)) };
        let verdict = judge_time(self.time_of(&tip), slot.time, self.chain.clock.now());
        if verdict == TimeVerdict::Untimely {
            self.figures.untimely_blocks += 1;
        }
        Ok(Some(match verdict {
            TimeVerdict::NotAfterParent => Judgement::Invalid,
            verdict => Judgement::Sound { build_round: slot.build_round, timely: verdict == TimeVerdict::Timely },
        }))
    }

    fn commit(&mut self, certificate: &CommitCertificate) -> Result<(), EngineError> {
        let prepared = match self.prepared.remove(&certificate.value) {
            Some(prepared) => prepared,
            None => {
                let height = certificate.height;
                let block = self
                    .chain
                    .database
                    .undecided_load(height, &certificate.value)?
                    .ok_or(EngineError::Missing { height })?;
                let verified = self.chain.pool().verified();
                execution::check(&self.chain.database, &*self.chain.runtime, block, &verified)?
            }
        };
        self.figures.decided += 1;
        self.finish(prepared, Some(certificate))
    }

    /// Make an executed block the tip, and tell everybody.
    pub(crate) fn finish(
        &mut self,
        prepared: Prepared,
        certificate: Option<&CommitCertificate>,
    ) -> Result<(), EngineError> {
        let Prepared { block, changes, tree } = prepared;
        let (height, hash) = (block.header.number, block.header.hash());
        self.chain.database.commit(&block, certificate, &changes, tree)?;
        self.prepared.clear();
        self.held.moved(height);
        self.timers.clear();
        self.committed = self.now;
        let extrinsics = block.extrinsics.len();
        let round = certificate.map_or(0, |certificate| certificate.round);
        if extrinsics > 0 {
            info!(%height, %hash, extrinsics, round, "finalised");
        } else {
            debug!(%height, %hash, "finalised, empty");
        }
        self.chain.finalised(block, changes, hash);
        self.outbox.announce(height);
        self.look_ahead(height);
        self.look_at_disk(height)
    }
}
