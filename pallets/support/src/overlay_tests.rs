//! Layers against a model that copies the whole state for each.

use std::cell::Cell;

use super::*;

type Flat = BTreeMap<Vec<u8>, Vec<u8>>;

#[test]
fn a_dropped_layer_leaves_no_trace_and_a_kept_one_all() {
    let base = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
    let mut state = Overlay::new(&base);
    state.begin();
    state.put(b"a".to_vec(), b"2".to_vec());
    state.begin();
    state.remove(b"a".to_vec());
    assert_eq!(state.get(b"a"), None);
    state.rollback();
    assert_eq!(state.get(b"a"), Some(b"2".to_vec()));
    state.commit();
    assert_eq!(state.into_changes(), Changes::from([(b"a".to_vec(), Some(b"2".to_vec()))]));
}

#[test]
fn a_removal_hides_the_base() {
    let base = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
    let mut state = Overlay::new(&base);
    state.remove(b"a".to_vec());
    assert_eq!(state.get(b"a"), None);
    assert_eq!(state.into_changes(), Changes::from([(b"a".to_vec(), None)]));
}

#[test]
fn a_key_that_was_written_and_dropped_is_read_from_the_base() {
    let base = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
    let mut state = Overlay::new(&base);
    state.begin();
    state.put(b"a".to_vec(), b"2".to_vec());
    state.put(b"b".to_vec(), b"2".to_vec());
    state.rollback();
    assert_eq!(state.get(b"a"), Some(b"1".to_vec()));
    assert_eq!(state.get(b"b"), None);
    assert_eq!(state.into_changes(), Changes::new());
}

#[test]
fn what_is_written_anew_as_it_was_is_a_change() {
    let base = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
    let mut state = Overlay::new(&base);
    assert_eq!(state.get(b"a"), Some(b"1".to_vec()));
    state.put(b"a".to_vec(), b"1".to_vec());
    assert_eq!(state.into_changes(), Changes::from([(b"a".to_vec(), Some(b"1".to_vec()))]));
}

#[test]
fn the_base_is_asked_once_for_each_key() {
    struct Counting(Cell<u32>);
    impl StateReader for Counting {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.set(self.0.get() + 1);
            (key == b"a").then(|| b"1".to_vec())
        }
    }
    let base = Counting(Cell::new(0));
    let mut state = Overlay::new(&base);
    for _ in 0..3 {
        state.begin();
        assert_eq!(state.get(b"a"), Some(b"1".to_vec()));
        assert_eq!(state.get(b"b"), None);
        state.rollback();
    }
    assert_eq!(base.0.get(), 2);
}

#[test]
fn keys_whose_hashes_meet_stay_apart() {
    let mut seen = Seen::default();
    let places: Vec<_> = (0u8..4).map(|key| seen.add(7, vec![key], Held::Written(Some(vec![key])))).collect();
    for (key, place) in (0u8..4).zip(places) {
        assert_eq!(seen.find(7, &[key]), Some(place));
    }
    assert_eq!(seen.find(7, &[4]), None);
    assert_eq!(seen.find(8, &[0]), None);
}

/// The layers as whole copies of the state, and of what changed.
struct Model {
    layers: Vec<(Flat, Changes)>,
}

impl Model {
    fn write(&mut self, key: &[u8], value: Option<Vec<u8>>) {
        let (flat, changes) = self.layers.last_mut().unwrap();
        match value.clone() {
            Some(value) => flat.insert(key.to_vec(), value),
            None => flat.remove(key),
        };
        changes.insert(key.to_vec(), value);
    }

    fn commit(&mut self) {
        let top = self.layers.pop().unwrap();
        *self.layers.last_mut().unwrap() = top;
    }
}

/// Numbers that look random and are the same in every run.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

#[test]
fn every_read_and_all_changes_are_those_of_the_model() {
    for seed in 0..200 {
        let mut next = numbers(seed);
        let base: Flat = (0..20).filter(|_| next(2) == 0).map(|key| (vec![key], vec![100 + key])).collect();
        let mut state = Overlay::new(&base);
        let mut model = Model { layers: vec![(base.clone(), Changes::new())] };
        for _ in 0..300 {
            let key = vec![next(20) as u8];
            match next(8) {
                0 | 1 => {
                    let value = vec![next(50) as u8];
                    state.put(key.clone(), value.clone());
                    model.write(&key, Some(value));
                }
                2 => {
                    state.remove(key.clone());
                    model.write(&key, None);
                }
                3 | 4 => assert_eq!(state.get(&key), model.layers.last().unwrap().0.get(&key).cloned()),
                5 => {
                    state.begin();
                    let top = model.layers.last().unwrap().clone();
                    model.layers.push(top);
                }
                6 if model.layers.len() > 1 => {
                    state.commit();
                    model.commit();
                }
                7 if model.layers.len() > 1 => {
                    state.rollback();
                    model.layers.pop();
                }
                _ => {}
            }
        }
        while model.layers.len() > 1 {
            state.commit();
            model.commit();
        }
        let (flat, changes) = model.layers.pop().unwrap();
        for key in 0..20 {
            assert_eq!(state.get(&[key]), flat.get(&[key][..]).cloned(), "seed {seed}");
        }
        assert_eq!(state.into_changes(), changes, "seed {seed}");
    }
}
