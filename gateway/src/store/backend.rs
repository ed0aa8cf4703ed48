//! The only code that talks to `object_store`: whole small objects, streams of big ones, lists, durable in every case.
//!
//! S3 has stored what it answered for. A folder has not until file and folder are synced: `LocalFileSystem` does so
//! for what it writes once told to, and leaves two things to us: removals, and folders that another upload made a
//! moment ago and has not synced yet.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path as FilePath, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path, prefix::PrefixStore,
};

use super::{
    config::{S3Config, StoreConfig, credentials},
    error::StoreError,
    layout::{self, Item, Place},
    small,
};

/// How often a request to S3 is repeated, and for how long at most.
const RETRIES: (usize, Duration) = (3, Duration::from_secs(30));
/// Length of a part in a folder, in bytes.
const FOLDER_PART_BYTES: usize = 1 << 20;
/// Length of a part in a bucket, in bytes: S3 wants at least 5 MiB and at most 10,000 of them.
const BUCKET_PART_BYTES: usize = 8 << 20;
/// Linux' number of "input/output error".
const EIO: i32 = 5;

/// An object of a place, as listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) place: Place,
    pub(super) item: Item,
    /// Length in bytes, checksum included.
    pub(super) size: u64,
    /// When it was last written: Unix milliseconds.
    pub(super) written: u64,
}

#[derive(Debug)]
pub(super) struct Backend {
    objects: Arc<dyn ObjectStore>,
    /// Where it is a folder of this machine.
    folder: Option<PathBuf>,
    /// Held as long as this process alone may upload and remove.
    lock: Option<File>,
    /// What the disk said when it failed.
    failed: OnceLock<String>,
}

impl Backend {
    /// The configured one, this process' alone or `beside` the one whose it is.
    pub(super) fn open(config: &StoreConfig, beside: bool) -> Result<Self, StoreError> {
        match (&config.folder, &config.s3) {
            (Some(folder), None) => Self::local(folder, beside),
            (None, Some(s3)) => Ok(Self::over(bucket(s3)?, None)),
            _ => Err(StoreError::Config { reason: "give either store.folder or store.s3".to_owned() }),
        }
    }

    fn local(folder: &FilePath, beside: bool) -> Result<Self, StoreError> {
        fs::create_dir_all(folder.join(layout::BLOBS)).map_err(io_failed("making", folder))?;
        sync_folder(folder).map_err(io_failed("syncing", folder))?;
        let lock = if beside { None } else { Some(lock(folder)?) };
        let objects = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| StoreError::Config { reason: format!("{}: {error}", folder.display()) })?;
        let mut made = Self::over(Arc::new(objects.with_fsync(true)), Some(folder.to_owned()));
        made.lock = lock;
        Ok(made)
    }

    pub(super) fn over(objects: Arc<dyn ObjectStore>, folder: Option<PathBuf>) -> Self {
        Self { objects, folder, lock: None, failed: OnceLock::new() }
    }

    /// Remove what interrupted writes left in a folder, and folders that nothing is in. Only whoever holds the lock
    /// may: nobody else is writing.
    pub(super) async fn tidy(&self) -> Result<(), StoreError> {
        let (Some(folder), Some(_)) = (self.folder.clone(), &self.lock) else { return Ok(()) };
        blocking(move || tidy(&folder.join(layout::BLOBS))).await
    }

    /// Refuse when the disk failed before.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            Some(reason) => Err(StoreError::DiskFailed { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Put a small object, durable when this returns.
    pub(super) async fn put(&self, place: Place, item: Item, body: &[u8]) -> Result<(), StoreError> {
        self.put_whole(place, item, small::seal(place, item, body).into()).await
    }

    /// Put these very bytes, durable when this returns.
    pub(super) async fn put_whole(&self, place: Place, item: Item, bytes: Bytes) -> Result<(), StoreError> {
        self.check()?;
        let key = layout::key(place, item);
        self.objects.put(&key, bytes.into()).await.map_err(|error| self.write_failed("storing", &key, error))?;
        Ok(())
    }

    /// The body of a small object, none where there is none.
    pub(super) async fn get(&self, place: Place, item: Item) -> Result<Option<Vec<u8>>, StoreError> {
        let key = layout::key(place, item);
        let found = match self.objects.get(&key).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match found {
            Ok(bytes) => Ok(Some(small::open(place, item, &bytes)?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(read_failed(place, item, &key, &error)),
        }
    }

    /// Length of an object in bytes, none where there is none.
    pub(super) async fn size(&self, place: Place, item: Item) -> Result<Option<u64>, StoreError> {
        let key = layout::key(place, item);
        match self.objects.head(&key).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("looking for", &key, &error)),
        }
    }

    /// Some bytes of an object.
    pub(super) async fn range(
        &self,
        place: Place,
        item: Item,
        range: core::ops::Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let key = layout::key(place, item);
        match self.objects.get_range(&key, range).await {
            Ok(bytes) => Ok(bytes),
            Err(object_store::Error::NotFound { .. }) => {
                Err(StoreError::Missing { what: small::what(item), place })
            }
            Err(error) => Err(read_failed(place, item, &key, &error)),
        }
    }

    /// Length in bytes of the parts that an object is best put in.
    pub(super) fn part_bytes(&self) -> usize {
        if self.folder.is_some() { FOLDER_PART_BYTES } else { BUCKET_PART_BYTES }
    }

    /// Begin an object that comes in parts. It is not there before it is complete.
    pub(super) async fn parts(&self, place: Place, item: Item) -> Result<Parts, StoreError> {
        self.check()?;
        let key = layout::key(place, item);
        match self.objects.put_multipart(&key).await {
            Ok(upload) => Ok(Parts { upload: Some(upload), key }),
            Err(error) => Err(self.write_failed("storing", &key, error)),
        }
    }

    /// Complete an object that came in parts, durable when this returns; a failure leaves nothing of it.
    pub(super) async fn complete(&self, place: Place, parts: Parts) -> Result<(), StoreError> {
        let Err(error) = parts.complete().await else { return Ok(()) };
        self.note(&error);
        if let Some(folder) = &self.folder {
            // `LocalFileSystem` forgets its staged file when completing fails, and it takes room on a disk that may
            // be full. Another upload to the same place that this hits is not acknowledged, and repeated.
            let folder = folder.join(layout::prefix(place).as_ref());
            blocking(move || remove_staged(&folder)).await?;
        }
        Err(error)
    }

    /// Make sure that the folders a place lies in are durable, whoever made them.
    pub(super) async fn settle(&self, place: Place) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let blobs = folder.join(layout::BLOBS);
        let patient = blobs.join(place.patient.to_string());
        let folders = [patient.join(place.record.to_string()), patient, blobs];
        let synced = blocking(move || {
            folders.iter().try_for_each(|folder| sync_folder(folder).map_err(io_failed("syncing", folder)))
        });
        synced.await.inspect_err(|error| self.note(error))
    }

    /// Remove these objects of a place in this order, for good when this returns. Those that are gone are no error.
    pub(super) async fn remove(&self, place: Place, items: &[Item]) -> Result<(), StoreError> {
        self.check()?;
        for item in items {
            let key = layout::key(place, *item);
            match self.objects.delete(&key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.write_failed("removing", &key, error)),
            }
        }
        let Some(folder) = &self.folder else { return Ok(()) };
        let folder = folder.join(layout::prefix(place).as_ref());
        let synced = blocking(move || match sync_folder(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(io_failed("syncing", &folder)),
        });
        synced.await.inspect_err(|error| self.note(error))
    }

    /// What there is of a place.
    pub(super) async fn list(&self, place: Place) -> Result<Vec<Listed>, StoreError> {
        self.listed(Some(&layout::prefix(place))).try_collect().await
    }

    /// What there is, in no order.
    pub(super) fn list_all(&self) -> BoxStream<'static, Result<Listed, StoreError>> {
        self.listed(Some(&Path::from(layout::BLOBS)))
    }

    fn listed(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<Listed, StoreError>> {
        let at = prefix.cloned().unwrap_or_default();
        self.objects
            .list(prefix)
            .filter_map(move |found| {
                let listed = match found {
                    Ok(meta) => listed(&meta).map(Ok),
                    Err(object_store::Error::NotFound { .. }) => None,
                    Err(error) => Some(Err(failed("listing", &at, &error))),
                };
                futures::future::ready(listed)
            })
            .boxed()
    }

    fn write_failed(&self, doing: &'static str, key: &Path, error: object_store::Error) -> StoreError {
        let error = failed(doing, key, &error);
        self.note(&error);
        error
    }

    /// A disk that failed once is not written to again: what it said is durable may not be.
    pub(super) fn note(&self, error: &StoreError) {
        if let StoreError::DiskFailed { reason } = error {
            let _ = self.failed.set(reason.clone());
        }
    }
}

fn listed(meta: &ObjectMeta) -> Option<Listed> {
    let (place, item) = layout::read(&meta.location)?;
    let written = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    Some(Listed { place, item, size: meta.size, written })
}

/// An object on its way. Dropped before it is complete, it leaves nothing.
#[derive(Debug)]
pub(super) struct Parts {
    upload: Option<Box<dyn MultipartUpload>>,
    key: Path,
}

impl Parts {
    /// The next part. All but the last are equally long, and for S3 at least 5 MiB.
    pub(super) async fn put(&mut self, part: Bytes) -> Result<(), StoreError> {
        let upload = self.upload.as_mut().expect("it is taken by what consumes this");
        upload.put_part(PutPayload::from(part)).await.map_err(|error| failed("storing", &self.key, &error))
    }

    /// All of it.
    async fn complete(mut self) -> Result<(), StoreError> {
        let mut upload = self.upload.take().expect("it is taken by what consumes this");
        match upload.complete().await {
            Ok(_) => Ok(()),
            Err(error) => {
                // A folder's upload removes its file on drop; S3 keeps parts, which cost, until told.
                let _ = upload.abort().await;
                Err(failed("storing", &self.key, &error))
            }
        }
    }

    /// None of it.
    pub(super) async fn abort(mut self) {
        let mut upload = self.upload.take().expect("it is taken by what consumes this");
        // Where even this fails, the start of the next process, or the bucket's rule for incomplete uploads, removes it.
        let _ = upload.abort().await;
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { upload.abort().await });
        }
    }
}

fn bucket(config: &S3Config) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let (id, secret) = credentials(config)?;
    let (max_retries, retry_timeout) = RETRIES;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_access_key_id(id)
        .with_secret_access_key(secret)
        .with_allow_http(config.allow_http)
        .with_retry(RetryConfig { max_retries, retry_timeout, ..RetryConfig::default() });
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let bucket = builder.build().map_err(|error| StoreError::Config { reason: error.to_string() })?;
    Ok(match &config.prefix {
        Some(prefix) => Arc::new(PrefixStore::new(bucket, prefix.as_str())),
        None => Arc::new(bucket),
    })
}

/// Why the object store failed, told apart by what is to be done.
fn failed(doing: &'static str, key: &Path, error: &object_store::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut reason = String::new();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && let Some(known) = of_system(doing, error)
        {
            return known;
        }
        reason = error.to_string();
        cause = error.source();
    }
    let whole = error.to_string();
    if whole.contains("507 Insufficient Storage") {
        return StoreError::Full { doing, reason: whole };
    }
    let reason = if whole.contains(&reason) { whole } else { format!("{whole}: {reason}") };
    StoreError::Backend { doing, key: key.to_string(), reason }
}

/// Why reading failed. Bytes that the disk does not give back are lost, like those that it gives back wrong.
fn read_failed(place: Place, item: Item, key: &Path, error: &object_store::Error) -> StoreError {
    match failed("reading", key, error) {
        StoreError::DiskFailed { reason } => small::damaged(place, item, reason),
        other => other,
    }
}

/// What the operating system says, where something particular is to be done.
fn of_system(doing: &'static str, error: &io::Error) -> Option<StoreError> {
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some(StoreError::Full { doing, reason })
        }
        _ if error.raw_os_error() == Some(EIO) => Some(StoreError::DiskFailed { reason }),
        _ => None,
    }
}

fn io_failed<'a>(doing: &'static str, path: &'a FilePath) -> impl Fn(io::Error) -> StoreError + use<'a> {
    move |source| match of_system(doing, &source) {
        Some(known) => known,
        None => StoreError::Folder { doing, path: path.to_owned(), source },
    }
}

fn sync_folder(folder: &FilePath) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The lock of a folder, released when the process ends, however it ends.
fn lock(folder: &FilePath) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(io_failed("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_failed("locking", &path)(source)),
    }
}

/// Remove staged files (`NAME#NUMBER`) and empty folders below `folder`, two levels down.
fn tidy(folder: &FilePath) -> Result<(), StoreError> {
    for patient in entries(folder)? {
        for record in entries(&patient)? {
            remove_staged(&record)?;
            remove_if_empty(&record)?;
        }
        remove_if_empty(&patient)?;
    }
    sync_folder(folder).map_err(io_failed("syncing", folder))
}

fn remove_staged(folder: &FilePath) -> Result<(), StoreError> {
    for file in entries(folder)?.into_iter().filter(|file| is_staged(file)) {
        fs::remove_file(&file).map_err(io_failed("removing", &file))?;
    }
    Ok(())
}

fn entries(folder: &FilePath) -> Result<Vec<PathBuf>, StoreError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let found: io::Result<Vec<_>> =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    found.map_err(io_failed("reading", folder))
}

fn is_staged(file: &FilePath) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('#').is_some_and(|(_, number)| number.parse::<u64>().is_ok())
}

fn remove_if_empty(folder: &FilePath) -> Result<(), StoreError> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(io_failed("removing", folder)(error)),
    }
}

/// Run what waits for the disk where waiting hurts nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => Err(StoreError::Backend {
            doing: "waiting for",
            key: "the disk".to_owned(),
            reason: ended.to_string(),
        }),
    }
}
