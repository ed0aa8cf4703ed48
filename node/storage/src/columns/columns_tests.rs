//! Order and prefix-freeness of the keys of free length.

use proptest::prelude::*;
use salus_primitives::Height;

use super::*;

/// Keys that collide where a layout is careless: few byte values, zeros among them, shared beginnings.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 0xfe, 0xff]), 0..6)
}

proptest! {
    #[test]
    fn history_keys_sort_by_storage_key_then_newest_first(a in key(), b in key(), m in 0u32..4, n in 0u32..4) {
        let (m, n) = (Height(m), Height(n));
        let bytes = StateHistory::key((&a, m)).cmp(&StateHistory::key((&b, n)));
        prop_assert_eq!(bytes, a.cmp(&b).then(n.cmp(&m)));
    }

    #[test]
    fn a_history_key_reads_back_and_begins_no_other(a in key(), b in key(), n in any::<u32>()) {
        let ours = StateHistory::key((&a, Height(n)));
        prop_assert_eq!(StateHistory::read_key(&ours), Some((a.clone(), Height(n))));
        if a != b {
            prop_assert!(!StateHistory::key((&b, Height(n))).starts_with(&ours[..ours.len() - 4]));
        }
    }

    #[test]
    fn all_history_of_a_key_lies_between_its_start_and_its_end(a in key(), b in key(), n in any::<u32>()) {
        let entry = StateHistory::key((&b, Height(n)));
        prop_assert_eq!(*StateHistory::start_of(&a) <= *entry, a <= b);
        prop_assert_eq!(*entry < *StateHistory::after(&a), b <= a);
    }

    #[test]
    fn a_damaged_history_key_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        if let Some((key, height)) = StateHistory::read_key(&bytes) {
            prop_assert_eq!(&*StateHistory::key((&key, height)), &bytes[..]);
        }
    }
}

#[test]
fn the_prefix_index_reads_back_and_ends_before_the_next_prefix() {
    let prefix = PrefixIndex::prefix_of(b":code");
    assert_eq!(prefix[..5], *b":code");
    assert_eq!(prefix[5..], [0; 27]);
    let oldest = PrefixIndex::key((&prefix, Height(0)));
    let newest = PrefixIndex::key((&prefix, Height(u32::MAX)));
    assert!(newest < oldest);
    assert!(*oldest < *PrefixIndex::after(&prefix));
    assert_eq!(PrefixIndex::read_key(&newest), Some((prefix, Height(u32::MAX))));
    assert_eq!(PrefixIndex::read_key(&newest[1..]), None);
}

#[test]
fn names_of_column_families_are_distinct() {
    let mut names = ALL.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
