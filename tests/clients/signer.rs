//! The key of an account as `subxt` asks it to sign: what an application brings of its own, in ten lines.

use salus_primitives::crypto::KeyPair;
use subxt::{
    SubstrateConfig,
    transactions::Signer,
    utils::{AccountId32, MultiSignature},
};

/// An Ed25519 key.
pub struct Ed25519(pub KeyPair);

impl Signer<SubstrateConfig> for Ed25519 {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.public().0)
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Ed25519(self.0.sign(payload).0)
    }
}
