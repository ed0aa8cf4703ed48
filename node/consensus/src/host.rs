//! The host: one height at a time, one input at a time, acts out.

use arc_malachitebft_core_consensus::{Params, State};
use arc_malachitebft_core_types::{LinearTimeouts, ThresholdParam, ThresholdParams, ValuePayload};
use salus_primitives::{AccountId, Hash, Height, commit::CommitCertificate, validator_set::ValidatorSet};

use crate::{
    api::{Act, Fatal, Flaw, Ignored, Input, Timeouts},
    ctx::{Address, Checker, CoreHeight, Ctx, Set},
    effects::{Effects, Wanted},
    park::{Park, Parked},
    running::Running,
    signer::{Position, SignedRecord, Signer, Step},
    wal::{WalEntry, entry_number},
};

/// The consensus of one node. See the crate's page for how an engine drives it.
pub struct Host {
    checker: Checker,
    timeouts: LinearTimeouts,
    /// Here while no height runs, else with the height.
    signer: Option<Signer>,
    park: Park,
    phase: Phase,
    /// The key signed what the signer's record does not know of.
    record_is_old: bool,
    /// The last height at which this validator does not sign, as far as is known; none while it signs.
    silent_until: Option<Height>,
    flaw: Option<Flaw>,
}

/// What the host is doing.
enum Phase {
    /// Blocks up to the tip are final; waiting for the next height to be started.
    Idle { tip: Height },
    /// Deciding a height.
    Running(Box<Running>),
    /// Failed.
    Stopped,
}

impl Host {
    /// A host at `tip`, the height of the last final block on disk: of a validator with a `signer`, of a follower
    /// without. Nothing runs until [`Self::start_height`].
    pub fn new(genesis: Hash, tip: Height, signer: Option<Signer>, timeouts: Timeouts) -> Self {
        Self {
            checker: Checker { genesis },
            timeouts: timeouts.into(),
            signer,
            park: Park::default(),
            phase: Phase::Idle { tip },
            record_is_old: false,
            silent_until: None,
            flaw: None,
        }
    }

    /// The same host with a bug in it, for the simulator alone.
    #[doc(hidden)]
    pub fn with_flaw(self, flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..self }
    }

    /// The last height that is final as far as the host knows.
    pub fn tip(&self) -> Height {
        match &self.phase {
            Phase::Idle { tip } => *tip,
            Phase::Running(running) => running.effects.height.previous().unwrap_or_default(),
            Phase::Stopped => Height::GENESIS,
        }
    }

    /// The height and round being decided, none while idle.
    pub fn running(&self) -> Option<(Height, u32)> {
        match &self.phase {
            Phase::Running(running) => Some((running.effects.height, running.state.round().as_u32().unwrap_or(0))),
            Phase::Idle { .. } | Phase::Stopped => None,
        }
    }

    /// The last height at which this validator does not sign, as far as is known now; none while it signs.
    pub fn silent_until(&self) -> Option<Height> {
        self.silent_until
    }

    /// A certificate of `set`, verified, made a block final that this host did not decide, and [`Self::skip_to`] was
    /// told so. Where our key signed it and the signer's record does not know of that, the record is older than the
    /// key's last signature: what else was signed, and locked, is not known.
    ///
    /// From then on nothing is signed until the other validators decided a height before this host's eyes, by votes
    /// that they sent since it started, nor at the height after that. A process that used the key before can have come
    /// no further: a quorum still worked on the height that was decided. All of it is in the record, so that another
    /// restart does not forget it.
    pub fn witness(&mut self, certificate: &CommitCertificate, set: &ValidatorSet) -> Vec<Act> {
        let Some(signer) = &mut self.signer else { return vec![] };
        let Some(own) = set.index_of(&signer.public()) else { return vec![] };
        let signed = certificate.signatures.iter().any(|(index, _)| usize::from(*index) == own);
        let seen = Position { height: certificate.height, round: certificate.round, step: Step::Precommit };
        let last = signer.last().copied();
        if !signed || last.is_some_and(|last| last.position >= seen) {
            return vec![];
        }
        let first = !core::mem::replace(&mut self.record_is_old, true);
        let record = signer.pass_over(certificate.height.next());
        self.silent_until = Some(certificate.height.next());
        let saved = record.into_iter().flat_map(|record| [Act::SaveSigned(record), Act::WalSync]);
        saved.chain(first.then_some(Act::RecordIsOld { seen, last })).collect()
    }

    /// After a restart: must the height after the tip be started at once, even though nobody has anything to say? It
    /// must where the log holds entries of it, or the key signed there: peers may hold our votes.
    pub fn must_start(&self, logged: usize) -> bool {
        let signed = self.signer.as_ref().and_then(Signer::last).map(|record| record.position.height);
        logged > 0 || signed.is_some_and(|height| height > self.tip())
    }

    /// Start deciding `height`, which must be the one after the tip, with the `set` that rules it and every entry its
    /// log holds, in order (none but after a restart). The block before must be committed.
    ///
    /// Replays the log first. A validator whose log does not lead back to its last signature observes this height,
    /// and says so by [`Act::Observing`]: it may have forgotten a lock, and only the next height is free of it.
    ///
    /// # Errors
    /// [`Fatal`]: a height out of turn, an unusable log entry, a lost log where nobody else can decide, or a failure
    /// of the core.
    pub fn start_height(&mut self, height: Height, set: ValidatorSet, log: &[Vec<u8>]) -> Result<Vec<Act>, Fatal> {
        let tip = match &self.phase {
            Phase::Idle { tip } => *tip,
            Phase::Running(running) => {
                let next = running.effects.height;
                return Err(self.stop(Fatal::OutOfTurn { asked: height, next }));
            }
            Phase::Stopped => return Err(Fatal::Stopped),
        };
        if height != tip.next() {
            return Err(self.stop(Fatal::OutOfTurn { asked: height, next: tip.next() }));
        }
        match self.begin(height, Set::new(set), log) {
            Ok(acts) => Ok(acts),
            Err(fatal) => Err(self.stop(fatal)),
        }
    }

    /// Blocks up to `tip` were committed by other means, such as a range of certified blocks: leave the running
    /// height, if there is one, and wait for the next to be started.
    ///
    /// # Errors
    /// [`Fatal::OutOfTurn`] where `tip` is not after the present one.
    pub fn skip_to(&mut self, tip: Height) -> Result<Vec<Act>, Fatal> {
        if matches!(self.phase, Phase::Stopped) {
            return Err(Fatal::Stopped);
        }
        if tip <= self.tip() {
            let next = self.tip().next();
            return Err(self.stop(Fatal::OutOfTurn { asked: tip, next }));
        }
        if let Phase::Running(running) = core::mem::replace(&mut self.phase, Phase::Idle { tip }) {
            self.signer = running.effects.signer;
        }
        Ok(vec![Act::CancelTimers])
    }

    /// Take one input and say what to do.
    ///
    /// # Errors
    /// [`Fatal`]: the process must end without doing anything more.
    pub fn input(&mut self, input: Input) -> Result<Vec<Act>, Fatal> {
        match self.take_input(input) {
            Ok(acts) => Ok(acts),
            Err(fatal) => Err(self.stop(fatal)),
        }
    }

    fn stop(&mut self, fatal: Fatal) -> Fatal {
        self.phase = Phase::Stopped;
        fatal
    }

    fn take_input(&mut self, input: Input) -> Result<Vec<Act>, Fatal> {
        let (from, parked) = match input {
            Input::Message { from, message } => (from, Parked::Message(message)),
            Input::Certified { from, certificate } => (from, Parked::Certified(certificate)),
            Input::Timeout(timer) => return self.with_running(timer.height, |running| running.timeout(timer)),
            Input::Built { height, round, value } => {
                return self.with_running(height, |running| running.built(round, value));
            }
            Input::Block { height, value, judgement } => {
                return self.with_running(height, |running| running.block(value, judgement));
            }
        };
        if matches!(self.phase, Phase::Stopped) {
            return Err(Fatal::Stopped);
        }
        let (height, next) = (parked.height(), self.tip().next());
        let running = self.running().map(|(height, _)| height);
        let ignored = |why| Ok(vec![Act::Ignored { from, why }]);
        if height < next {
            return ignored(Ignored::Old { height });
        }
        if running == Some(height) {
            return self.with_running(height, |running| running.hear(from, parked));
        }
        let parkable = running.map_or(next, Height::next);
        if height != parkable {
            return ignored(Ignored::Far { height });
        }
        if !self.park.push(from, parked) {
            return ignored(Ignored::Full);
        }
        Ok(if running.is_none() { vec![Act::WantHeight(height)] } else { vec![] })
    }

    /// Let the running height deal with something of `height`; what is of another height, or comes while idle, has
    /// been overtaken and is dropped.
    fn with_running(
        &mut self,
        height: Height,
        deal: impl FnOnce(&mut Running) -> Result<(), Fatal>,
    ) -> Result<Vec<Act>, Fatal> {
        let running = match &mut self.phase {
            Phase::Running(running) => running,
            Phase::Idle { .. } => return Ok(vec![]),
            Phase::Stopped => return Err(Fatal::Stopped),
        };
        if running.effects.height != height {
            return Ok(vec![]);
        }
        deal(running)?;
        Ok(self.collect())
    }

    /// The acts of this call, the decision last.
    fn collect(&mut self) -> Vec<Act> {
        let Phase::Running(running) = &mut self.phase else { return vec![] };
        let mut acts = core::mem::take(&mut running.effects.acts);
        if let Some((certificate, evidence)) = running.effects.decided.take() {
            // By votes: then the others had not decided it long ago.
            let certified = matches!(running.effects.wanted.get(&certificate.value), Some(Wanted::Certified { .. }));
            self.record_is_old &= certified;
            self.signer = running.effects.signer.take();
            self.phase = Phase::Idle { tip: certificate.height };
            acts.push(Act::CancelTimers);
            acts.push(Act::Finalised { certificate, evidence });
        }
        acts
    }

    fn begin(&mut self, height: Height, set: Set, log: &[Vec<u8>]) -> Result<Vec<Act>, Fatal> {
        let genesis = self.checker.genesis;
        let mut entries = Vec::with_capacity(log.len());
        for (index, bytes) in log.iter().enumerate() {
            let entry = WalEntry::from_bytes(bytes, &genesis, height, entry_number(index));
            entries.push(entry.map_err(|error| Fatal::Wal { height, index, error })?);
        }

        let mut acts = Vec::new();
        if self.record_is_old
            && let Some(record) = self.signer.as_mut().and_then(|signer| signer.pass_over(height.next()))
        {
            acts.extend([Act::SaveSigned(record), Act::WalSync]);
        }
        let own = self.signer.as_ref().filter(|signer| set.plain().index_of(&signer.public()).is_some());
        let last = own.and_then(Signer::last).copied().filter(|record| record.position.height >= height);
        let (running, silent) = match last {
            None => (self.run(height, &set, &entries, own.is_some(), None)?, None),
            Some(last) if last.position.height > height => (self.observe(height, &set, &entries, last)?, Some(last)),
            Some(last) => match self.run(height, &set, &entries, true, Some(last)) {
                Ok(running) if running.effects.unconfirmed.is_none() => (running, None),
                // Nothing has left the node: the attempt is thrown away.
                Ok(_) | Err(Fatal::Signer(_)) => (self.observe(height, &set, &entries, last)?, Some(last)),
                Err(fatal) => return Err(fatal),
            },
        };
        self.silent_until = silent.map(|last| last.position.height);
        self.signer = None;
        self.phase = Phase::Running(Box::new(running));

        let parked: Vec<_> = self.park.take(height).collect();
        for (from, parked) in parked {
            let Phase::Running(running) = &mut self.phase else { break };
            if running.effects.decided.is_some() {
                break;
            }
            running.hear(from, parked)?;
        }
        acts.extend(self.collect());
        Ok(acts)
    }

    /// Start the core and replay the log. Where the key signed `last` at this height, the caller asks afterwards
    /// whether the replay led back to it.
    fn run(
        &self,
        height: Height,
        set: &Set,
        entries: &[WalEntry],
        sign: bool,
        last: Option<SignedRecord>,
    ) -> Result<Running, Fatal> {
        let address = Address(self.signer.as_ref().map_or(AccountId([0; 32]), Signer::public));
        let params = Params {
            address,
            threshold_params: match self.flaw {
                Some(Flaw::QuorumOfHalf) => {
                    ThresholdParams { quorum: ThresholdParam::new(1, 2), ..ThresholdParams::default() }
                }
                _ => ThresholdParams::default(),
            },
            // The other kind of payload would have the core call every value valid.
            value_payload: ValuePayload::ProposalAndParts,
            enabled: sign,
        };
        // The core's own queue for later heights stays empty: the host parks, by peer.
        let state = State::new(Ctx, CoreHeight(height), set.clone(), params, 1, 1);
        let mut effects = Effects::new(self.checker, self.signer.clone(), self.timeouts, height, set.clone());
        effects.unconfirmed = last;
        effects.flaw = self.flaw;
        let mut running = Running { state, effects };
        running.replay(entries)?;
        Ok(running)
    }

    /// Follow a height that this validator may not sign at.
    fn observe(&self, height: Height, set: &Set, entries: &[WalEntry], last: SignedRecord) -> Result<Running, Fatal> {
        if set.plain().len() == 1 {
            return Err(Fatal::Muted { height, last: last.position });
        }
        let mut running = self.run(height, set, entries, false, None)?;
        running.effects.acts.insert(0, Act::Observing { height, last });
        Ok(running)
    }
}
