//! A height being decided: the core's state, what is known of the proposed blocks, and the rules by
//! which the core hears of them.

use arc_malachitebft_core_consensus::{
    Error as CoreError, Input as CoreInput, LocallyProposedValue, PeerId, ProposedValue, State, process,
};
use arc_malachitebft_core_types::{
    ExtendedCommitCertificate, PolkaCertificate, Round, Threshold, ThresholdParams, Timeout, TimeoutKind, Validity,
    ValueOrigin, ValueResponse, VoteExtensionPolicy, VoteExtensions, VoteType,
};
use arc_malachitebft_signing::VerifierExt;
use parity_scale_codec::Encode;
use salus_primitives::{Hash, commit::CommitCertificate};

use crate::{
    api::{Act, Fatal, Flaw, Ignored, Judgement, Peer, Timer, Why},
    convert::{commit_to_core, polka_to_core, round_certificate_to_core, signed_proposal_to_core, signed_vote_to_core},
    ctx::{Address, CoreHeight, Ctx, Value},
    effects::{Effects, Replay, Wanted, at_once},
    message::{Proposal, WireMessage},
    park::Parked,
    signer::Step,
    wal::{Fate, Known, WalEntry, entry_number},
};

/// A height being decided.
pub(crate) struct Running {
    pub state: State<Ctx>,
    pub effects: Effects,
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

    pub fn replay(&mut self, entries: &[WalEntry]) -> Result<(), Fatal> {
        let (height, set) = (self.effects.height, self.effects.set.clone());
        let inputs: Vec<_> = entries.iter().map(|entry| entry.to_core(height, set.plain())).collect();
        self.effects.replay = Some(Replay { logged: entries.iter().map(Encode::encode).collect() });
        self.effects.wal_next = entry_number(entries.len());
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

    pub fn timeout(&mut self, timer: Timer) -> Result<(), Fatal> {
        if self.effects.timers.remove(&timer).is_none() {
            return Ok(());
        }
        self.process(CoreInput::TimeoutElapsed(Timeout::new(Round::new(timer.round), TimeoutKind::from(timer.kind))))?;
        self.settle(None)
    }

    pub fn built(&mut self, round: u32, value: Hash) -> Result<(), Fatal> {
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

    pub fn block(&mut self, value: Hash, judgement: Judgement) -> Result<(), Fatal> {
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
                let fate = match self.effects.flaw {
                    _ if fresh_and_fit || self.is_backed(&value) => Fate::Valid,
                    Some(Flaw::UntimelyForEver) => Fate::Invalid,
                    _ => Fate::Withheld,
                };
                Known { build_round, fate }
            }
        };
        self.effects.known.insert(value, known);
        self.tell(value, known)?;
        self.settle(None)
    }

    pub fn hear(&mut self, from: Peer, parked: Parked) -> Result<(), Fatal> {
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
            // Verified before and kept by the core: all that is new is one more peer that may have the block.
            Parked::Certified(CommitCertificate { value, .. }) if self.is_certified(&value) => {
                self.effects.newly_wanted.push(value);
                return self.settle(Some(from));
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

    fn is_certified(&self, value: &Hash) -> bool {
        matches!(self.effects.wanted.get(value), Some(Wanted::Certified { .. }))
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

    fn is_proven(&self, polka: &PolkaCertificate<Ctx>) -> bool {
        let (checker, set) = (self.effects.checker, &self.effects.set);
        at_once(checker.verify_polka_certificate(&Ctx, polka, set, ThresholdParams::default())).is_ok()
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
