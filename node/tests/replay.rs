//! Replaying and importing a file of large blocks, whose signatures are verified a block ahead.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the error it met")]

use parity_scale_codec::Encode;
use salus_chain_spec::presets;
use salus_engine::{
    archive::{self, Blocks, FileError, Replayed},
    execution::{self, BlockError},
};
use salus_node::genesis;
use salus_primitives::{
    Hash, Header, Height, RawExtrinsic,
    archive::{self as format, Record},
    commit::{CommitCertificate, VoteKind, vote_bytes},
    dispatch::InvalidTransaction,
    extrinsic::{ChainContext, Era, sign},
    header::extrinsics_root,
    runtime_api::{BlockContext, InvalidBlock, NoneVerified, RuntimeApi, VerifiedSignatures, signature_key},
};
use salus_runtime::{RuntimeCall, SalusRuntime};
use salus_storage::{Database, Identity, Options};

/// Extrinsics in a block: enough that their signatures are worth a thread.
const EXTRINSICS: u32 = 100;

/// A chain that is built block by block and certified by the development validator.
struct Bench {
    folder: tempfile::TempDir,
    database: Database,
    records: Vec<Record>,
}

fn open(folder: &std::path::Path) -> Database {
    let genesis = genesis::of(&presets::development(), &SalusRuntime::new()).unwrap();
    let identity = Identity { chain_id: "dev".into(), genesis: genesis.hash };
    let database = Database::open(folder, &identity, Options::default()).unwrap();
    let (_, tree) = database.root_after(&genesis.changes).unwrap();
    database.commit(&genesis.block, None, &genesis.changes, tree).unwrap();
    database
}

impl Bench {
    /// A chain of so many blocks, each full of calls, some of them born in one of the last blocks.
    fn new(blocks: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder.path().join("built"));
        let mut bench = Self { folder, database, records: Vec::new() };
        for _ in 0..blocks {
            bench.block();
        }
        bench
    }

    fn genesis(&self) -> Hash {
        self.database.identity().genesis
    }

    fn hash_at(&self, height: u32) -> Hash {
        self.database.hash_at(Height(height)).unwrap().unwrap()
    }

    fn block(&mut self) {
        let runtime = SalusRuntime::new();
        let (parent, _) = self.database.tip();
        let version = salus_system::version();
        let chain = ChainContext {
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
            genesis: self.genesis(),
        };
        let first = parent.number.0 * EXTRINSICS;
        let call = RuntimeCall::System(salus_system::Call::Noop {}).encode();
        let extrinsics: Vec<RawExtrinsic> = (first..first + EXTRINSICS)
            .map(|nonce| {
                // Immortal, or born in the parent, its parent, or the one before.
                let birth = parent.number.0.checked_sub(nonce % 4).filter(|_| nonce % 5 > 0);
                let (era, hash) = match birth {
                    Some(birth) => (Era::mortal(64, Height(birth)), self.hash_at(birth)),
                    None => (Era::Immortal, chain.genesis),
                };
                sign(&presets::development_key("council"), call.clone(), era, nonce, &chain, &hash)
            })
            .collect();
        let state = self.database.state();
        let set = runtime.validators(&state);
        let time = parent.slot().map_or(runtime.block_time(&state), |slot| slot.time).plus(1_000);
        let slot = execution::slot(&parent, &set, 0, time);
        let built =
            execution::build(&self.database, &runtime, slot, &mut extrinsics.into_iter(), &NoneVerified).unwrap();
        assert_eq!(built.prepared.block.extrinsics.len(), EXTRINSICS as usize);
        let execution::Prepared { block, changes, tree } = built.prepared;
        let certificate = self.certify(&block.header);
        self.database.commit(&block, Some(&certificate), &changes, tree).unwrap();
        self.records.push(Record { block, certificate: Some(certificate) });
    }

    fn certify(&self, header: &Header) -> CommitCertificate {
        let key = presets::development_key("validator");
        let value = header.vote_value();
        let bytes = vote_bytes(&self.genesis(), header.number, 0, VoteKind::Precommit, Some(value), &key.public());
        let signatures = vec![(0, key.sign(&bytes))].try_into().unwrap();
        CommitCertificate { height: header.number, round: 0, value, signatures }
    }

    /// A record whose extrinsic at `index` has another signature, certified for all that.
    fn forged(&self, height: u32, index: usize) -> Record {
        let mut block = self.records[height as usize - 1].block.clone();
        block.extrinsics[index].0[60] ^= 1;
        block.header.extrinsics_root = extrinsics_root(&block.extrinsics);
        let certificate = Some(self.certify(&block.header));
        Record { block, certificate }
    }

    fn file(&self, records: &[Record]) -> Vec<u8> {
        let mut bytes = format::head(&self.genesis());
        records.iter().for_each(|record| bytes.extend(format::record(record)));
        bytes.extend(format::end(u32::try_from(records.len()).unwrap()));
        bytes
    }

    fn replay(&self, bytes: &[u8]) -> Result<Replayed, FileError> {
        let runtime = SalusRuntime::new();
        let genesis = genesis::of(&presets::development(), &runtime).unwrap();
        let blocks = Blocks::new(bytes, &genesis.hash)?;
        archive::replay(&runtime, &genesis.block, genesis.changes, blocks, |_| {})
    }

    /// Import into a database of its own; the answer, and the tip it has then.
    fn import(&self, name: &str, bytes: &[u8]) -> (Result<u32, FileError>, Header) {
        let database = open(&self.folder.path().join(name));
        let blocks = Blocks::new(bytes, &self.genesis()).unwrap();
        let taken = archive::import(&database, &SalusRuntime::new(), blocks, |_| {});
        (taken, database.tip().0)
    }
}

fn names_the_forgery(error: &FileError, at: u32, place: u32) -> bool {
    let FileError::Block { height, error: BlockError::Execution(InvalidBlock::Extrinsic { index, reason }) } = error
    else {
        return false;
    };
    (*height, *index, *reason) == (Height(at), place, InvalidTransaction::BadProof)
}

#[test]
fn full_blocks_are_replayed_and_imported_to_the_same_tip() {
    let bench = Bench::new(5);
    let file = bench.file(&bench.records);
    let replayed = bench.replay(&file).unwrap();
    assert_eq!(replayed.hash, bench.database.tip().1);
    assert_eq!(replayed.extrinsics, 5 * u64::from(EXTRINSICS));
    let (taken, tip) = bench.import("imported", &file);
    assert_eq!(taken.unwrap(), 5);
    assert_eq!(tip, bench.database.tip().0);
}

#[test]
fn a_bad_signature_is_named_by_its_place_though_its_batch_was_verified_ahead() {
    let bench = Bench::new(3);
    for (height, place) in [(1, 0), (2, 99), (3, 50)] {
        let mut records = bench.records.clone();
        records[height as usize - 1] = bench.forged(height, place as usize);
        let file = bench.file(&records);
        let error = bench.replay(&file).unwrap_err();
        assert!(names_the_forgery(&error, height, place), "{error}");
        let (taken, tip) = bench.import(&format!("forged {height}"), &file);
        assert!(names_the_forgery(&taken.unwrap_err(), height, place));
        assert_eq!(tip.number, Height(height - 1), "the blocks before it stay");
    }
}

#[test]
fn what_is_wrong_first_is_what_is_said() {
    let bench = Bench::new(3);
    let mut records = bench.records.clone();
    records[1] = bench.forged(2, 7);
    let file = bench.file(&records);
    // The third block is cut: reading it comes before executing the second, saying so does not.
    let cut = &file[..file.len() - 500];
    assert!(names_the_forgery(&bench.replay(cut).unwrap_err(), 2, 7));
    let file = bench.file(&bench.records);
    let error = bench.replay(&file[..file.len() - 500]).unwrap_err();
    assert!(matches!(error, FileError::Truncated { height: Height(3) }), "{error}");
}

#[test]
fn every_signature_of_a_block_is_verified_before_its_parent_is_executed() {
    let bench = Bench::new(2);
    let database = open(&bench.folder.path().join("behind"));
    let runtime = SalusRuntime::new();
    let (parent, block) = (&bench.records[0].block.header, &bench.records[1].block);
    let good = execution::verify_after_next(&database, &runtime, parent, block);

    let parent_state = bench.database.state_at(Height(1)).unwrap();
    let slot = block.header.slot().unwrap();
    let context = BlockContext { number: Height(2), parent_hash: parent.hash(), slot };
    let claims = runtime.claims(&parent_state, &context, &block.extrinsics);
    assert_eq!(claims.len(), EXTRINSICS as usize);
    for claim in &claims {
        assert!(good.contains(&signature_key(&claim.key, &claim.message, &claim.signature)));
    }
    let forged = bench.forged(2, 3).block;
    let good = execution::verify_after_next(&database, &runtime, parent, &forged);
    let bad = &runtime.claims(&parent_state, &context, &forged.extrinsics)[3];
    assert!(!good.contains(&signature_key(&bad.key, &bad.message, &bad.signature)));
}
