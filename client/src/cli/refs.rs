//! How people name a patient, a doctor, an organisation or a record on the command line: by its id, by the name of a
//! key in the folder that speaks for it, or, for a record, by the beginning of its id.

use std::str::FromStr;

use salus_client::{
    actions::{records, subject_text},
    chain::Chain,
    keystore::KeyKind,
};
use salus_primitives::{AccountId, OrganisationId, PatientId, PractitionerId, RecordId, Subject};
use salus_system::storage::Account;

use super::{error::CliError, parse, session::Session};

/// Fewest digits that name a record: with fewer, a second record would soon begin alike.
const DIGITS_MIN: usize = 4;

/// A subject as it was written: its id, or the name of a key that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ref<T> {
    /// Its id.
    Id(T),
    /// The name of a key.
    Key(String),
}

impl<T: FromStr> FromStr for Ref<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Nobody names a key like an id, so what reads as an id is one.
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let expected = "expected an id of 32 hex digits, or the name of a key in the folder that speaks for it";
        parse::key_name(text).map(Self::Key).map_err(|_| expected.to_owned())
    }
}

/// What a key can speak for.
pub trait Named: Copy {
    /// In words.
    const WHAT: &'static str;

    /// The id, where `subject` is of this sort.
    fn of(subject: Subject) -> Option<Self>;
}

macro_rules! named {
    ($($id:ident: $variant:ident, $what:literal;)+) => {$(
        impl Named for $id {
            const WHAT: &'static str = $what;

            fn of(subject: Subject) -> Option<Self> {
                match subject {
                    Subject::$variant(id) => Some(id),
                    _ => None,
                }
            }
        }
    )+};
}

named! {
    PatientId: Patient, "a patient";
    PractitionerId: Practitioner, "a doctor";
    OrganisationId: Organisation, "an organisation";
}

/// A record as it was written: its id, or how that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordRef {
    /// Its id.
    Id(RecordId),
    /// Its first digits.
    Begins(String),
}

impl FromStr for RecordRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let digits = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if hex && (DIGITS_MIN..32).contains(&digits.len()) {
            return Ok(Self::Begins(digits));
        }
        Err(format!("expected a record's id of 32 hex digits, or at least {DIGITS_MIN} digits that it begins with"))
    }
}

impl Session {
    /// The id of whom `written` names.
    pub async fn id<T: Named>(&self, chain: &Chain, written: &Ref<T>) -> Result<T, CliError> {
        let name = match written {
            Ref::Id(id) => return Ok(*id),
            Ref::Key(name) => name,
        };
        let file = self.key_file(name)?;
        let account = match (file.kind(), <[u8; 32]>::try_from(file.public())) {
            (KeyKind::Account, Ok(key)) => AccountId(key),
            (other, _) => {
                return Err(CliError::Usage(format!("key {name} is {other}, which speaks for nobody: give an id")));
            }
        };
        let Some(subject) = chain.view_now(|state| Account::get(state, &account)).await?.data.subject else {
            return Err(CliError::Usage(format!(
                "key {name} speaks for nobody on this chain yet, {} is needed: give an id",
                T::WHAT
            )));
        };
        T::of(subject).ok_or_else(|| {
            let found = subject_text(&subject);
            CliError::Usage(format!("key {name} speaks for {found}, {} is needed", T::WHAT))
        })
    }

    /// The id of whom `written` names, where anybody is named.
    pub async fn maybe_id<T: Named>(&self, chain: &Chain, written: Option<&Ref<T>>) -> Result<Option<T>, CliError> {
        match written {
            Some(written) => Ok(Some(self.id(chain, written).await?)),
            None => Ok(None),
        }
    }

    /// The id of the record of `patient` that `written` names.
    pub async fn record(&self, chain: &Chain, patient: PatientId, written: &RecordRef) -> Result<RecordId, CliError> {
        let digits = match written {
            RecordRef::Id(id) => return Ok(*id),
            RecordRef::Begins(digits) => digits,
        };
        let known = records::list(chain, patient).await?;
        the_one(digits, known.into_iter().map(|(id, _)| id))
    }

    /// The ids of records of `patient`.
    pub async fn records(
        &self,
        chain: &Chain,
        patient: PatientId,
        written: &[RecordRef],
    ) -> Result<Vec<RecordId>, CliError> {
        let mut found = Vec::with_capacity(written.len());
        for one in written {
            found.push(self.record(chain, patient, one).await?);
        }
        Ok(found)
    }
}

/// The one id that begins with these digits.
fn the_one(digits: &str, known: impl Iterator<Item = RecordId>) -> Result<RecordId, CliError> {
    let mut found = known.filter(|id| id.to_string().trim_start_matches("0x").starts_with(digits));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(CliError::Usage(format!(
            "the patient has no record that begins with {digits}: `salus record list` names those there are"
        ))),
        (Some(one), Some(other)) => {
            Err(CliError::Usage(format!("{digits} begins more than one record, {one} and {other}: give more digits")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_an_id_and_a_name_as_a_name() {
        let id = PatientId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(Ref::Id(id)));
        assert_eq!("ada".parse::<Ref<PatientId>>(), Ok(Ref::Key("ada".into())));
        for bad in ["", "a b", "../ada", ".ada"] {
            assert!(bad.parse::<Ref<PatientId>>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_record_is_named_by_the_digits_it_alone_begins_with() {
        let (one, other) = (RecordId([0xab; 16]), RecordId([0xac; 16]));
        let known = || [one, other].into_iter();
        assert_eq!("ABAB".parse(), Ok(RecordRef::Begins("abab".into())));
        assert_eq!("0xabab".parse(), Ok(RecordRef::Begins("abab".into())));
        for bad in ["aba", "", "latest", "ghij"] {
            assert!(bad.parse::<RecordRef>().is_err(), "{bad}");
        }
        assert_eq!(the_one("abab", known()).unwrap(), one);
        assert!(the_one("a", known()).unwrap_err().to_string().contains("more than one record"));
        assert!(the_one("abac", known()).unwrap_err().to_string().contains("no record that begins with abac"));
    }

    #[test]
    fn a_key_speaks_for_one_sort_of_subject() {
        let patient = Subject::Patient(PatientId([1; 16]));
        assert_eq!(PatientId::of(patient), Some(PatientId([1; 16])));
        assert_eq!(PractitionerId::of(patient), None);
        assert_eq!(OrganisationId::of(Subject::Council), None);
    }
}
