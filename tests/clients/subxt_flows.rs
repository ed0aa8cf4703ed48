//! Every flow of `subxt`, through each of its backends: the one it takes by itself, the legacy methods, `chainHead_v1`.

use std::{error::Error, sync::Arc};

use salus_chain_spec::presets::development_key;
use salus_primitives::crypto::KeyPair;
use subxt::{
    OnlineClient, SubstrateConfig,
    backend::{ChainHeadBackend, LegacyBackend},
    config::substrate::SubstrateExtrinsicParamsBuilder,
    dynamic::{self, At as _, Value},
    error::{DispatchError, TransactionEventsError, TransactionFinalizedSuccessError},
    rpcs::RpcClient,
    transactions::{DynamicPayload, Signer as _},
};

use crate::{node::Node, signer::Ed25519};

type Api = OnlineClient<SubstrateConfig>;
type Outcome = Result<(), Box<dyn Error>>;

fn council() -> Ed25519 {
    Ed25519(development_key("council"))
}

async fn default_backend(node: &Node) -> Result<Api, Box<dyn Error>> {
    Ok(Api::from_url(node.url()).await?)
}

async fn legacy_backend(node: &Node) -> Result<Api, Box<dyn Error>> {
    let backend = LegacyBackend::<SubstrateConfig>::builder().build(RpcClient::from_url(node.url()).await?);
    Ok(Api::from_backend(Arc::new(backend)).await?)
}

async fn chain_head_backend(node: &Node) -> Result<Api, Box<dyn Error>> {
    let rpc = RpcClient::from_url(node.url()).await?;
    let backend = ChainHeadBackend::<SubstrateConfig>::builder().build_with_background_driver(rpc);
    Ok(Api::from_backend(Arc::new(backend)).await?)
}

#[tokio::test]
async fn the_default_backend_serves_every_flow() -> Outcome {
    let node = Node::dev().start();
    let api = default_backend(&node).await?;
    every_flow(&api).await?;
    // Only with both families of methods is a block found by its number and long after it was pinned.
    an_old_block_keeps_its_events(&api).await
}

#[tokio::test]
async fn the_legacy_methods_serve_every_flow() -> Outcome {
    let node = Node::dev().start();
    let api = legacy_backend(&node).await?;
    every_flow(&api).await?;
    an_old_block_keeps_its_events(&api).await
}

#[tokio::test]
async fn the_chain_head_methods_serve_every_flow() -> Outcome {
    let node = Node::dev().start();
    every_flow(&chain_head_backend(&node).await?).await
}

async fn every_flow(api: &Api) -> Outcome {
    state_is_read(api).await?;
    calls_are_signed_mortal_immortal_and_long(api).await?;
    a_refused_call_names_the_pallets_error(api).await?;
    a_bad_call_is_not_taken(api).await?;
    finalised_blocks_come_without_a_gap(api).await
}

async fn state_is_read(api: &Api) -> Outcome {
    let now = api.at_current_block().await?;
    let me = development_key("council").public().0;

    let parameters = dynamic::storage::<(), Value>("System", "ChainParameters");
    let parameters = now.storage().fetch(parameters, ()).await?.decode()?;
    assert_eq!(parameters.at("block_interval_min").and_then(Value::as_u128), Some(200));

    let account = dynamic::storage::<([u8; 32],), Value>("System", "Account");
    let here = now.storage().fetch(account.clone(), (me,)).await?.decode()?;
    assert!(here.at("nonce").is_some(), "{here}");
    let nobody = now.storage().fetch(account.clone(), ([7; 32],)).await?.decode()?;
    assert_eq!(nobody.at("nonce").and_then(Value::as_u128), Some(0), "a key that was never bound has the default");
    let motion = dynamic::storage::<(u32,), Value>("Council", "Motions");
    assert!(now.storage().try_fetch(motion, (31,)).await?.is_none(), "there is no motion in the last slot");

    let mut accounts = now.storage().iter(account, ()).await?;
    let mut found = false;
    while let Some(entry) = accounts.next().await {
        let entry = entry?;
        let key: Option<[u8; 32]> = entry.key()?.part(0).ok_or("a key")?.decode_as()?;
        found |= key == Some(me);
        entry.value().decode()?;
    }
    assert!(found, "the council's key is among the accounts");

    let prefix = now.constants().entry(dynamic::constant::<u16>("System", "SS58Prefix"))?;
    assert_eq!(prefix, 42);
    let version = now.constants().entry(dynamic::constant::<Value>("System", "Version"))?;
    assert_eq!(version.at("spec_name").and_then(Value::as_str), Some("salus"));

    let nonce = dynamic::runtime_api_call::<_, u32>("AccountNonceApi", "account_nonce", (me,));
    assert_eq!(u64::from(now.runtime_apis().call(nonce).await?), now.tx().account_nonce(&me.into()).await?);
    let version = dynamic::runtime_api_call::<_, Value>("Core", "version", ());
    assert_eq!(now.runtime_apis().call(version).await?.at("spec_name").and_then(Value::as_str), Some("salus"));
    Ok(())
}

/// A motion that leaves the parameters as they are.
async fn keep_parameters(api: &Api) -> Result<dynamic::Value, Box<dyn Error>> {
    let parameters = dynamic::storage::<(), Value>("System", "ChainParameters");
    let parameters = api.at_current_block().await?.storage().fetch(parameters, ()).await?.decode()?;
    Ok(Value::named_variant("ParametersSet", [("parameters", parameters)]))
}

/// A council of the key that there is and of others, `count` in all.
fn council_of(count: u8) -> Value {
    let others = (1..count).map(|seed| KeyPair::from_seed(&[seed; 32]).public());
    let members = [development_key("council").public()].into_iter().chain(others);
    let members: Vec<Value> = members.map(|key| Value::from_bytes(key.0)).collect();
    Value::named_variant("CouncilSet", [("members", Value::unnamed_composite(members)), ("threshold", Value::u128(1))])
}

fn propose(act: Value) -> DynamicPayload<Vec<Value>> {
    dynamic::tx("Council", "propose", vec![act, Value::unnamed_composite([])])
}

async fn calls_are_signed_mortal_immortal_and_long(api: &Api) -> Outcome {
    let (me, noop) = (council(), dynamic::tx("System", "noop", ()));
    let default = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new;
    for params in [default().immortal().build(), default().mortal(8).build(), default().mortal(1_024).build()] {
        let now = api.at_current_block().await?;
        let progress = now.tx().sign_and_submit_then_watch(&noop, &me, params).await?;
        let events = progress.wait_for_finalized_success().await?;
        let names = names(events.iter().map(|event| Ok(event?.event_name().to_owned())))?;
        assert_eq!(names, ["ExtrinsicSuccess"]);
    }
    let long = propose(council_of(12));
    let now = api.at_current_block().await?;
    assert!(now.tx().call_data(&long)?.len() > 256, "the payload must be one that is hashed before it is signed");
    let events = now.tx().sign_and_submit_then_watch_default(&long, &me).await?.wait_for_finalized_success().await?;
    assert!(events.iter().flatten().any(|event| (event.pallet_name(), event.event_name()) == ("Council", "Executed")));
    Ok(())
}

async fn a_refused_call_names_the_pallets_error(api: &Api) -> Outcome {
    let nobody =
        Value::named_variant("CouncilSet", [("members", Value::unnamed_composite([])), ("threshold", Value::u128(1))]);
    let now = api.at_current_block().await?;
    let before = now.tx().account_nonce(&development_key("council").public().0.into()).await?;
    let progress = now.tx().sign_and_submit_then_watch_default(&propose(nobody), &council()).await?;
    match progress.wait_for_finalized_success().await {
        Err(TransactionFinalizedSuccessError::SuccessError(TransactionEventsError::ExtrinsicFailed(
            DispatchError::Module(error),
        ))) => assert_eq!(error.details_string(), "Council::BadAct"),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("a council of nobody was let in"),
    }
    let now = api.at_current_block().await?;
    let after = now.tx().account_nonce(&development_key("council").public().0.into()).await?;
    assert_eq!(after, before + 1, "a refused call uses its nonce");
    Ok(())
}

async fn a_bad_call_is_not_taken(api: &Api) -> Outcome {
    let (me, noop) = (council(), dynamic::tx("System", "noop", ()));
    let first = || SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new().nonce(0).build();
    let stranger = Ed25519(KeyPair::from_seed(&[0x77; 32]));
    let now = api.at_current_block().await?;
    for (signer, reason) in [(&stranger, "not registered"), (&me, "already used")] {
        // Some backends are told at once, some by the stream of what becomes of it.
        let said = match now.tx().sign_and_submit_then_watch(&noop, signer, first()).await {
            Err(error) => format!("{error:?}"),
            Ok(progress) => match progress.wait_for_finalized().await {
                Err(error) => format!("{error:?}"),
                Ok(_) => panic!("it was taken"),
            },
        };
        assert!(said.contains(reason), "{reason:?} is missing in {said}");
    }
    let stale = now.tx().create_signable_offline(&noop, first())?.sign(&me)?;
    assert!(!stale.validate().await?.is_valid(), "the runtime says it before it is submitted");
    let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new().build();
    let good = now.tx().create_signable(&noop, &me.account_id(), params).await?.sign(&me)?;
    assert!(good.validate().await?.is_valid());
    Ok(())
}

async fn finalised_blocks_come_without_a_gap(api: &Api) -> Outcome {
    let (me, noop) = (council(), dynamic::tx("System", "noop", ()));
    let mut blocks = api.stream_blocks().await?;
    let mut last = None;
    for _ in 0..10 {
        let now = api.at_current_block().await?;
        let placed = now.tx().sign_and_submit_then_watch_default(&noop, &me).await?.wait_for_finalized().await?;
        loop {
            let block = blocks.next().await.ok_or("blocks go on")??;
            let at = block.at().await?;
            if let Some((number, hash)) = last {
                let parent = at.block_header().await?.parent_hash;
                assert_eq!((block.number(), parent), (number + 1, hash), "each block follows the last");
            }
            last = Some((block.number(), block.hash()));
            if block.hash() == placed.block_hash() {
                let extrinsics = at.extrinsics().fetch().await?;
                let calls: Vec<_> = extrinsics.iter().collect::<Result<_, _>>()?;
                let calls: Vec<_> = calls.iter().map(|call| (call.pallet_name(), call.call_name())).collect();
                assert_eq!(calls, [("System", "noop")]);
                break;
            }
        }
    }
    Ok(())
}

async fn an_old_block_keeps_its_events(api: &Api) -> Outcome {
    let act = keep_parameters(api).await?;
    let now = api.at_current_block().await?;
    let placed = now.tx().sign_and_submit_then_watch_default(&propose(act), &council()).await?;
    let placed = placed.wait_for_finalized().await?;
    let number = placed.at().await?.block_number();
    finalised_blocks_come_without_a_gap(api).await?;

    for old in [api.at_block(number).await?, api.at_block(placed.block_hash()).await?] {
        let events = old.events().fetch().await?;
        let names = names(events.iter().map(|event| Ok(event?.event_name().to_owned())))?;
        assert_eq!(names, ["Proposed", "Passed", "Executed", "ExtrinsicSuccess"]);
    }
    let genesis = api.at_block(0u64).await?;
    assert_eq!(genesis.block_hash(), api.genesis_hash());
    assert!(genesis.events().fetch().await?.is_empty());
    assert!(api.at_block(1_000_000u64).await.is_err(), "that block is not there yet");
    Ok(())
}

/// The names of events, or the first that does not decode.
fn names(events: impl Iterator<Item = Result<String, Box<dyn Error>>>) -> Result<Vec<String>, Box<dyn Error>> {
    events.collect()
}
