//! Between the core's types and ours. Each way is total, except where ours has a bound or an order
//! that the other side could break.

use arc_malachitebft_core_consensus::MisbehaviorEvidence;
use arc_malachitebft_core_types as core_types;
use arc_malachitebft_core_types::{
    CommitSignature, NilOrVal, PolkaSignature, Round, RoundCertificateType, RoundSignature, SignedMessage, VoteType,
};
use salus_primitives::{
    Hash,
    commit::{CommitCertificate, VoteKind},
    validator_set::ValidatorSet,
};

use crate::{
    ctx::{Address, CoreHeight, CoreProposal, CoreVote, Ctx, Sig, Value},
    message::{
        Evidence, PolkaCertificate, Proposal, RoundCertificate, RoundReason, RoundVote, SignedProposal, SignedVote,
        Vote,
    },
};

/// Why the rounds the core hands out are never the nil round.
const IN_A_ROUND: &str = "the core signs and certifies in rounds from 0 on only";
/// Why a certificate of the core keeps the bound of ours.
const ONE_EACH: &str = "the core counts one vote of a kind per validator, and a set has at most 100";

pub(crate) fn kind_to_plain(kind: VoteType) -> VoteKind {
    match kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    }
}

fn kind_to_core(kind: VoteKind) -> VoteType {
    match kind {
        VoteKind::Prevote => VoteType::Prevote,
        VoteKind::Precommit => VoteType::Precommit,
    }
}

pub(crate) fn value_to_plain(value: &NilOrVal<Hash>) -> Option<Hash> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(value) => Some(*value),
    }
}

fn value_to_core(value: Option<Hash>) -> NilOrVal<Hash> {
    value.map_or(NilOrVal::Nil, NilOrVal::Val)
}

pub(crate) fn round_to_plain(round: Round) -> u32 {
    round.as_u32().expect(IN_A_ROUND)
}

pub(crate) fn vote_to_plain(vote: &CoreVote) -> Vote {
    Vote {
        height: vote.height.0,
        round: round_to_plain(vote.round),
        kind: kind_to_plain(vote.kind),
        value: value_to_plain(&vote.value),
        authority: vote.address.0,
    }
}

pub(crate) fn signed_vote_to_plain(signed: &core_types::SignedVote<Ctx>) -> SignedVote {
    SignedVote { vote: vote_to_plain(&signed.message), signature: signed.signature.0 }
}

pub(crate) fn signed_vote_to_core(signed: &SignedVote) -> core_types::SignedVote<Ctx> {
    let vote = CoreVote {
        height: CoreHeight(signed.vote.height),
        round: Round::new(signed.vote.round),
        kind: kind_to_core(signed.vote.kind),
        value: value_to_core(signed.vote.value),
        address: Address(signed.vote.authority),
    };
    SignedMessage::new(vote, Sig(signed.signature))
}

pub(crate) fn proposal_to_plain(proposal: &CoreProposal) -> Proposal {
    Proposal {
        height: proposal.height.0,
        round: round_to_plain(proposal.round),
        pol_round: proposal.pol_round.as_u32(),
        value: proposal.value.0,
        authority: proposal.address.0,
    }
}

pub(crate) fn signed_proposal_to_plain(signed: &core_types::SignedProposal<Ctx>) -> SignedProposal {
    SignedProposal { proposal: proposal_to_plain(&signed.message), signature: signed.signature.0 }
}

pub(crate) fn signed_proposal_to_core(signed: &SignedProposal) -> core_types::SignedProposal<Ctx> {
    let proposal = CoreProposal {
        height: CoreHeight(signed.proposal.height),
        round: Round::new(signed.proposal.round),
        pol_round: Round::from(signed.proposal.pol_round),
        value: Value(signed.proposal.value),
        address: Address(signed.proposal.authority),
    };
    SignedMessage::new(proposal, Sig(signed.signature))
}

pub(crate) fn polka_to_plain(certificate: &core_types::PolkaCertificate<Ctx>) -> PolkaCertificate {
    let signatures: Vec<_> =
        certificate.polka_signatures.iter().map(|signature| (signature.address.0, signature.signature.0)).collect();
    PolkaCertificate {
        height: certificate.height.0,
        round: round_to_plain(certificate.round),
        value: certificate.value_id,
        signatures: signatures.try_into().expect(ONE_EACH),
    }
}

pub(crate) fn polka_to_core(certificate: &PolkaCertificate) -> core_types::PolkaCertificate<Ctx> {
    core_types::PolkaCertificate {
        height: CoreHeight(certificate.height),
        round: Round::new(certificate.round),
        value_id: certificate.value,
        polka_signatures: certificate
            .signatures
            .iter()
            .map(|(authority, signature)| PolkaSignature::new(Address(*authority), Sig(*signature)))
            .collect(),
    }
}

pub(crate) fn round_certificate_to_plain(certificate: &core_types::RoundCertificate<Ctx>) -> RoundCertificate {
    let votes: Vec<_> = certificate
        .round_signatures
        .iter()
        .map(|vote| RoundVote {
            kind: kind_to_plain(vote.vote_type),
            value: value_to_plain(&vote.value_id),
            authority: vote.address.0,
            signature: vote.signature.0,
        })
        .collect();
    RoundCertificate {
        height: certificate.height.0,
        round: round_to_plain(certificate.round),
        reason: match certificate.cert_type {
            RoundCertificateType::Skip => RoundReason::Skip,
            RoundCertificateType::Precommit => RoundReason::Precommits,
        },
        votes: votes.try_into().expect(ONE_EACH),
    }
}

pub(crate) fn round_certificate_to_core(certificate: &RoundCertificate) -> core_types::RoundCertificate<Ctx> {
    core_types::RoundCertificate {
        height: CoreHeight(certificate.height),
        round: Round::new(certificate.round),
        cert_type: match certificate.reason {
            RoundReason::Skip => RoundCertificateType::Skip,
            RoundReason::Precommits => RoundCertificateType::Precommit,
        },
        round_signatures: certificate
            .votes
            .iter()
            .map(|vote| {
                RoundSignature::new(
                    kind_to_core(vote.kind),
                    value_to_core(vote.value),
                    Address(vote.authority),
                    Sig(vote.signature),
                )
            })
            .collect(),
    }
}

/// A certificate the core made or verified, in the form that lies beside a block: signers by index, rising.
pub(crate) fn commit_to_plain(
    certificate: &core_types::CommitCertificate<Ctx>,
    set: &ValidatorSet,
) -> CommitCertificate {
    let mut signatures: Vec<_> = certificate
        .commit_signatures
        .iter()
        .map(|signature| {
            let index = set.index_of(&signature.address.0).expect("the core certifies by members of the set only");
            (u16::try_from(index).expect("a set has at most 100 keys"), signature.signature.0)
        })
        .collect();
    signatures.sort_unstable_by_key(|(index, _)| *index);
    CommitCertificate {
        height: certificate.height.0,
        round: round_to_plain(certificate.round),
        value: certificate.value_id,
        signatures: signatures.try_into().expect(ONE_EACH),
    }
}

/// The core's form of a certificate that came from outside; none where signers are repeated, out of order or not in
/// the set, which [`CommitCertificate::verify`] refuses too. Signatures and their number are the core's to check.
pub(crate) fn commit_to_core(
    certificate: &CommitCertificate,
    set: &ValidatorSet,
) -> Option<core_types::CommitCertificate<Ctx>> {
    let mut previous = None;
    let mut commit_signatures = Vec::with_capacity(certificate.signatures.len());
    for (index, signature) in &certificate.signatures {
        if previous >= Some(*index) {
            return None;
        }
        previous = Some(*index);
        let key = set.keys().get(usize::from(*index))?;
        commit_signatures.push(CommitSignature::new(Address(*key), Sig(*signature)));
    }
    Some(core_types::CommitCertificate {
        height: CoreHeight(certificate.height),
        round: Round::new(certificate.round),
        value_id: certificate.value,
        commit_signatures,
    })
}

/// All pairs, in the order of the offenders' keys.
pub(crate) fn evidence_to_plain(evidence: MisbehaviorEvidence<Ctx>) -> Vec<Evidence> {
    let votes = evidence.votes.into_iter().flat_map(|(_, pairs)| pairs);
    let proposals = evidence.proposals.into_iter().flat_map(|(_, pairs)| pairs);
    votes
        .map(|(a, b)| Evidence::Votes(signed_vote_to_plain(&a), signed_vote_to_plain(&b)))
        .chain(proposals.map(|(a, b)| Evidence::Proposals(signed_proposal_to_plain(&a), signed_proposal_to_plain(&b))))
        .collect()
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
