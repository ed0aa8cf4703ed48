//! A whole application of unmodified `subxt`: it connects, reads the metadata, submits a signed call and sees its event.

use std::error::Error;

use subxt::{OnlineClient, SubstrateConfig, dynamic, dynamic::Value};

use crate::signer::Ed25519;

/// Have the council keep the chain's parameters as they are; the names of the events that this leads to.
pub async fn application(url: &str, council: &Ed25519) -> Result<Vec<String>, Box<dyn Error>> {
    let api = OnlineClient::<SubstrateConfig>::from_url(url).await?;
    let now = api.at_current_block().await?;
    println!("{} pallets", now.metadata_ref().pallets().len());
    let parameters = dynamic::storage::<(), Value>("System", "ChainParameters");
    let parameters = now.storage().fetch(parameters, ()).await?.decode()?;
    let act = Value::named_variant("ParametersSet", [("parameters", parameters)]);
    let call = dynamic::tx("Council", "propose", vec![act, Value::unnamed_composite([])]);
    let call = now.tx().sign_and_submit_then_watch_default(&call, council).await?;
    let events = call.wait_for_finalized_success().await?;
    events.iter().map(|event| Ok(event?.event_name().to_owned())).collect()
}
