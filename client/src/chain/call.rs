//! Calls and keys as `subxt` takes them, and the second signature of calls that two people agree to.

use parity_scale_codec::Encode;
use salus_primitives::{
    AccountId, Hash,
    crypto::KeyPair,
    signed::{self, CoSign, CoSigns},
};
use salus_runtime::RuntimeCall;
use subxt::{
    ext::{
        scale_encode::{EncodeAsFields, Error as EncodeError},
        scale_type_resolver::{FieldIter, TypeResolver},
    },
    metadata::Metadata,
    transactions::{Payload, Signer},
    utils::{AccountId32, MultiSignature},
};

use super::{ChainError, Config};

/// A call in the form `subxt` signs: names for the metadata, and the arguments as the runtime encodes them.
pub(super) struct RuntimePayload {
    pallet: String,
    call: String,
    arguments: Arguments,
}

/// Arguments already encoded. Connecting has found that the node's runtime encodes them alike.
pub(super) struct Arguments(Vec<u8>);

impl EncodeAsFields for Arguments {
    fn encode_as_fields_to<R: TypeResolver>(
        &self,
        _: &mut dyn FieldIter<'_, R::TypeId>,
        _: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend(&self.0);
        Ok(())
    }
}

impl RuntimePayload {
    /// `call`, named as the node's metadata names it.
    pub(super) fn new(call: &RuntimeCall, metadata: &Metadata) -> Result<Self, ChainError> {
        let bytes = call.encode();
        let missing = |reason| ChainError::Malformed { what: "metadata", reason };
        let [pallet, variant, arguments @ ..] = &bytes[..] else {
            return Err(missing("a call without indexes".into()));
        };
        let pallet = metadata
            .pallet_by_call_index(*pallet)
            .ok_or_else(|| missing(format!("there is no pallet with index {pallet}")))?;
        let call = pallet
            .call_variant_by_index(*variant)
            .ok_or_else(|| missing(format!("{} has no call with index {variant}", pallet.name())))?;
        Ok(Self { pallet: pallet.name().to_owned(), call: call.name.clone(), arguments: Arguments(arguments.to_vec()) })
    }
}

impl Payload for RuntimePayload {
    type CallData = Arguments;

    fn pallet_name(&self) -> &str {
        &self.pallet
    }

    fn call_name(&self) -> &str {
        &self.call
    }

    fn call_data(&self) -> &Arguments {
        &self.arguments
    }
}

/// A key as `subxt` asks it to sign.
pub(super) struct KeySigner<'k>(pub(super) &'k KeyPair);

impl Signer<Config> for KeySigner<'_> {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.public().0)
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Ed25519(self.0.sign(payload).0)
    }
}

/// Why a call was not co-signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoSignError {
    /// One person's call.
    #[error("this call takes no second signature")]
    OneSigner,
    /// More than fit.
    #[error("a call takes at most two co-signatures")]
    TooMany,
}

/// The co-sign list of a call that has one.
fn list(call: &mut RuntimeCall) -> Option<&mut CoSigns> {
    match call {
        RuntimeCall::Council(salus_council::Call::Propose { cosign, .. }) => Some(cosign),
        RuntimeCall::Registry(
            salus_registry::Call::OfficerSet { cosign, .. }
            | salus_registry::Call::PractitionerSet { cosign, .. }
            | salus_registry::Call::AffiliationSet { cosign, .. }
            | salus_registry::Call::KeysSet { cosign, .. },
        ) => Some(cosign),
        RuntimeCall::Patients(
            salus_patients::Call::GuardiansSet { cosign, .. }
            | salus_patients::Call::Recover { cosign, .. }
            | salus_patients::Call::StatusSet { cosign, .. },
        ) => Some(cosign),
        RuntimeCall::Records(salus_records::Call::CustodySet { cosign, .. }) => Some(cosign),
        RuntimeCall::Access(salus_access::Call::EmergencyOpen { cosign, .. }) => Some(cosign),
        _ => None,
    }
}

/// The call with an empty list of co-signatures: what co-signers sign.
///
/// # Errors
/// [`CoSignError::OneSigner`].
pub fn without_cosigns(call: &RuntimeCall) -> Result<RuntimeCall, CoSignError> {
    let mut call = call.clone();
    *list(&mut call).ok_or(CoSignError::OneSigner)? = CoSigns::new();
    Ok(call)
}

/// The call with these co-signatures in place of those it has.
///
/// # Errors
/// [`CoSignError`] by its rule.
pub fn with_cosigns(call: &RuntimeCall, cosigns: Vec<CoSign>) -> Result<RuntimeCall, CoSignError> {
    let mut call = call.clone();
    let cosigns = CoSigns::try_from(cosigns).map_err(|_| CoSignError::TooMany)?;
    *list(&mut call).ok_or(CoSignError::OneSigner)? = cosigns;
    Ok(call)
}

/// The agreement of `key` to `call`, which `submitter` will submit under `nonce` on the chain of `genesis`. It fits
/// that one submission and no other (formats.md 11).
///
/// # Errors
/// [`CoSignError::OneSigner`].
pub fn cosign(
    key: &KeyPair,
    genesis: &Hash,
    submitter: &AccountId,
    nonce: u32,
    call: &RuntimeCall,
) -> Result<CoSign, CoSignError> {
    let bytes = signed::cosign(genesis, submitter, nonce, &without_cosigns(call)?.encode());
    Ok(CoSign { account: key.public(), signature: key.sign(&bytes) })
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
