//! What a scope matches, and when one rule lies within another.

use proptest::prelude::*;
use salus_primitives::{Moment, Window};

use super::*;
use crate::{terms::Extent, testing::lab};

fn record(kind: Kind, id: u8, tag_bytes: &[u8], labelled: bool) -> RecordView {
    RecordView { kind, tags: tags(tag_bytes), labelled, ..lab(record_id(id), HOSPITAL) }
}

fn scope(kinds: &[Kind], ids: Option<&[u8]>, any_of: &[u8], none_of: &[u8]) -> Scope {
    Scope { kinds: Kinds::of(kinds), records: ids.and_then(records), any_of: tags(any_of), none_of: tags(none_of) }
}

#[test]
fn a_permit_without_tags_looks_at_kind_and_id_only() {
    let labs = scope(&[Kind::Lab], None, &[], &[]);
    assert!(labs.opens(&record(Kind::Lab, 1, &[5], false)));
    assert!(!labs.opens(&record(Kind::Imaging, 1, &[], true)));
    let one = scope(&[Kind::Lab], Some(&[1]), &[], &[]);
    assert!(one.opens(&record(Kind::Lab, 1, &[], true)));
    assert!(!one.opens(&record(Kind::Lab, 2, &[], true)));
    assert!(!one.opens(&record(Kind::Imaging, 1, &[], true)));
}

#[test]
fn a_permit_with_tags_sees_labelled_records_only() {
    let any = scope(&[Kind::Lab], None, &[1, 2], &[]);
    assert!(any.opens(&record(Kind::Lab, 1, &[2, 3], true)));
    assert!(!any.opens(&record(Kind::Lab, 1, &[2, 3], false)));
    assert!(!any.opens(&record(Kind::Lab, 1, &[3], true)));
    assert!(!any.opens(&record(Kind::Lab, 1, &[], true)));
    let none = scope(&[Kind::Lab], None, &[], &[1]);
    assert!(none.opens(&record(Kind::Lab, 1, &[], true)));
    assert!(!none.opens(&record(Kind::Lab, 1, &[], false)));
    assert!(!none.opens(&record(Kind::Lab, 1, &[1, 2], true)));
    let both = scope(&[Kind::Lab], None, &[1], &[2]);
    assert!(both.opens(&record(Kind::Lab, 1, &[1], true)));
    assert!(!both.opens(&record(Kind::Lab, 1, &[1, 2], true)));
}

#[test]
fn a_denial_with_tags_hits_what_is_not_labelled_too() {
    let any = scope(&[Kind::Lab], None, &[1], &[]);
    assert!(any.closes(&record(Kind::Lab, 1, &[1], true)));
    assert!(any.closes(&record(Kind::Lab, 1, &[], false)));
    assert!(!any.closes(&record(Kind::Lab, 1, &[2], true)));
    assert!(!any.closes(&record(Kind::Imaging, 1, &[], false)));
    assert!(scope(&[Kind::Lab], None, &[], &[]).closes(&record(Kind::Lab, 1, &[], true)));
}

#[test]
fn the_tag_rules_of_child_and_parent() {
    let any = |bytes: &[u8]| scope(&[Kind::Lab], None, bytes, &[]);
    let none = |bytes: &[u8]| scope(&[Kind::Lab], None, &[], bytes);
    assert!(any(&[1]).is_within(&any(&[1, 2])));
    assert!(!any(&[]).is_within(&any(&[1])), "an empty any_of asks for more");
    assert!(!any(&[1, 3]).is_within(&any(&[1, 2])));
    assert!(any(&[1]).is_within(&any(&[])));
    assert!(none(&[1, 2]).is_within(&none(&[1])));
    assert!(!none(&[]).is_within(&none(&[1])));
    assert!(!any(&[2]).is_within(&none(&[1])), "the parent's exclusion must be said again");
    let listed = |ids: Option<&[u8]>| scope(&[Kind::Lab], ids, &[], &[]);
    assert!(listed(Some(&[1])).is_within(&listed(None)));
    assert!(!listed(None).is_within(&listed(Some(&[1]))));
    assert!(!listed(Some(&[1, 2])).is_within(&listed(Some(&[1]))));
}

#[test]
fn each_dimension_alone_can_lie_outside() {
    let whole = scope(&[Kind::Lab, Kind::Imaging], None, &[], &[]);
    let labs = scope(&[Kind::Lab], None, &[], &[]);
    let window = |from, until| Window { from: Moment(from), until: Moment(until) };
    let duty = Obligations { no_redisclose: true, erase_by: Some(Moment(90)), local_only: true };
    let outer = Extent {
        scope: &labs,
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View]),
        window: window(10, 20),
        uses: Some(3),
        obligations: duty,
    };
    assert!(outer.is_within(&outer));
    let later = Obligations { erase_by: Some(Moment(91)), ..duty };
    let never = Obligations { erase_by: None, ..duty };
    for wider in [
        Extent { scope: &whole, ..outer },
        Extent { purposes: Purposes::of(&[Purpose::Treatment, Purpose::Research]), ..outer },
        Extent { actions: Actions::of(&[Action::View, Action::Add]), ..outer },
        Extent { window: window(9, 20), ..outer },
        Extent { window: window(10, 21), ..outer },
        Extent { uses: Some(4), ..outer },
        Extent { uses: None, ..outer },
        Extent { obligations: Obligations { no_redisclose: false, ..duty }, ..outer },
        Extent { obligations: Obligations { local_only: false, ..duty }, ..outer },
        Extent { obligations: later, ..outer },
        Extent { obligations: never, ..outer },
    ] {
        assert!(!wider.is_within(&outer), "{wider:?}");
        assert!(outer.is_within(&wider), "{wider:?}");
    }
}

#[test]
fn a_set_of_bits_holds_what_it_was_made_of() {
    assert_eq!(Kinds::ALL.0, 0b1_1111_1111);
    assert_eq!(Purposes::ALL.0, 0b1_1111_1111);
    assert_eq!(Actions::ALL.0, 0b1111);
    let set = Kinds::of(&[Kind::General, Kind::Other]);
    assert!(set.contains(Kind::Other) && set.contains(Kind::General) && !set.contains(Kind::Lab));
}

fn a_scope() -> impl Strategy<Value = Scope> {
    let list = || prop::collection::btree_set(0u8..3, 0..3).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let ids = prop::option::of(prop::collection::btree_set(0u8..3, 1..3));
    (1u16..8, ids, list(), list()).prop_map(|(kinds, ids, any_of, none_of)| Scope {
        kinds: Kinds(kinds),
        records: ids.and_then(|ids| records(&ids.into_iter().collect::<Vec<_>>())),
        any_of: tags(&any_of),
        none_of: tags(&none_of),
    })
}

/// Every record of the small world of these scopes.
fn all_records() -> Vec<RecordView> {
    let mut all = Vec::new();
    for kind in [Kind::General, Kind::Encounter, Kind::Lab] {
        for id in 0..3 {
            for bits in 0u8..8 {
                let present: Vec<u8> = (0..3).filter(|tag| bits & (1 << tag) != 0).collect();
                for labelled in [true, false] {
                    all.push(record(kind, id, &present, labelled));
                }
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(super::properties::fixed(256))]

    /// I4: a child never exceeds its parent.
    #[test]
    fn what_a_child_opens_its_parent_opens(parent in a_scope(), child in a_scope()) {
        if child.is_within(&parent) {
            for record in all_records() {
                prop_assert!(!child.opens(&record) || parent.opens(&record), "{record:?}");
            }
        }
    }

    #[test]
    fn a_scope_is_within_itself_and_within_is_passed_on(a in a_scope(), b in a_scope(), c in a_scope()) {
        prop_assert!(a.is_within(&a));
        prop_assert!(!(a.is_within(&b) && b.is_within(&c)) || a.is_within(&c));
    }

    /// Narrowing a scope in any way the rules of section 1 allow gives a child.
    #[test]
    fn a_narrowed_scope_is_within(parent in a_scope(), narrower in a_scope()) {
        let mut child = parent.clone();
        child.kinds = Kinds(parent.kinds.0 & narrower.kinds.0);
        let mut excluded = parent.none_of.to_vec();
        excluded.extend(narrower.none_of.iter().filter(|tag| !parent.none_of.contains(tag)));
        child.none_of = Tags::try_from(excluded).unwrap();
        if parent.any_of.is_empty() {
            child.any_of = narrower.any_of.clone();
        }
        if parent.records.is_none() {
            child.records = narrower.records.clone();
        }
        prop_assert!(child.is_within(&parent));
    }

    /// I13: a Permit never rests on a record its scope cannot see labelled.
    #[test]
    fn a_scope_with_tags_opens_labelled_records_only(scope in a_scope()) {
        for record in all_records() {
            let by_tags = !scope.any_of.is_empty() || !scope.none_of.is_empty();
            prop_assert!(!scope.opens(&record) || !by_tags || record.labelled);
        }
    }
}
