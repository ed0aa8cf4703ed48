//! Runtime functions that clients call by name (clients.md 1.6).

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{
    AccountId, Hash, Header, Moment, RawExtrinsic,
    peer::Peers,
    runtime_api::{CallError, NoneVerified, RuntimeApi, StateReader},
    version::RuntimeVersion,
};
use salus_support::metadata::{
    description::RuntimeFunction,
    types::{
        DispatchClass, RuntimeDispatchInfo, TransactionSource, TransactionValidityError, UncheckedExtrinsic,
        ValidTransaction, Weight,
    },
};
use scale_info::{MetaType, meta_type};

use crate::{RuntimeCall, SalusRuntime, validity::Next};

/// The functions, for metadata.
pub(crate) fn described() -> Vec<RuntimeFunction> {
    let function = |api, api_version, name, inputs: Vec<(&'static str, MetaType)>, output, docs| RuntimeFunction {
        api,
        api_version,
        name,
        inputs,
        output,
        docs,
    };
    vec![
        function("Core", 5, "version", vec![], meta_type::<RuntimeVersion>(), "The runtime's version."),
        function("Metadata", 2, "metadata", vec![], meta_type::<Vec<u8>>(), "Metadata in format 14."),
        function(
            "Metadata",
            2,
            "metadata_at_version",
            vec![("version", meta_type::<u32>())],
            meta_type::<Option<Vec<u8>>>(),
            "Metadata in the given format.",
        ),
        function("Metadata", 2, "metadata_versions", vec![], meta_type::<Vec<u32>>(), "Formats of metadata."),
        function(
            "AccountNonceApi",
            1,
            "account_nonce",
            vec![("account", meta_type::<AccountId>())],
            meta_type::<u32>(),
            "Number of the account's next extrinsic.",
        ),
        function(
            "TaggedTransactionQueue",
            3,
            "validate_transaction",
            vec![
                ("source", meta_type::<TransactionSource>()),
                ("tx", meta_type::<UncheckedExtrinsic<RuntimeCall>>()),
                ("block_hash", meta_type::<Hash>()),
            ],
            meta_type::<Result<ValidTransaction, TransactionValidityError>>(),
            "Could this extrinsic stand in the next block?",
        ),
        function(
            "TransactionPaymentApi",
            4,
            "query_info",
            vec![("uxt", meta_type::<UncheckedExtrinsic<RuntimeCall>>()), ("len", meta_type::<u32>())],
            meta_type::<RuntimeDispatchInfo>(),
            "Weight of an extrinsic; its fee is always zero.",
        ),
        function(
            "SalusApi",
            1,
            "peers",
            vec![],
            meta_type::<Peers>(),
            "Who may connect: the validators' nodes and the full nodes that organisations listed.",
        ),
    ]
}

/// Call a function by name.
pub(crate) fn call(
    runtime: &SalusRuntime,
    state: &dyn StateReader,
    at: &Header,
    name: &str,
    mut arguments: &[u8],
) -> Result<Vec<u8>, CallError> {
    let bad = |_| CallError::BadArguments(name.to_owned());
    match name {
        "Core_version" => Ok(salus_system::version().encode()),
        "Metadata_metadata" => Ok(runtime.metadata(14).unwrap_or_default().encode()),
        "Metadata_metadata_versions" => Ok(vec![14u32, 15, 16].encode()),
        "Metadata_metadata_at_version" => {
            let version = u32::decode(&mut arguments).map_err(bad)?;
            Ok(runtime.metadata(version).encode())
        }
        "AccountNonceApi_account_nonce" => {
            let account = AccountId::decode(&mut arguments).map_err(bad)?;
            Ok(salus_system::storage::Account::get(state, &account).nonce.encode())
        }
        "TaggedTransactionQueue_validate_transaction" => {
            let _source = u8::decode(&mut arguments).map_err(bad)?;
            let raw = RawExtrinsic::decode(&mut arguments).map_err(bad)?;
            let _at = Hash::decode(&mut arguments).map_err(bad)?;
            Ok(match runtime.validate(state, at, &raw, &NoneVerified) {
                Ok(valid) => {
                    let tag = |nonce: u32| match &valid.tag {
                        Some(tag) => tag.encode(),
                        None => (valid.signer, nonce).encode(),
                    };
                    let waits = valid.nonce > valid.next_nonce;
                    let requires = if waits { vec![tag(valid.nonce - 1)] } else { vec![] };
                    let longevity = valid.expires.map_or(u64::MAX, |end| u64::from(end.0.saturating_sub(at.number.0)));
                    let provides = vec![tag(valid.nonce)];
                    let valid =
                        ValidTransaction { priority: valid.priority, requires, provides, longevity, propagate: true };
                    [&[0][..], &valid.encode()].concat()
                }
                Err(invalid) => [&[1][..], &invalid.to_validity_error()].concat(),
            })
        }
        "TransactionPaymentApi_query_info" => {
            let raw = with_our_scheme(RawExtrinsic::decode(&mut arguments).map_err(bad)?);
            let next = Next::after(state, at);
            let cost =
                crate::validity::check_form(&next, &raw).map_err(|_| CallError::BadArguments(name.to_owned()))?.cost();
            let weight = Weight { ref_time: cost.weight.saturating_mul(1_000_000), proof_size: 0 };
            Ok(RuntimeDispatchInfo { weight, class: DispatchClass::Normal, partial_fee: 0 }.encode())
        }
        "SalusApi_peers" => Ok(runtime.peers(state).encode()),
        _ => Err(CallError::NotFound(name.to_owned())),
    }
}

/// Wallets ask for the cost before they sign, with a made-up signature that they declare Sr25519 (scheme 1, as long
/// as ours): for the cost it does not matter.
fn with_our_scheme(mut raw: RawExtrinsic) -> RawExtrinsic {
    // Version, address form and account stand before the scheme.
    if let [0x84, 0x00, rest @ ..] = &mut raw.0[..]
        && let Some(scheme @ 1) = rest.get_mut(32)
    {
        *scheme = 0;
    }
    raw
}

impl<'a> Next<'a> {
    /// The block after `parent`, whose state is `state`.
    pub fn after(state: &'a dyn StateReader, parent: &Header) -> Self {
        Self {
            state,
            number: parent.number.next(),
            parent_hash: parent.hash(),
            now: Moment(salus_system::timestamp::Now::get(state)),
        }
    }
}
