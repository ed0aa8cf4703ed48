//! A refusal of the chain in plain words: what it says, and what to do next.
//!
//! The sentence is the one in the runtime's own documentation, which metadata shows too; the advice is ours.

use core::fmt;

use parity_scale_codec::Encode;
use salus_runtime::RuntimeError;
use scale_info::{TypeDef, TypeInfo, Variant, form::MetaForm};

/// A refusal explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explained {
    /// The pallet's name.
    pub pallet: &'static str,
    /// The error's name.
    pub error: &'static str,
    /// What it says, with its particular reason where it carries one; without full stop.
    pub sentence: String,
    /// What to do next; without full stop.
    pub next: &'static str,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}.{}); {}", self.sentence, self.pallet, self.error, self.next)
    }
}

/// Explain a refusal.
pub fn explain(error: &RuntimeError) -> Explained {
    let variant = variant_of(error);
    let docs = variant.docs.join(" ");
    let mut sentence = docs.trim();
    for end in [".", ": why", ", for this reason"] {
        sentence = sentence.strip_suffix(end).unwrap_or(sentence);
    }
    let sentence = match detail(error) {
        Some(detail) => format!("{sentence}: {detail}"),
        None => sentence.to_owned(),
    };
    Explained {
        pallet: pallet_of(error),
        error: variant.name,
        sentence: lower_first(sentence),
        next: next(variant.name),
    }
}

/// Names of the pallet and of the error.
pub fn names(error: &RuntimeError) -> (&'static str, &'static str) {
    (pallet_of(error), variant_of(error).name)
}

fn pallet_of(error: &RuntimeError) -> &'static str {
    match error {
        RuntimeError::System(_) => "System",
        RuntimeError::Timestamp(never) => match *never {},
        RuntimeError::Validators(_) => "Validators",
        RuntimeError::Council(_) => "Council",
        RuntimeError::Registry(_) => "Registry",
        RuntimeError::Patients(_) => "Patients",
        RuntimeError::Records(_) => "Records",
        RuntimeError::Consent(_) => "Consent",
        RuntimeError::Access(_) => "Access",
        RuntimeError::Appointments(_) => "Appointments",
        RuntimeError::Credits(_) => "Credits",
    }
}

fn variant_of(error: &RuntimeError) -> Variant<MetaForm> {
    let index = error.encode().get(1).copied().unwrap_or_default();
    let found = match error {
        RuntimeError::System(_) => variants::<salus_system::Error>(),
        RuntimeError::Timestamp(never) => match *never {},
        RuntimeError::Validators(_) => variants::<salus_validators::Error>(),
        RuntimeError::Council(_) => variants::<salus_council::Error>(),
        RuntimeError::Registry(_) => variants::<salus_registry::Error>(),
        RuntimeError::Patients(_) => variants::<salus_patients::Error>(),
        RuntimeError::Records(_) => variants::<salus_records::Error>(),
        RuntimeError::Consent(_) => variants::<salus_consent::Error>(),
        RuntimeError::Access(_) => variants::<salus_access::Error>(),
        RuntimeError::Appointments(_) => variants::<salus_appointments::Error>(),
        RuntimeError::Credits(_) => variants::<salus_credits::Error>(),
    };
    found.into_iter().find(|variant| variant.index == index).expect("an error's own type lists it")
}

fn variants<E: TypeInfo>() -> Vec<Variant<MetaForm>> {
    match E::type_info().type_def {
        TypeDef::Variant(variants) => variants.variants,
        _ => Vec::new(),
    }
}

fn lower_first(text: String) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) => first.to_lowercase().chain(rest).collect(),
        None => text,
    }
}

/// The particular reason that an error carries.
fn detail(error: &RuntimeError) -> Option<String> {
    use {salus_access as access, salus_consent as consent, salus_council as council};
    use {salus_patients as patients, salus_records as records, salus_registry as registry};
    Some(match error {
        RuntimeError::Council(council::Error::BadAct(why)) => why.to_string(),
        RuntimeError::Registry(registry::Error::NotActive(why))
        | RuntimeError::Patients(patients::Error::NotActive(why))
        | RuntimeError::Records(records::Error::NotActive(why))
        | RuntimeError::Consent(consent::Error::NotActive(why))
        | RuntimeError::Access(access::Error::NotActive(why))
        | RuntimeError::Appointments(salus_appointments::Error::NotActive(why))
        | RuntimeError::Credits(salus_credits::Error::NotActive(why)) => why.to_string(),
        RuntimeError::Records(records::Error::Patient(why))
        | RuntimeError::Consent(consent::Error::Patient(why))
        | RuntimeError::Access(access::Error::Patient(why)) => why.to_string(),
        RuntimeError::Records(records::Error::NoConsent(why)) => why.to_string(),
        RuntimeError::Consent(consent::Error::BadTerms(why)) | RuntimeError::Access(access::Error::BadTerms(why)) => {
            why.to_string()
        }
        RuntimeError::Access(access::Error::Rule(why)) => why.to_string(),
        _ => return None,
    })
}

/// What to do next, by the error's name: names mean the same in every pallet.
fn next(error: &str) -> &'static str {
    match error {
        "NotRegistered" => "use a key that is enrolled, or have an Admin, a Registrar or the council enrol this one",
        "NotActive" => "nothing is done in its name until the council or the licensing organisation lifts it",
        "NotAuthorised" => "use a key that has the role for it: `salus key show` says what a key may do",
        "NotCustodian" => "have the organisation that keeps the record do it: `salus record show` names it",
        "BadWindow" => "give an end that is ahead of the chain's time and within the limit",
        "TooMany" => "end or revoke one that is no longer needed first",
        "BadState" | "NotHead" => "look at how it stands now, and start from there",
        "BadCoSign" => "have exactly those co-sign whom the call needs, over this very call and nonce",
        "BadAct" => "correct the act and propose it anew",
        "OneOpen" => "wait until your open motion is decided",
        "UnknownMotion" => "`salus council status` lists the motions that are kept",
        "AlreadyVoted" => "wait for the other members",
        "NotProven" | "TooOld" | "NotYet" | "NotValidator" => "report what the validator signed, while it is young",
        "AlreadyStruck" => "nothing: the key is out",
        "LastValidator" => "add another validator first",
        "TooManyReports" => "send it again for the next block",
        "KeyTaken" | "WeakKey" => "make a new key: `salus key generate`",
        "BadText" => "use printable ASCII without spaces",
        "BadRoles" => "name roles that exist, each once",
        "BadPeers" => "name each peer once, by the peer id that `salus-node key show` prints",
        "LastAdmin" => "appoint another Admin first",
        "LastKey" => "add another lasting key first",
        "UnknownKey" => "`salus key show` says whose key it is",
        "KeyMissing" => "give the key they will sign with",
        "RateLimited" => "try again after midnight UTC, or when the period is over",
        "IdTaken" => "take a new random id",
        "NoInvitation" | "InvitationSpent" | "InvitationEnded" => "ask the hospital's registrar for a new invitation",
        "BadPossession" => "register with the private key of the invitation, for the same account and id",
        "BadKemKey" => "make a new encryption key: `salus key generate --kind kem`",
        "BadAssurance" => "give 1 or 2",
        "KeyHeld" => "let the patient add a key of their own and drop the one held for them",
        "UnknownPatient" => "check the patient's id",
        "Held" => "have the custodian lift the hold first",
        "TooLate" => "go to the registrars: what began can no longer be cancelled",
        "TooEarly" => "wait until that time is over: `salus recovery show` or `salus patient show` says when",
        "BadGuardians" => "name confirmed patients, each once, and not the patient",
        "BadThreshold" => "give a number from 1 to the number of guardians",
        "BadPowers" => "name at least one power that exists",
        "ChangeWaits" => "cancel it (`salus guardian cancel`), or let it take effect first",
        "NothingWaits" => "`salus guardian show` says who stands in, and what waits",
        "AlreadyApproved" => "wait until as many guardians as the threshold says have done so",
        "NoRecovery" => "`salus recovery show` says what was proposed; propose it anew",
        "NoVeto" => "it cannot be stopped: these guardians were stopped once within 30 days",
        "Patient" => "wait until the patient's state allows it, or have their registrar change it",
        "NoConsent" => "ask the patient for access: `salus request make`",
        "BadKind" => "file it as the kind of the record it amends",
        "BadTags" => "name each tag once, and mark what is not labelled as restricted",
        "BadSize" => "file a record that is not empty",
        "BadCustodian" => "name Active organisations with the Custodian capability, each once",
        "BadReceipt" => "have each custodian's Gateway key sign for this very record",
        "SummaryExists" => "amend the present summary instead",
        "NoSuchRecord" => "check the record's id: `salus record list` names the patient's records",
        "NoDuty" => "attest only what `salus record show` says that your organisation owes",
        "NoBasis" => "give the code of the legal basis, from your deployment's list: --basis",
        "BadTerms" => "correct what is wrong with the rule",
        "UnknownGrantee" => "check the ids of whom the rule speaks to",
        "NoSuchRule" => "`salus consent list` names the rules there are",
        "PageFull" => "revoke or replace a rule about this grantee first",
        "AlreadyOpen" => "withdraw the open request or wait for its answer",
        "DeniedByRule" => "ask for less, or not at all",
        "NoSuchRequest" => "`salus request list` names the requests there are",
        "Wider" => "approve no more than was asked, for whom it was asked",
        "Rule" => "correct the rule and answer again",
        "BadRecords" => "name at least one record, each once",
        "NoSuchReceipt" => "`salus access history` names the receipts that are kept",
        "BadEntries" => "name entries that the receipt has",
        "NotSubset" => "pass on no more than the rule gives, and no more uses than are left of it",
        "NotShared" => "ask the patient for a rule of your own",
        "TooDeep" => "ask the patient: what was passed on is not passed on again",
        "ChildrenFull" => "revoke one that was passed on first",
        "GuardianRule" => "make a Permit that ends with the guardianship and leaves out the excluded tags",
        "SelfReview" => "have another reviewer do it, who neither opened nor enrolled the opener",
        "CoSignNeeded" => "have a second officer of the organisation sign along",
        "NoEmergency" => "have the council give the organisation the Emergency capability",
        "NotSummary" => "open the patient's summary alone, or ask for the full tier",
        "EmergencySuspended" | "CasesOverdue" => "have the overdue cases reviewed first",
        "CaseloadFull" => "have open cases reviewed first; the summary can still be opened",
        "FullClosed" => "open the summary, or wait until the time is over",
        "BadEvidence" => "hand in what the practitioner and the officer signed, unchanged",
        "AlreadyAnchored" => "nothing: it is written down",
        "NoSuchCase" => "`salus access history` names the receipts that are kept",
        "NotPending" => "nothing: the verdict stands",
        "AlreadyDisputed" => "wait for the review",
        "BadPurpose" => "open for FAMRQT",
        "NoHours" => "name at least one slot",
        "Overlap" => "cancel the other hours first",
        "NoSuchSlot" => "check the practitioner's id and when the slot begins",
        "Taken" => "choose another slot",
        "NotNow" => "do it while the slot's time allows it",
        "BadSignature" => "sign with the one-time key of this booking, for this very slot",
        "NoCredits" => "redeem at least one",
        "Insufficient" => "redeem no more than the balance",
        "AlreadyServed" => "nothing: it was reported before",
        _ => "see the documentation of this error in the chain's metadata",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_registry::Standing;

    #[test]
    fn a_refusal_says_its_reason_its_name_and_what_to_do() {
        let error = RuntimeError::Registry(salus_registry::Error::NotActive(Standing::OrganisationSuspended));
        assert_eq!(
            explain(&error).to_string(),
            "the organisation or practitioner does not act: the organisation is suspended (Registry.NotActive); \
             nothing is done in its name until the council or the licensing organisation lifts it"
        );
        let error = RuntimeError::Records(salus_records::Error::NoConsent(salus_consent::Reason::NoConsent));
        let text = explain(&error).to_string();
        assert!(text.starts_with("the patient's rules, or the chain's policy, do not permit it: no rule"), "{text}");
        assert!(text.contains("salus request make"), "{text}");
    }

    #[test]
    fn every_error_of_every_pallet_has_a_sentence_and_an_advice_of_its_own() {
        let all = [
            variants::<salus_system::Error>(),
            variants::<salus_validators::Error>(),
            variants::<salus_council::Error>(),
            variants::<salus_registry::Error>(),
            variants::<salus_patients::Error>(),
            variants::<salus_records::Error>(),
            variants::<salus_consent::Error>(),
            variants::<salus_access::Error>(),
            variants::<salus_appointments::Error>(),
            variants::<salus_credits::Error>(),
        ];
        let fallback = next("an error that no pallet has");
        for variant in all.iter().flatten() {
            assert!(!variant.docs.is_empty(), "{} has no sentence", variant.name);
            assert_ne!(next(variant.name), fallback, "{} has no advice", variant.name);
        }
    }
}
