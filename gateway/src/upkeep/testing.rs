//! Two custodians and a chain in one process, for the tests of what they do for each other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use salus_client::envelope::KemPublic;
use salus_consent::{Kind, Tags};
use salus_primitives::{Moment, OrganisationId, PractitionerId, Subject};
use salus_records::{Record, RecordStatus};
use tempfile::TempDir;

use super::{Chain, ChainError, Keeper, Peers, Seen};
use crate::{
    copies::{self, CopyError, Incoming, Outgoing, Peer, PeerError, Wraps},
    store::{
        Filing, Place, Store, StoreConfig, StoreError,
        testing::{Paper, T0, THEM, US},
    },
};

/// A chain that says what the test wants.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) records: Mutex<BTreeMap<Place, Record>>,
    pub(crate) at: Mutex<Moment>,
    pub(crate) silent: AtomicBool,
    pub(crate) kem: Mutex<BTreeMap<OrganisationId, KemPublic>>,
}

impl Ledger {
    /// File a record, kept by us and perhaps by them.
    pub(crate) fn file(&self, paper: &Paper, second: Option<OrganisationId>) {
        let Filing { place, version, key_epoch, anchor, .. } = paper.filing;
        let record = Record {
            version,
            prev: None,
            kind: Kind::Lab,
            tags: Tags::new(),
            labelled: false,
            restricted: true,
            digest: anchor.digest,
            size: anchor.size,
            key_epoch,
            author: Subject::Practitioner(PractitionerId([9; 16])),
            organisation: US,
            custodian: US,
            second,
            status: RecordStatus::Current,
            hold: false,
        };
        self.records.lock().unwrap().insert(place, record);
    }

    pub(crate) fn change(&self, place: Place, change: impl FnOnce(&mut Record)) {
        change(self.records.lock().unwrap().get_mut(&place).unwrap());
    }
}

#[async_trait]
impl Chain for Ledger {
    async fn record(&self, place: Place) -> Result<Seen, ChainError> {
        if self.silent.load(Ordering::Relaxed) {
            return Err(ChainError { about: place.to_string(), reason: "silent".to_owned() });
        }
        Ok(Seen { at: *self.at.lock().unwrap(), record: self.records.lock().unwrap().get(&place).cloned() })
    }

    async fn kem_key(&self, organisation: OrganisationId) -> Result<Option<KemPublic>, ChainError> {
        Ok(self.kem.lock().unwrap().get(&organisation).copied())
    }
}

/// A gateway as another sees it.
pub(crate) struct Neighbour {
    pub(crate) keeper: Keeper,
    pub(crate) asker: OrganisationId,
    pub(crate) down: Arc<AtomicBool>,
    /// How many whole copies it was given.
    pub(crate) copies: AtomicUsize,
}

impl Neighbour {
    fn refused(&self, place: Place, error: CopyError) -> PeerError {
        match error {
            CopyError::Store(StoreError::Missing { .. }) => PeerError::Missing { organisation: self.keeper.us, place },
            other => PeerError::Refused { organisation: self.keeper.us, reason: other.to_string() },
        }
    }

    fn up(&self) -> Result<(), PeerError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(PeerError::Unreachable { organisation: self.keeper.us, reason: "down".to_owned() });
        }
        Ok(())
    }

    fn both(&self) -> (OrganisationId, OrganisationId) {
        (self.keeper.us, self.asker)
    }
}

#[async_trait]
impl Peer for Neighbour {
    async fn wraps(&self, place: Place) -> Result<Wraps, PeerError> {
        self.up()?;
        let offered = copies::offer(&self.keeper.store, &*self.keeper.chain, self.both(), place).await;
        Ok(offered.map_err(|error| self.refused(place, error))?.1)
    }

    async fn blob(&self, place: Place) -> Result<Incoming, PeerError> {
        self.up()?;
        let store = &self.keeper.store;
        let offered = copies::offer(store, &*self.keeper.chain, self.both(), place).await;
        let (meta, _) = offered.map_err(|error| self.refused(place, error))?;
        let blob = store.read(place, 0..meta.anchor.size).await;
        let organisation = self.keeper.us;
        let broken = move |error: StoreError| PeerError::Unreachable { organisation, reason: error.to_string() };
        Ok(blob.map_err(broken)?.map_err(broken).boxed())
    }

    async fn put(&self, filing: &Filing, wraps: &Wraps, blob: Outgoing) -> Result<(), PeerError> {
        self.up()?;
        self.copies.fetch_add(1, Ordering::Relaxed);
        let organisation = self.asker;
        let blob = blob.map_err(move |error| PeerError::Unreachable { organisation, reason: error.to_string() });
        let Keeper { store, chain, .. } = &self.keeper;
        let done = copies::accept(store, &**chain, self.both(), *filing, wraps.clone(), blob.boxed(), T0).await;
        done.map(drop).map_err(|error| self.refused(filing.place, error))
    }

    async fn put_wraps(&self, place: Place, wraps: &Wraps) -> Result<(), PeerError> {
        self.up()?;
        let Keeper { store, chain, .. } = &self.keeper;
        let done = copies::accept_wraps(store, &**chain, self.both(), place, wraps).await;
        done.map_err(|error| self.refused(place, error))
    }

    async fn held(&self) -> Result<BoxStream<'static, Result<Place, PeerError>>, PeerError> {
        self.up()?;
        let organisation = self.keeper.us;
        let broken = move |error: StoreError| PeerError::Unreachable { organisation, reason: error.to_string() };
        Ok(copies::held(&self.keeper.store, self.asker).map_err(broken).boxed())
    }
}

/// The way from one gateway to the others.
#[derive(Default)]
pub(crate) struct Streets(pub(crate) Mutex<BTreeMap<OrganisationId, Arc<Neighbour>>>);

#[async_trait]
impl Peers for Streets {
    async fn of(&self, organisation: OrganisationId) -> Result<Arc<dyn Peer>, PeerError> {
        match self.0.lock().unwrap().get(&organisation) {
            Some(peer) => Ok(Arc::clone(peer) as Arc<dyn Peer>),
            None => Err(PeerError::NoGateway { organisation }),
        }
    }

    async fn known(&self) -> Result<Vec<OrganisationId>, PeerError> {
        Ok(self.0.lock().unwrap().keys().copied().collect())
    }
}

/// Two custodians, each with a folder of its own.
pub(crate) struct Town {
    pub(crate) folders: [TempDir; 2],
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) us: Keeper,
    pub(crate) them: Keeper,
    /// They as we see them.
    pub(crate) neighbour: Arc<Neighbour>,
    /// We as they see us.
    pub(crate) as_seen: Arc<Neighbour>,
}

pub(crate) fn config(folder: &TempDir) -> StoreConfig {
    StoreConfig { folder: Some(folder.path().join("store")), ..StoreConfig::default() }
}

impl Town {
    pub(crate) async fn new() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let ledger = Arc::new(Ledger {
            records: Mutex::default(),
            at: Mutex::new(T0),
            silent: AtomicBool::new(false),
            kem: Mutex::default(),
        });
        let mut keepers = Vec::new();
        let streets = [Arc::new(Streets::default()), Arc::new(Streets::default())];
        for ((folder, us), peers) in folders.iter().zip([US, THEM]).zip(&streets) {
            let store = Store::open(&config(folder)).await.unwrap();
            let (chain, peers) = (Arc::clone(&ledger) as Arc<dyn Chain>, Arc::clone(peers) as Arc<dyn Peers>);
            keepers.push(Keeper { store, us, chain, peers, keyring: None });
        }
        let [us, them] = <[Keeper; 2]>::try_from(keepers).ok().unwrap();
        let as_neighbour = |keeper: &Keeper, asker| {
            let down = Arc::new(AtomicBool::new(false));
            Arc::new(Neighbour { keeper: keeper.clone(), asker, down, copies: AtomicUsize::new(0) })
        };
        let (neighbour, as_seen) = (as_neighbour(&them, US), as_neighbour(&us, THEM));
        streets[0].0.lock().unwrap().insert(THEM, Arc::clone(&neighbour));
        streets[1].0.lock().unwrap().insert(US, Arc::clone(&as_seen));
        Self { folders, ledger, us, them, neighbour, as_seen }
    }

    /// A record at both.
    pub(crate) async fn shared(&self, n: u8, bytes: usize) -> Paper {
        let paper = Paper::new(n, bytes);
        paper.upload(&self.us.store, T0).await.unwrap();
        self.ledger.file(&paper, Some(THEM));
        self.us.settle(paper.place(), T0).await.unwrap();
        paper
    }

    /// A file of our store.
    pub(crate) fn file(&self, paper: &Paper, name: &str) -> std::path::PathBuf {
        self.folders[0].path().join(format!("store/blobs/{}/{name}", paper.place()))
    }
}
