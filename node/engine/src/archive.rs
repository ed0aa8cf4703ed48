//! Files of blocks: writing them out of a database, reading them, and executing them again from genesis.

use std::{
    io::{self, Read, Write},
    panic::resume_unwind,
    thread,
};

use salus_primitives::{
    Block, Hash, Header, Height,
    archive::{self, ArchiveError, HEAD_LEN, Record},
    commit::{CertificateError, CommitCertificate},
    runtime_api::{Changes, RuntimeApi},
};
use salus_storage::{CommitError, Database, StorageError};

use crate::execution::{self, BATCH_MIN, BlockError, Good, Ground, MemoryChain, Prepared};

/// Why a file of blocks was not written, read, replayed or imported to its end.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("file of blocks: {0}")]
    Io(#[from] io::Error),
    /// The file ends early.
    #[error("the file ends in the middle of block {height}: copy it again")]
    Truncated {
        /// The block that is cut.
        height: Height,
    },
    /// Not such a file.
    #[error("file of blocks, at height {height}: {error}")]
    Archive {
        /// Where.
        height: Height,
        /// What.
        error: ArchiveError,
    },
    /// A block that is not final.
    #[error("block {height}: {error}")]
    Certificate {
        /// Which.
        height: Height,
        /// Why.
        error: CertificateError,
    },
    /// A block without a certificate.
    #[error("block {height} has no commit certificate: nothing says that it is final")]
    NoCertificate {
        /// Which.
        height: Height,
    },
    /// A block that does not lead where its header says.
    #[error("block {height}: {error}")]
    Block {
        /// Which.
        height: Height,
        /// Why.
        error: BlockError,
    },
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database refuses a block.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Write the blocks `1..=tip` of a database. `progress` is told each height.
///
/// # Errors
/// [`FileError`].
pub fn export(
    database: &Database,
    out: &mut impl Write,
    mut progress: impl FnMut(Height, Height),
) -> Result<u32, FileError> {
    let tip = database.tip().0.number;
    out.write_all(&archive::head(&database.identity().genesis))?;
    for number in 1..=tip.0 {
        let height = Height(number);
        let hash =
            database.hash_at(height)?.ok_or(StorageError::Damaged { what: format!("height {height} is missing") })?;
        let block = database.block(&hash)?.ok_or(StorageError::Damaged { what: format!("block {hash} is missing") })?;
        let certificate = database.certificate(&hash)?;
        out.write_all(&archive::record(&Record { block, certificate }))?;
        progress(height, tip);
    }
    out.write_all(&archive::end(tip.0))?;
    out.flush()?;
    Ok(tip.0)
}

/// Reads the blocks of a file in order, from height 1 on.
pub struct Blocks<R> {
    input: R,
    read: u32,
    done: bool,
}

impl<R: Read> Blocks<R> {
    /// The blocks of a file of the chain of `genesis`.
    ///
    /// # Errors
    /// [`FileError`] when the head is another's.
    pub fn new(mut input: R, genesis: &Hash) -> Result<Self, FileError> {
        let mut head = [0; HEAD_LEN];
        let height = Height::GENESIS;
        fill(&mut input, &mut head, height)?;
        archive::check_head(&head, genesis).map_err(|error| FileError::Archive { height, error })?;
        Ok(Self { input, read: 0, done: false })
    }

    fn next_record(&mut self) -> Result<Option<Record>, FileError> {
        let height = Height(self.read).next();
        let wrong = |error| FileError::Archive { height, error };
        let mut length = [0; 4];
        fill(&mut self.input, &mut length, height)?;
        let Some(length) = archive::record_len(length).map_err(wrong)? else {
            let mut count = [0; 4];
            fill(&mut self.input, &mut count, height)?;
            archive::check_end(count, self.read).map_err(wrong)?;
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        fill(&mut self.input, &mut bytes, height)?;
        let record = archive::read_record(&bytes).map_err(wrong)?;
        self.read += 1;
        Ok(Some(record))
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Result<Record, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_record().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

fn fill(input: &mut impl Read, bytes: &mut [u8], height: Height) -> Result<(), FileError> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FileError::Truncated { height },
        _ => FileError::Io(error),
    })
}

/// What a replay found, height by height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The last block.
    pub tip: Header,
    /// Its hash.
    pub hash: Hash,
    /// How many extrinsics were executed.
    pub extrinsics: u64,
}

/// Execute the chain of `genesis` again, in memory, out of a file of its blocks: every certificate is verified
/// against the validators of its height, every extrinsic is executed, and every state root must come out again.
///
/// # Errors
/// [`FileError`] naming the first height that differs.
pub fn replay(
    runtime: &dyn RuntimeApi,
    genesis: &Block,
    genesis_changes: Changes,
    blocks: Blocks<impl Read>,
    mut progress: impl FnMut(&Header),
) -> Result<Replayed, FileError> {
    let mut chain = MemoryChain::new(genesis, genesis_changes);
    let mut extrinsics = 0;
    let taken = |chain: &mut MemoryChain, prepared: Prepared, _: &CommitCertificate| {
        extrinsics += prepared.block.extrinsics.len() as u64;
        chain.apply(prepared);
        progress(&chain.tip().0);
        Ok(())
    };
    follow(&mut chain, runtime, &genesis.header.hash(), blocks, taken)?;
    let (tip, hash) = chain.tip();
    Ok(Replayed { tip, hash, extrinsics })
}

/// Take the blocks of a file into a database: those it has are passed over, the rest are verified, executed and
/// committed.
///
/// # Errors
/// [`FileError`] naming the first height that cannot be taken; the blocks before it stay.
pub fn import(
    database: &Database,
    runtime: &dyn RuntimeApi,
    blocks: Blocks<impl Read>,
    mut progress: impl FnMut(&Header),
) -> Result<u32, FileError> {
    let genesis = database.identity().genesis;
    let known = database.tip().0.number;
    let new =
        |record: &Result<Record, FileError>| !record.as_ref().is_ok_and(|record| record.block.header.number <= known);
    let mut taken = 0;
    let mut database = database;
    let take = |database: &mut &Database, prepared: Prepared, certificate: &CommitCertificate| {
        let Prepared { block, changes, tree } = prepared;
        database.commit(&block, Some(certificate), &changes, tree)?;
        taken += 1;
        progress(&block.header);
        Ok(())
    };
    follow(&mut database, runtime, &genesis, blocks.filter(new), take)?;
    Ok(taken)
}

/// Verify and execute block after block and hand each to `take`, which makes it the tip. While one is executed, the
/// signatures of the next are verified on the other cores; what is wrong first is what is said.
fn follow<G: Ground + Sync>(
    ground: &mut G,
    runtime: &dyn RuntimeApi,
    genesis: &Hash,
    mut blocks: impl Iterator<Item = Result<Record, FileError>>,
    mut take: impl FnMut(&mut G, Prepared, &CommitCertificate) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let Some(mut record) = blocks.next().transpose()? else { return Ok(()) };
    let mut verified = execution::verify_next(ground, runtime, &record.block);
    loop {
        let Record { block, certificate } = record;
        let height = block.header.number;
        let certificate = certificate.ok_or(FileError::NoCertificate { height })?;
        let next = blocks.next();
        let (prepared, ahead) = thread::scope(|scope| {
            let ground = &*ground;
            let parent = block.header.clone();
            let worth = |next: &&Record| next.block.extrinsics.len() >= BATCH_MIN;
            let ahead =
                next.as_ref().and_then(|next| next.as_ref().ok()).filter(worth).map(|next| {
                    scope.spawn(move || execution::verify_after_next(ground, runtime, &parent, &next.block))
                });
            let prepared = accept(ground, runtime, genesis, block, &certificate, &verified);
            (prepared, ahead.map(|ahead| ahead.join().unwrap_or_else(|panic| resume_unwind(panic))))
        });
        take(ground, prepared?, &certificate)?;
        let Some(next) = next.transpose()? else { return Ok(()) };
        record = next;
        verified = ahead.unwrap_or_default();
    }
}

fn accept(
    ground: &impl Ground,
    runtime: &dyn RuntimeApi,
    genesis: &Hash,
    block: Block,
    certificate: &CommitCertificate,
    verified: &Good,
) -> Result<Prepared, FileError> {
    let height = block.header.number;
    let set = ground.with_state(|state| runtime.validators(state));
    certificate.verify(&block.header, &set, genesis).map_err(|error| FileError::Certificate { height, error })?;
    execution::check(ground, runtime, block, verified).map_err(|error| FileError::Block { height, error })
}
