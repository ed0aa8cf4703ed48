//! Unmodified clients against a real node: what an application of the Substrate world finds here.

mod foreign;
mod light;
#[path = "../cluster/node.rs"]
#[allow(dead_code, reason = "the tests of the cluster use all of it")]
mod node;
mod signer;
mod subxt_flows;
mod ten_lines;

use std::{error::Error, fs, path::Path};

use node::Node;
use salus_chain_spec::presets::development_key;
use signer::Ed25519;

#[tokio::test]
async fn ten_lines_on_unmodified_subxt_submit_a_call_and_see_its_event() -> Result<(), Box<dyn Error>> {
    let node = Node::dev().start();
    let events = ten_lines::application(&node.url(), &Ed25519(development_key("council"))).await?;
    assert_eq!(events, ["Proposed", "Passed", "Executed", "ExtrinsicSuccess"]);

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/ten_lines.rs");
    let text = fs::read_to_string(file)?;
    let (_, body) = text.split_once("Error>> {\n").expect("one function");
    assert_eq!(body.trim_end().trim_end_matches('}').trim_end().lines().count(), 10, "ten lines are promised");
    Ok(())
}
