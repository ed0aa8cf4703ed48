//! Why a command did not do what it was asked, and the exit status that says so.

use std::{io, path::PathBuf, process::ExitCode};

use salus_client::{
    actions::ActionError,
    chain::{ChainError, ExportError, SubmitError, TokenError, explain},
    envelope::RandomError,
    fhir::{BundleError, ConsentError, FhirError, MappingError, SchemaError},
    keystore::KeystoreError,
    vitals::VitalsError,
};
use serde_json::{Value, json};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// On the chain, or on the way there.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// A key.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The token for the node.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A record's file.
    #[error(transparent)]
    Fhir(#[from] FhirError),
    /// A record that this program made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Nothing to check a record by.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A consent's file.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// A consent that is no rule of the chain.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Measurements that do not go together.
    #[error(transparent)]
    Vitals(#[from] VitalsError),
    /// Blocks were not written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file.
    #[error("{doing} {path} failed: {source}", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// The demo did not end well.
    #[error("demo: {0}")]
    Demo(#[from] salus_client::demo::DemoError),
    /// What was asked for does not go together.
    #[error("{0}")]
    Usage(String),
}

impl From<ChainError> for CliError {
    fn from(error: ChainError) -> Self {
        Self::Action(error.into())
    }
}

impl From<SubmitError> for CliError {
    fn from(error: SubmitError) -> Self {
        Self::Action(error.into())
    }
}

impl From<RandomError> for CliError {
    fn from(error: RandomError) -> Self {
        Self::Action(error.into())
    }
}

impl CliError {
    /// 2 for wrong usage, 3 where no node could be talked to, else 1.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Action(error) if error.is_unreachable() => 3,
            Self::Export(ExportError::Chain(error)) if error.is_unreachable() => 3,
            _ => 1,
        }
    }

    /// The exit status.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status())
    }

    /// The error as one JSON object.
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "message": self.to_string(), "status": self.status() });
        if let Self::Action(action) = self
            && let Some(refusal) = action.refusal()
        {
            let explained = explain(&refusal);
            error["pallet"] = json!(explained.pallet);
            error["error"] = json!(explained.error);
            error["next"] = json!(explained.next);
        }
        if let Self::Action(ActionError::Submit(SubmitError::Refused { receipt, .. })) = self {
            error["height"] = json!(receipt.height.0);
            error["extrinsic"] = json!(receipt.extrinsic.to_string());
        }
        json!({ "error": error })
    }
}
