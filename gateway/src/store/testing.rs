//! What the tests of store, copies, upkeep and keyring share: records to keep, and object stores that fail.

use std::{
    io,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, UploadPart, path::Path,
};
use salus_client::envelope::{
    Compression, KemPublic, KemSecret, RecordRef, Wrap, WrapContext, seal, wrap_key,
};
use salus_primitives::{Moment, OrganisationId, PatientId, RecordId};

use super::{Filing, Holder, Place, Store, StoreConfig, StoreError, Stored};

/// The hospital whose store it is.
pub(crate) const US: OrganisationId = OrganisationId([0x11; 16]);
/// The other custodian.
pub(crate) const THEM: OrganisationId = OrganisationId([0x22; 16]);
/// When tests begin.
pub(crate) const T0: Moment = Moment(1_800_000_000_000);

/// A record as its author has it.
#[derive(Clone, Debug)]
pub(crate) struct Paper {
    pub(crate) filing: Filing,
    pub(crate) blob: Bytes,
    pub(crate) wraps: Vec<(Holder, Wrap)>,
}

impl Paper {
    /// Record `n` with `bytes` of content, its key sealed to nobody in particular.
    pub(crate) fn new(n: u8, bytes: usize) -> Self {
        let secret = KemSecret::generate().unwrap();
        Self::sealed_to(n, bytes, &secret.public())
    }

    /// ... sealed to this key of ours.
    pub(crate) fn sealed_to(n: u8, bytes: usize, ours: &KemPublic) -> Self {
        let place = Place { patient: PatientId([n / 8; 16]), record: RecordId([n; 16]) };
        let of = RecordRef { patient: place.patient, record: place.record, version: 1 };
        let plain: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8 ^ n).collect();
        let mut blob = Vec::new();
        let sealed = seal(of, Compression::None, &plain[..], &mut blob).unwrap();
        let context = WrapContext::Standing { of, key_epoch: 1 };
        let to = |public: &KemPublic| wrap_key(&sealed.key, public, &context).unwrap();
        let [patient, theirs] = [0, 1].map(|_| KemSecret::generate().unwrap().public());
        let wraps = vec![
            (Holder::Patient, to(&patient)),
            (Holder::Custodian(US), to(ours)),
            (Holder::Custodian(THEM), to(&theirs)),
        ];
        let filing = Filing { place, version: 1, key_epoch: 1, anchor: sealed.anchor, uploader: US };
        Self { filing, blob: blob.into(), wraps }
    }

    pub(crate) fn place(&self) -> Place {
        self.filing.place
    }

    /// Upload it in pieces of an odd length.
    pub(crate) async fn upload(&self, store: &Store, now: Moment) -> Result<Stored, StoreError> {
        let mut upload = store.begin(self.filing).await?;
        for piece in self.blob.chunks(70_001) {
            upload.write(Bytes::copy_from_slice(piece)).await?;
        }
        upload.finish(&self.wraps, now).await
    }

    /// Is it in `store`, whole and readable?
    pub(crate) async fn is_whole_in(&self, store: &Store) -> bool {
        let Ok(meta) = store.meta(self.place()).await else { return false };
        let blob = read_all(store, self.place(), 0..meta.anchor.size).await;
        let mut wraps = true;
        for (holder, wrap) in &self.wraps {
            wraps &= store.wrap(self.place(), *holder).await.is_ok_and(|found| found == *wrap);
        }
        wraps && meta.anchor == self.filing.anchor && blob.is_ok_and(|blob| blob == self.blob)
    }
}

/// Some bytes of a blob, joined.
pub(crate) async fn read_all(store: &Store, place: Place, range: core::ops::Range<u64>) -> Result<Bytes, StoreError> {
    let pieces: Vec<Bytes> = store.read(place, range).await?.try_collect().await?;
    Ok(pieces.concat().into())
}

/// A store over `objects`, as after a restart.
pub(crate) async fn over(objects: &Arc<dyn ObjectStore>) -> Store {
    Store::over(Arc::clone(objects), &StoreConfig::default()).await.unwrap()
}

/// An object store that fails once, at the k-th write, before or after it took effect.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Mutex<Plan>>,
}

/// When to fail, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    /// How many writes there were.
    pub(crate) writes: usize,
    /// Which of them fails.
    pub(crate) fails: Option<usize>,
    /// By which number of the operating system.
    pub(crate) error: i32,
    /// After it took effect?
    pub(crate) after: bool,
}

impl Faulty {
    pub(crate) fn over(inner: &Arc<dyn ObjectStore>, plan: Plan) -> (Arc<dyn ObjectStore>, Arc<Mutex<Plan>>) {
        let plan = Arc::new(Mutex::new(plan));
        (Arc::new(Self { inner: Arc::clone(inner), plan: Arc::clone(&plan) }), plan)
    }
}

/// Whether this write fails: before, after or not.
fn verdict(plan: &Mutex<Plan>) -> (Option<object_store::Error>, Option<object_store::Error>) {
    let mut plan = plan.lock().unwrap();
    plan.writes += 1;
    if plan.fails != Some(plan.writes - 1) {
        return (None, None);
    }
    let error = object_store::Error::Generic {
        store: "Faulty",
        source: Box::new(io::Error::from_raw_os_error(plan.error)),
    };
    if plan.after { (None, Some(error)) } else { (Some(error), None) }
}

async fn judged<T>(
    plan: &Mutex<Plan>,
    write: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    match verdict(plan) {
        (Some(error), _) => Err(error),
        (None, Some(error)) => write.await.and(Err(error)),
        (None, None) => write.await,
    }
}

impl core::fmt::Display for Faulty {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Faulty({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        judged(&self.plan, self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FaultyUpload { inner, plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let (inner, plan) = (Arc::clone(&self.inner), Arc::clone(&self.plan));
        locations
            .then(move |location| {
                let (inner, plan) = (Arc::clone(&inner), Arc::clone(&plan));
                async move {
                    let location = location?;
                    let delete = async {
                        let one = futures::stream::once(async { Ok(location) }).boxed();
                        inner.delete_stream(one).next().await.expect("one for one")
                    };
                    judged(&plan, delete).await
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    plan: Arc<Mutex<Plan>>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (write, plan) = (self.inner.put_part(data), Arc::clone(&self.plan));
        Box::pin(async move { judged(&plan, write).await })
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let plan = Arc::clone(&self.plan);
        judged(&plan, self.inner.complete()).await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.inner.abort().await
    }
}
