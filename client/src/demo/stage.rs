//! Where the story is told, and how each step is seen to end as it should.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use salus_primitives::{PatientId, RecordId, crypto::KeyPair};
use salus_runtime::RuntimeError;
use tempfile::TempDir;

use super::{
    DemoError,
    gateway::Gateway,
    node::Network,
    process::{PATIENCE, PAUSE},
};
use crate::{
    actions::ActionError,
    chain::{Chain, Receipt, SubmitError, names},
    door::Refusal,
    envelope::KemSecret,
    remote::{self, RemoteError},
};

/// The folder of everything: thrown away at the end, or kept where the caller wants it.
pub enum Folder {
    /// Thrown away.
    Scratch(TempDir),
    /// Kept.
    Kept(PathBuf),
}

impl Folder {
    /// Make it; one that is to be kept must not have anything in it yet.
    pub fn make(kept: Option<PathBuf>) -> Result<Self, DemoError> {
        let Some(path) = kept else {
            let made = tempfile::Builder::new().prefix("salus-demo-").tempdir();
            return Ok(Self::Scratch(made.map_err(|source| DemoError::Io { path: std::env::temp_dir(), source })?));
        };
        let io = |source| DemoError::Io { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(io)?;
        let io = |source| DemoError::Io { path: path.clone(), source };
        if fs::read_dir(&path).map_err(io)?.next().is_some() {
            return Err(DemoError::Node(format!("{} is not empty: name a new folder", path.display())));
        }
        Ok(Self::Kept(path))
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Scratch(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// Where the story is told: the nodes, the gateways, and a folder for what people fetch.
pub struct Stage {
    pub network: Network,
    /// Aster's gateway.
    pub aster: Gateway,
    /// Linden's.
    pub linden: Gateway,
    /// Where people keep what they fetched: their own machines, no hospital's.
    pub people: PathBuf,
    /// How many files were fetched.
    pub fetched: usize,
}

impl Stage {
    /// Fetch a record as a person would: to a new file, by a receipt or as the patient. Gives what came.
    pub async fn fetch(
        &mut self,
        chain: &Chain,
        (key, secret): (&KeyPair, &KemSecret),
        (patient, record, receipt): (PatientId, RecordId, Option<u32>),
    ) -> Result<Vec<u8>, ActionError> {
        // A node that lags is told of when its turn comes; fetching says what comes of it here.
        let _ = self.network.level().await;
        self.fetched += 1;
        let out = self.people.join(format!("fetched-{}.json", self.fetched));
        remote::get(chain, None, key, secret, (patient, record, receipt), &out).await?;
        fs::read(&out).map_err(|source| RemoteError::File { doing: "reading", path: out, source }.into())
    }

    /// The next node in turn.
    pub async fn turn(&mut self) -> Result<Chain, DemoError> {
        self.network.turn().await
    }
}

/// Wait until something holds, at most 30 s.
pub async fn eventually(what: &str, holds: impl AsyncFn() -> Result<bool, DemoError>) -> Result<(), DemoError> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if holds().await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(DemoError::Node(format!("{what} was not seen on chain within 30 s")))
}

/// The gateway refused, and for the reason that was expected.
pub fn withheld(what: &str, outcome: Result<Vec<u8>, ActionError>, expected: Refusal) -> Result<(), DemoError> {
    let found = match outcome {
        Ok(plain) => format!("{} bytes came", plain.len()),
        Err(ActionError::Remote(error)) if error.refusal() == Some(expected) => return Ok(()),
        Err(other) => other.to_string(),
    };
    Err(DemoError::Unexpected { doing: what.into(), expected: format!("the refusal {expected}"), found })
}

/// The node did not take the call at all, so that it stands in no block.
pub fn untaken<T>(what: &str, outcome: Result<T, ActionError>) -> Result<(), DemoError> {
    let found = match outcome {
        Ok(_) => "it was accepted".to_owned(),
        Err(ActionError::Submit(SubmitError::Invalid { .. })) => return Ok(()),
        Err(other) => other.to_string(),
    };
    Err(DemoError::Unexpected { doing: what.into(), expected: "that no node takes it".into(), found })
}

/// The chain refused, and for the reason that was expected: where that stands.
pub fn refused<T>(
    what: &str,
    outcome: Result<T, ActionError>,
    expected: impl Fn(&RuntimeError) -> bool,
) -> Result<Receipt, DemoError> {
    let unexpected = |found: String| DemoError::Unexpected { doing: what.into(), expected: "a refusal".into(), found };
    match outcome {
        Ok(_) => Err(unexpected("it was accepted".into())),
        Err(ActionError::Submit(SubmitError::Refused { error, receipt })) if expected(&error) => Ok(*receipt),
        Err(ActionError::Submit(SubmitError::Refused { error, .. })) => {
            let (pallet, name) = names(&error);
            Err(unexpected(format!("it was refused by {pallet}.{name}")))
        }
        Err(error) => Err(DemoError::Action { doing: what.into(), error }),
    }
}

pub fn expect(what: &str, holds: bool, expected: &str, found: &str) -> Result<(), DemoError> {
    if holds {
        return Ok(());
    }
    Err(DemoError::Unexpected { doing: what.into(), expected: expected.into(), found: found.into() })
}
