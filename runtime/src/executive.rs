//! The executive: a block's extrinsics, in order, on its parent's state.
//!
//! ```text
//! initialise: height, parent hash, digest, time; motions that are due
//! apply each: nonce and quota are spent; the call runs in a layer, kept if it succeeds; a report of equivocation has
//!             neither, and succeeds or may not stand there
//! finalise:   events, a changed validator set
//! ```

use parity_scale_codec::{Compact, Encode};
use salus_primitives::{
    AccountId, Hash, Height, RawExtrinsic,
    crypto::blake2_256,
    dispatch::{DispatchError, InvalidTransaction},
    header::{Digest, DigestItem, SetChange},
    limits::{BLOCK_BYTES_MAX, BLOCK_EXTRINSICS_MAX, BLOCK_HASH_COUNT, BLOCK_WEIGHT_MAX},
    runtime_api::{BlockContext, Built, Executed, InvalidBlock, StateReader, VerifiedSignatures},
    validator_set::ValidatorSet,
};
use salus_support::{
    Class, Cost, Ctx, Overlay, PalletEvent,
    context::{Deposited, Environment},
    ensure,
    metadata::types::{DispatchClass, DispatchEventInfo, Pays, Phase, Weight},
    table::{RuntimeTable, module_error},
};
use salus_system::{Event as SystemEvent, storage as system, timestamp, usage};
use salus_validators::Call::ReportEquivocation;

use crate::{
    Runtime, RuntimeCall, RuntimeError,
    validity::{Checked, Form, Next, Payer, Report, check_form, check_signature, check_signer, report_refused},
};

/// The caller of what nobody signed: a weak key, which is never bound.
const NOBODY: AccountId = AccountId([0; 32]);

/// Bytes of a block that its header may take.
const HEADER_RESERVE: usize = 512;

/// A block being executed.
pub(crate) struct Execution<'s> {
    state: Overlay<'s>,
    environment: Environment,
    block: BlockContext,
    set_before: ValidatorSet,
    /// SCALE bytes of the events so far, one record after the other.
    events: Vec<u8>,
    event_count: u32,
    applied: u32,
    weight: u64,
}

/// The room a block has: all of it for execution, three quarters of it for a proposer's ordinary calls.
#[derive(Clone, Copy)]
struct Room {
    weight: u64,
    bytes: usize,
    count: usize,
}

const ALL: Room =
    Room { weight: BLOCK_WEIGHT_MAX, bytes: BLOCK_BYTES_MAX - HEADER_RESERVE, count: BLOCK_EXTRINSICS_MAX };
const ORDINARY: Room = Room { weight: ALL.weight / 4 * 3, bytes: ALL.bytes / 4 * 3, count: ALL.count / 4 * 3 };

impl<'s> Execution<'s> {
    /// Begin a block on its parent's state.
    pub fn initialise(parent: &'s dyn StateReader, block: &BlockContext) -> Result<Self, InvalidBlock> {
        check_release(parent, block.number)?;
        let set_before = salus_validators::current(parent);
        let parent_time = salus_primitives::Moment(timestamp::Now::get(parent));
        block.slot.check(block.number, &set_before, parent_time)?;

        let mut state = Overlay::new(parent);
        let parent_height = block.number.0.saturating_sub(1);
        system::Number::put(&mut state, &block.number.0);
        system::BlockHash::insert(&mut state, &parent_height, &block.parent_hash);
        // Genesis stays for ever: every signature binds it.
        if let Some(old) = parent_height.checked_sub(BLOCK_HASH_COUNT).filter(|old| *old > 0) {
            system::BlockHash::remove(&mut state, &old);
        }
        system::Digest::put(&mut state, &Digest { logs: vec![block.slot.item()] });
        timestamp::Now::put(&mut state, &block.slot.time.0);

        let genesis = if parent_height == 0 { block.parent_hash } else { system::BlockHash::get(&state, &0) };
        let environment = Environment { height: block.number, now: block.slot.time, genesis };
        let mut execution = Self {
            state,
            environment,
            block: *block,
            set_before,
            events: Vec::new(),
            event_count: 0,
            applied: 0,
            weight: 0,
        };
        let mut due = Vec::new();
        salus_council::on_initialise(&mut execution.state, environment.now, environment.height, &mut due);
        execution.record(Phase::Initialization, &due);
        Ok(execution)
    }

    /// Apply one extrinsic. On an error nothing of it remains, and it may not stand here.
    pub fn apply(&mut self, raw: &RawExtrinsic, verified: &dyn VerifiedSignatures) -> Result<Cost, InvalidTransaction> {
        let form = check_form(&self.next(), raw)?;
        self.apply_form(form, verified)
    }

    /// Apply an extrinsic whose form was checked here.
    fn apply_form(&mut self, form: Form, verified: &dyn VerifiedSignatures) -> Result<Cost, InvalidTransaction> {
        let cost = form.cost();
        let events = match form {
            Form::Signed(checked) => self.apply_signed(*checked, verified)?,
            Form::Report(report) => self.apply_report(*report)?,
        };
        self.record(Phase::ApplyExtrinsic(self.applied), &events);
        self.applied += 1;
        self.weight += cost.weight;
        Ok(cost)
    }

    /// What an extrinsic is judged by that comes next.
    fn next(&self) -> Next<'_> {
        Next {
            state: &self.state,
            number: self.block.number,
            parent_hash: self.block.parent_hash,
            now: self.environment.now,
        }
    }

    /// An account's extrinsic: its nonce and quota are spent, its call takes effect or fails.
    fn apply_signed(
        &mut self,
        checked: Checked,
        verified: &dyn VerifiedSignatures,
    ) -> Result<Vec<Deposited>, InvalidTransaction> {
        let next = self.next();
        let mut account = next.account(&checked);
        match checked.signed.nonce.cmp(&account.nonce) {
            core::cmp::Ordering::Less => return Err(InvalidTransaction::Stale),
            core::cmp::Ordering::Greater => return Err(InvalidTransaction::Future),
            core::cmp::Ordering::Equal => {}
        }
        let payer = check_signer(&next, &checked, &account)?;
        check_signature(&checked.claim, verified)?;

        let (signer, nonce) = (checked.signed.signer, checked.signed.nonce);
        account.nonce = nonce.checked_add(1).ok_or(InvalidTransaction::Stale)?;
        self.state.begin();
        system::Account::insert(&mut self.state, &signer, &account);
        if let Payer::Subject(subject) = &payer {
            usage::charge(&mut self.state, subject, checked.cost.weight, self.environment.now);
        }

        let dispatch_info = dispatch_info(checked.cost);
        let (mut events, outcome) = self.dispatch(signer, nonce, &checked.signed.call, checked.call);
        let last = match outcome {
            Ok(()) => SystemEvent::ExtrinsicSuccess { dispatch_info },
            Err(_) if matches!(payer, Payer::Invitation) => {
                // A registration is never included failing: nobody would pay for it.
                self.state.rollback();
                return Err(InvalidTransaction::Call);
            }
            Err(error) => {
                let dispatch_error = DispatchError::Module(module_error(&error));
                SystemEvent::ExtrinsicFailed { dispatch_error, dispatch_info }
            }
        };
        self.state.commit();
        events.push(Deposited { pallet: SystemEvent::PALLET, bytes: last.encode() });
        Ok(events)
    }

    /// A report: nobody's nonce or quota. It takes effect, or may not stand here.
    fn apply_report(&mut self, report: Report) -> Result<Vec<Deposited>, InvalidTransaction> {
        let Report { evidence, bytes, cost } = report;
        let call = RuntimeCall::Validators(ReportEquivocation { evidence });
        let (mut events, outcome) = self.dispatch(NOBODY, 0, &bytes, call);
        match outcome {
            Ok(()) => {}
            Err(RuntimeError::Validators(error)) => return Err(report_refused(error)),
            Err(_) => return Err(InvalidTransaction::Call),
        }
        let last = SystemEvent::ExtrinsicSuccess { dispatch_info: dispatch_info(cost) };
        events.push(Deposited { pallet: SystemEvent::PALLET, bytes: last.encode() });
        Ok(events)
    }

    /// Run a call in a layer of its own: kept with its events if it succeeds, else dropped.
    fn dispatch(
        &mut self,
        caller: AccountId,
        nonce: u32,
        bytes: &[u8],
        call: RuntimeCall,
    ) -> (Vec<Deposited>, Result<(), RuntimeError>) {
        let mut events = Vec::new();
        self.state.begin();
        let mut ctx = Ctx::new(caller, nonce, bytes, self.environment, &mut self.state, &mut events);
        let outcome = Runtime::dispatch(&mut ctx, call);
        if outcome.is_ok() {
            self.state.commit();
        } else {
            self.state.rollback();
            events.clear();
        }
        (events, outcome)
    }

    /// End the block: all it changed.
    pub fn finalise(mut self) -> Executed {
        let mut events = Compact(self.event_count).encode();
        events.append(&mut self.events);
        self.state.put(events_key(), events);

        let set = salus_validators::current(&self.state);
        let mut digest = Vec::new();
        if set != self.set_before {
            let item = SetChange { set_id: set.set_id, hash: set.hash() }.item();
            let logs: Vec<DigestItem> = vec![self.block.slot.item(), item.clone()];
            system::Digest::put(&mut self.state, &Digest { logs });
            digest.push(item);
        }
        Executed { changes: self.state.into_changes(), digest, weight: self.weight }
    }

    fn record(&mut self, phase: Phase, events: &[Deposited]) {
        for event in events {
            phase.encode_to(&mut self.events);
            self.events.extend(Runtime::event_bytes(event));
            // No topics.
            self.events.push(0);
            self.event_count += 1;
        }
    }
}

/// Does this release have the spec version that the council scheduled for `height`, on a state below it?
pub(crate) fn check_release(state: &dyn StateReader, height: Height) -> Result<(), InvalidBlock> {
    let Some(upgrade) = salus_council::scheduled(state) else { return Ok(()) };
    let (ours, needed) = (salus_system::version().spec_version, upgrade.at(height));
    ensure(needed <= ours, InvalidBlock::Version { ours, needed, height: height.min(upgrade.height) })
}

/// Execute a whole block.
pub(crate) fn execute(
    state: &dyn StateReader,
    block: &BlockContext,
    extrinsics: &[RawExtrinsic],
    verified: &dyn VerifiedSignatures,
) -> Result<Executed, InvalidBlock> {
    let over = |what, found: u64, max: u64| InvalidBlock::Overweight { what, found, max };
    if extrinsics.len() > ALL.count {
        return Err(over("extrinsics", extrinsics.len() as u64, ALL.count as u64));
    }
    let bytes: usize = extrinsics.iter().map(RawExtrinsic::wire_len).sum();
    if bytes > ALL.bytes {
        return Err(over("bytes", bytes as u64, ALL.bytes as u64));
    }
    let mut execution = Execution::initialise(state, block)?;
    for (raw, index) in extrinsics.iter().zip(0u32..) {
        execution.apply(raw, verified).map_err(|reason| InvalidBlock::Extrinsic { index, reason })?;
        if execution.weight > ALL.weight {
            return Err(over("weight", execution.weight, ALL.weight));
        }
    }
    Ok(execution.finalise())
}

/// Build a block out of `candidates`. Ordinary calls get three quarters of its room, protected calls all of it.
pub(crate) fn build(
    state: &dyn StateReader,
    block: &BlockContext,
    candidates: &mut dyn Iterator<Item = RawExtrinsic>,
    verified: &dyn VerifiedSignatures,
) -> Result<Built, InvalidBlock> {
    let mut execution = Execution::initialise(state, block)?;
    let (mut extrinsics, mut invalid) = (Vec::new(), Vec::new());
    let mut bytes = 0usize;
    for raw in candidates {
        if extrinsics.len() >= ALL.count {
            break;
        }
        let form = match check_form(&execution.next(), &raw) {
            Ok(form) => form,
            Err(reason) => {
                invalid.push((raw.hash(), reason));
                continue;
            }
        };
        let cost = form.cost();
        let room = if cost.class == Class::Protected { ALL } else { ORDINARY };
        let length = raw.wire_len();
        let fits = extrinsics.len() < room.count
            && bytes + length <= room.bytes
            && execution.weight + cost.weight <= room.weight;
        if !fits {
            continue;
        }
        match execution.apply_form(form, verified) {
            Ok(_) => {
                bytes += length;
                extrinsics.push(raw);
            }
            Err(reason) => invalid.push((raw.hash(), reason)),
        }
    }
    Ok(Built { executed: execution.finalise(), extrinsics, invalid })
}

/// Where `System.Events` lies.
pub(crate) fn events_key() -> Vec<u8> {
    salus_primitives::storage_key::prefix("System", "Events").to_vec()
}

/// What clients watch to see the runtime change: its name, version and metadata in one value.
pub(crate) fn code_value(metadata: &[u8]) -> Vec<u8> {
    let version = salus_system::version();
    let digest: Hash = blake2_256(metadata);
    (version.spec_name, version.spec_version, digest).encode()
}

fn dispatch_info(cost: Cost) -> DispatchEventInfo {
    // Clients show ref_time in picoseconds; one unit is about a microsecond.
    let weight = Weight { ref_time: cost.weight.saturating_mul(1_000_000), proof_size: 0 };
    let class = match cost.class {
        Class::Ordinary => DispatchClass::Normal,
        Class::Protected => DispatchClass::Operational,
    };
    DispatchEventInfo { weight, class, pays_fee: Pays::No }
}
