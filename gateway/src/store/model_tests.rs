//! Any history of uploads, marks, shredding, crashes and restarts against a model of a few lines.

use std::{collections::BTreeMap, sync::Arc};

use futures::TryStreamExt as _;
use object_store::{ObjectStore, memory::InMemory};
use proptest::prelude::*;
use salus_client::envelope::Wrap;
use salus_primitives::Moment;

use super::{
    Holder, Place, Store, StoreError, Stored, Used,
    testing::{Faulty, Paper, Plan, T0, THEM, US, over, read_all},
};
use crate::store::StoreConfig;

/// Records that a history is about, and versions of bytes each may have.
const PLACES: u8 = 3;
const BYTES: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Upload these bytes; optionally with a failing k-th write.
    Upload { place: u8, bytes: usize, fails: Option<usize> },
    /// Begin and send half.
    Half { place: u8, bytes: usize },
    Anchor { place: u8, second: bool },
    Copied { place: u8 },
    /// A quarter of a day later, expire what is a day old.
    Expire { place: u8 },
    Shred { place: u8, fails: Option<usize> },
    Receipt { place: u8, index: u32, wrap: usize },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = 0..PLACES;
    let fails = || proptest::option::weighted(0.3, 0usize..9);
    let step = prop_oneof![
        6 => (place.clone(), 0..BYTES, fails()).prop_map(|(place, bytes, fails)| Step::Upload { place, bytes, fails }),
        1 => (place.clone(), 0..BYTES).prop_map(|(place, bytes)| Step::Half { place, bytes }),
        2 => (place.clone(), any::<bool>()).prop_map(|(place, second)| Step::Anchor { place, second }),
        1 => place.clone().prop_map(|place| Step::Copied { place }),
        3 => place.clone().prop_map(|place| Step::Expire { place }),
        1 => (place.clone(), fails()).prop_map(|(place, fails)| Step::Shred { place, fails }),
        2 => (place, 0u32..2, 0usize..2).prop_map(|(place, index, wrap)| Step::Receipt { place, index, wrap }),
        2 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What is to be there.
#[derive(Default)]
struct Kept {
    bytes: usize,
    stored_at: Moment,
    anchored: bool,
    pending: bool,
    copied: bool,
    receipts: BTreeMap<u32, Wrap>,
}

enum Is {
    Kept(Kept),
    Shredded,
}

struct World {
    objects: Arc<dyn ObjectStore>,
    store: Store,
    papers: Vec<[Paper; BYTES]>,
    model: BTreeMap<Place, Is>,
    now: Moment,
}

impl World {
    async fn new(papers: Vec<[Paper; BYTES]>) -> Self {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let store = over(&objects).await;
        Self { objects, store, papers, model: BTreeMap::new(), now: T0 }
    }

    fn kept(&mut self, place: Place) -> Option<&mut Kept> {
        match self.model.get_mut(&place) {
            Some(Is::Kept(kept)) => Some(kept),
            _ => None,
        }
    }

    fn is_shredded(&self, place: Place) -> bool {
        matches!(self.model.get(&place), Some(Is::Shredded))
    }

    /// The store as after a crash, of which the k-th write fails.
    async fn failing(&self, fails: Option<usize>) -> Store {
        let (faulty, plan) = Faulty::over(&self.objects, Plan { error: 28, ..Plan::default() });
        let store = Store::over(faulty, &StoreConfig::default()).await.unwrap();
        let mut plan = plan.lock().unwrap();
        plan.fails = fails.map(|fails| plan.writes + fails);
        store
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Upload { place, bytes, fails } => self.upload(place, bytes, fails).await,
            Step::Half { place, bytes } => {
                let paper = self.papers[usize::from(place)][bytes].clone();
                if let Ok(mut upload) = self.store.begin(paper.filing).await {
                    upload.write(paper.blob.slice(..paper.blob.len() / 2)).await.unwrap();
                }
            }
            Step::Anchor { place, second } => {
                let place = self.papers[usize::from(place)][0].place();
                let done = self.store.anchored(place, second.then_some(THEM)).await;
                match self.kept(place) {
                    Some(kept) => {
                        kept.anchored = true;
                        kept.pending |= second && !kept.copied;
                        done.unwrap();
                    }
                    None => assert!(done.is_err()),
                }
            }
            Step::Copied { place } => {
                let place = self.papers[usize::from(place)][0].place();
                let (done, now) = (self.store.copied(place, THEM, self.now).await, self.now);
                match self.kept(place) {
                    Some(kept) => {
                        (kept.copied, kept.pending) = (true, false);
                        done.unwrap();
                        assert_eq!(self.store.copy_at(place, THEM).await.unwrap(), Some(now));
                    }
                    None => assert!(done.is_err()),
                }
            }
            Step::Expire { place } => {
                self.now = self.now.plus(6 * salus_primitives::time::HOUR);
                let place = self.papers[usize::from(place)][0].place();
                let before = Moment(self.now.0 - salus_primitives::time::DAY);
                let expired = self.store.expire(place, before).await.unwrap();
                let due = self.kept(place).is_some_and(|kept| !kept.anchored && kept.stored_at <= before);
                assert_eq!(expired, due);
                if due {
                    self.model.remove(&place);
                }
            }
            Step::Shred { place, fails } => {
                let place = self.papers[usize::from(place)][0].place();
                if fails.is_some() {
                    // However far it comes, repeating it ends it.
                    let _ = self.failing(fails).await.shred(place).await;
                    self.store = over(&self.objects).await;
                }
                self.store.shred(place).await.unwrap();
                self.model.insert(place, Is::Shredded);
            }
            Step::Receipt { place, index, wrap } => {
                let paper = self.papers[usize::from(place)][0].clone();
                let wrap = paper.wraps[wrap].1;
                let done = self.store.keep_wrap(paper.place(), Holder::Receipt(index), &wrap).await;
                match self.kept(paper.place()) {
                    Some(kept) => assert_eq!(done.unwrap(), *kept.receipts.entry(index).or_insert(wrap)),
                    None => assert!(done.is_err()),
                }
            }
            Step::Restart => self.store = over(&self.objects).await,
        }
    }

    async fn upload(&mut self, place: u8, bytes: usize, fails: Option<usize>) {
        let paper = self.papers[usize::from(place)][bytes].clone();
        let (at, now) = (paper.place(), self.now);
        if fails.is_some() {
            self.store = self.failing(fails).await;
        }
        let done = paper.upload(&self.store, now).await;
        if self.is_shredded(at) {
            assert!(matches!(done, Err(StoreError::Shredded { .. })));
        } else if let Some(kept) = self.kept(at) {
            match done {
                Ok(stored) => {
                    assert_eq!((stored, kept.bytes), (Stored::Repeated, bytes));
                    kept.stored_at = if kept.anchored { kept.stored_at } else { now };
                }
                Err(StoreError::Conflict { .. }) => assert_ne!(kept.bytes, bytes),
                Err(StoreError::Full { .. }) => assert!(fails.is_some()),
                Err(other) => panic!("{other}"),
            }
        } else {
            match done {
                Ok(stored) => {
                    assert_eq!(stored, Stored::New);
                    self.model.insert(at, Is::Kept(Kept { bytes, stored_at: now, ..Kept::default() }));
                }
                Err(error) => assert!(fails.is_some() && matches!(error, StoreError::Full { .. }), "{error}"),
            }
        }
        if fails.is_some() {
            self.store = over(&self.objects).await;
        }
    }

    async fn compare(&self) {
        let (mut used, mut unsettled) = (Used::default(), Vec::new());
        for papers in &self.papers {
            let place = papers[0].place();
            match self.model.get(&place) {
                None => {
                    assert!(matches!(self.store.meta(place).await, Err(StoreError::Missing { .. })));
                    assert_eq!(self.store.entry(place).await.unwrap(), None);
                }
                Some(Is::Shredded) => {
                    assert!(matches!(self.store.meta(place).await, Err(StoreError::Shredded { .. })));
                    assert!(self.store.entry(place).await.unwrap().unwrap().wraps.is_empty());
                }
                Some(Is::Kept(kept)) => {
                    let paper = &papers[kept.bytes];
                    let size = paper.filing.anchor.size;
                    used.bytes += size;
                    used.unanchored += if kept.anchored { 0 } else { size };
                    let entry = self.store.entry(place).await.unwrap().unwrap();
                    assert_eq!((entry.anchored, !entry.pending.is_empty()), (kept.anchored, kept.pending));
                    if !entry.is_settled() {
                        unsettled.push(place);
                    }
                    assert_eq!(self.store.meta(place).await.unwrap().stored_at, kept.stored_at);
                    assert_eq!(read_all(&self.store, place, 0..size).await.unwrap(), paper.blob);
                    assert_eq!(self.store.standing_wraps(place).await.unwrap(), paper.wraps);
                    for (index, wrap) in &kept.receipts {
                        assert_eq!(self.store.wrap(place, Holder::Receipt(*index)).await.unwrap(), *wrap);
                    }
                }
            }
        }
        let expected = if used == Used::default() { BTreeMap::new() } else { BTreeMap::from([(US, used)]) };
        assert_eq!(self.store.usage(), expected);
        // A place may be looked at once too often, never once too seldom.
        let known = self.store.unsettled();
        assert!(unsettled.iter().all(|place| known.contains(place)), "{unsettled:?} {known:?}");
        let listed: Vec<_> = self.store.list().try_collect().await.unwrap();
        assert_eq!(listed.len(), self.model.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_history_ends_as_the_model_says(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        thread_local! {
            // Sealing takes longer than the histories: the same papers serve all.
            static PAPERS: Vec<[Paper; BYTES]> = (0..PLACES).map(|n| [Paper::new(n, 100), Paper::new(n, 5_000)]).collect();
        }
        runtime.block_on(async {
            let mut world = World::new(PAPERS.with(Clone::clone)).await;
            for step in steps {
                world.take(step).await;
                world.compare().await;
            }
        });
    }
}
