//! Signatures that are neither extrinsics nor votes: one form for all (formats.md 10 and 11).
//!
//! ```text
//! "<Bytes>" ++ tag ++ genesis hash ++ SCALE fields ++ "</Bytes>"
//! ```
//! That is what a wallet's raw signing makes, and since pallet index 60 (`<`) is never assigned, it
//! can never be an extrinsic's payload.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject, Window,
    crypto::{Signature, sha256_of, verify},
};

/// Pallet index that no runtime may assign: the character `<`.
pub const RESERVED_PALLET_INDEX: u8 = 0x3c;

/// The bytes signed for `fields` under `tag` on the chain of `genesis`.
pub fn message(tag: &[u8], genesis: &Hash, fields: &impl Encode) -> Vec<u8> {
    let mut bytes = b"<Bytes>".to_vec();
    bytes.extend(tag);
    genesis.encode_to(&mut bytes);
    fields.encode_to(&mut bytes);
    bytes.extend(b"</Bytes>");
    bytes
}

/// What an invitation key signs so that nobody else can use the invitation: the account that will
/// register and the id it will take.
pub fn possession(genesis: &Hash, account: &AccountId, patient: &PatientId) -> Vec<u8> {
    message(b"salus/invite/1", genesis, &(account, patient))
}

/// What a custodian's Gateway officer signs when it has stored a record's ciphertext.
pub fn custody_receipt(
    genesis: &Hash,
    patient: &PatientId,
    record: &RecordId,
    digest: &Hash,
    size: u64,
    author: &Subject,
) -> Vec<u8> {
    message(b"salus/custody/1", genesis, &(patient, record, digest, size, author))
}

/// An emergency of the time when the chain stood still: that a patient's emergency summary was given out, and why.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Debug)]
pub struct EmergencyRelease {
    /// Whose summary.
    pub patient: PatientId,
    /// For whom the practitioner acted.
    pub organisation: OrganisationId,
    /// To whom it was given.
    pub practitioner: PractitionerId,
    /// The summary.
    pub record: RecordId,
    /// Code of the reason, from the deployment's list.
    pub reason: u8,
    /// Commitment to a note for the reviewer.
    pub note: Hash,
    /// When.
    pub happened: Moment,
}

/// What a practitioner and an officer of their organisation each sign when they give out a patient's emergency summary
/// while the chain stands still, to be written down later.
pub fn emergency_receipt(genesis: &Hash, release: &EmergencyRelease) -> Vec<u8> {
    message(b"salus/emergency/1", genesis, release)
}

/// What a one-time booking key signs to take a practitioner's hours at an organisation: the hours, and the digest of
/// who it is, sealed to the organisation.
pub fn booking(
    genesis: &Hash,
    practitioner: &PractitionerId,
    organisation: &OrganisationId,
    hours: &Window,
    sealed: &Hash,
) -> Vec<u8> {
    message(b"salus/booking/1", genesis, &(practitioner, organisation, hours, sealed))
}

/// What a one-time booking key signs to give the hours back that it took.
pub fn booking_cancelled(
    genesis: &Hash,
    practitioner: &PractitionerId,
    organisation: &OrganisationId,
    hours: &Window,
) -> Vec<u8> {
    message(b"salus/booking-cancelled/1", genesis, &(practitioner, organisation, hours))
}

/// A second party's agreement to one particular call.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
pub struct CoSign {
    /// Who agrees.
    pub account: AccountId,
    /// Their signature over [`cosign`].
    pub signature: Signature,
}

/// The agreements a two-person call carries: always the call's last field.
pub type CoSigns = BoundedVec<CoSign, 2>;

/// What a co-signer signs: who submits, under which nonce, and the call with an empty co-sign list.
pub fn cosign(genesis: &Hash, submitter: &AccountId, nonce: u32, call_without_cosigns: &[u8]) -> Vec<u8> {
    cosign_hashed(genesis, submitter, nonce, &sha256_of(&[call_without_cosigns]))
}

fn cosign_hashed(genesis: &Hash, submitter: &AccountId, nonce: u32, call: &Hash) -> Vec<u8> {
    message(b"salus/cosign/1", genesis, &(submitter, nonce, call))
}

/// The accounts that validly co-signed `call`, whose last field is `cosigns`; none when any
/// signature is bad or an account stands twice or is the submitter.
pub fn cosigners(
    genesis: &Hash,
    submitter: &AccountId,
    nonce: u32,
    call: &[u8],
    cosigns: &CoSigns,
) -> Option<Vec<AccountId>> {
    let stem = call.len().checked_sub(cosigns.encoded_size())?;
    let bytes = cosign_hashed(genesis, submitter, nonce, &sha256_of(&[&call[..stem], &[0]]));
    let mut accounts: Vec<AccountId> = Vec::new();
    for cosign in cosigns {
        if cosign.account == *submitter
            || accounts.contains(&cosign.account)
            || !verify(&cosign.account, &bytes, &cosign.signature)
        {
            return None;
        }
        accounts.push(cosign.account);
    }
    Some(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyPair;

    const GENESIS: Hash = Hash([9; 32]);

    fn call(cosigns: &CoSigns) -> Vec<u8> {
        (3u8, 1u8, 77u32, cosigns).encode()
    }

    fn signed(by: &KeyPair, submitter: &KeyPair, nonce: u32) -> CoSign {
        let bytes = cosign(&GENESIS, &submitter.public(), nonce, &call(&CoSigns::new()));
        CoSign { account: by.public(), signature: by.sign(&bytes) }
    }

    #[test]
    fn a_cosignature_fits_one_submitter_one_nonce_and_one_call() {
        let (submitter, other) = (KeyPair::from_seed(&[1; 32]), KeyPair::from_seed(&[2; 32]));
        let list = CoSigns::try_from(vec![signed(&other, &submitter, 5)]).unwrap();
        let bytes = call(&list);
        let who = |nonce, genesis| cosigners(genesis, &submitter.public(), nonce, &bytes, &list);
        assert_eq!(who(5, &GENESIS), Some(vec![other.public()]));
        assert_eq!(who(6, &GENESIS), None);
        assert_eq!(who(5, &Hash::ZERO), None);
        assert_eq!(cosigners(&GENESIS, &other.public(), 5, &bytes, &list), None);
    }

    #[test]
    fn nobody_cosigns_twice_or_for_themselves() {
        let (submitter, other) = (KeyPair::from_seed(&[1; 32]), KeyPair::from_seed(&[2; 32]));
        for list in [
            vec![signed(&other, &submitter, 0), signed(&other, &submitter, 0)],
            vec![signed(&submitter, &submitter, 0)],
        ] {
            let list = CoSigns::try_from(list).unwrap();
            assert_eq!(cosigners(&GENESIS, &submitter.public(), 0, &call(&list), &list), None);
        }
    }
}
