//! The runtime as the node sees it.

use parity_scale_codec::Encode;
use salus_primitives::{
    Header, Height, Moment, RawExtrinsic, Subject,
    crypto::Claim,
    dispatch::InvalidTransaction,
    evidence::Evidence,
    peer::Peers,
    runtime_api::{
        BlockContext, Built, CallError, Executed, InvalidBlock, RuntimeApi, StateReader, ValidTransaction,
        VerifiedSignatures, signature_key,
    },
    validator_set::ValidatorSet,
    version::RuntimeVersion,
};
use salus_support::{Class, metadata::Metadata};
use salus_system::storage::ChainParameters;
use salus_validators::Call::ReportEquivocation;

use crate::{
    Runtime, RuntimeCall, executive, functions,
    validity::{Form, Next, Payer, check_form, check_signature, check_signer, explain_bad_proof},
};

/// The runtime, with its metadata made once.
pub struct SalusRuntime {
    metadata: [(u32, Vec<u8>); 3],
}

impl Default for SalusRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl SalusRuntime {
    /// Make it.
    pub fn new() -> Self {
        let metadata = Metadata::of::<Runtime>(functions::described());
        let encode = |version| (version, metadata.encode(version).expect("formats 14 to 16 exist"));
        Self { metadata: [encode(14), encode(15), encode(16)] }
    }

    /// The value under `:code`: it changes exactly when the version or the metadata does.
    pub(crate) fn code_value(&self) -> Vec<u8> {
        executive::code_value(&self.metadata[2].1)
    }
}

impl RuntimeApi for SalusRuntime {
    fn version(&self, _: &dyn StateReader) -> RuntimeVersion {
        salus_system::version()
    }

    fn metadata(&self, version: u32) -> Option<Vec<u8>> {
        self.metadata.iter().find(|(format, _)| *format == version).map(|(_, bytes)| bytes.clone())
    }

    fn validators(&self, state: &dyn StateReader) -> ValidatorSet {
        salus_validators::current(state)
    }

    fn peers(&self, state: &dyn StateReader) -> Peers {
        Peers { validators: salus_validators::peers(state), full_nodes: salus_registry::full_nodes(state) }
    }

    fn report(&self, evidence: &Evidence) -> RawExtrinsic {
        let call = RuntimeCall::Validators(ReportEquivocation { evidence: *evidence });
        RawExtrinsic([&[0x04][..], &call.encode()].concat())
    }

    fn can_execute(&self, state: &dyn StateReader, height: Height) -> Result<(), InvalidBlock> {
        executive::check_release(state, height)
    }

    fn block_time(&self, state: &dyn StateReader) -> Moment {
        Moment(salus_system::timestamp::Now::get(state))
    }

    fn block_interval_min(&self, state: &dyn StateReader) -> u64 {
        ChainParameters::get(state).block_interval_min
    }

    fn validate(
        &self,
        state: &dyn StateReader,
        parent: &Header,
        extrinsic: &RawExtrinsic,
        verified: &dyn VerifiedSignatures,
    ) -> Result<ValidTransaction, InvalidTransaction> {
        let next = Next::after(state, parent);
        let checked = match check_form(&next, extrinsic)? {
            Form::Signed(checked) => checked,
            Form::Report(report) => {
                report.check(&next)?;
                return Ok(ValidTransaction {
                    signer: None,
                    organisation: None,
                    nonce: 0,
                    next_nonce: 0,
                    priority: 1,
                    weight: report.cost.weight,
                    expires: Some(report.expires()),
                    signature_key: None,
                    tag: Some(report.tag()),
                });
            }
        };
        let account = next.account(&checked);
        let next_nonce = account.nonce;
        if checked.signed.nonce < next_nonce {
            return Err(InvalidTransaction::Stale);
        }
        let payer = check_signer(&next, &checked, &account)?;
        check_signature(&checked.claim, verified).map_err(|_| explain_bad_proof(&next, &checked))?;

        let claim = &checked.claim;
        Ok(ValidTransaction {
            signer: Some(claim.key),
            organisation: match payer {
                Payer::Subject(Subject::Organisation(id)) => Some(id),
                Payer::Subject(_) | Payer::Invitation => None,
            },
            nonce: checked.signed.nonce,
            next_nonce,
            priority: u64::from(checked.cost.class == Class::Protected),
            weight: checked.cost.weight,
            expires: checked.expires,
            signature_key: Some(signature_key(&claim.key, &claim.message, &claim.signature)),
            tag: None,
        })
    }

    fn claims(&self, state: &dyn StateReader, block: &BlockContext, extrinsics: &[RawExtrinsic]) -> Vec<Claim> {
        let next = Next { state, number: block.number, parent_hash: block.parent_hash, now: block.slot.time };
        let claim = |raw| match check_form(&next, raw) {
            Ok(Form::Signed(checked)) => Some(checked.claim),
            Ok(Form::Report(_)) | Err(_) => None,
        };
        extrinsics.iter().filter_map(claim).collect()
    }

    fn execute(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        extrinsics: &[RawExtrinsic],
        verified: &dyn VerifiedSignatures,
    ) -> Result<Executed, InvalidBlock> {
        executive::execute(state, block, extrinsics, verified)
    }

    fn build(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        candidates: &mut dyn Iterator<Item = RawExtrinsic>,
        verified: &dyn VerifiedSignatures,
    ) -> Result<Built, InvalidBlock> {
        executive::build(state, block, candidates, verified)
    }

    fn call(&self, state: &dyn StateReader, at: &Header, name: &str, arguments: &[u8]) -> Result<Vec<u8>, CallError> {
        functions::call(self, state, at, name, arguments)
    }
}
