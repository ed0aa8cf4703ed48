//! I5: no value of state has free length. Each storage item has a row here, with the bound its type gives; each value
//! that is written keeps to it, decodes, and encodes to the same bytes.

use std::{collections::BTreeMap, sync::LazyLock};

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode, MaxEncodedLen};
use salus_primitives::{
    BoundedVec, Hash, Height, Moment, OrganisationId, RecordId, patient_log::LogHead, runtime_api::RuntimeApi,
    storage_key::prefix,
};
use salus_runtime::SalusRuntime;

type Check = fn(&[u8]) -> Result<(), String>;

/// What may be wrong with a value of this type.
fn fits<T: Encode + Decode + MaxEncodedLen>(bytes: &[u8]) -> Result<(), String> {
    let max = T::max_encoded_len();
    if bytes.len() > max {
        return Err(format!("{} bytes, at most {max}", bytes.len()));
    }
    let value = T::decode(&mut &bytes[..]).map_err(|_| "does not decode".to_owned())?;
    if value.encode() == bytes { Ok(()) } else { Err("encodes to other bytes".to_owned()) }
}

/// A page of rules has a bound of its own, below what its type could take.
fn page_fits(bytes: &[u8]) -> Result<(), String> {
    fits::<salus_consent::Page>(bytes)?;
    let max = salus_consent::types::PAGE_BYTES_MAX;
    if bytes.len() <= max { Ok(()) } else { Err(format!("{} bytes, at most {max}", bytes.len())) }
}

/// Written by the executive, and as long as a block has events or digest items: blocks have bounds.
fn of_the_block(_: &[u8]) -> Result<(), String> {
    Ok(())
}

#[rustfmt::skip]
const ROWS: &[(&str, &str, Check)] = &[
    ("System", "Account", fits::<salus_system::AccountInfo>),
    ("System", "Purposes", fits::<salus_system::Purpose>),
    ("System", "Keys", fits::<salus_system::types::SubjectKeys>),
    ("System", "WeightUsed", fits::<salus_system::types::Usage>),
    ("System", "WeightExtra", fits::<salus_system::types::Usage>),
    ("System", "BlockHash", fits::<Hash>),
    ("System", "Number", fits::<u32>),
    ("System", "Digest", of_the_block),
    ("System", "ChainParameters", fits::<salus_system::Parameters>),
    ("System", "Events", of_the_block),
    ("Timestamp", "Now", fits::<u64>),
    ("Validators", "Set", fits::<salus_validators::types::StoredSet>),
    ("Validators", "Entries", fits::<salus_validators::types::Validator>),
    ("Validators", "Seats", fits::<salus_validators::types::Seat>),
    ("Validators", "ChangedAt", fits::<Height>),
    ("Validators", "Reported", fits::<salus_validators::types::Reports>),
    ("Validators", "Recent", fits::<salus_validators::types::Changes>),
    ("Council", "Threshold", fits::<u8>),
    ("Council", "Motions", fits::<salus_council::types::Motion>),
    ("Council", "NextMotion", fits::<u32>),
    ("Council", "Due", fits::<Moment>),
    ("Council", "Scheduled", fits::<salus_council::types::Upgrade>),
    ("Registry", "Organisations", fits::<salus_registry::types::Organisation>),
    ("Registry", "Hosts", fits::<salus_registry::types::HostList>),
    ("Registry", "Practitioners", fits::<salus_registry::types::Practitioner>),
    ("Registry", "CouncilSuspended", fits::<Moment>),
    ("Registry", "Affiliations", fits::<salus_registry::types::Affiliation>),
    ("Registry", "Places", fits::<BoundedVec<OrganisationId, { salus_registry::types::AFFILIATIONS_MAX }>>),
    ("Registry", "KemKeys", fits::<salus_registry::KemKey>),
    ("Registry", "Successors", fits::<OrganisationId>),
    ("Registry", "KeyLocks", fits::<Moment>),
    ("Registry", "KeyGuards", fits::<Moment>),
    ("Patients", "Patients", fits::<salus_patients::Patient>),
    ("Patients", "BeforeDeath", fits::<salus_patients::PatientState>),
    ("Patients", "Holds", fits::<u32>),
    ("Patients", "Invitations", fits::<salus_patients::types::Invitation>),
    ("Patients", "Rings", fits::<salus_patients::types::Ring>),
    ("Patients", "Slots", fits::<salus_patients::types::Slot>),
    ("Patients", "Guardianships", fits::<salus_patients::types::Guardianship>),
    ("Patients", "PendingChanges", fits::<salus_patients::types::PendingGuardians>),
    ("Patients", "GuardianFreezes", fits::<Moment>),
    ("Patients", "Thaws", fits::<salus_patients::types::Thawing>),
    ("Patients", "RecoveryApprovals", fits::<salus_patients::types::Approvals>),
    ("Patients", "Recoveries", fits::<salus_patients::types::Recovery>),
    ("Records", "Records", fits::<salus_records::Record>),
    ("Records", "Summary", fits::<RecordId>),
    ("Records", "Erasures", fits::<salus_records::Erasure>),
    ("Records", "FormerCustodians", fits::<salus_records::types::Formers>),
    ("Consent", "Rules", page_fits),
    ("Consent", "Ledgers", fits::<salus_consent::types::Ledger>),
    ("Access", "Requests", fits::<salus_access::Request>),
    ("Access", "Receipts", fits::<salus_access::Receipt>),
    ("Access", "Logs", fits::<LogHead>),
    ("Access", "Activities", fits::<salus_access::types::Activity>),
    ("Access", "DeniedOpenings", fits::<salus_access::types::Denials>),
    ("Access", "Cases", fits::<salus_access::Case>),
    ("Access", "Caseloads", fits::<salus_access::cases::Caseload>),
    ("Access", "Disputes", fits::<BoundedVec<u32, { salus_access::cases::DISPUTES_MAX }>>),
    ("Access", "LateHolds", fits::<u32>),
    ("Access", "Anchored", fits::<u32>),
    ("Appointments", "Pages", fits::<salus_appointments::types::Page>),
    ("Appointments", "Slots", fits::<salus_appointments::Slot>),
    ("Appointments", "BookingKeys", fits::<salus_appointments::SlotRef>),
    ("Credits", "Balances", fits::<u64>),
    ("Credits", "AllTime", fits::<salus_credits::types::Totals>),
    ("Credits", "ByPatient", fits::<salus_credits::types::DayCount>),
];

/// Does a value that was written keep to its item's bound?
pub fn check(key: &[u8], value: &[u8]) -> Result<(), String> {
    type Row = (&'static str, &'static str, Check);
    static BY_PREFIX: LazyLock<BTreeMap<[u8; 32], Row>> =
        LazyLock::new(|| ROWS.iter().map(|row| (prefix(row.0, row.1), *row)).collect());
    let row = key.first_chunk::<32>().and_then(|item| BY_PREFIX.get(item));
    let Some((pallet, item, check)) = row else { return Err("I5: a key of no storage item was written".to_owned()) };
    check(value).map_err(|wrong| format!("I5: a value of {pallet}.{item}: {wrong}"))
}

#[test]
fn every_storage_item_has_a_bound_and_a_row_here() {
    let metadata = SalusRuntime::new().metadata(14).unwrap();
    let metadata = RuntimeMetadataPrefixed::decode(&mut &metadata[..]).unwrap();
    let RuntimeMetadata::V14(metadata) = metadata.1 else { panic!("metadata of format 14 was asked for") };
    let mut items: Vec<(String, String)> = Vec::new();
    for storage in metadata.pallets.into_iter().filter_map(|pallet| pallet.storage) {
        items.extend(storage.entries.into_iter().map(|entry| (storage.prefix.clone(), entry.name)));
    }
    let mut rows: Vec<_> = ROWS.iter().map(|(pallet, item, _)| ((*pallet).to_owned(), (*item).to_owned())).collect();
    items.sort();
    rows.sort();
    assert_eq!(rows, items);
}

#[test]
fn a_value_over_its_bound_or_of_other_bytes_is_seen() {
    let key = |pallet, item| prefix(pallet, item).to_vec();
    assert_eq!(check(&key("Access", "LateHolds"), &1u32.encode()), Ok(()));
    assert!(check(&key("Access", "LateHolds"), &1u64.encode()).is_err());
    assert!(check(&key("Consent", "Ledgers"), &[1]).is_err());
    assert!(check(&key("Consent", "Nothing"), &[]).is_err());
    // A compact length that is longer than it has to be.
    assert!(check(&key("Access", "Disputes"), &[0x02, 0, 0, 0]).is_err());
}
