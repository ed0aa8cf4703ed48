//! What a practitioner and an officer sign while the chain stands still: that a patient's emergency summary was given
//! out. One file carries it from the one to the other, without a node, and to whoever hands it in later; it holds no
//! secret and names nobody.
//!
//! ```json
//! {
//!   "format": "salus-emergency", "version": 1,
//!   "genesis": hash, "patient": id, "organisation": id, "practitioner": id, "record": id,
//!   "reason": …, "note": hash, "happened_ms": …,
//!   "opener": {"account": address, "signature": hex} or null,
//!   "officer": {"account": address, "signature": hex} or null
//! }
//! ```

use salus_access::{Call, Evidence};
use salus_consent::Tier;
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment,
    crypto::{KeyPair, Signature, verify},
    signed::{CoSign, CoSigns, EmergencyRelease, emergency_receipt},
};
use salus_runtime::RuntimeCall;
use serde::{Deserialize, Serialize};

use crate::preamble;

const FORMAT: &str = "salus-emergency";
const VERSION: u32 = 1;

/// Who signs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The practitioner to whom the summary was given.
    Opener,
    /// An officer of the organisation for which the practitioner acted.
    Officer,
}

impl core::fmt::Display for Part {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Opener => "practitioner",
            Self::Officer => "officer",
        })
    }
}

/// Evidence of an emergency, signed by none, one or both of the two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LateEvidence {
    genesis: Hash,
    release: EmergencyRelease,
    opener: Option<CoSign>,
    officer: Option<CoSign>,
}

/// Why evidence is not taken. Each says what to do next.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Something else than such a file, or a damaged one.
    #[error("this is no evidence of an emergency ({0}): ask for the file as it was made")]
    Malformed(&'static str),
    /// A newer version.
    #[error("the evidence is in version {found} of its format, this program reads version {VERSION}: update it")]
    TooNew {
        /// The file's.
        found: u32,
    },
    /// A signature is not its signer's.
    #[error("the signature of the {0} does not fit: the evidence was changed after it was signed, sign it anew")]
    BadSignature(Part),
    /// One key for both.
    #[error("{0} signed for the other part: practitioner and officer are two people with a key each")]
    SameKey(AccountId),
    /// A signature is missing.
    #[error("the {0} has not signed yet: `salus emergency sign FILE` does so, and needs no node")]
    Missing(Part),
    /// Another chain.
    #[error("the evidence is for the chain of genesis {found}, the node has {expected}: check --node")]
    OtherChain {
        /// The file's.
        found: Hash,
        /// The node's.
        expected: Hash,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    format: String,
    version: u32,
    genesis: String,
    patient: String,
    organisation: String,
    practitioner: String,
    record: String,
    reason: u8,
    note: String,
    happened_ms: u64,
    opener: Option<SignJson>,
    officer: Option<SignJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignJson {
    account: String,
    signature: String,
}

impl LateEvidence {
    /// Of what happened, for the chain of `genesis`; nobody has signed it yet.
    pub fn new(genesis: Hash, release: EmergencyRelease) -> Self {
        Self { genesis, release, opener: None, officer: None }
    }

    /// Read it.
    ///
    /// # Errors
    /// [`EvidenceError`]: also when a signature in it does not fit.
    pub fn from_json(text: &str) -> Result<Self, EvidenceError> {
        let malformed = EvidenceError::Malformed;
        preamble::check(text.as_bytes(), FORMAT, VERSION)
            .map_err(|fault| fault.told(malformed, |found| EvidenceError::TooNew { found }))?;
        let json: Json = serde_json::from_str(text).map_err(|_| malformed("a field is missing or unknown"))?;
        let release = EmergencyRelease {
            patient: json.patient.parse().map_err(|_| malformed("the patient's id does not read"))?,
            organisation: json.organisation.parse().map_err(|_| malformed("the organisation's id does not read"))?,
            practitioner: json.practitioner.parse().map_err(|_| malformed("the practitioner's id does not read"))?,
            record: json.record.parse().map_err(|_| malformed("the record's id does not read"))?,
            reason: json.reason,
            note: json.note.parse().map_err(|_| malformed("the note's commitment does not read"))?,
            happened: Moment(json.happened_ms),
        };
        let genesis = json.genesis.parse().map_err(|_| malformed("the genesis hash does not read"))?;
        let mut evidence = Self::new(genesis, release);
        for (part, signed) in [(Part::Opener, json.opener), (Part::Officer, json.officer)] {
            let Some(signed) = signed else { continue };
            let account = signed.account.parse().map_err(|_| malformed("an address does not read"))?;
            let mut signature = [0; 64];
            hex::decode_to_slice(signed.signature.strip_prefix("0x").unwrap_or(&signed.signature), &mut signature)
                .map_err(|_| malformed("a signature is not 64 bytes of hex"))?;
            evidence.add(part, CoSign { account, signature: Signature(signature) })?;
        }
        Ok(evidence)
    }

    /// As text for a file.
    pub fn to_json(&self) -> String {
        let signed = |sign: &Option<CoSign>| {
            sign.map(|sign| SignJson {
                account: sign.account.to_string(),
                signature: format!("0x{}", hex::encode(sign.signature.0)),
            })
        };
        let json = Json {
            format: FORMAT.to_owned(),
            version: VERSION,
            genesis: self.genesis.to_string(),
            patient: self.release.patient.to_string(),
            organisation: self.release.organisation.to_string(),
            practitioner: self.release.practitioner.to_string(),
            record: self.release.record.to_string(),
            reason: self.release.reason,
            note: self.release.note.to_string(),
            happened_ms: self.release.happened.0,
            opener: signed(&self.opener),
            officer: signed(&self.officer),
        };
        serde_json::to_string_pretty(&json).expect("strings and numbers are always JSON") + "\n"
    }

    /// The chain it is for.
    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// What happened.
    pub fn release(&self) -> &EmergencyRelease {
        &self.release
    }

    /// Who has not signed yet.
    pub fn missing(&self) -> Vec<Part> {
        let parts = [(Part::Opener, self.opener), (Part::Officer, self.officer)];
        parts.into_iter().filter(|(_, signed)| signed.is_none()).map(|(part, _)| part).collect()
    }

    /// The key that signed a part.
    pub fn signer(&self, part: Part) -> Option<AccountId> {
        match part {
            Part::Opener => self.opener,
            Part::Officer => self.officer,
        }
        .map(|signed| signed.account)
    }

    /// Sign it with `key`. Signing again takes the place of the earlier signature.
    ///
    /// # Errors
    /// [`EvidenceError::SameKey`].
    pub fn sign(&mut self, part: Part, key: &KeyPair) -> Result<(), EvidenceError> {
        let signature = key.sign(&emergency_receipt(&self.genesis, &self.release));
        self.add(part, CoSign { account: key.public(), signature })
    }

    fn add(&mut self, part: Part, sign: CoSign) -> Result<(), EvidenceError> {
        if !verify(&sign.account, &emergency_receipt(&self.genesis, &self.release), &sign.signature) {
            return Err(EvidenceError::BadSignature(part));
        }
        let (own, other) = match part {
            Part::Opener => (&mut self.opener, &self.officer),
            Part::Officer => (&mut self.officer, &self.opener),
        };
        if other.is_some_and(|other| other.account == sign.account) {
            return Err(EvidenceError::SameKey(sign.account));
        }
        *own = Some(sign);
        Ok(())
    }

    /// The call that hands it in, on the chain of `genesis`.
    ///
    /// # Errors
    /// [`EvidenceError::OtherChain`] or [`EvidenceError::Missing`].
    pub fn call(&self, genesis: Hash) -> Result<RuntimeCall, EvidenceError> {
        if genesis != self.genesis {
            return Err(EvidenceError::OtherChain { found: self.genesis, expected: genesis });
        }
        let opener = self.opener.ok_or(EvidenceError::Missing(Part::Opener))?;
        let officer = self.officer.ok_or(EvidenceError::Missing(Part::Officer))?;
        let EmergencyRelease { patient, organisation, practitioner, record, reason, note, happened } = self.release;
        Ok(RuntimeCall::Access(Call::EmergencyOpen {
            patient,
            organisation,
            tier: Tier::Summary,
            records: BoundedVec::try_from(vec![record]).expect("one record is within the bound of 64"),
            reason,
            note,
            late: Some(Evidence { practitioner, happened, opener, officer }),
            cosign: CoSigns::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::{OrganisationId, PatientId, PractitionerId, RecordId};

    const GENESIS: Hash = Hash([9; 32]);
    const RELEASE: EmergencyRelease = EmergencyRelease {
        patient: PatientId([1; 16]),
        organisation: OrganisationId([2; 16]),
        practitioner: PractitionerId([3; 16]),
        record: RecordId([4; 16]),
        reason: 5,
        note: Hash([6; 32]),
        happened: Moment(7),
    };

    fn keys() -> (KeyPair, KeyPair) {
        (KeyPair::from_seed(&[1; 32]), KeyPair::from_seed(&[2; 32]))
    }

    fn signed() -> LateEvidence {
        let (doctor, officer) = keys();
        let mut evidence = LateEvidence::new(GENESIS, RELEASE);
        evidence.sign(Part::Opener, &doctor).unwrap();
        evidence.sign(Part::Officer, &officer).unwrap();
        evidence
    }

    #[test]
    fn what_two_people_signed_without_a_node_is_one_call_later() {
        let RuntimeCall::Access(Call::EmergencyOpen { tier, records, late: Some(late), cosign, .. }) =
            signed().call(GENESIS).unwrap()
        else {
            panic!("a late emergency")
        };
        assert_eq!((tier, &records[..], cosign.len()), (Tier::Summary, &[RELEASE.record][..], 0));
        assert_eq!((late.practitioner, late.happened), (RELEASE.practitioner, RELEASE.happened));
        let message = emergency_receipt(&GENESIS, &RELEASE);
        for sign in [late.opener, late.officer] {
            assert!(verify(&sign.account, &message, &sign.signature));
        }
    }

    #[test]
    fn it_is_handed_in_on_its_own_chain_with_both_signatures_only() {
        let mut evidence = LateEvidence::new(GENESIS, RELEASE);
        assert_eq!(evidence.missing(), [Part::Opener, Part::Officer]);
        assert_eq!(evidence.call(GENESIS).unwrap_err(), EvidenceError::Missing(Part::Opener));
        evidence.sign(Part::Opener, &keys().0).unwrap();
        assert_eq!(evidence.call(GENESIS).unwrap_err(), EvidenceError::Missing(Part::Officer));
        let other = EvidenceError::OtherChain { found: GENESIS, expected: Hash::ZERO };
        assert_eq!(signed().call(Hash::ZERO).unwrap_err(), other);
    }

    #[test]
    fn nobody_signs_both_parts() {
        let (doctor, _) = keys();
        let mut evidence = LateEvidence::new(GENESIS, RELEASE);
        evidence.sign(Part::Opener, &doctor).unwrap();
        let refused = evidence.sign(Part::Officer, &doctor).unwrap_err();
        assert_eq!(refused, EvidenceError::SameKey(doctor.public()));
        assert_eq!(evidence.missing(), [Part::Officer], "a refusal changes nothing");
    }

    #[test]
    fn a_file_reads_back_signed_by_one_or_by_both() {
        let mut half = LateEvidence::new(GENESIS, RELEASE);
        half.sign(Part::Officer, &keys().1).unwrap();
        for evidence in [half, signed()] {
            assert_eq!(LateEvidence::from_json(&evidence.to_json()).unwrap(), evidence);
        }
    }

    #[test]
    fn what_was_changed_since_it_was_signed_is_refused() {
        let altered = signed().to_json().replace("\"reason\": 5", "\"reason\": 6");
        assert_eq!(LateEvidence::from_json(&altered).unwrap_err(), EvidenceError::BadSignature(Part::Opener));
    }

    #[test]
    fn other_files_are_told_from_evidence() {
        let text = signed().to_json();
        for (bad, reason) in [
            ("{}".to_owned(), "no JSON with a format and a version"),
            (text.replace(FORMAT, "salus-cosign"), "another format"),
            (text.replace("\"reason\": 5", "\"why\": 5"), "a field is missing or unknown"),
            (text.replace(&RELEASE.patient.to_string(), "12"), "the patient's id does not read"),
            (text.replace("\"signature\": \"0x", "\"signature\": \"0xzz"), "a signature is not 64 bytes of hex"),
        ] {
            assert_eq!(LateEvidence::from_json(&bad).unwrap_err(), EvidenceError::Malformed(reason));
        }
        let newer = text.replace("\"version\": 1", "\"version\": 2");
        assert_eq!(LateEvidence::from_json(&newer).unwrap_err(), EvidenceError::TooNew { found: 2 });
    }
}
