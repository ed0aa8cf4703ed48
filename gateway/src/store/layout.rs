//! Where things lie in the store: the one place that makes keys and reads them.

use core::fmt;

use object_store::path::Path;
use salus_primitives::{OrganisationId, PatientId, RecordId};

/// Under what every key of a record begins.
pub(super) const BLOBS: &str = "blobs";

/// Which record version of whom: what the store keeps things by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose record.
    pub patient: PatientId,
    /// Which.
    pub record: RecordId,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.patient, self.record)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}", self.patient, self.record)
    }
}

/// Whose wrap of a content key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Holder {
    /// The patient's standing one, sealed to the key they had when the record was filed.
    Patient,
    /// A custodian's standing one.
    Custodian(OrganisationId),
    /// That of the reader of a receipt, by the receipt's index in the patient's log.
    Receipt(u32),
}

impl Holder {
    /// Is it kept as long as the record is?
    pub fn is_standing(self) -> bool {
        !matches!(self, Self::Receipt(_))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patient => f.write_str("patient"),
            Self::Custodian(id) => write!(f, "{id}"),
            Self::Receipt(index) => write!(f, "receipt-{index}"),
        }
    }
}

/// One of the objects of a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Item {
    /// The ciphertext.
    Blob,
    /// A wrap of its key.
    Wrap(Holder),
    /// What was declared and found of the blob. Written last: while it is not there, nothing is.
    Meta,
    /// The record stands on the chain.
    Anchored,
    /// When all of the place was last found whole.
    Scrubbed,
    /// What was found damaged.
    Damaged,
    /// The record was shredded, and is never kept again.
    Shredded,
    /// A copy that another custodian is to have.
    Pending(OrganisationId),
    /// A copy that another custodian has.
    Copied(OrganisationId),
}

impl Item {
    fn name(self) -> String {
        match self {
            Self::Blob => "blob".to_owned(),
            Self::Wrap(holder) => format!("{holder}.wrap"),
            Self::Meta => "meta".to_owned(),
            Self::Anchored => "anchored".to_owned(),
            Self::Scrubbed => "scrubbed".to_owned(),
            Self::Damaged => "damaged".to_owned(),
            Self::Shredded => "shredded".to_owned(),
            Self::Pending(id) => format!("pending-{id}"),
            Self::Copied(id) => format!("copied-{id}"),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let item = match name {
            "blob" => Self::Blob,
            "meta" => Self::Meta,
            "anchored" => Self::Anchored,
            "scrubbed" => Self::Scrubbed,
            "damaged" => Self::Damaged,
            "shredded" => Self::Shredded,
            _ => match (name.strip_suffix(".wrap"), name.strip_prefix("pending-"), name.strip_prefix("copied-")) {
                (Some("patient"), ..) => Self::Wrap(Holder::Patient),
                (Some(holder), ..) => Self::Wrap(match holder.strip_prefix("receipt-") {
                    Some(index) => Holder::Receipt(index.parse().ok()?),
                    None => Holder::Custodian(holder.parse().ok()?),
                }),
                (_, Some(id), _) => Self::Pending(id.parse().ok()?),
                (_, _, Some(id)) => Self::Copied(id.parse().ok()?),
                _ => return None,
            },
        };
        // Only what we would write ourselves: no second spelling of a name.
        (item.name() == name).then_some(item)
    }
}

/// The key of an object.
pub(super) fn key(place: Place, item: Item) -> Path {
    Path::from(format!("{BLOBS}/{place}/{}", item.name()))
}

/// What all keys of a place begin with.
pub(super) fn prefix(place: Place) -> Path {
    Path::from(format!("{BLOBS}/{place}"))
}

/// What a key stands for; none if the store did not write it.
pub(super) fn read(key: &Path) -> Option<(Place, Item)> {
    let text: &str = key.as_ref();
    let mut parts = text.split('/');
    let (blobs, patient, record, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let place = Place { patient: patient.parse().ok()?, record: record.parse().ok()? };
    let found = (place, Item::of_name(name)?);
    (blobs == BLOBS && parts.next().is_none() && self::key(found.0, found.1) == *key).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_back_and_no_other_spelling_does() {
        let place = Place { patient: PatientId([0xab; 16]), record: RecordId([2; 16]) };
        let hospital = OrganisationId([0xcd; 16]);
        for item in [
            Item::Blob,
            Item::Meta,
            Item::Anchored,
            Item::Scrubbed,
            Item::Damaged,
            Item::Shredded,
            Item::Wrap(Holder::Patient),
            Item::Wrap(Holder::Custodian(hospital)),
            Item::Wrap(Holder::Receipt(0)),
            Item::Wrap(Holder::Receipt(u32::MAX)),
            Item::Pending(hospital),
            Item::Copied(hospital),
        ] {
            assert_eq!(read(&key(place, item)), Some((place, item)));
        }
        let place = place.to_string();
        for name in ["", "blob2", "receipt-01.wrap", "receipt--1.wrap", "patient.wrap.wrap", "pending-ab", "BLOB"] {
            assert_eq!(read(&Path::from(format!("blobs/{place}/{name}"))), None, "{name}");
        }
        for key in [format!("other/{place}/blob"), format!("blobs/{}/blob", place.to_uppercase()), "blobs".to_owned()] {
            assert_eq!(read(&Path::from(key.clone())), None, "{key}");
        }
        assert_eq!(read(&Path::from(format!("blobs/{place}/blob/blob"))), None);
    }
}
