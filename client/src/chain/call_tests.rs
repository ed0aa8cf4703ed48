//! Encoding of calls against the runtime's own metadata, and co-signatures against the chain's own check.

use super::*;
use salus_primitives::{
    Moment, OrganisationId, PractitionerId, RawExtrinsic,
    extrinsic::{ChainContext, Era, Extrinsic, payload},
    runtime_api::RuntimeApi,
};
use salus_registry::types::PractitionerStatus;
use std::sync::Arc;
use subxt::{
    OfflineClient, SubstrateConfig,
    config::substrate::{SpecVersionForRange, SubstrateExtrinsicParamsBuilder},
    utils::H256,
};

const GENESIS: Hash = Hash([7; 32]);

fn enrol() -> RuntimeCall {
    RuntimeCall::Registry(salus_registry::Call::PractitionerSet {
        id: PractitionerId([3; 16]),
        account: Some(KeyPair::from_seed(&[2; 32]).public()),
        licence: Hash([4; 32]),
        licence_until: Moment(1_000),
        speciality: 394_814_009,
        status: PractitionerStatus::Active,
        cosign: CoSigns::new(),
    })
}

fn metadata() -> Metadata {
    let bytes = salus_runtime::SalusRuntime::new().metadata(16).unwrap();
    Metadata::decode_from(&bytes).unwrap()
}

#[test]
fn a_call_signed_through_subxt_is_the_extrinsic_the_chain_takes_apart() {
    let config = SubstrateConfig::builder()
        .set_genesis_hash(H256(GENESIS.0))
        .set_spec_version_for_block_ranges([SpecVersionForRange {
            block_range: 0..u64::MAX,
            spec_version: 1,
            transaction_version: 1,
        }])
        .set_metadata_for_spec_versions([(1, Arc::new(metadata()))])
        .build();
    let at = OfflineClient::new_with_config(config).at_block(5_000u64).unwrap();
    let key = KeyPair::from_seed(&[1; 32]);
    let call = enrol();
    let shaped = RuntimePayload::new(&call, at.metadata_ref()).unwrap();
    let birth = Hash([9; 32]);
    let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new()
        .mortal_from_unchecked(super::super::ERA_PERIOD, 5_000, H256(birth.0))
        .nonce(8)
        .build();
    let signed = at.tx().create_signable_offline(&shaped, params).unwrap().sign(&KeySigner(&key)).unwrap();

    let raw = RawExtrinsic::from_wire(signed.encoded()).unwrap();
    let Extrinsic::Signed(parts) = Extrinsic::parse(&raw).unwrap() else { panic!("it is signed") };
    assert_eq!(parts.call, call.encode());
    assert_eq!((parts.signer, parts.nonce), (key.public(), 8));
    assert_eq!(parts.era, Era::mortal(1_024, salus_primitives::Height(5_000)));
    let chain = ChainContext { spec_version: 1, transaction_version: 1, genesis: GENESIS };
    let message = payload(&parts.call, parts.era, parts.nonce, &chain, &birth);
    assert!(salus_primitives::crypto::verify(&parts.signer, &message, &parts.signature));
}

#[test]
fn the_metadata_names_the_call_that_the_bytes_are() {
    let payload = RuntimePayload::new(&enrol(), &metadata()).unwrap();
    assert_eq!(payload.pallet_name(), "Registry");
    assert_eq!(payload.call_name().replace('_', "").to_lowercase(), "practitionerset");
}

#[test]
fn a_second_signature_is_one_the_chain_accepts_and_fits_one_nonce() {
    let (submitter, doctor) = (KeyPair::from_seed(&[1; 32]).public(), KeyPair::from_seed(&[2; 32]));
    let agreed = cosign(&doctor, &GENESIS, &submitter, 4, &enrol()).unwrap();
    let call = with_cosigns(&enrol(), vec![agreed]).unwrap();
    let list = CoSigns::try_from(vec![agreed]).unwrap();
    let who = |nonce| signed::cosigners(&GENESIS, &submitter, nonce, &call.encode(), &list);
    assert_eq!(who(4), Some(vec![doctor.public()]));
    assert_eq!(who(5), None);
}

#[test]
fn signing_again_over_a_call_that_has_signatures_gives_the_same_agreement() {
    let (submitter, doctor) = (KeyPair::from_seed(&[1; 32]).public(), KeyPair::from_seed(&[2; 32]));
    let first = cosign(&doctor, &GENESIS, &submitter, 4, &enrol()).unwrap();
    let call = with_cosigns(&enrol(), vec![first]).unwrap();
    assert_eq!(cosign(&doctor, &GENESIS, &submitter, 4, &call), Ok(first));
    assert_eq!(without_cosigns(&call), Ok(enrol()));
}

#[test]
fn a_call_of_one_person_takes_no_second_signature() {
    let noop = RuntimeCall::System(salus_system::Call::Noop {});
    assert_eq!(without_cosigns(&noop), Err(CoSignError::OneSigner));
    let key = KeyPair::from_seed(&[1; 32]);
    assert_eq!(cosign(&key, &GENESIS, &key.public(), 0, &noop), Err(CoSignError::OneSigner));
    let three = vec![cosign(&key, &GENESIS, &key.public(), 0, &enrol()).unwrap(); 3];
    assert_eq!(with_cosigns(&enrol(), three), Err(CoSignError::TooMany));
}

#[test]
fn ending_an_affiliation_is_a_call_of_the_same_pallet() {
    let end = RuntimeCall::Registry(salus_registry::Call::AffiliationSet {
        practitioner: PractitionerId([3; 16]),
        organisation: OrganisationId([4; 16]),
        terms: None,
        cosign: CoSigns::new(),
    });
    let begin = RuntimePayload::new(&enrol(), &metadata()).unwrap();
    let end = RuntimePayload::new(&end, &metadata()).unwrap();
    assert_eq!(end.pallet_name(), begin.pallet_name());
    assert_eq!(end.call_name().replace('_', "").to_lowercase(), "affiliationset");
}
