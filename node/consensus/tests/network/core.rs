//! Traps of the core that do not show while a height is decided: certificates by different signers, the core's release.

use salus_consensus::{Act, Input, Peer};
use salus_primitives::Height;

use crate::cast::{Cast, finalised, sound, timers, value};

#[test]
fn certificates_of_one_block_by_different_signers_are_equally_good() {
    for signers in [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]] {
        let mut cast = Cast::running(4, 0);
        let certificate = cast.certificate(&signers, 1, 0, value("block"));
        cast.feed(Input::Certified { from: Peer(1), certificate });
        let acts = cast.block(value("block"), sound(0));
        let made = finalised(&acts).expect("it is final");
        assert_eq!((made.height, made.value), (Height(1), value("block")));
        let found: Vec<u16> = made.signatures.iter().map(|(index, _)| *index).collect();
        assert_eq!(found, signers, "what makes the block final is no part of it");
    }
}

#[test]
fn a_decision_sets_no_timer_of_its_own_and_waits_for_none() {
    let mut cast = Cast::running(1, 0);
    let before = timers(&cast.acts).len();
    let acts = cast.feed(Input::Built { height: Height(1), round: 0, value: value("block") });
    assert!(finalised(&acts).is_some(), "the core would read the clock where it had a time to aim at");
    let set_after =
        acts.iter().skip_while(|act| !matches!(act, Act::CancelTimers)).filter(|act| matches!(act, Act::SetTimer(..)));
    assert_eq!((before > 0, set_after.count()), (true, 0));
}

#[test]
fn the_core_is_pinned_to_one_release_since_each_minor_one_broke_its_interface() {
    let manifest = include_str!("../../../../Cargo.toml");
    let core: Vec<&str> = manifest.lines().filter(|line| line.starts_with("arc-malachitebft-")).collect();
    assert_eq!(core.len(), 3, "{core:?}");
    assert!(core.iter().all(|line| line.contains("version = \"=0.8.2\"")), "{core:?}");
}
