//! How nodes find each other again.

use std::fs;

use crate::{
    cluster::{BACK_WITHIN, Cluster, PATIENCE, until},
    member::Member,
};

fn kept(node: &Member) -> usize {
    fs::read_to_string(node.file("peers")).map_or(0, |text| text.lines().count())
}

#[test]
fn nodes_whose_bootnode_is_gone_find_each_other_by_the_addresses_they_kept() {
    let mut cluster = Cluster::prepared(4);
    cluster.start(0);
    // All they are told is where the first one is.
    let bootnode = [cluster.nodes[0].peer_address().expect("it runs")];
    for node in &mut cluster.nodes[1..] {
        node.spawn(&bootnode);
        node.wait_until_ready();
    }
    cluster.wait_until_in_touch();
    for node in &cluster.nodes {
        until(PATIENCE, || (kept(node) == 3).then_some(())).expect("the other three are kept while it runs");
    }
    // As after a power cut, and the first one does not come back.
    cluster.kill(&[0, 1, 2, 3]);
    for node in &mut cluster.nodes[1..] {
        node.spawn(&bootnode);
        node.wait_until_ready();
    }
    cluster.wait_until_in_touch();
    cluster.goes_on(3, BACK_WITHIN);

    // A damaged file is said to be damaged, and the others know where this one is.
    cluster.stop(&[3]);
    assert_eq!(kept(&cluster.nodes[3]), 3, "a clean stop keeps them too");
    fs::write(cluster.nodes[3].file("peers"), "no hex\n").expect("a file can be written");
    cluster.nodes[3].spawn(&bootnode);
    cluster.nodes[3].wait_until_ready();
    assert!(cluster.nodes[3].log().contains("the addresses of peers that were kept cannot be used"));
    cluster.goes_on(3, PATIENCE);
    cluster.agree();
}
