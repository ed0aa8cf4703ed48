//! Validity: every way an extrinsic can be wrong has its own answer, the same in pool and block.

use salus_primitives::{
    dispatch::InvalidTransaction,
    extrinsic::{Extrinsic, payload},
    runtime_api::ValidTransaction,
};

use super::*;

impl TestNet {
    pub(super) fn validate(&self, raw: &RawExtrinsic) -> Result<ValidTransaction, InvalidTransaction> {
        self.runtime.validate(&self.state, &self.tip, raw, &NoneVerified)
    }

    /// What the pool and the block both say of an extrinsic that cannot stand.
    #[track_caller]
    pub(super) fn refused(&self, raw: &RawExtrinsic) -> InvalidTransaction {
        let pool = self.validate(raw).expect_err("the pool refuses it");
        let Err(InvalidBlock::Extrinsic { reason, .. }) = self.execute(std::slice::from_ref(raw)) else {
            panic!("the block refuses it too");
        };
        // The pool may explain a signature that does not fit by an era that is over.
        assert!(
            pool == reason || (pool, reason) == (InvalidTransaction::AncientBirthBlock, InvalidTransaction::BadProof)
        );
        pool
    }

    fn signed_with(&self, chain: ChainContext, era: Era, birth: Hash) -> RawExtrinsic {
        sign(&council(), noop().encode(), era, self.nonce(council().public()), &chain, &birth)
    }
}

#[test]
fn a_good_extrinsic_is_valid() {
    let net = TestNet::new();
    let valid = net.validate(&net.signed(&council(), noop(), 0)).unwrap();
    assert_eq!((valid.nonce, valid.next_nonce, valid.expires), (0, 0, None));
    assert_eq!(net.validate(&net.signed(&council(), noop(), 5)).unwrap().nonce, 5);
}

#[test]
fn bytes_that_are_no_extrinsic_are_refused_by_kind() {
    let net = TestNet::new();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = net.signed(&council(), noop(), 0);
        change(&mut raw.0);
        net.refused(&raw)
    };
    assert_eq!(with(&|b| b.truncate(20)), InvalidTransaction::Call);
    assert_eq!(with(&|b| b.push(0)), InvalidTransaction::Call, "a trailing byte");
    assert_eq!(with(&|b| b[0] = 0x85), InvalidTransaction::BadProof);
    assert_eq!(with(&|b| b[1] = 2), InvalidTransaction::BadSigner);
    assert_eq!(with(&|b| b[34] = 1), InvalidTransaction::BadSigner, "an sr25519 signature");
    assert_eq!(with(&|b| b[60] ^= 1), InvalidTransaction::BadProof, "a flipped bit");
    assert_eq!(net.validate(&RawExtrinsic(vec![0; 70_000])), Err(InvalidTransaction::TooLarge));
    assert_eq!(net.refused(&RawExtrinsic(vec![4, 0, 0])), InvalidTransaction::BadProof, "no call proves itself");
}

#[test]
fn a_used_nonce_is_stale() {
    let mut net = TestNet::new();
    let used = net.signed(&council(), noop(), 0);
    net.block(vec![used.clone()]);
    assert_eq!(net.refused(&used), InvalidTransaction::Stale);
}

#[test]
fn another_chain_or_version_has_a_bad_signature() {
    let net = TestNet::new();
    let good = net.chain();
    let other = ChainContext { genesis: Hash([9; 32]), ..good };
    assert_eq!(net.refused(&net.signed_with(other, Era::Immortal, other.genesis)), InvalidTransaction::BadProof);
    let newer = ChainContext { spec_version: good.spec_version + 1, ..good };
    assert_eq!(net.refused(&net.signed_with(newer, Era::Immortal, good.genesis)), InvalidTransaction::BadProof);
}

#[test]
fn a_mortal_extrinsic_lives_for_its_period_and_dies_by_name() {
    let mut net = TestNet::new();
    net.pass(70);
    let era = Era::mortal(8, net.height());
    let raw = net.signed_with(net.chain(), era, net.tip.hash());
    assert_eq!(net.validate(&raw).unwrap().expires, Some(Height(net.height().0 + 8)));
    net.pass(7);
    assert!(net.validate(&raw).is_err(), "the era ends eight blocks after its birth");
    assert_eq!(net.refused(&raw), InvalidTransaction::AncientBirthBlock);
}

#[test]
fn mortal_extrinsics_are_valid_at_every_height_across_a_period() {
    let mut net = TestNet::new();
    for _ in 0..70 {
        net.pass(1);
        let raw = net.signed_with(net.chain(), Era::mortal(64, net.height()), net.tip.hash());
        assert!(net.validate(&raw).is_ok(), "at height {}", net.height());
        assert!(net.execute(&[raw]).is_ok());
    }
}

#[test]
fn an_unregistered_signer_is_refused_before_the_signature() {
    let net = TestNet::new();
    let mut raw = net.signed(&key(77), noop(), 0);
    assert_eq!(net.refused(&raw), InvalidTransaction::UnknownSigner);
    raw.0[60] ^= 1;
    assert_eq!(net.refused(&raw), InvalidTransaction::UnknownSigner);
}

#[test]
fn a_weak_key_opens_no_account() {
    // Under the identity point one signature fits every message; but it is bound to nobody, and can never be.
    let net = TestNet::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let signed = salus_primitives::extrinsic::SignedExtrinsic {
        signer: AccountId(identity),
        signature: salus_primitives::crypto::Signature(signature),
        era: Era::Immortal,
        nonce: 0,
        call: noop().encode(),
    };
    let message = payload(&signed.call, signed.era, 0, &net.chain(), &net.genesis);
    assert!(salus_primitives::crypto::verify(&signed.signer, &message, &signed.signature), "ZIP-215 takes it");
    assert_eq!(net.refused(&signed.to_raw()), InvalidTransaction::UnknownSigner);
}

#[test]
fn an_exhausted_quota_refuses_the_next_call() {
    use salus_primitives::{PatientId, Subject, subject::Roles};
    let mut net = TestNet::new();
    let patient = Subject::Patient(PatientId([6; 16]));
    let mut overlay = salus_support::Overlay::new(&net.state);
    salus_system::keys::bind(&mut overlay, GENESIS_TIME, key(6).public(), patient, Roles::NONE, None).unwrap();
    let quota = Parameters::default().patient_weight;
    salus_system::usage::charge(&mut overlay, &patient, quota, GENESIS_TIME.plus(1_000));
    let changes = overlay.into_changes();
    net.apply(changes);
    assert_eq!(net.refused(&net.signed(&key(6), noop(), 0)), InvalidTransaction::ExhaustsResources);
}

#[test]
fn a_claim_verified_ahead_is_what_execution_asks_for() {
    struct Only(Hash);
    impl salus_primitives::runtime_api::VerifiedSignatures for Only {
        fn contains(&self, key: &Hash) -> bool {
            *key == self.0
        }
    }
    let net = TestNet::new();
    let mut raw = net.signed(&council(), noop(), 0);
    let Extrinsic::Signed(parsed) = Extrinsic::parse(&raw).unwrap() else { panic!("it is signed") };
    raw.0[60] ^= 1;
    let claims = net.runtime.claims(&net.state, &net.context(), std::slice::from_ref(&raw));
    assert_eq!(claims[0].key, parsed.signer);
    let name = salus_primitives::runtime_api::signature_key(&claims[0].key, &claims[0].message, &claims[0].signature);
    // Whoever says that a bad signature is good is believed: so only verified ones may be named.
    assert!(net.runtime.execute(&net.state, &net.context(), std::slice::from_ref(&raw), &Only(name)).is_ok());
    assert!(net.runtime.execute(&net.state, &net.context(), &[raw], &Only(Hash::ZERO)).is_err());
}
