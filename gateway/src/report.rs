//! Reporting releases: `access.serve`, once for each entry of a receipt that was released, submitted by the Gateway
//! officer's key and repeated until it is final. A file says what is owed before a byte leaves, and is removed when the
//! chain shows the report, so that a gateway that was killed goes on where it stopped.
//!
//! ```text
//! FOLDER/<patient>-<receipt>-<entry>     the record's id in hex and a line end; <entry> is its place in the receipt
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use salus_access::{Call, storage::Receipts, types::ServedBy};
use salus_primitives::{Hash, OrganisationId, PatientId, RecordId, crypto::sha256_of};
use salus_runtime::{RuntimeCall, RuntimeError};
use tokio::sync::Notify;

use crate::{
    app::App,
    ledger::{LedgerError, SubmitFailure, judge},
    store::{Holder, Place, StoreError},
};

/// First pause after a report that did not go through; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Reports submitted at once: as many as a node takes of one account ahead, twice.
const BATCH: usize = 64;

/// One entry of a receipt was released, and the chain is to hear of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Due {
    /// Whose record.
    pub patient: PatientId,
    /// Index of the receipt.
    pub receipt: u32,
    /// Place of the entry in it, below 64.
    pub entry: u8,
    /// Which record that is.
    pub record: RecordId,
}

impl Due {
    fn file(&self) -> String {
        format!("{}-{}-{}", self.patient, self.receipt, self.entry)
    }

    fn read(name: &str, content: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let due = Self {
            patient: parts.next()?.parse().ok()?,
            receipt: parts.next()?.parse().ok()?,
            entry: parts.next()?.parse().ok().filter(|entry| *entry < 64)?,
            record: content.strip_suffix('\n')?.parse().ok()?,
        };
        (due.file() == name).then_some(due)
    }
}

/// Why what is owed could not be written down or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportsError {
    /// The file system.
    #[error("{doing} {path} failed: {source}; see whether the folder is there, writable and not full", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// A file that no gateway wrote.
    #[error("{path} is no report that is owed: look at it, and move it away", path = .path.display())]
    Unknown {
        /// Which.
        path: PathBuf,
    },
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ReportsError + use<'a> {
    move |source| ReportsError::Io { doing, path: path.to_owned(), source }
}

/// What was released and is not final on the chain yet.
#[derive(Debug)]
pub struct Reports {
    folder: PathBuf,
    due: Mutex<BTreeSet<Due>>,
    more: Notify,
}

impl Reports {
    /// What is owed by the files in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// [`ReportsError`].
    pub fn open(folder: &Path) -> Result<Self, ReportsError> {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
        let mut due = BTreeSet::new();
        for entry in fs::read_dir(folder).map_err(failed("reading", folder))? {
            let path = entry.map_err(failed("reading", folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".part") {
                // Killed while it was written: nothing had left yet.
                fs::remove_file(&path).map_err(failed("removing", &path))?;
                continue;
            }
            let content = fs::read_to_string(&path).map_err(failed("reading", &path))?;
            due.insert(Due::read(name, &content).ok_or_else(|| ReportsError::Unknown { path: path.clone() })?);
        }
        Ok(Self { folder: folder.to_owned(), due: Mutex::new(due), more: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries are owed.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Is nothing owed?
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Write down that an entry is about to be released. Durable when this returns.
    ///
    /// # Errors
    /// [`ReportsError::Io`]; then nothing may be released.
    pub async fn owe(self: &Arc<Self>, due: Due) -> Result<(), ReportsError> {
        if self.lock().contains(&due) {
            return Ok(());
        }
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || this.write(&due)).await;
        written.unwrap_or_else(|error| Err(failed("writing", &self.folder)(io::Error::other(error))))?;
        self.lock().insert(due);
        self.more.notify_one();
        Ok(())
    }

    fn write(&self, due: &Due) -> Result<(), ReportsError> {
        // Two requests may write down the same at once: each its own part, the same content.
        let unique = salus_client::door::RequestNonce::fresh().map_err(io::Error::other);
        let unique = unique.map_err(failed("naming a file in", &self.folder))?;
        let (path, part) = (self.folder.join(due.file()), self.folder.join(format!("{unique}.part")));
        let mut file = fs::File::create_new(&part).map_err(failed("making", &part))?;
        writeln!(file, "{}", due.record).and_then(|()| file.sync_all()).map_err(failed("writing", &part))?;
        fs::rename(&part, &path).map_err(failed("renaming", &part))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), ReportsError> {
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed("syncing", &self.folder))
    }

    /// The chain has it.
    fn settle(&self, settled: &[Due]) -> Result<(), ReportsError> {
        for due in settled {
            let path = self.folder.join(due.file());
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing", &path)(error)),
                _ => {}
            }
            self.lock().remove(due);
        }
        // Not synced: a file that comes back after a power cut is found settled again.
        Ok(())
    }

    /// What is owed, by receipt.
    fn by_receipt(&self) -> BTreeMap<(PatientId, u32), Vec<Due>> {
        let mut receipts: BTreeMap<_, Vec<Due>> = BTreeMap::new();
        for due in self.lock().iter() {
            receipts.entry((due.patient, due.receipt)).or_default().push(*due);
        }
        receipts
    }
}

/// Why a report did not go through this time.
#[derive(Debug, thiserror::Error)]
enum Setback {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Files(#[from] ReportsError),
}

/// Report what is owed, for ever.
pub async fn run(app: Arc<App>) {
    let mut pause = PAUSE;
    loop {
        if round(&app).await {
            pause = PAUSE;
            app.reports.more.notified().await;
        } else {
            // What was released meanwhile waits too: the chain did not answer the last try.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// Try each receipt once. Is nothing of what was owed at the start left?
pub async fn round(app: &App) -> bool {
    let (mut all, mut ready) = (true, Vec::new());
    for ((patient, receipt), due) in app.reports.by_receipt() {
        match prepare(app, patient, receipt, &due).await {
            Ok(Prepared::Settled) => {}
            Ok(Prepared::Ready(call, open)) => ready.push((*call, open)),
            Ok(Prepared::Later) => all = false,
            Err(error) => {
                tracing::warn!(%error, receipt, owed = due.len(), "a release was not reported; it is tried again");
                all = false;
            }
        }
    }
    for batch in ready.chunks(BATCH) {
        all &= submit(app, batch).await;
    }
    all
}

/// Submit one report for each of these receipts. Is each of them settled?
async fn submit(app: &App, batch: &[(Call, Vec<Due>)]) -> bool {
    let calls = batch.iter().map(|(call, _)| RuntimeCall::Access(call.clone())).collect();
    let outcomes = match app.submit(calls).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::warn!(%error, receipts = batch.len(), "releases were not reported; it is tried again");
            return false;
        }
    };
    let mut all = outcomes.len() == batch.len();
    for (outcome, (_, open)) in outcomes.into_iter().zip(batch) {
        match outcome {
            Ok(()) => {
                app.metrics.reported(open.len());
                all &= settled(app, open);
            }
            // Another process of this custodian was first: the next look shows it.
            Err(SubmitFailure::Refused(RuntimeError::Access(salus_access::Error::AlreadyServed))) => all = false,
            Err(error) => {
                tracing::warn!(%error, owed = open.len(), "a report of a release was refused; it is tried again");
                all = false;
            }
        }
    }
    all
}

fn settled(app: &App, due: &[Due]) -> bool {
    let settled = app.reports.settle(due);
    if let Err(error) = &settled {
        tracing::error!(%error, "a report that is final is still written down as owed");
    }
    settled.is_ok()
}

/// What the newest certified state says of entries that are owed.
enum Known {
    /// The receipt is no longer in state: it can be reported no more.
    Gone,
    /// These are reported; those are not.
    Entries { reported: Vec<Due>, open: Vec<Due> },
}

async fn look(app: &App, patient: PatientId, receipt: u32, due: &[Due]) -> Result<Known, LedgerError> {
    let ours = app.identity.organisation;
    let (known, _) = judge(&*app.ledger, |state, _| {
        let Some(found) = Receipts::get(state, &(patient, receipt)) else { return Known::Gone };
        let (mut reported, mut open) = (Vec::new(), Vec::new());
        for due in due {
            let mark = mark(state, ours, due);
            match found.entries.get(usize::from(due.entry)) {
                Some(entry) if mark.is_some_and(|mark| !entry.served.contains(mark)) => open.push(*due),
                // Reported, or nothing that we could report.
                _ => reported.push(*due),
            }
        }
        Known::Entries { reported, open }
    })
    .await?;
    Ok(known)
}

fn mark(state: &dyn salus_support::StateReader, ours: OrganisationId, due: &Due) -> Option<ServedBy> {
    let record = salus_records::record(state, due.patient, due.record)?;
    if record.custodian == ours {
        Some(ServedBy::FIRST)
    } else {
        (record.second == Some(ours)).then_some(ServedBy::SECOND)
    }
}

/// What is to be done about one receipt.
enum Prepared {
    /// Nothing: the chain has it all.
    Settled,
    /// This call, for these entries.
    Ready(Box<Call>, Vec<Due>),
    /// It cannot be reported now.
    Later,
}

async fn prepare(app: &App, patient: PatientId, receipt: u32, due: &[Due]) -> Result<Prepared, Setback> {
    let open = match look(app, patient, receipt, due).await? {
        Known::Gone => {
            // After 90 days, or because the node that is asked is behind the one that showed the receipt.
            tracing::error!(receipt, owed = due.len(), "the state has no receipt of a release that is to be reported");
            return Ok(Prepared::Later);
        }
        Known::Entries { reported, open } => {
            app.reports.settle(&reported)?;
            open
        }
    };
    if open.is_empty() {
        return Ok(Prepared::Settled);
    }
    let entries = open.iter().fold(0u64, |entries, due| entries | 1 << due.entry);
    let digest = digest(app, receipt, &open).await?;
    let call = Call::Serve { patient, receipt, entries, digest };
    Ok(Prepared::Ready(Box::new(call), open))
}

/// Digest over what is kept of the release: the wraps minted for these entries, in their order.
async fn digest(app: &App, receipt: u32, open: &[Due]) -> Result<Hash, StoreError> {
    let mut wraps = Vec::new();
    for due in open {
        let place = Place { patient: due.patient, record: due.record };
        match app.store.wrap(place, Holder::Receipt(receipt)).await {
            Ok(wrap) => wraps.extend(wrap.to_bytes()),
            // Shredded or lost since: what happened is reported all the same.
            Err(StoreError::Missing { .. } | StoreError::Shredded { .. } | StoreError::Damaged { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(sha256_of(&[b"salus/release/1", &wraps]))
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
