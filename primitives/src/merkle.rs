//! The RFC 6962 tree hash over SHA-256 and its inclusion proofs (formats.md 7).
//!
//! ```text
//! leaf = SHA-256(0x00 ++ bytes)    node = SHA-256(0x01 ++ left ++ right)    empty = SHA-256("")
//! ```
//! The left part of a split is the largest power of two below the number of leaves; nothing is
//! duplicated, so no two lists share a root.

use crate::{
    Hash,
    crypto::{sha256, sha256_of},
};

fn leaf_hash(bytes: &[u8]) -> Hash {
    sha256_of(&[&[0x00], bytes])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256_of(&[&[0x01], &left.0, &right.0])
}

/// Leaves to the left of the split of `count` leaves, for `count` of two or more.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The root over `leaves` in order.
pub fn root(leaves: impl Iterator<Item = Vec<u8>>) -> Hash {
    root_of(&leaves.map(|bytes| leaf_hash(&bytes)).collect::<Vec<_>>())
}

/// The hashes that lead from leaf `index` to the root, lowest first; none when there is no such leaf.
pub fn proof(leaves: impl Iterator<Item = Vec<u8>>, index: usize) -> Option<Vec<Hash>> {
    fn climb(leaves: &[Hash], index: usize, path: &mut Vec<Hash>) {
        if leaves.len() < 2 {
            return;
        }
        let middle = split(leaves.len());
        let (left, right) = leaves.split_at(middle);
        if index < middle {
            climb(left, index, path);
            path.push(root_of(right));
        } else {
            climb(right, index - middle, path);
            path.push(root_of(left));
        }
    }
    let leaves = leaves.map(|bytes| leaf_hash(&bytes)).collect::<Vec<_>>();
    (index < leaves.len()).then(|| {
        let mut path = Vec::new();
        climb(&leaves, index, &mut path);
        path
    })
}

/// Is `bytes` leaf `index` of `count` under `root`?
pub fn verify(root: &Hash, bytes: &[u8], index: usize, count: usize, path: &[Hash]) -> bool {
    fn fold(hash: Hash, index: usize, count: usize, path: &[Hash]) -> Option<Hash> {
        if count < 2 {
            return path.is_empty().then_some(hash);
        }
        let (top, below) = path.split_last()?;
        let middle = split(count);
        if index < middle {
            Some(node_hash(&fold(hash, index, middle, below)?, top))
        } else {
            Some(node_hash(top, &fold(hash, index - middle, count - middle, below)?))
        }
    }
    index < count && fold(leaf_hash(bytes), index, count, path) == Some(*root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> impl Iterator<Item = Vec<u8>> + Clone {
        (0..count).map(|i| vec![i as u8; i])
    }

    #[test]
    fn the_roots_are_those_of_certificate_transparency() {
        // The test vectors every RFC 6962 implementation shares.
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (count, expected) in roots.iter().enumerate() {
            let root = root(inputs[..count].iter().map(|bytes| bytes.to_vec()));
            assert_eq!(hex::encode(root.0), *expected, "{count} leaves");
        }
    }

    #[test]
    fn every_leaf_proves_itself_and_no_other() {
        for count in 1..20 {
            let root = root(leaves(count));
            for index in 0..count {
                let path = proof(leaves(count), index).unwrap();
                assert!(verify(&root, &vec![index as u8; index], index, count, &path));
                assert!(!verify(&root, b"other", index, count, &path));
                assert!(!verify(&root, &vec![index as u8; index], index + 1, count, &path));
            }
            assert_eq!(proof(leaves(count), count), None);
        }
    }
}
