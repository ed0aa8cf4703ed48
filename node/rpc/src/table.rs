//! The one table of methods: names, aliases, parameters, results. `rpc_methods`, `rpc.discover`, the reading of
//! parameters and the check that every row is implemented all come from here.

/// What a parameter or a result looks like in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Bytes in hex.
    Bytes,
    /// A list of bytes in hex.
    BytesList,
    /// 32 bytes in hex.
    Hash,
    /// A hash or a list of hashes.
    Hashes,
    /// A whole number.
    Number,
    /// A whole number, or one in hex.
    NumberOrHex,
    /// A text.
    Text,
    /// A yes or no.
    Flag,
    /// An object.
    Object,
    /// A list of objects.
    Objects,
    /// Nothing.
    Nothing,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name, for calls by name and for documentation.
    pub name: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// Must it be there?
    pub required: bool,
}

/// How a method answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Once.
    Call,
    /// Once, and only on a WebSocket outside of a batch, because notifications follow it.
    ConnectionCall,
    /// By a subscription.
    Subscription {
        /// The method that ends it.
        unsubscribe: &'static str,
        /// The method name its notifications bear. One client compares it letter by letter.
        notification: &'static str,
        /// Other names of the two methods.
        aliases: &'static [(&'static str, &'static str)],
        /// Does ending it answer `null`, as the newer families have it, rather than `true`?
        ends_with_null: bool,
    },
}

/// A row: one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Other names of a plain call.
    pub aliases: &'static [&'static str],
    /// Its parameters, in order.
    pub params: &'static [Param],
    /// What it answers, or what a subscription's notifications hold.
    pub result: Shape,
    /// How it answers.
    pub kind: Kind,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

impl Method {
    /// A plain call.
    pub const fn call(
        name: &'static str,
        aliases: &'static [&'static str],
        params: &'static [Param],
        result: Shape,
        doc: &'static str,
    ) -> Self {
        Self { name, aliases, params, result, kind: Kind::Call, doc }
    }

    /// A call that notifications of a subscription follow.
    const fn connection(name: &'static str, params: &'static [Param], result: Shape, doc: &'static str) -> Self {
        Self { name, aliases: &[], params, result, kind: Kind::ConnectionCall, doc }
    }

    /// Every name of it that a client may call: aliases and unsubscribe methods too.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = vec![self.name];
        names.extend(self.aliases);
        if let Kind::Subscription { unsubscribe, aliases, .. } = self.kind {
            names.push(unsubscribe);
            names.extend(aliases.iter().flat_map(|(on, off)| [*on, *off]));
        }
        names
    }
}

/// A parameter that must be there.
pub const fn required(name: &'static str, shape: Shape) -> Param {
    Param { name, shape, required: true }
}

/// A parameter that may be left out or `null`.
pub const fn optional(name: &'static str, shape: Shape) -> Param {
    Param { name, shape, required: false }
}

const HASH: Param = optional("hash", Shape::Hash);
const KEY: Param = required("key", Shape::Bytes);
const KEYS: Param = required("keys", Shape::BytesList);
const EXTRINSIC: Param = required("extrinsic", Shape::Bytes);
const FOLLOW: Param = required("followSubscription", Shape::Text);
const PINNED: Param = required("hash", Shape::Hash);
const OPERATION: Param = required("operationId", Shape::Text);

/// A subscription of the legacy family.
macro_rules! legacy {
    ($name:literal, $off:literal, $note:literal, [$($alias:expr),*], $params:expr, $result:ident, $doc:literal) => {
        Method {
            name: $name,
            aliases: &[],
            params: $params,
            result: Shape::$result,
            kind: Kind::Subscription {
                unsubscribe: $off,
                notification: $note,
                aliases: &[$($alias),*],
                ends_with_null: false,
            },
            doc: $doc,
        }
    };
}

/// A subscription of the newer families.
const fn newer(
    name: &'static str,
    unsubscribe: &'static str,
    notification: &'static str,
    params: &'static [Param],
    doc: &'static str,
) -> Method {
    let kind = Kind::Subscription { unsubscribe, notification, aliases: &[], ends_with_null: true };
    Method { name, aliases: &[], params, result: Shape::Object, kind, doc }
}

use Shape::{Bytes, BytesList, Flag, Hash, Hashes, Nothing, Number, NumberOrHex, Object, Objects, Text};

/// Every method this crate itself offers.
#[rustfmt::skip]
pub const METHODS: &[Method] = &[
    Method::call("rpc_methods", &[], &[], Object, "Names of every method that works here."),
    Method::call("rpc.discover", &[], &[], Object, "This description, as an OpenRPC document."),

    Method::call("system_chain", &[], &[], Text, "The chain's name."),
    Method::call("system_name", &[], &[], Text, "The node program's name."),
    Method::call("system_version", &[], &[], Text, "The node program's version."),
    Method::call("system_properties", &[], &[], Object, "What wallets want to know of the chain."),
    Method::call("system_health", &[], &[], Object, "Peers, whether the node is catching up, whether it should have peers."),
    Method::call("system_peers", &[], &[], Objects,
        "Connected peers: peer id, role, and the newest block here that each says is final for it too."),
    Method::call("system_accountNextIndex", &["account_nextIndex"], &[required("account", Text)], Number,
        "The nonce an account should sign next, what waits in the pool counted in."),
    Method::call("system_dryRun", &["system_dryRunAt"], &[EXTRINSIC, HASH], Bytes,
        "Try an extrinsic after a block and throw the result away."),

    Method::call("chain_getBlockHash", &["chain_getHead"], &[optional("height", NumberOrHex)], Hash,
        "The block at a height, or the newest."),
    Method::call("chain_getFinalizedHead", &["chain_getFinalisedHead"], &[], Hash, "The newest finalised block."),
    Method::call("chain_getHeader", &[], &[HASH], Object, "The header of a block, or of the newest."),
    Method::call("chain_getBlock", &[], &[HASH], Object, "A block with its extrinsics and its commit certificate."),
    legacy!("chain_subscribeNewHeads", "chain_unsubscribeNewHeads", "chain_newHead",
        [("chain_subscribeNewHead", "chain_unsubscribeNewHead"), ("subscribe_newHead", "unsubscribe_newHead")],
        &[], Object, "Headers as they become final; here every block is."),
    legacy!("chain_subscribeAllHeads", "chain_unsubscribeAllHeads", "chain_allHead", [], &[], Object,
        "Headers as they become final; there are no others."),
    legacy!("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads", "chain_finalizedHead",
        [("chain_subscribeFinalisedHeads", "chain_unsubscribeFinalisedHeads")], &[], Object,
        "Headers as they become final, without gaps."),

    Method::call("state_getRuntimeVersion", &["chain_getRuntimeVersion"], &[HASH], Object, "The runtime's version at a block."),
    legacy!("state_subscribeRuntimeVersion", "state_unsubscribeRuntimeVersion", "state_runtimeVersion",
        [("chain_subscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion")], &[], Object,
        "The runtime's version now, and whenever it changes."),
    Method::call("state_getMetadata", &[], &[HASH], Bytes, "Metadata in format 14."),
    Method::call("state_call", &["state_callAt"], &[required("name", Text), required("data", Bytes), HASH], Bytes,
        "Call a function of the runtime by its name."),
    Method::call("state_getStorage", &["state_getStorageAt"], &[KEY, HASH], Bytes, "The value of a key."),
    Method::call("state_getStorageHash", &["state_getStorageHashAt"], &[KEY, HASH], Hash, "BLAKE2b-256 of the value of a key."),
    Method::call("state_getStorageSize", &["state_getStorageSizeAt"], &[KEY, HASH], Number, "Length of the value of a key in bytes."),
    Method::call("state_getKeysPaged", &["state_getKeysPagedAt"],
        &[required("prefix", Bytes), required("count", Number), optional("startKey", Bytes), HASH], BytesList,
        "Keys with a prefix, in order, strictly after a key; at most 1,000."),
    Method::call("state_queryStorageAt", &[], &[KEYS, HASH], Objects, "The values of several keys."),
    legacy!("state_subscribeStorage", "state_unsubscribeStorage", "state_storage", [], &[KEYS], Object,
        "The values of several keys now, and whenever they change."),
    Method::call("state_getReadProof", &[], &[KEYS, HASH], Object, "Proofs of keys against the state root of a block."),

    Method::call("author_submitExtrinsic", &[], &[EXTRINSIC], Hash, "Take an extrinsic into the pool."),
    legacy!("author_submitAndWatchExtrinsic", "author_unwatchExtrinsic", "author_extrinsicUpdate", [], &[EXTRINSIC], Object,
        "Take an extrinsic into the pool and tell what becomes of it."),
    Method::call("author_pendingExtrinsics", &[], &[], BytesList, "The extrinsics in the pool."),

    Method::call("payment_queryInfo", &[], &[EXTRINSIC, HASH], Object, "Weight of an extrinsic; its fee is zero."),

    Method::call("chainSpec_v1_chainName", &[], &[], Text, "The chain's name."),
    Method::call("chainSpec_v1_genesisHash", &[], &[], Hash, "Hash of the genesis block."),
    Method::call("chainSpec_v1_properties", &[], &[], Object, "What wallets want to know of the chain."),

    newer("chainHead_v1_follow", "chainHead_v1_unfollow", "chainHead_v1_followEvent", &[required("withRuntime", Flag)],
        "Follow the head of the chain; announced blocks stay pinned until unpinned."),
    Method::call("chainHead_v1_header", &[], &[FOLLOW, PINNED], Bytes, "SCALE header of a pinned block."),
    Method::connection("chainHead_v1_body", &[FOLLOW, PINNED], Object, "Start reading the extrinsics of a pinned block."),
    Method::connection("chainHead_v1_call", &[FOLLOW, PINNED, required("function", Text), required("callParameters", Bytes)],
        Object, "Start calling a function of the runtime at a pinned block."),
    Method::connection("chainHead_v1_storage", &[FOLLOW, PINNED, required("items", Objects), optional("childTrie", Bytes)],
        Object, "Start reading state at a pinned block."),
    Method::call("chainHead_v1_continue", &[], &[FOLLOW, OPERATION], Nothing, "Go on with an operation that waits."),
    Method::call("chainHead_v1_stopOperation", &[], &[FOLLOW, OPERATION], Nothing, "Stop an operation."),
    Method::call("chainHead_v1_unpin", &[], &[FOLLOW, required("hashOrHashes", Hashes)], Nothing, "Unpin blocks."),

    Method::call("transaction_v1_broadcast", &[], &[required("transaction", Bytes)], Text, "Take an extrinsic into the pool, silently."),
    Method::call("transaction_v1_stop", &[], &[OPERATION], Nothing, "Try no more to take an extrinsic into the pool."),
    newer("transactionWatch_v1_submitAndWatch", "transactionWatch_v1_unwatch", "transactionWatch_v1_watchEvent",
        &[required("transaction", Bytes)], "Take an extrinsic into the pool and tell what becomes of it."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_stands_twice() {
        let mut seen = BTreeSet::new();
        for name in METHODS.iter().flat_map(Method::names) {
            assert!(seen.insert(name), "{name} stands twice");
        }
    }

    #[test]
    fn a_parameter_that_must_be_there_never_follows_one_that_may_be_left_out() {
        for method in METHODS {
            assert!(method.params.is_sorted_by_key(|param| !param.required), "{}", method.name);
        }
    }

    #[test]
    fn nothing_of_archive_is_offered() {
        assert!(!METHODS.iter().flat_map(Method::names).any(|name| name.starts_with("archive_")));
    }
}
