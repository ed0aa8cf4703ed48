//! Blocks: reading them, following what becomes final, and writing them to a file for replay.

use std::io::{self, Write};

use parity_scale_codec::Encode;
use salus_primitives::{
    Block, Hash, Header, Height, Moment, RawExtrinsic, archive,
    codec::{MESSAGE_DEPTH_MAX, decode_strict},
    commit::CommitCertificate,
    header::ENGINE,
};
use subxt::{config::substrate::SubstrateHeader, rpcs::client::RpcSubscription, utils::H256};

use super::{Chain, ChainError, error::BlockName, state::decode};

/// A block as a node has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockData {
    /// Its hash, recomputed from the header.
    pub hash: Hash,
    /// Its header.
    pub header: Header,
    /// Its extrinsics, byte for byte.
    pub extrinsics: Vec<RawExtrinsic>,
    /// What made it final; none at genesis.
    pub certificate: Option<CommitCertificate>,
}

impl BlockData {
    /// Its time; zero at genesis, whose time is the chain specification's.
    pub fn time(&self) -> Moment {
        self.header.slot().map(|slot| slot.time).unwrap_or_default()
    }
}

/// What [`Chain::export`] wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExportSummary {
    /// The last height.
    pub to: Height,
    /// Its hash.
    pub hash: Hash,
    /// Extrinsics in all blocks.
    pub extrinsics: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// Why blocks were not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The node.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The file.
    #[error("writing the blocks failed: {0}; nothing of what was written is to be used")]
    Write(#[from] io::Error),
}

impl Chain {
    /// The header of the block with this hash.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] or what asking failed with.
    pub async fn header(&self, hash: Hash) -> Result<Header, ChainError> {
        let header = self.rpc.chain_get_header(Some(H256(hash.0))).await?;
        our_header(&header.ok_or(ChainError::UnknownBlock(BlockName::Hash(hash)))?, Some(hash))
    }

    /// The block with this hash.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] or what asking failed with.
    pub async fn block(&self, hash: Hash) -> Result<BlockData, ChainError> {
        let found = self.rpc.chain_get_block(Some(H256(hash.0))).await?;
        let found = found.ok_or(ChainError::UnknownBlock(BlockName::Hash(hash)))?;
        let header = our_header(&found.block.header, Some(hash))?;
        let malformed = |reason: String| ChainError::Malformed { what: "block", reason };
        let extrinsics = found
            .block
            .extrinsics
            .iter()
            .map(|bytes| RawExtrinsic::from_wire(bytes).map_err(|error| malformed(error.to_string())))
            .collect::<Result<_, _>>()?;
        let certificate = found
            .justifications
            .unwrap_or_default()
            .into_iter()
            .find(|(engine, _)| *engine == ENGINE)
            .map(|(_, bytes)| decode_strict(&bytes, MESSAGE_DEPTH_MAX).map_err(|error| malformed(error.to_string())))
            .transpose()?;
        Ok(BlockData { hash, header, extrinsics, certificate })
    }

    /// The block at this height.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] or what asking failed with.
    pub async fn block_at(&self, height: Height) -> Result<BlockData, ChainError> {
        self.block(self.hash_at(height).await?).await
    }

    /// The newest final block.
    ///
    /// # Errors
    /// What asking failed with.
    pub async fn newest_block(&self) -> Result<BlockData, ChainError> {
        self.block(self.finalised().await?).await
    }

    /// Blocks as they become final, from the newest one on, none left out.
    ///
    /// # Errors
    /// What asking failed with.
    pub async fn finalised_blocks(&self) -> Result<FinalisedBlocks, ChainError> {
        let heads = self.rpc.chain_subscribe_finalized_heads().await?;
        Ok(FinalisedBlocks { chain: self.clone(), heads, next: None, newest: None })
    }

    /// Write the blocks from height 1 to `to` (the newest final one when none is given) in the format of
    /// [`salus_primitives::archive`], which `salus-node replay` reads. `progress` is told each height.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export(
        &self,
        to: Option<Height>,
        out: &mut impl Write,
        mut progress: impl FnMut(Height),
    ) -> Result<ExportSummary, ExportError> {
        let newest = self.header(self.finalised().await?).await?;
        let to = to.unwrap_or(newest.number);
        if to > newest.number {
            return Err(ChainError::UnknownBlock(BlockName::Height(to)).into());
        }
        let mut summary = ExportSummary { to, hash: self.genesis(), extrinsics: 0, bytes: 0 };
        let mut write = |bytes: &[u8]| {
            summary.bytes += bytes.len() as u64;
            out.write_all(bytes)
        };
        write(&archive::head(&self.genesis()))?;
        let mut parent = self.genesis();
        let (mut hash, mut extrinsics) = (parent, 0);
        for height in 1..=to.0 {
            let block = self.block_at(Height(height)).await?;
            if block.header.parent_hash != parent {
                let reason = format!("its parent is {}, the block before it is {parent}", block.header.parent_hash);
                return Err(ChainError::Malformed { what: "block", reason }.into());
            }
            (parent, hash) = (block.hash, block.hash);
            extrinsics += block.extrinsics.len() as u64;
            let record = archive::Record {
                block: Block { header: block.header, extrinsics: block.extrinsics },
                certificate: block.certificate,
            };
            write(&archive::record(&record))?;
            progress(Height(height));
        }
        write(&archive::end(to.0))?;
        out.flush()?;
        Ok(ExportSummary { hash, extrinsics, ..summary })
    }
}

/// Blocks as they become final.
pub struct FinalisedBlocks {
    chain: Chain,
    heads: RpcSubscription<SubstrateHeader<H256>>,
    next: Option<Height>,
    newest: Option<Height>,
}

impl FinalisedBlocks {
    /// The next one.
    ///
    /// # Errors
    /// [`ChainError::Lost`] when the node ends the subscription, or what asking failed with.
    pub async fn next(&mut self) -> Result<BlockData, ChainError> {
        loop {
            // A head may stand for several heights: those between are fetched, so that none is left out.
            if let (Some(next), Some(newest)) = (self.next, self.newest)
                && next <= newest
            {
                let block = self.chain.block_at(next).await?;
                self.next = Some(next.next());
                return Ok(block);
            }
            let ended = || ChainError::Lost { reason: "the subscription to blocks ended".into() };
            let head = self.heads.next().await.ok_or_else(ended)??;
            let number = our_header(&head, None)?.number;
            self.newest = Some(number);
            self.next.get_or_insert(number);
        }
    }
}

/// A header as ours; with `expected`, only the one of this hash.
fn our_header(header: &SubstrateHeader<H256>, expected: Option<Hash>) -> Result<Header, ChainError> {
    let header: Header = decode("header", &header.encode())?;
    match expected {
        Some(expected) if header.hash() != expected => Err(ChainError::Malformed {
            what: "header",
            reason: format!("its hash is {}, asked for was {expected}", header.hash()),
        }),
        _ => Ok(header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::header::Slot;

    #[test]
    fn a_header_of_the_client_library_is_ours_byte_for_byte() {
        let slot = Slot { time: Moment(77), build_round: 0, proposer_index: 0, set_id: 0 };
        let header = Header {
            parent_hash: Hash([1; 32]),
            number: Height(70_000),
            state_root: Hash([2; 32]),
            extrinsics_root: Hash([3; 32]),
            digest: salus_primitives::header::Digest { logs: vec![slot.item()] },
        };
        let theirs: SubstrateHeader<H256> = decode("header", &header.encode()).unwrap();
        assert_eq!(our_header(&theirs, Some(header.hash())), Ok(header.clone()));
        assert!(our_header(&theirs, Some(Hash([9; 32]))).is_err());
        let data = BlockData { hash: header.hash(), header, extrinsics: vec![], certificate: None };
        assert_eq!(data.time(), Moment(77));
    }
}
