//! Validators agree, with all of them there and with as many missing as may be.

use crate::{
    chain::noop,
    cluster::{BACK_WITHIN, Cluster, PATIENCE},
};

#[test]
fn what_any_of_four_nodes_takes_becomes_final_everywhere_with_one_hash() {
    let cluster = Cluster::of(4);
    let mut from = 1;
    for round in 0..12 {
        from = cluster.goes_on(round % 4, PATIENCE);
    }
    let height = cluster.agree();
    assert!(height >= from, "{height} blocks, the last extrinsic stands in {from}");
    for node in cluster.running() {
        assert_eq!(node.metric("evidence"), 0, "{} saw a validator sign two things", node.name);
    }
}

#[test]
fn one_of_four_may_stop_and_with_two_stopped_nothing_is_final_until_they_return() {
    let mut cluster = Cluster::of(4);
    cluster.goes_on(0, PATIENCE);

    cluster.stop(&[3]);
    for round in 0..6 {
        cluster.goes_on(round % 3, PATIENCE);
    }

    cluster.stop(&[2]);
    let before = cluster.tip();
    let waiting = cluster.submit(0, noop());
    cluster.stands_still();
    let mut chain = cluster.nodes[1].chain();
    assert!(chain.block(before).expect("reads are answered").is_some());
    assert_eq!(chain.nonce(&cluster.council).expect("reads are answered"), 8, "seven are final, one waits");

    cluster.start(2);
    let height = cluster.final_everywhere(&waiting, before, BACK_WITHIN);
    cluster.start(3);
    cluster.wait_for(height, BACK_WITHIN);
    cluster.goes_on(3, BACK_WITHIN);
    cluster.agree();
}
