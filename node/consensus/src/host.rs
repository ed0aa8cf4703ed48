//! The host: one height at a time, one input at a time, acts out.

use arc_malachitebft_core_consensus::{
    Error as CoreError, Input as CoreInput, LocallyProposedValue, Params, PeerId, ProposedValue, State, process,
};
use arc_malachitebft_core_types::{
    ExtendedCommitCertificate, LinearTimeouts, Round, Threshold, ThresholdParams, Timeout, TimeoutKind, Validity,
    ValueOrigin, ValuePayload, ValueResponse, VoteExtensionPolicy, VoteExtensions, VoteType,
};
use arc_malachitebft_signing::VerifierExt;
use futures::FutureExt;
use parity_scale_codec::Encode;
use salus_primitives::{AccountId, Hash, Height, commit::CommitCertificate, validator_set::ValidatorSet};

use crate::{
    api::{Act, Fatal, Ignored, Input, Judgement, Peer, Timeouts, Timer, Why},
    convert::{commit_to_core, polka_to_core, round_certificate_to_core, signed_proposal_to_core, signed_vote_to_core},
    ctx::{Address, Checker, CoreHeight, Ctx, Set, Value},
    effects::{Effects, Replay, Wanted},
    message::{Proposal, WireMessage},
    park::{Park, Parked},
    signer::{SignedRecord, Signer, Step},
    wal::{Fate, Known, WalEntry},
};

/// The consensus of one node. See the crate's page for how an engine drives it.
pub struct Host {
    checker: Checker,
    timeouts: LinearTimeouts,
    /// Here while no height runs, else with the height.
    signer: Option<Signer>,
    park: Park,
    phase: Phase,
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

/// A height being decided.
struct Running {
    state: State<Ctx>,
    effects: Effects,
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
        }
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
            return self.with_running(height, |running| running.from_peer(from, parked));
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
            let number = u32::try_from(index).expect("a height has fewer than 2^32 log entries");
            let entry = WalEntry::from_bytes(bytes, &genesis, height, number);
            entries.push(entry.map_err(|error| Fatal::Wal { height, index, error })?);
        }

        let last = self.signer.as_ref().and_then(Signer::last).copied();
        let member = self.signer.as_ref().is_some_and(|signer| set.plain().index_of(&signer.public()).is_some());
        let here = last.filter(|record| record.position.height >= height);
        let mut running = match here {
            Some(record) if record.position.height > height => None,
            _ => self.run(height, &set, &entries, member, here)?,
        };
        if running.is_none() {
            let last = here.expect("only a signature at this height or later keeps a validator from signing");
            if member && set.plain().len() == 1 {
                return Err(Fatal::Muted { height, last: last.position });
            }
            running = self.run(height, &set, &entries, false, None)?;
            if let Some(running) = running.as_mut().filter(|_| member) {
                running.effects.acts.insert(0, Act::Observing { height, last });
            }
        }
        let running = running.expect("a height that is observed has no signature to lead back to");
        self.signer = None;
        self.phase = Phase::Running(Box::new(running));

        let parked: Vec<_> = self.park.take(height).collect();
        for (from, parked) in parked {
            let Phase::Running(running) = &mut self.phase else { break };
            if running.effects.decided.is_some() {
                break;
            }
            running.from_peer(from, parked)?;
        }
        Ok(self.collect())
    }

    /// Start the core and replay the log. None where the signer refused, or where the replay did not lead back to the
    /// signature `last` of this height; nothing has left the node then, and the attempt is thrown away.
    fn run(
        &self,
        height: Height,
        set: &Set,
        entries: &[WalEntry],
        sign: bool,
        last: Option<SignedRecord>,
    ) -> Result<Option<Running>, Fatal> {
        let address = Address(self.signer.as_ref().map_or(AccountId([0; 32]), Signer::public));
        let params = Params {
            address,
            threshold_params: ThresholdParams::default(),
            // The other kind of payload would have the core call every value valid.
            value_payload: ValuePayload::ProposalAndParts,
            enabled: sign,
        };
        // The core's own queue for later heights stays empty: the host parks, by peer.
        let state = State::new(Ctx, CoreHeight(height), set.clone(), params, 1, 1);
        let mut effects = Effects::new(self.checker, self.signer.clone(), self.timeouts, height, set.clone());
        effects.unconfirmed = last;
        let mut running = Running { state, effects };
        match running.replay(entries) {
            Ok(()) if running.effects.unconfirmed.is_some() => Ok(None),
            Ok(()) => Ok(Some(running)),
            Err(Fatal::Signer(_)) if last.is_some() => Ok(None),
            Err(fatal) => Err(fatal),
        }
    }
}

impl Running {
    /// One call of the core.
    fn process(&mut self, input: CoreInput<Ctx>) -> Result<(), Fatal> {
        let (state, effects) = (&mut self.state, &mut self.effects);
        let result: Result<(), CoreError<Ctx>> =
            process!(input: input, state: state, metrics: &(), with: effect => effects.handle(effect));
        match self.effects.fatal.take() {
            Some(fatal) => Err(fatal),
            None => result.map_err(|error| Fatal::Core(error.to_string())),
        }
    }

    fn replay(&mut self, entries: &[WalEntry]) -> Result<(), Fatal> {
        let (height, set) = (self.effects.height, self.effects.set.clone());
        let inputs: Vec<_> = entries.iter().map(|entry| entry.to_core(height, set.plain())).collect();
        self.effects.replay = Some(Replay { logged: entries.iter().map(Encode::encode).collect() });
        self.effects.wal_next = u32::try_from(entries.len()).expect("a height has fewer than 2^32 log entries");
        self.state.index_wal_entries(&inputs);
        // No target time: with one, the core would read the clock.
        self.process(CoreInput::StartHeight(CoreHeight(height), set, false, None, VoteExtensionPolicy::Disabled))?;
        for (entry, input) in entries.iter().zip(inputs) {
            if self.effects.decided.is_some() {
                break;
            }
            match entry {
                WalEntry::Block { value, known, .. } => {
                    self.effects.known.insert(*value, *known);
                }
                WalEntry::Timeout { kind, round } => {
                    self.effects.timers.remove(&Timer { height, round: *round, kind: *kind });
                }
                WalEntry::Vote(_) | WalEntry::Proposal(_) | WalEntry::Polka(_) => {}
            }
            self.process(input)?;
        }
        self.state.reset_entries_index();
        self.effects.replay = None;
        if self.effects.decided.is_some() {
            self.effects.unconfirmed = None;
            return Ok(());
        }
        self.resume()
    }

    /// After a replay: say what is to be done from where it ended.
    fn resume(&mut self) -> Result<(), Fatal> {
        for (timer, duration) in self.effects.timers.clone() {
            self.effects.acts.push(Act::SetTimer(timer, duration));
        }
        self.effects.announce_round();
        if let Some((round, _)) = self.effects.building.filter(|_| self.state.driver.step_is_propose()) {
            // A proposal that was signed, but whose log entry is lost, is made again: it may not become another one.
            let signed = self
                .effects
                .unconfirmed
                .filter(|record| record.position.round == round && record.position.step == Step::Proposal);
            match signed.and_then(|record| record.value) {
                Some(value) => self.built(round, value)?,
                None => self.effects.ask_to_build(),
            }
        }
        self.settle(None)
    }

    fn timeout(&mut self, timer: Timer) -> Result<(), Fatal> {
        if self.effects.timers.remove(&timer).is_none() {
            return Ok(());
        }
        self.process(CoreInput::TimeoutElapsed(Timeout::new(Round::new(timer.round), TimeoutKind::from(timer.kind))))?;
        self.settle(None)
    }

    fn built(&mut self, round: u32, value: Hash) -> Result<(), Fatal> {
        let asked = self.effects.building.is_some_and(|(asked, _)| asked == round);
        if !asked || !self.state.driver.step_is_propose() {
            return Ok(());
        }
        self.effects.building = None;
        self.effects.known.insert(value, Known { build_round: round, fate: Fate::Valid });
        let height = CoreHeight(self.effects.height);
        self.process(CoreInput::Propose(LocallyProposedValue::new(height, Round::new(round), Value(value))))?;
        self.settle(None)
    }

    fn block(&mut self, value: Hash, judgement: Judgement) -> Result<(), Fatal> {
        let Some(wanted) = self.effects.wanted.get(&value).copied() else { return Ok(()) };
        if self.effects.known.contains_key(&value) {
            return Ok(());
        }
        let known = match (judgement, wanted) {
            (Judgement::Invalid, Wanted::Certified { .. }) => {
                return Err(Fatal::FinalInvalid { height: self.effects.height, value });
            }
            (Judgement::Invalid, Wanted::Proposed { .. }) => Known { build_round: 0, fate: Fate::Invalid },
            (Judgement::Sound { build_round, .. }, Wanted::Certified { .. }) => {
                Known { build_round, fate: Fate::Valid }
            }
            (Judgement::Sound { build_round, timely }, Wanted::Proposed { round, pol_round }) => {
                let fresh_and_fit = pol_round.is_none() && build_round == round && timely;
                let fate = if fresh_and_fit || self.is_backed(&value) { Fate::Valid } else { Fate::Withheld };
                Known { build_round, fate }
            }
        };
        self.effects.known.insert(value, known);
        self.tell(value, known)?;
        self.settle(None)
    }

    fn from_peer(&mut self, from: Peer, parked: Parked) -> Result<(), Fatal> {
        self.effects.unproven = false;
        let input = match parked {
            Parked::Message(WireMessage::Vote(signed)) => {
                if self.effects.set.plain().index_of(&signed.vote.authority).is_none() {
                    return self.ignore(from, Ignored::Unproven);
                }
                CoreInput::Vote(signed_vote_to_core(&signed))
            }
            Parked::Message(WireMessage::Proposal(signed)) => {
                let Proposal { height, round, authority, .. } = signed.proposal;
                if self.effects.set.plain().proposer(height, round) != authority {
                    return self.ignore(from, Ignored::Unproven);
                }
                if !self.is_fit(&signed.proposal) {
                    return self.ignore(from, Ignored::Unfit);
                }
                CoreInput::Proposal(signed_proposal_to_core(&signed))
            }
            Parked::Message(WireMessage::Polka(certificate)) => {
                let core = polka_to_core(&certificate);
                // A value may not be called invalid once its polka is known, so it is made valid just before.
                if self.fate(&certificate.value) == Some(Fate::Withheld) && self.is_proven(&core) {
                    self.revive(certificate.value)?;
                }
                CoreInput::PolkaCertificate(core)
            }
            Parked::Message(WireMessage::Round(certificate)) => {
                CoreInput::RoundCertificate(round_certificate_to_core(&certificate))
            }
            Parked::Certified(certificate) => match self.sync_input(&certificate) {
                Some(input) => input,
                None => return self.ignore(from, Ignored::Unproven),
            },
        };
        self.process(input)?;
        if self.effects.unproven {
            self.effects.acts.push(Act::Ignored { from, why: Ignored::Unproven });
        }
        self.settle(Some(from))
    }

    fn ignore(&mut self, from: Peer, why: Ignored) -> Result<(), Fatal> {
        self.effects.acts.push(Act::Ignored { from, why });
        Ok(())
    }

    /// Deal with what the core's call left to be done.
    fn settle(&mut self, from: Option<Peer>) -> Result<(), Fatal> {
        let height = self.effects.height;
        if let Some((round, value)) = self.effects.certified.take() {
            self.effects.wanted.insert(value, Wanted::Certified { round });
            match self.fate(&value) {
                None => self.effects.newly_wanted.push(value),
                Some(Fate::Valid | Fate::Withheld) => self.revive(value)?,
                Some(Fate::Invalid) => return Err(Fatal::FinalInvalid { height, value }),
            }
        }
        if self.effects.decided.is_none() {
            self.weigh()?;
        }
        for value in core::mem::take(&mut self.effects.newly_wanted) {
            if self.effects.decided.is_some() || self.effects.known.contains_key(&value) {
                continue;
            }
            let why = match self.effects.wanted.get(&value) {
                Some(Wanted::Proposed { round, pol_round }) => {
                    let proposer = self.effects.set.plain().proposer(height, *round);
                    Why::Proposed { round: *round, pol_round: *pol_round, proposer }
                }
                Some(Wanted::Certified { .. }) => Why::Certified,
                None => continue,
            };
            self.effects.acts.push(Act::RequestBlock { height, value, why, from });
        }
        Ok(())
    }

    /// Let no verdict of this node stand against a quorum: a value that was withheld becomes valid, and one that is
    /// invalid here but final elsewhere stops the node.
    fn weigh(&mut self) -> Result<(), Fatal> {
        let doubted: Vec<_> = self.effects.known.iter().filter(|(_, known)| known.fate != Fate::Valid).collect();
        let doubted: Vec<_> = doubted.into_iter().map(|(value, known)| (*value, known.fate)).collect();
        for (value, fate) in doubted {
            if fate == Fate::Withheld && self.is_backed(&value) {
                self.revive(value)?;
            } else if fate == Fate::Invalid && self.has_quorum(&value, VoteType::Precommit) {
                return Err(Fatal::FinalInvalid { height: self.effects.height, value });
            }
        }
        Ok(())
    }

    fn revive(&mut self, value: Hash) -> Result<(), Fatal> {
        let Some(known) = self.effects.known.get_mut(&value) else { return Ok(()) };
        known.fate = Fate::Valid;
        let known = *known;
        self.tell(value, known)
    }

    /// Tell the core what a value is worth, under the round it is wanted for.
    fn tell(&mut self, value: Hash, known: Known) -> Result<(), Fatal> {
        let (round, pol_round, origin) = match self.effects.wanted.get(&value) {
            Some(Wanted::Proposed { round, pol_round }) => (*round, *pol_round, ValueOrigin::Consensus),
            Some(Wanted::Certified { round }) => (*round, None, ValueOrigin::Sync),
            None => (known.build_round, None, ValueOrigin::Consensus),
        };
        let height = self.effects.height;
        let block = ProposedValue {
            height: CoreHeight(height),
            round: Round::new(round),
            valid_round: Round::from(pol_round),
            proposer: Address(self.effects.set.plain().proposer(height, round)),
            value: Value(value),
            validity: Validity::from_bool(known.fate == Fate::Valid),
        };
        self.process(CoreInput::ProposedValue(block, origin))
    }

    fn fate(&self, value: &Hash) -> Option<Fate> {
        self.effects.known.get(value).map(|known| known.fate)
    }

    /// May this proposal name this block (formats.md 4)? Yes, while the block is not known.
    fn is_fit(&self, proposal: &Proposal) -> bool {
        match self.effects.known.get(&proposal.value) {
            None | Some(Known { fate: Fate::Invalid, .. }) => true,
            Some(Known { build_round, .. }) => match proposal.pol_round {
                None => *build_round == proposal.round,
                Some(pol_round) => *build_round <= pol_round,
            },
        }
    }

    /// Does a quorum stand behind this value, by prevotes, precommits or a certificate?
    fn is_backed(&self, value: &Hash) -> bool {
        let driver = &self.state.driver;
        driver.polka_certificates().iter().any(|certificate| certificate.value_id == *value)
            || driver.commit_certificates().iter().any(|certificate| certificate.value_id == *value)
            || self.has_quorum(value, VoteType::Prevote)
            || self.has_quorum(value, VoteType::Precommit)
    }

    fn has_quorum(&self, value: &Hash, kind: VoteType) -> bool {
        let votes = self.state.driver.votes();
        votes.all_rounds().keys().any(|round| votes.is_threshold_met(round, kind, Threshold::Value(*value)))
    }

    fn is_proven(&self, polka: &arc_malachitebft_core_types::PolkaCertificate<Ctx>) -> bool {
        let (checker, set) = (self.effects.checker, &self.effects.set);
        checker
            .verify_polka_certificate(&Ctx, polka, set, ThresholdParams::default())
            .now_or_never()
            .is_some_and(|checked| checked.is_ok())
    }

    /// The core's form of a certificate from a peer; none where its signers do not stand in order in the set.
    fn sync_input(&self, certificate: &CommitCertificate) -> Option<CoreInput<Ctx>> {
        let core = commit_to_core(certificate, self.effects.set.plain())?;
        // The core only hands the peer and the block's bytes back, and the host needs neither.
        let nobody = PeerId::from_bytes(&[0, 0]).expect("an identity multihash of nothing is a peer id");
        let certificate =
            ExtendedCommitCertificate::from_commit_certificate_and_extensions(core, VoteExtensions::default());
        Some(CoreInput::SyncValueResponse(ValueResponse::new(nobody, Default::default(), certificate)))
    }
}
