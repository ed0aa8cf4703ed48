//! The one file that opens and calls RocksDB: options, typed reads, batches, snapshots, cursors.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRawIterator,
    DBRecoveryMode, Snapshot, WriteBatch, WriteOptions,
};

use crate::{
    OpenError, Options, StorageError,
    columns::{self, Column},
    timing::{SYNC_BOUNDS, Timing},
};

/// RocksDB with our columns.
pub(crate) struct Store {
    db: DB,
    path: PathBuf,
    failed: AtomicBool,
    /// How long synced writes take.
    pub(crate) syncs: Timing,
}

/// Does a write return before or after it is on disk?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Durability {
    /// After: it survives a power cut, and so does every write before it.
    Synced,
    /// Before: it survives the process, not the machine, until the next synced write.
    Buffered,
}

impl Store {
    /// Open the database in `path`, or make it.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let failed = |error| open_error(path, error);
        make_writable(path)?;
        let mut rocks = db_options(options);
        let mut names = columns::ALL.map(String::from).to_vec();
        if path.join("CURRENT").exists() {
            let found = DB::list_cf(&rocks, path).map_err(failed)?;
            let ours = |name: &&String| columns::ALL.contains(&name.as_str());
            if found.iter().filter(|name| *name != "default").any(|name| !ours(&name))
                && !found.iter().any(|name| name == columns::Meta::NAME)
            {
                return Err(OpenError::Foreign { path: path.to_owned() });
            }
            // A later format may have more columns: open them too, so that it can say its version.
            names.extend(found.iter().filter(|name| *name != "default" && !ours(name)).cloned());
        }
        rocks.create_if_missing(true);
        rocks.create_missing_column_families(true);
        let column = column_options(options);
        let descriptors = names.iter().map(|name| ColumnFamilyDescriptor::new(name, column.clone()));
        let db = DB::open_cf_descriptors(&rocks, path, descriptors).map_err(failed)?;
        Ok(Self { db, path: path.to_owned(), failed: AtomicBool::new(false), syncs: Timing::new(SYNC_BOUNDS) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn column(&self, name: &'static str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("every column family was opened")
    }

    /// One value.
    pub(crate) fn get<C: Column>(&self, key: C::Key<'_>) -> Result<Option<C::Owned>, StorageError> {
        let key = C::key(key);
        let bytes = self.db.get_pinned_cf(self.column(C::NAME), &key)?;
        read::<C>(&key, bytes.as_deref())
    }

    /// The column families that hold anything, the one RocksDB makes by itself among them.
    pub(crate) fn used_columns(&self) -> Result<Vec<&'static str>, StorageError> {
        let mut used = Vec::new();
        for name in columns::ALL.into_iter().chain(["default"]) {
            let mut cursor = Cursor { inner: self.db.raw_iterator_cf(self.column(name)) };
            cursor.seek(&[]);
            if cursor.entry()?.is_some() {
                used.push(name);
            }
        }
        Ok(used)
    }

    /// All of it as it is now, for reads that must fit each other.
    pub(crate) fn view(&self) -> View<'_> {
        View { store: self, snapshot: self.db.snapshot() }
    }

    /// A batch of writes that happen together or not at all.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch { store: self, inner: WriteBatch::default() }
    }

    /// Do all of `batch`. After a failure nothing more is ever written.
    pub(crate) fn write(&self, batch: Batch<'_>, durability: Durability) -> Result<(), StorageError> {
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        let write = || self.guarded(|| self.db.write_opt(batch.inner, &options));
        match durability {
            Durability::Synced => self.timed(write),
            Durability::Buffered => write(),
        }
    }

    /// Make every write so far survive a power cut.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.timed(|| self.guarded(|| self.db.flush_wal(true)))
    }

    /// Count how long a synced write takes; one that fails says nothing of the disk's speed.
    fn timed(&self, write: impl FnOnce() -> Result<(), StorageError>) -> Result<(), StorageError> {
        let begun = Instant::now();
        write().inspect(|()| self.syncs.add(begun.elapsed()))
    }

    fn guarded(&self, write: impl FnOnce() -> Result<(), rocksdb::Error>) -> Result<(), StorageError> {
        if self.failed.load(Ordering::Acquire) {
            return Err(StorageError::Stopped);
        }
        write().map_err(|error| {
            self.failed.store(true, Ordering::Release);
            error.into()
        })
    }

    /// Begin a new log, as RocksDB does when a table is written.
    #[cfg(test)]
    pub(crate) fn roll_log(&self) {
        self.db.flush_cf(self.column(columns::State::NAME)).unwrap();
    }

    /// Write what is in memory to tables and merge them: a test damages or measures the tables then.
    #[cfg(test)]
    pub(crate) fn compact(&self) {
        let mut options = rocksdb::CompactOptions::default();
        options.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
        for name in columns::ALL {
            self.db.flush_cf(self.column(name)).unwrap();
            self.db.compact_range_cf_opt(self.column(name), None::<&[u8]>, None::<&[u8]>, &options);
        }
    }
}

/// The database at one moment.
pub(crate) struct View<'a> {
    store: &'a Store,
    snapshot: Snapshot<'a>,
}

impl<'a> View<'a> {
    pub(crate) fn get<C: Column>(&self, key: C::Key<'_>) -> Result<Option<C::Owned>, StorageError> {
        let key = C::key(key);
        let bytes = self.snapshot.get_pinned_cf(self.store.column(C::NAME), &key)?;
        read::<C>(&key, bytes.as_deref())
    }

    /// Walk a column; it stands nowhere until it is told to seek.
    pub(crate) fn cursor<C: Column>(&self) -> Cursor<'_> {
        self.cursor_of(C::NAME)
    }

    /// Walk a column by its name.
    pub(crate) fn cursor_of(&self, name: &'static str) -> Cursor<'_> {
        Cursor { inner: self.snapshot.raw_iterator_cf(self.store.column(name)) }
    }
}

/// Key and value as they lie on disk.
pub(crate) type Entry<'a> = (&'a [u8], &'a [u8]);

/// A place in a column, in key order.
pub(crate) struct Cursor<'a> {
    inner: DBRawIterator<'a>,
}

impl Cursor<'_> {
    /// Go to the first entry at or after `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        self.inner.seek(key);
    }

    /// Go to the last entry.
    pub(crate) fn seek_to_last(&mut self) {
        self.inner.seek_to_last();
    }

    /// Go one further.
    pub(crate) fn advance(&mut self) {
        self.inner.next();
    }

    /// The entry here, none behind the last one.
    pub(crate) fn entry(&self) -> Result<Option<Entry<'_>>, StorageError> {
        let entry = self.inner.item();
        if entry.is_none() {
            self.inner.status()?;
        }
        Ok(entry)
    }
}

/// Writes that are not done yet.
pub(crate) struct Batch<'a> {
    store: &'a Store,
    inner: WriteBatch,
}

impl Batch<'_> {
    pub(crate) fn put<C: Column>(&mut self, key: C::Key<'_>, value: C::Value<'_>) {
        self.inner.put_cf(self.store.column(C::NAME), C::key(key), C::value(value));
    }

    pub(crate) fn delete<C: Column>(&mut self, key: C::Key<'_>) {
        self.inner.delete_cf(self.store.column(C::NAME), C::key(key));
    }
}

fn read<C: Column>(key: &[u8], bytes: Option<&[u8]>) -> Result<Option<C::Owned>, StorageError> {
    bytes.map(|bytes| C::read(bytes).ok_or_else(|| StorageError::undecodable(C::NAME, key))).transpose()
}

/// Make the folder, readable by its owner only, and see that it can be written.
fn make_writable(path: &Path) -> Result<(), OpenError> {
    let probe = path.join(".writable");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::File::create(&probe))
        .and_then(|_| match fs::remove_file(&probe) {
            // Two nodes that start at once may each remove the other's.
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .map_err(|source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::Storage {
                path: path.to_owned(),
                source: StorageError::DiskFull { detail: source.to_string() },
            },
            _ => OpenError::NotWritable { path: path.to_owned(), source },
        })
}

fn open_error(path: &Path, error: rocksdb::Error) -> OpenError {
    let path = path.to_owned();
    let words = error.as_ref();
    if words.contains("lock file") || words.contains("lock hold by") {
        OpenError::Locked { path }
    } else {
        OpenError::Storage { path, source: error.into() }
    }
}

/// What holds for the whole database.
///
/// One write-ahead log serves every column family and is never switched off, so a batch is whole or
/// absent. A damaged record that is not the log's torn end refuses to open: the default mode would
/// silently drop everything after it, acknowledged blocks among it.
fn db_options(options: &Options) -> rocksdb::Options {
    let mut rocks = rocksdb::Options::default();
    rocks.set_paranoid_checks(true);
    rocks.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    rocks.set_track_and_verify_wals_in_manifest(true);
    rocks.set_manual_wal_flush(false);
    rocks.set_max_total_wal_size(128 << 20);
    rocks.set_db_write_buffer_size(options.write_buffer_bytes);
    rocks.set_max_background_jobs(2);
    rocks.set_bytes_per_sync(1 << 20);
    rocks.set_max_open_files(512);
    rocks.set_keep_log_file_num(4);
    rocks.set_max_log_file_size(8 << 20);
    rocks
}

/// What holds for each column family.
fn column_options(options: &Options) -> rocksdb::Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(options.block_cache_bytes));
    table.set_bloom_filter(10.0, false);
    table.set_format_version(5);
    let mut rocks = rocksdb::Options::default();
    rocks.set_paranoid_checks(true);
    rocks.set_block_based_table_factory(&table);
    rocks.set_compression_type(DBCompressionType::Lz4);
    rocks.set_write_buffer_size(32 << 20);
    rocks.set_level_compaction_dynamic_level_bytes(true);
    rocks
}

#[cfg(test)]
#[path = "store_tests.rs"]
pub(crate) mod tests;
