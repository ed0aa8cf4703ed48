//! An upgrade that the council scheduled: a release that lacks it executes nothing from its height on.

use salus_council::{Act, Call::Propose};
use salus_primitives::signed::CoSigns;

use super::*;

fn schedule(net: &TestNet, spec_version: u32, height: u32) -> RawExtrinsic {
    let act = Act::UpgradeSchedule { spec_version, height: Height(height) };
    net.signed(&council(), RuntimeCall::Council(Propose { act, cosign: CoSigns::new() }), 0)
}

#[test]
fn a_release_without_the_version_stops_before_the_height_and_says_what_to_install() {
    let ours = salus_system::version().spec_version;
    let mut net = TestNet::new();
    let events = net.block(vec![schedule(&net, ours + 1, 4)]);
    assert!(events.iter().any(succeeded));
    net.pass(2);
    assert_eq!(net.height(), Height(3));
    let needed = InvalidBlock::Version { ours, needed: ours + 1, height: Height(4) };
    assert_eq!(net.execute(&[]), Err(needed));
    let build = net.runtime.build(&net.state, &net.context(), &mut std::iter::empty(), &NoneVerified);
    assert_eq!(build, Err(needed));
    assert_eq!(net.runtime.can_execute(&net.state, Height(3)), Ok(()));
    assert_eq!(net.runtime.can_execute(&net.state, Height(4)), Err(needed));
    assert_eq!(net.runtime.can_execute(&net.state, Height(u32::MAX)), Err(needed));
    assert_eq!(
        needed.to_string(),
        format!("this release has spec version {ours}, height 4 needs {}: install the release that has it", ours + 1)
    );
}

#[test]
fn a_release_with_the_version_goes_on() {
    let ours = salus_system::version().spec_version;
    let mut net = TestNet::new();
    net.block(vec![schedule(&net, ours, 2)]);
    net.pass(3);
    assert_eq!(net.height(), Height(4));
    assert_eq!(net.runtime.can_execute(&net.state, Height(u32::MAX)), Ok(()));
}

#[test]
fn the_state_says_from_the_start_of_a_chain_that_any_release_may_execute_it() {
    let net = TestNet::new();
    assert_eq!(net.runtime.can_execute(&net.state, Height(u32::MAX)), Ok(()));
}
