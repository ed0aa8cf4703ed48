//! What the core asks for while it works on one input, turned into acts.
//!
//! The core drops an effect handler's error and goes on, so the first error is kept here and the
//! host stops on it when the core returns. Nothing is done inside the core's call: decisions,
//! verified certificates and wanted blocks are noted and dealt with afterwards.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use arc_malachitebft_core_consensus::ConsensusMsg;
use arc_malachitebft_core_consensus::{Effect, Input as CoreInput, LivenessMsg, Resumable, Resume, SignedConsensusMsg};
use arc_malachitebft_core_types::{LinearTimeouts, Proposal as _, Round, SignedMessage, Timeout};
use arc_malachitebft_signing::VerifierExt;
use futures::FutureExt;
use parity_scale_codec::Encode;
use salus_primitives::{AccountId, Hash, Height, commit::CommitCertificate, crypto::sha256};

use crate::{
    api::{Act, Fatal, Flaw, Timer, TimerKind},
    convert::{
        commit_to_plain, evidence_to_plain, polka_to_plain, proposal_to_plain, round_certificate_to_plain,
        round_to_plain, signed_proposal_to_plain, signed_vote_to_plain, vote_to_plain,
    },
    ctx::{Checker, Ctx, Set, Sig},
    message::{Evidence, Proposal, Vote, WireMessage},
    signer::{Position, SignedRecord, Signer, Step},
    wal::{Known, WalEntry, entry_number},
};

/// The error is kept in [`Effects::fatal`].
#[derive(Debug)]
pub(crate) struct Kept;

/// Why a value's block is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// It was proposed, last in this round.
    Proposed { round: u32, pol_round: Option<u32> },
    /// It was certified, in this round.
    Certified { round: u32 },
}

/// Replay of the log in progress.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// What the log holds: not to be appended again.
    pub logged: BTreeSet<Vec<u8>>,
}

/// All of the host but the core's state, for one height.
#[derive(Debug)]
pub(crate) struct Effects {
    pub checker: Checker,
    pub signer: Option<Signer>,
    pub timeouts: LinearTimeouts,
    pub height: Height,
    pub set: Set,
    /// Collected in this call.
    pub acts: Vec<Act>,
    /// Something was appended or saved since the last sync.
    pub unsynced: bool,
    /// Number of the next log entry.
    pub wal_next: u32,
    pub replay: Option<Replay>,
    /// The signature the replay must lead back to; none once it did.
    pub unconfirmed: Option<SignedRecord>,
    /// Timers that run.
    pub timers: BTreeMap<Timer, Duration>,
    /// Every block judged at this height.
    pub known: BTreeMap<Hash, Known>,
    /// Every block wanted at this height, judged or not.
    pub wanted: BTreeMap<Hash, Wanted>,
    /// Wanted in this call, in order.
    pub newly_wanted: Vec<Hash>,
    /// The round a block of ours is awaited for, and for how long.
    pub building: Option<(u32, Duration)>,
    /// The round that began last.
    pub started: Option<(u32, AccountId)>,
    /// A signature or certificate did not fit in this call.
    pub unproven: bool,
    /// A certificate without its block, verified in this call: round and value.
    pub certified: Option<(u32, Hash)>,
    /// The decision, once there is one.
    pub decided: Option<(CommitCertificate, Vec<Evidence>)>,
    /// A bug the simulator planted.
    pub flaw: Option<Flaw>,
    /// The first error in this call.
    pub fatal: Option<Fatal>,
}

/// Signature checks are plain arithmetic behind an async face.
pub(crate) fn at_once<T>(check: impl Future<Output = T>) -> T {
    check.now_or_never().expect("checking a certificate awaits nothing")
}

impl Effects {
    pub fn new(checker: Checker, signer: Option<Signer>, timeouts: LinearTimeouts, height: Height, set: Set) -> Self {
        Self {
            checker,
            signer,
            timeouts,
            height,
            set,
            acts: Vec::new(),
            unsynced: true,
            wal_next: 0,
            replay: None,
            unconfirmed: None,
            timers: BTreeMap::new(),
            known: BTreeMap::new(),
            wanted: BTreeMap::new(),
            newly_wanted: Vec::new(),
            building: None,
            started: None,
            unproven: false,
            certified: None,
            decided: None,
            flaw: None,
            fatal: None,
        }
    }

    fn own_key(&self) -> Option<AccountId> {
        self.signer.as_ref().map(Signer::public)
    }

    /// Answer one effect. On an error the core is resumed with a wrong answer and gives up.
    pub fn handle(&mut self, effect: Effect<Ctx>) -> Result<Resume<Ctx>, Kept> {
        if self.fatal.is_some() {
            return Err(Kept);
        }
        self.answer(effect).map_err(|fatal| {
            self.fatal = Some(fatal);
            Kept
        })
    }

    fn answer(&mut self, effect: Effect<Ctx>) -> Result<Resume<Ctx>, Fatal> {
        match effect {
            Effect::CancelAllTimeouts(r) => {
                self.timers.clear();
                self.live(Act::CancelTimers);
                Ok(r.resume_with(()))
            }
            Effect::CancelTimeout(timeout, r) => {
                let timer = self.timer(timeout)?;
                if self.timers.remove(&timer).is_some() {
                    self.live(Act::CancelTimer(timer));
                }
                Ok(r.resume_with(()))
            }
            Effect::ScheduleTimeout(timeout, r) => {
                let timer = self.timer(timeout)?;
                let duration = self.timeouts.duration_for(timeout);
                self.timers.insert(timer, duration);
                self.live(Act::SetTimer(timer, duration));
                Ok(r.resume_with(()))
            }
            Effect::StartRound(_, round, proposer, _, r) => {
                self.building = None;
                self.started = Some((round_to_plain(round), proposer.0));
                self.announce_round();
                Ok(r.resume_with(()))
            }
            Effect::PublishConsensusMsg(message, r) => {
                self.publish(&message);
                Ok(r.resume_with(()))
            }
            Effect::PublishLivenessMsg(message, r) => {
                self.broadcast(match &message {
                    LivenessMsg::Vote(vote) => WireMessage::Vote(signed_vote_to_plain(vote)),
                    LivenessMsg::PolkaCertificate(certificate) => WireMessage::Polka(polka_to_plain(certificate)),
                    LivenessMsg::SkipRoundCertificate(certificate) => {
                        WireMessage::Round(round_certificate_to_plain(certificate))
                    }
                });
                Ok(r.resume_with(()))
            }
            Effect::RepublishVote(vote, r) => {
                self.broadcast(WireMessage::Vote(signed_vote_to_plain(&vote)));
                Ok(r.resume_with(()))
            }
            Effect::RepublishRoundCertificate(certificate, r) => {
                self.broadcast(WireMessage::Round(round_certificate_to_plain(&certificate)));
                Ok(r.resume_with(()))
            }
            Effect::GetValue(_, round, timeout, r) => {
                self.building = Some((round_to_plain(round), self.timeouts.duration_for(timeout)));
                if self.replay.is_none() {
                    self.ask_to_build();
                }
                Ok(r.resume_with(()))
            }
            Effect::RestreamProposal(height, _, _, _, value, r) => {
                self.acts.push(Act::SendBlock { height: height.0, value });
                Ok(r.resume_with(()))
            }
            Effect::CertVerifiedSyncValue(response, _, r) => {
                let certificate = &response.certificate;
                self.certified = Some((round_to_plain(certificate.round), certificate.value_id));
                Ok(r.resume_with(()))
            }
            Effect::CertRejectedSyncValue(_, _, _, r) => {
                self.unproven = true;
                Ok(r.resume_with(()))
            }
            // Always followed by Finalize, since no target time is set: one act is enough.
            Effect::Decide(_, _, r) => Ok(r.resume_with(())),
            Effect::Finalize(certificate, _, evidence, r) => {
                let certificate = commit_to_plain(&certificate, self.set.plain());
                self.decided = Some((certificate, evidence_to_plain(evidence)));
                Ok(r.resume_with(()))
            }
            Effect::SignVote(vote, r) => {
                let plain = vote_to_plain(&vote);
                let signature = self.sign(|signer| signer.sign_vote(&plain))?;
                Ok(r.resume_with(SignedMessage::new(vote, signature)))
            }
            Effect::SignProposal(proposal, r) => {
                let plain = proposal_to_plain(&proposal);
                let signature = self.sign(|signer| signer.sign_proposal(&plain))?;
                Ok(r.resume_with(SignedMessage::new(proposal, signature)))
            }
            Effect::VerifySignature(signed, key, r) => {
                let good = match &signed.message {
                    ConsensusMsg::Vote(vote) => self.checker.vote(vote, &signed.signature, &key),
                    ConsensusMsg::Proposal(proposal) => self.checker.proposal(proposal, &signed.signature, &key),
                };
                self.unproven |= !good;
                Ok(r.resume_with(good))
            }
            Effect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                let checked = at_once(self.checker.verify_commit_certificate(&Ctx, &certificate, &set, thresholds));
                self.unproven |= checked.is_err();
                Ok(r.resume_with(checked))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => {
                let checked = at_once(self.checker.verify_extended_commit_certificate(
                    &Ctx,
                    &certificate,
                    &set,
                    thresholds,
                    policy,
                ));
                self.unproven |= checked.is_err();
                Ok(r.resume_with(checked))
            }
            Effect::VerifyPolkaCertificate(certificate, set, thresholds, r) => {
                let checked = at_once(self.checker.verify_polka_certificate(&Ctx, &certificate, &set, thresholds));
                self.unproven |= checked.is_err();
                Ok(r.resume_with(checked))
            }
            Effect::VerifyRoundCertificate(certificate, set, thresholds, r) => {
                let checked = at_once(self.checker.verify_round_certificate(&Ctx, &certificate, &set, thresholds));
                self.unproven |= checked.is_err();
                Ok(r.resume_with(checked))
            }
            Effect::WalAppend(_, input, r) => {
                self.log(&input)?;
                Ok(r.resume_with(()))
            }
            Effect::ExtendVote(..) | Effect::VerifyVoteExtension(..) => Err(Fatal::SwitchedOff("a vote extension")),
        }
    }

    fn timer(&self, timeout: Timeout) -> Result<Timer, Fatal> {
        let kind = TimerKind::of(timeout.kind).ok_or(Fatal::SwitchedOff("a timer to end the height"))?;
        Ok(Timer { height: self.height, round: round_to_plain(timeout.round), kind })
    }

    /// Acts that a replay gives once, at its end, for what is then still so.
    fn live(&mut self, act: Act) {
        if self.replay.is_none() {
            self.acts.push(act);
        }
    }

    /// Say which round runs.
    pub fn announce_round(&mut self) {
        if let Some((round, proposer)) = self.started {
            self.live(Act::RoundStarted { height: self.height, round, proposer });
        }
    }

    /// Ask for a block of ours.
    pub fn ask_to_build(&mut self) {
        if let Some((round, within)) = self.building {
            self.acts.push(Act::BuildBlock { height: self.height, round, within });
        }
    }

    fn sign(
        &mut self,
        sign: impl FnOnce(&mut Signer) -> Result<salus_primitives::crypto::Signature, crate::SignerError>,
    ) -> Result<Sig, Fatal> {
        let signer = self.signer.as_mut().ok_or(Fatal::SwitchedOff("a signature of a node without a key"))?;
        let before = signer.last().copied();
        let signature = sign(signer)?;
        let after = signer.last().copied();
        if let Some(record) = after.filter(|_| after != before) {
            self.acts.push(Act::SaveSigned(record));
            self.unsynced = true;
        }
        Ok(Sig(signature))
    }

    /// Send; whatever led to the message is made durable first.
    fn broadcast(&mut self, message: WireMessage) {
        if self.unsynced {
            self.acts.push(Act::WalSync);
            self.unsynced = false;
        }
        self.acts.push(Act::Broadcast(message));
    }

    fn publish(&mut self, message: &SignedConsensusMsg<Ctx>) {
        match message {
            SignedConsensusMsg::Vote(signed) => {
                let plain = signed_vote_to_plain(signed);
                let Vote { height, round, kind, value, authority } = plain.vote;
                let position = Position { height, round, step: kind.into() };
                self.confirm(authority, position, value, &plain.vote.bytes(&self.checker.genesis));
                self.broadcast(WireMessage::Vote(plain));
            }
            SignedConsensusMsg::Proposal(signed) => {
                let plain = signed_proposal_to_plain(signed);
                let Proposal { height, round, value, authority, .. } = plain.proposal;
                let position = Position { height, round, step: Step::Proposal };
                self.confirm(authority, position, Some(value), &plain.proposal.bytes(&self.checker.genesis));
                // The core asks for the body itself where it proposes a block again.
                if plain.proposal.pol_round.is_none() && Some(plain.proposal.authority) == self.own_key() {
                    self.acts.push(Act::SendBlock { height: plain.proposal.height, value: plain.proposal.value });
                }
                self.broadcast(WireMessage::Proposal(plain));
            }
        }
    }

    /// What is signed here leaves the node. The replay led back to the last signature, if this is it; and one that the
    /// log alone knew of is in the signer's record from now on.
    fn confirm(&mut self, authority: AccountId, position: Position, value: Option<Hash>, bytes: &[u8]) {
        let Some(signer) = self.signer.as_mut().filter(|signer| signer.public() == authority) else { return };
        let digest = sha256(bytes);
        if self.unconfirmed.is_some_and(|record| record.digest == digest) {
            self.unconfirmed = None;
        }
        if let Some(record) = signer.remember(position, value, digest) {
            self.acts.push(Act::SaveSigned(record));
            self.unsynced = true;
        }
    }

    fn log(&mut self, input: &CoreInput<Ctx>) -> Result<(), Fatal> {
        if let CoreInput::Proposal(signed) = input {
            self.want(signed.validator_address().0, signed.round(), signed.pol_round(), signed.value().0);
        }
        let entry = WalEntry::of(input, |value| self.known.get(value).copied()).ok_or(Fatal::Unloggable)?;
        if self.replay.as_ref().is_some_and(|replay| replay.logged.contains(&entry.encode())) {
            return Ok(());
        }
        let (height, index) = (self.height, self.wal_next);
        self.wal_next = entry_number(index as usize + 1);
        self.unsynced = true;
        let entry = entry.to_bytes(&self.checker.genesis, height, index);
        self.acts.push(Act::WalAppend { height, index, entry });
        Ok(())
    }

    /// A proposal was accepted: its block is needed unless it is known. The latest proposal of a value says how the
    /// block will be judged; a certificate outweighs all proposals.
    fn want(&mut self, proposer: AccountId, round: Round, pol_round: Round, value: Hash) {
        if Some(proposer) == self.own_key() {
            // Where the log holds a proposal of ours, no other may be built in its round.
            self.building = None;
        }
        if matches!(self.wanted.get(&value), Some(Wanted::Certified { .. })) {
            return;
        }
        let wanted = Wanted::Proposed { round: round_to_plain(round), pol_round: pol_round.as_u32() };
        self.wanted.insert(value, wanted);
        if !self.known.contains_key(&value) {
            self.newly_wanted.push(value);
        }
    }
}
