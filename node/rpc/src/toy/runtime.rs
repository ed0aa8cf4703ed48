//! The toy's runtime: what the server asks of it, and the least of what it does not.

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    AccountId, Header, Moment, RawExtrinsic,
    crypto::Claim,
    dispatch::InvalidTransaction,
    evidence::Evidence,
    extrinsic::Extrinsic,
    peer::Peers,
    runtime_api::{
        BlockContext, Built, CallError, Changes, Executed, InvalidBlock, RuntimeApi, StateReader, ValidTransaction,
        VerifiedSignatures,
    },
    validator_set::ValidatorSet,
    version::RuntimeVersion,
};

use super::{SET, SPEC, nonce_key, own_function, validators};

/// The runtime.
#[derive(Clone, Copy, Debug)]
pub struct ToyRuntime;

impl RuntimeApi for ToyRuntime {
    fn version(&self, state: &dyn StateReader) -> RuntimeVersion {
        let spec_version = state.get(SPEC).and_then(|bytes| u32::decode(&mut &bytes[..]).ok()).unwrap_or(0);
        RuntimeVersion {
            spec_name: "toy".into(),
            impl_name: "toy".into(),
            authoring_version: 1,
            spec_version,
            impl_version: 1,
            apis: vec![([0xdf, 0x6a, 0xcb, 0x68, 0x99, 0x07, 0x60, 0x9b], 5), ([0x37; 8], 2)],
            transaction_version: 1,
            system_version: 1,
        }
    }

    fn metadata(&self, version: u32) -> Option<Vec<u8>> {
        (14..=16).contains(&version).then(|| [&b"meta"[..], &[version as u8]].concat())
    }

    fn validators(&self, state: &dyn StateReader) -> ValidatorSet {
        let set_id = state.get(SET).and_then(|bytes| u64::decode(&mut &bytes[..]).ok()).unwrap_or(0);
        validators(set_id)
    }

    fn peers(&self, _: &dyn StateReader) -> Peers {
        Peers::default()
    }

    fn report(&self, _: &Evidence) -> RawExtrinsic {
        unreachable!("the server reports nobody")
    }

    fn block_time(&self, _: &dyn StateReader) -> Moment {
        Moment(0)
    }

    fn block_interval_min(&self, _: &dyn StateReader) -> u64 {
        200
    }

    fn validate(
        &self,
        state: &dyn StateReader,
        _: &Header,
        extrinsic: &RawExtrinsic,
        _: &dyn VerifiedSignatures,
    ) -> Result<ValidTransaction, InvalidTransaction> {
        let Ok(Extrinsic::Signed(signed)) = Extrinsic::parse(extrinsic) else {
            return Err(InvalidTransaction::BadProof);
        };
        let next_nonce =
            state.get(&nonce_key(&signed.signer)).and_then(|bytes| u32::decode(&mut &bytes[..]).ok()).unwrap_or(0);
        Ok(ValidTransaction {
            signer: Some(signed.signer),
            organisation: None,
            nonce: signed.nonce,
            next_nonce,
            priority: 0,
            weight: 1,
            expires: None,
            signature_key: None,
            tag: None,
        })
    }

    fn claims(&self, _: &dyn StateReader, _: &BlockContext, _: &[RawExtrinsic]) -> Vec<Claim> {
        Vec::new()
    }

    fn execute(
        &self,
        _: &dyn StateReader,
        _: &BlockContext,
        _: &[RawExtrinsic],
        _: &dyn VerifiedSignatures,
    ) -> Result<Executed, InvalidBlock> {
        Ok(Executed { changes: Changes::new(), digest: Vec::new(), weight: 0 })
    }

    fn build(
        &self,
        state: &dyn StateReader,
        block: &BlockContext,
        candidates: &mut dyn Iterator<Item = RawExtrinsic>,
        verified: &dyn VerifiedSignatures,
    ) -> Result<Built, InvalidBlock> {
        let extrinsics: Vec<RawExtrinsic> = candidates.collect();
        let executed = self.execute(state, block, &extrinsics, verified)?;
        Ok(Built { executed, extrinsics, invalid: Vec::new() })
    }

    fn call(&self, state: &dyn StateReader, _: &Header, name: &str, arguments: &[u8]) -> Result<Vec<u8>, CallError> {
        match name {
            "Core_version" => Ok(self.version(state).encode()),
            "Metadata_metadata" => Ok(self.metadata(14).encode()),
            "Metadata_metadata_versions" => Ok(vec![14u32, 15, 16].encode()),
            "AccountNonceApi_account_nonce" => {
                let account =
                    AccountId::decode(&mut &arguments[..]).map_err(|_| CallError::BadArguments(name.to_owned()))?;
                Ok(state.get(&nonce_key(&account)).unwrap_or_else(|| 0u32.encode()))
            }
            _ => own_function(name, arguments),
        }
    }
}
