//! The demo: two hospitals, their doctors and a patient, from registration to the patient's own list of who looked,
//! against the real nodes of four hospitals, through JSON-RPC alone, with records that lie in the gateways of two.
//! One of the four nodes is killed on the way, and one gateway stopped.
//!
//! Every step that should be refused is checked to be refused, and for its own reason: a demo that ends well has
//! seen each of them.

mod charts;
mod erasing;
mod gateway;
mod node;
mod opening;
mod people;
mod process;
mod rarer;
mod stage;
mod story;
mod teller;

use std::path::PathBuf;

use clap::Args;

use crate::{
    actions::ActionError,
    chain::{ChainError, ExportError},
    envelope::RandomError,
    fhir::{BundleError, FhirError},
    keystore::KeystoreError,
    vitals::VitalsError,
};

/// Start four hospitals' nodes and run the main job against them in turn, step by step.
#[derive(Args, Debug, Clone)]
pub struct DemoArgs {
    /// The node's program. Without it: `salus-node` beside this program, or on the path.
    #[arg(long, value_name = "FILE", env = "SALUS_NODE_BIN")]
    pub node_program: Option<PathBuf>,
    /// The gateways' program. Without it: `salus-gateway` beside this program, or on the path.
    #[arg(long, value_name = "FILE", env = "SALUS_GATEWAY_BIN")]
    pub gateway_program: Option<PathBuf>,
    /// A folder of FHIR R4 bundles, one patient each. Without it the demo makes a general-information record and a
    /// chart itself.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep everything in this new folder: the nodes' data, the gateways' stores, logs and keys, and under `people/`
    /// what doctors and patients fetched. Without it a temporary folder serves.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// How many hospitals run a validator. With three or fewer none can be spared, and none is killed.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=21))]
    pub validators: u8,
    /// Stop the nodes and exit at the end, instead of leaving them running until Ctrl-C.
    #[arg(long)]
    pub once: bool,
    /// Port of the first node's JSON-RPC; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
}

/// Why the demo did not end well.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// An action failed that should not.
    #[error("{doing}: {error}")]
    Action {
        /// What was being done.
        doing: String,
        /// Why it failed.
        error: ActionError,
    },
    /// Something that should be refused, or permitted, was not.
    #[error("{doing}: expected {expected}, but {found}")]
    Unexpected {
        /// What was being done.
        doing: String,
        /// What should come of it.
        expected: String,
        /// What came of it.
        found: String,
    },
    /// The node did not start, stop or answer.
    #[error("the node: {0}")]
    Node(String),
    /// The connection.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Blocks could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The folder of bundles.
    #[error(transparent)]
    Fhir(#[from] FhirError),
    /// What the demo makes is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The record the demo makes.
    #[error(transparent)]
    Vitals(#[from] VitalsError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The gateways' key files.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// Files.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Run the demo; it prints as it goes.
///
/// # Errors
/// [`DemoError`]: the first thing that did not go as it should.
pub async fn run(args: DemoArgs) -> Result<(), DemoError> {
    story::tell(args).await
}
