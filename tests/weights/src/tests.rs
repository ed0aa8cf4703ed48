//! Every call has its worst case, and its weight pays for the keys it reads and writes there.

use std::collections::BTreeSet;

use salus_primitives::dispatch::DispatchError;
use salus_runtime::SalusRuntime;
use salus_support::table::module_error;

use crate::{Counter, ROWS, Scene};

#[test]
fn every_call_has_a_worst_case_that_ends_as_it_says() {
    let (scene, runtime) = (Scene::among(100), SalusRuntime::new());
    let covered: BTreeSet<&str> = scene.cases.iter().map(|case| case.call).collect();
    assert_eq!(covered, ROWS.iter().copied().collect());
    let counter = Counter::new(&runtime, &scene.state, scene.block).unwrap();
    for case in &scene.cases {
        let refused = case.refused.map(|error| DispatchError::Module(module_error(&error)));
        let counted = counter.count(case).unwrap_or_else(|error| panic!("{}, {}: {error}", case.call, case.size));
        println!(
            "{:32} w{:6} r{:5} w{:5} b{:7} {:?} {}",
            case.call, case.weight, counted.reads, counted.writes, counted.bytes, counted.refused, case.size
        );
        assert_eq!(counted.refused, refused, "{}, {}", case.call, case.size);
    }
}
