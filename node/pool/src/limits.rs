//! Every bound of the pool, with its unit, in one place.

use salus_primitives::limits::EXTRINSIC_BYTES_MAX;

use crate::account::Usage;

/// The pool's bounds. [`Limits::default`] is what benchmarks and networks run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest extrinsic, bytes with its length prefix.
    pub extrinsic_bytes: usize,
    /// Most extrinsics in the pool, ready and waiting together.
    pub pool_txs: usize,
    /// Most bytes in the pool, each extrinsic with its length prefix.
    pub pool_bytes: usize,
    /// Most extrinsics of one account.
    pub account_txs: usize,
    /// Most bytes of one account.
    pub account_bytes: usize,
    /// How far ahead of the account's next nonce a nonce may be.
    pub nonce_ahead: u32,
    /// Share of the pool, by number and by bytes, that one organisation's accounts may hold together, percent.
    pub organisation_percent: usize,
    /// Most bare extrinsics: they have no account whose quota would bound them.
    pub bare_txs: usize,
    /// Most bytes of bare extrinsics.
    pub bare_bytes: usize,
    /// Submissions with a good signature that one account may make within one second of the caller's clock.
    pub submissions_per_second: u32,
    /// How many blocks an extrinsic may wait for the nonce before it: a gap must not hold room for ever.
    pub waiting_blocks: u32,
    /// How many pending extrinsics are put to the runtime again after each block, in turn. Bounds the cost of a
    /// block; what is not asked in time is left out by the runtime when it builds.
    pub revalidations_per_block: usize,
    /// How many hashes of lately finalised extrinsics are remembered.
    pub seen_hashes: usize,
    /// How many blocks the verdict on a signature outlives its extrinsic: a block proposed before may still come.
    pub verdict_blocks: u32,
    /// Most verdicts that outlive their extrinsics.
    pub verdicts_retired: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            extrinsic_bytes: EXTRINSIC_BYTES_MAX,
            pool_txs: 4_096,
            pool_bytes: 16 * 1024 * 1024,
            account_txs: 32,
            account_bytes: 256 * 1024,
            nonce_ahead: 31,
            organisation_percent: 25,
            bare_txs: 64,
            bare_bytes: 256 * 1024,
            submissions_per_second: 100,
            waiting_blocks: 1_500,
            revalidations_per_block: 512,
            seen_hashes: 65_536,
            verdict_blocks: 16,
            verdicts_retired: 65_536,
        }
    }
}

impl Limits {
    /// Most extrinsics of one organisation.
    pub fn organisation_txs(&self) -> usize {
        self.pool_txs.saturating_mul(self.organisation_percent) / 100
    }

    /// Most bytes of one organisation.
    pub fn organisation_bytes(&self) -> usize {
        self.pool_bytes.saturating_mul(self.organisation_percent) / 100
    }

    pub(crate) fn of_pool(&self) -> Usage {
        Usage { txs: self.pool_txs, bytes: self.pool_bytes }
    }

    pub(crate) fn of_organisation(&self) -> Usage {
        Usage { txs: self.organisation_txs(), bytes: self.organisation_bytes() }
    }

    pub(crate) fn of_account(&self) -> Usage {
        Usage { txs: self.account_txs, bytes: self.account_bytes }
    }

    pub(crate) fn of_bare(&self) -> Usage {
        Usage { txs: self.bare_txs, bytes: self.bare_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_published_ones() {
        let limits = Limits::default();
        assert_eq!((limits.pool_txs, limits.pool_bytes), (4_096, 16 << 20));
        assert_eq!((limits.account_txs, limits.account_bytes, limits.nonce_ahead), (32, 256 << 10, 31));
        assert_eq!((limits.organisation_txs(), limits.organisation_bytes()), (1_024, 4 << 20));
        assert_eq!((limits.seen_hashes, limits.submissions_per_second), (65_536, 100));
    }
}
