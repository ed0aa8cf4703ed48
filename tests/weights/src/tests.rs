//! Every call has its worst case, and its weight pays for what it reads, writes and verifies there.

use std::collections::BTreeSet;

use salus_primitives::dispatch::DispatchError;
use salus_runtime::SalusRuntime;
use salus_support::{Cost, table::module_error};

use crate::{Case, Counted, Counter, ROWS, SUSPENDS_FEW, SUSPENDS_MANY, Scene};

fn counted(scene: &Scene) -> Vec<(&Case, Counted)> {
    let runtime = SalusRuntime::new();
    let counter = Counter::new(&runtime, &scene.state, scene.block).unwrap();
    let count =
        |case: &Case| counter.count(case).unwrap_or_else(|error| panic!("{}, {}: {error}", case.call, case.size));
    scene.cases.iter().map(|case| (case, count(case))).collect()
}

#[test]
fn every_call_has_a_worst_case_and_each_ends_as_it_says() {
    let scene = Scene::among(1);
    let covered: BTreeSet<&str> = scene.cases.iter().map(|case| case.call).collect();
    assert_eq!(covered, ROWS.iter().copied().collect());
    for (case, counted) in counted(&scene) {
        let refused = case.refused.map(|error| DispatchError::Module(module_error(&error)));
        assert_eq!(counted.refused, refused, "{}, {}", case.call, case.size);
    }
}

#[test]
fn the_weight_of_a_call_pays_for_the_keys_and_signatures_of_its_worst_case() {
    let scene = Scene::among(1);
    let unpaid = counted(&scene).into_iter().filter_map(|(case, counted)| {
        let worth = Cost::READ * counted.reads + Cost::WRITE * counted.writes + Cost::SIGNATURE * case.signatures;
        (worth > case.weight).then(|| {
            let Counted { reads, writes, .. } = counted;
            format!(
                "{}, {}: {reads} reads, {writes} writes and {} signatures are worth {worth}, the weight is {}",
                case.call, case.size, case.signatures, case.weight
            )
        })
    });
    assert_eq!(unpaid.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_suspension_costs_the_same_however_many_granted() {
    let scene = Scene::among(1_000);
    let counted = counted(&scene);
    let of = |size| {
        let found = counted.iter().find(|(case, _)| case.size == size);
        found.map(|(_, counted)| counted.clone()).expect("there is a case of either suspension")
    };
    assert_eq!(of(SUSPENDS_FEW), of(SUSPENDS_MANY));
}
