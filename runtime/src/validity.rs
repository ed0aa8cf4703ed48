//! May an extrinsic stand in the next block? One function for the pool and for execution, so that the two
//! never disagree.

use std::sync::OnceLock;

use parity_scale_codec::Encode;
use salus_patients::{Call::Register, Registration, check_register};
use salus_primitives::{
    Hash, Height, Moment, RawExtrinsic, Subject,
    codec::{EXTRINSIC_DEPTH_MAX, decode_strict},
    crypto::{self, Claim},
    dispatch::InvalidTransaction,
    evidence::Evidence,
    extrinsic::{ChainContext, Era, Extrinsic, ExtrinsicError, SignedExtrinsic},
    runtime_api::{StateReader, VerifiedSignatures, signature_key},
};
use salus_support::{Cost, table::RuntimeTable};
use salus_system::{AccountInfo, storage::Account, storage::BlockHash, usage};
use salus_validators::{Call::ReportEquivocation, Error as ReportError, check_report, types::EVIDENCE_AGE_MAX};

use crate::{Runtime, RuntimeCall};

/// What the next block is known to be, before it is executed.
pub(crate) struct Next<'a> {
    /// State after the parent, or of the block so far.
    pub state: &'a dyn StateReader,
    /// Height of the next block.
    pub number: Height,
    /// Hash of its parent.
    pub parent_hash: Hash,
    /// Block time to judge keys and quotas by.
    pub now: Moment,
}

impl Next<'_> {
    /// Hash of the block at `height`, if it is among those that extrinsics may be born in.
    fn block_hash(&self, height: Height) -> Option<Hash> {
        if height.next() == self.number {
            return Some(self.parent_hash);
        }
        Some(BlockHash::get(self.state, &height.0)).filter(|hash| *hash != Hash::ZERO)
    }

    /// Hash of genesis.
    pub fn genesis(&self) -> Hash {
        self.block_hash(Height::GENESIS).unwrap_or(Hash::ZERO)
    }

    /// What every signature binds.
    pub fn chain(&self) -> ChainContext {
        // Making the version names and hashes interfaces: too much for each extrinsic.
        static VERSIONS: OnceLock<(u32, u32)> = OnceLock::new();
        let (spec_version, transaction_version) = *VERSIONS.get_or_init(|| {
            let version = salus_system::version();
            (version.spec_version, version.transaction_version)
        });
        ChainContext { spec_version, transaction_version, genesis: self.genesis() }
    }

    /// The signer's account as it is before the extrinsic: its nonce, and whom it speaks for.
    pub fn account(&self, checked: &Checked) -> AccountInfo {
        Account::get(self.state, &checked.signed.signer)
    }
}

/// An extrinsic whose form is right.
pub(crate) enum Form {
    /// One that an account signed.
    Signed(Box<Checked>),
    /// A report that proves itself.
    Report(Box<Report>),
}

impl Form {
    /// What its call costs.
    pub fn cost(&self) -> Cost {
        match self {
            Self::Signed(checked) => checked.cost,
            Self::Report(report) => report.cost,
        }
    }
}

/// A bare extrinsic: nobody's nonce, signature or quota.
pub(crate) struct Report {
    /// What it shows.
    pub evidence: Evidence,
    /// The SCALE bytes of the call.
    pub bytes: Vec<u8>,
    /// What the call costs.
    pub cost: Cost,
}

impl Report {
    /// First height at which it is too old.
    pub fn expires(&self) -> Height {
        Height(self.evidence.height().0.saturating_add(EVIDENCE_AGE_MAX).saturating_add(1))
    }

    /// Names what it does, which is done once: striking this offender.
    pub fn tag(&self) -> Hash {
        crypto::blake2_256(&(*b"salus/strike", self.evidence.offender()).encode())
    }

    /// Would it succeed in the next block?
    pub fn check(&self, next: &Next<'_>) -> Result<(), InvalidTransaction> {
        check_report(next.state, next.number, &next.genesis(), &self.evidence).map_err(report_refused)
    }
}

/// A report's refusal as clients know refusals.
pub(crate) fn report_refused(error: ReportError) -> InvalidTransaction {
    match error {
        ReportError::NotProven => InvalidTransaction::BadProof,
        ReportError::TooOld => InvalidTransaction::AncientBirthBlock,
        // A later block may take it: a pool keeps what is of the future.
        ReportError::NotYet | ReportError::TooManyReports => InvalidTransaction::Future,
        ReportError::AlreadyStruck => InvalidTransaction::Stale,
        ReportError::NotValidator | ReportError::LastValidator => InvalidTransaction::Call,
    }
}

/// An extrinsic whose every part but nonce, signer and signature was checked.
pub(crate) struct Checked {
    /// The signed parts.
    pub signed: SignedExtrinsic,
    /// The call, decoded.
    pub call: RuntimeCall,
    /// What the call costs.
    pub cost: Cost,
    /// Its signature, to verify.
    pub claim: Claim,
    /// First height at which it is dead.
    pub expires: Option<Height>,
}

/// Take an extrinsic apart and check all that needs neither its account nor its signature.
pub(crate) fn check_form(next: &Next<'_>, raw: &RawExtrinsic) -> Result<Form, InvalidTransaction> {
    let signed = match Extrinsic::parse(raw) {
        Ok(Extrinsic::Signed(signed)) => signed,
        Ok(Extrinsic::Bare { call }) => return check_bare(call),
        Err(ExtrinsicError::TooLarge { .. }) => return Err(InvalidTransaction::TooLarge),
        Err(ExtrinsicError::Address { .. } | ExtrinsicError::Scheme { .. }) => {
            return Err(InvalidTransaction::BadSigner);
        }
        Err(ExtrinsicError::Version { .. } | ExtrinsicError::MetadataMode { .. }) => {
            return Err(InvalidTransaction::BadProof);
        }
        Err(ExtrinsicError::Decode(_)) => return Err(InvalidTransaction::Call),
    };
    let call = decode_call(&signed.call)?;
    // It has one form, so that it is never included failing and nobody pays for it.
    if matches!(call, RuntimeCall::Validators(ReportEquivocation { .. })) {
        return Err(InvalidTransaction::Call);
    }
    let birth = signed.era.birth(next.number);
    let chain = next.chain();
    let birth_hash = match birth {
        Height::GENESIS if chain.genesis != Hash::ZERO => chain.genesis,
        _ => next.block_hash(birth).ok_or(InvalidTransaction::AncientBirthBlock)?,
    };
    let message = signed.payload(&chain, &birth_hash);
    Ok(Form::Signed(Box::new(Checked {
        cost: Runtime::cost(&call),
        claim: Claim { key: signed.signer, message, signature: signed.signature },
        expires: signed.era.death(next.number),
        signed,
        call,
    })))
}

fn decode_call(bytes: &[u8]) -> Result<RuntimeCall, InvalidTransaction> {
    decode_strict(bytes, EXTRINSIC_DEPTH_MAX).map_err(|_| InvalidTransaction::Call)
}

/// The one call that proves itself; every other one needs a signature.
fn check_bare(bytes: Vec<u8>) -> Result<Form, InvalidTransaction> {
    let call = decode_call(&bytes)?;
    let cost = Runtime::cost(&call);
    match call {
        RuntimeCall::Validators(ReportEquivocation { evidence }) => {
            Ok(Form::Report(Box::new(Report { evidence, bytes, cost })))
        }
        _ => Err(InvalidTransaction::BadProof),
    }
}

/// Who pays for an extrinsic.
pub(crate) enum Payer {
    /// The subject the signer speaks for.
    Subject(Subject),
    /// A patient registering: the call charges the inviting organisation itself.
    Invitation,
}

/// Does the signer stand in the register, or is this a registration against a live invitation? And may they
/// afford the call?
pub(crate) fn check_signer(
    next: &Next<'_>,
    checked: &Checked,
    account: &AccountInfo,
) -> Result<Payer, InvalidTransaction> {
    let signer = checked.signed.signer;
    let Some(subject) = account.data.speaks_for(next.now) else {
        let RuntimeCall::Patients(Register { id, invite, possession, kem }) = &checked.call else {
            return Err(InvalidTransaction::UnknownSigner);
        };
        let registration = Registration { id, invite, possession, kem };
        return match check_register(next.state, next.now, &next.genesis(), &signer, &registration) {
            Ok(()) => Ok(Payer::Invitation),
            Err(_) => Err(InvalidTransaction::Call),
        };
    };
    if !usage::affords(next.state, &subject, checked.cost, next.now) {
        return Err(InvalidTransaction::ExhaustsResources);
    }
    Ok(Payer::Subject(subject))
}

/// Verify the signature, unless it was seen good before.
pub(crate) fn check_signature(claim: &Claim, verified: &dyn VerifiedSignatures) -> Result<(), InvalidTransaction> {
    let key = signature_key(&claim.key, &claim.message, &claim.signature);
    if verified.contains(&key) || crypto::verify(&claim.key, &claim.message, &claim.signature) {
        Ok(())
    } else {
        Err(InvalidTransaction::BadProof)
    }
}

/// Why a signature did not fit: a mortal extrinsic whose time is over was signed over the birth block of its
/// own, earlier cycle. Only for the words of an answer: either way it is refused.
pub(crate) fn explain_bad_proof(next: &Next<'_>, checked: &Checked) -> InvalidTransaction {
    let Era::Mortal { period, .. } = checked.signed.era else { return InvalidTransaction::BadProof };
    let birth = u64::from(checked.signed.era.birth(next.number).0);
    let earlier = birth.checked_sub(period).and_then(|height| u32::try_from(height).ok());
    let expired = earlier.and_then(|height| next.block_hash(Height(height))).is_some_and(|birth_hash| {
        let message = checked.signed.payload(&next.chain(), &birth_hash);
        crypto::verify(&checked.signed.signer, &message, &checked.signed.signature)
    });
    if expired { InvalidTransaction::AncientBirthBlock } else { InvalidTransaction::BadProof }
}
