//! Metadata: what clients look up by name is there, in all three formats.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use scale_info::PortableRegistry;

use super::*;

fn decoded(version: u32) -> RuntimeMetadata {
    let bytes = SalusRuntime::new().metadata(version).unwrap();
    let mut rest = &bytes[..];
    let metadata = RuntimeMetadataPrefixed::decode(&mut rest).unwrap();
    assert!(rest.is_empty());
    metadata.1
}

fn paths(registry: &PortableRegistry) -> Vec<String> {
    registry.types.iter().map(|ty| ty.ty.path.segments.join("::")).collect()
}

#[track_caller]
fn has_the_paths_clients_look_for(registry: &PortableRegistry) {
    let paths = paths(registry);
    for expected in [
        "sp_core::crypto::AccountId32",
        "sp_runtime::multiaddress::MultiAddress",
        "sp_runtime::MultiSignature",
        "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
        "sp_runtime::generic::era::Era",
        "sp_runtime::DispatchError",
        "sp_runtime::ModuleError",
        "frame_system::EventRecord",
        "frame_system::AccountInfo",
        "primitive_types::H256",
        "sp_runtime::generic::digest::Digest",
        "sp_version::RuntimeVersion",
        "salus_runtime::RuntimeCall",
        "salus_runtime::RuntimeEvent",
        "pallet_consent::pallet::Call",
        "pallet_consent::pallet::Event",
        "pallet_access::pallet::Error",
        "pallet_validators::pallet::Call",
        "pallet_validators::pallet::Event",
        "pallet_validators::pallet::Error",
    ] {
        assert!(paths.iter().any(|path| path == expected), "{expected} is missing");
    }
    for pallet in ["salus_consent::Call", "salus_access::Event", "salus_registry::Error"] {
        assert!(!paths.iter().any(|path| path == pallet), "{pallet} should have been renamed");
    }
}

#[test]
fn format_14_has_what_clients_look_for() {
    let RuntimeMetadata::V14(metadata) = decoded(14) else { panic!("format 14") };
    has_the_paths_clients_look_for(&metadata.types);
    assert_eq!(metadata.extrinsic.version, 4);
    let system = &metadata.pallets[0];
    assert_eq!((system.name.as_str(), system.index), ("System", 0));
    let entries: Vec<_> = system.storage.as_ref().unwrap().entries.iter().map(|entry| entry.name.as_str()).collect();
    for name in ["Account", "BlockHash", "Number", "Digest", "Events"] {
        assert!(entries.contains(&name), "System.{name} is missing");
    }
}

#[test]
fn formats_15_and_16_have_functions_and_extensions() {
    let RuntimeMetadata::V15(metadata) = decoded(15) else { panic!("format 15") };
    has_the_paths_clients_look_for(&metadata.types);
    assert!(metadata.apis.iter().any(|api| api.name == "AccountNonceApi"));
    assert!(metadata.apis.iter().any(|api| api.name == "SalusApi" && api.methods[0].name == "peers"));
    let RuntimeMetadata::V16(metadata) = decoded(16) else { panic!("format 16") };
    has_the_paths_clients_look_for(&metadata.types);
    let names: Vec<_> =
        metadata.extrinsic.transaction_extensions.iter().map(|extension| extension.identifier.as_str()).collect();
    assert_eq!(
        names,
        ["CheckSpecVersion", "CheckTxVersion", "CheckGenesis", "CheckMortality", "CheckNonce", "CheckMetadataHash"]
    );
    assert_eq!(metadata.extrinsic.versions, [4]);
    assert_eq!(metadata.pallets[0].associated_types[0].name, "Hashing");
}

#[test]
fn calls_have_the_names_of_functions_in_every_format() {
    let RuntimeMetadata::V14(v14) = decoded(14) else { panic!("format 14") };
    let RuntimeMetadata::V15(v15) = decoded(15) else { panic!("format 15") };
    let RuntimeMetadata::V16(v16) = decoded(16) else { panic!("format 16") };
    for types in [&v14.types, &v15.types, &v16.types] {
        let names = |path: &str| -> Vec<String> {
            let ty = types.types.iter().find(|ty| ty.ty.path.segments.join("::") == path).unwrap();
            let scale_info::TypeDef::Variant(variants) = &ty.ty.type_def else { panic!("{path} is an enum") };
            variants.variants.iter().map(|variant| variant.name.clone()).collect()
        };
        assert_eq!(names("pallet_system::pallet::Call"), ["noop"]);
        assert_eq!(names("pallet_validators::pallet::Call"), ["report_equivocation"]);
        assert!(names("pallet_registry::pallet::Call").contains(&"affiliation_set".to_owned()));
        assert_eq!(names("pallet_system::pallet::Event"), ["ExtrinsicSuccess", "ExtrinsicFailed"]);
    }
}

#[test]
fn an_account_says_that_it_holds_no_balance() {
    let RuntimeMetadata::V16(metadata) = decoded(16) else { panic!("format 16") };
    let account = metadata.types.types.iter().find(|ty| ty.ty.path.segments.join("::") == "frame_system::AccountInfo");
    let scale_info::TypeDef::Composite(account) = &account.unwrap().ty.type_def else { panic!("a struct") };
    let fields: Vec<_> = account.fields.iter().map(|field| field.name.as_deref().unwrap()).collect();
    let parts = ["subject", "roles", "until", "ended"];
    assert_eq!(fields, [&["nonce", "consumers", "providers", "sufficients", "data"][..], &parts].concat());
    let data = &metadata.types.types[account.fields[4].ty.id as usize].ty.type_def;
    assert!(matches!(data, scale_info::TypeDef::Tuple(parts) if parts.fields.is_empty()));
}

#[test]
fn the_cost_is_told_whatever_scheme_a_made_up_signature_declares() {
    let net = TestNet::new();
    let mut raw = net.signed(&council(), noop(), 0);
    let cost = |raw: &RawExtrinsic| {
        let arguments = (raw, u32::try_from(raw.wire_len()).unwrap()).encode();
        net.runtime.call(&net.state, &net.tip, "TransactionPaymentApi_query_info", &arguments)
    };
    let told = cost(&raw).unwrap();
    assert!(told.ends_with(&[0; 16]), "the fee is zero");
    raw.0[34] = 1;
    assert_eq!(cost(&raw).unwrap(), told);
    raw.0[34] = 2;
    assert!(cost(&raw).is_err(), "an ECDSA signature is longer, so nothing stands where it should");
}

#[test]
fn every_pallet_keeps_its_index() {
    use salus_support::table::RuntimeTable;
    let rows: Vec<_> = crate::Runtime::pallets().iter().map(|pallet| (pallet.index, pallet.name)).collect();
    assert_eq!(
        rows,
        [
            (0, "System"),
            (1, "Timestamp"),
            (2, "Validators"),
            (3, "Council"),
            (4, "Registry"),
            (5, "Patients"),
            (6, "Records"),
            (7, "Consent"),
            (8, "Access"),
            (9, "Appointments"),
            (10, "Credits"),
        ]
    );
    assert!(rows.iter().all(|(index, _)| *index != salus_primitives::signed::RESERVED_PALLET_INDEX));
}

/// Which metadata each spec version has had: clients keep what they have generated from it by that number.
const FIXTURE: &str = include_str!("../../fixtures/metadata.txt");

#[test]
fn metadata_changes_only_with_the_spec_version() {
    let runtime = SalusRuntime::new();
    let version = salus_system::version().spec_version;
    let digest = |format| salus_primitives::crypto::sha256(&runtime.metadata(format).unwrap());
    let now = format!("{version} {} {} {}", digest(14), digest(15), digest(16));
    let lines: Vec<&str> = FIXTURE.lines().filter(|line| !line.starts_with('#')).collect();
    let versions: Vec<u32> = lines.iter().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "each spec version has one line, in order: {versions:?}");
    let kept = lines.last().copied().unwrap_or_default();
    assert!(
        kept == now,
        "metadata is not what spec version {version} has. Of a released version: raise spec_version in \
         pallets/system/src/lib.rs and add a line to runtime/fixtures/metadata.txt. Before its release: replace the \
         last line. The line is now:\n{now}"
    );
}

#[test]
fn another_format_is_not_made() {
    assert_eq!(SalusRuntime::new().metadata(13), None);
}

#[test]
fn every_error_fits_the_four_bytes_of_a_module_error() {
    // The widest errors carry one more byte; four is what a ModuleError holds.
    let error = crate::RuntimeError::System(salus_system::Error::NotRegistered);
    assert_eq!(salus_support::table::module_error(&error).error, [0, 0, 0, 0]);
}

#[test]
fn runtime_functions_answer_by_name() {
    let net = TestNet::new();
    let call = |name: &str, arguments: &[u8]| net.runtime.call(&net.state, &net.tip, name, arguments);
    assert_eq!(call("Core_version", &[]).unwrap(), salus_system::version().encode());
    assert_eq!(call("Metadata_metadata_versions", &[]).unwrap(), vec![14u32, 15, 16].encode());
    assert_eq!(call("AccountNonceApi_account_nonce", &council().public().encode()).unwrap(), [0; 4]);
    let good = net.signed(&council(), noop(), 0);
    let arguments = (2u8, &good, net.genesis).encode();
    assert_eq!(call("TaggedTransactionQueue_validate_transaction", &arguments).unwrap()[0], 0);
    let stranger = (2u8, net.signed(&key(9), noop(), 0), net.genesis).encode();
    assert_eq!(call("TaggedTransactionQueue_validate_transaction", &stranger).unwrap(), [1, 0, 7, 1]);
    assert!(
        call("Core_execute_block", &[])
            .unwrap_err()
            .to_string()
            .contains("Exported method Core_execute_block is not found")
    );
    assert!(call("AccountNonceApi_account_nonce", &[1]).is_err());
}
