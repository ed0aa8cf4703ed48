//! Extrinsics between nodes: gathered into a message, published to everybody, forwarded once they were judged.
//!
//! ```text
//! relay[1] SCALE BoundedVec<extrinsic>
//! ```
//! `relay` is 0 where the publisher is connected with every validator: then each of them has the message already, and
//! forwarding it would only send it again to everybody by everybody.

use std::collections::VecDeque;

use libp2p::{
    StreamProtocol,
    gossipsub::{self, MessageAuthenticity, MessageId, ValidationMode},
};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::{
    BoundedVec, RawExtrinsic,
    codec::{DecodeError, MESSAGE_DEPTH_MAX, decode_strict},
    crypto::sha256,
    limits::EXTRINSIC_BYTES_MAX,
};

use crate::limits::{
    BATCH_BYTES, BATCH_WAITING_MAX, GOSSIP_BUFFER_MAX, GOSSIP_BYTES_MAX, GOSSIP_CONTROL_MAX, GOSSIP_EXTRINSICS_MAX,
    GOSSIP_QUEUE_MAX, GOSSIP_WAITS, SEEN_FOR, TOPICS_MAX,
};

/// A gossip message.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Debug)]
pub(crate) struct Gossip {
    /// Should whoever gets it forward it?
    pub(crate) relay: bool,
    /// The extrinsics, at least one.
    pub(crate) extrinsics: BoundedVec<RawExtrinsic, GOSSIP_EXTRINSICS_MAX>,
}

impl Gossip {
    /// Read a message; every extrinsic in it is within its bound, what it says is for the pool to judge.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > GOSSIP_BYTES_MAX {
            return Err(DecodeError::Memory { max: GOSSIP_BYTES_MAX });
        }
        let gossip: Self = decode_strict(bytes, MESSAGE_DEPTH_MAX)?;
        let too_long = |extrinsic: &RawExtrinsic| extrinsic.wire_len() > EXTRINSIC_BYTES_MAX;
        if gossip.extrinsics.is_empty() || gossip.extrinsics.iter().any(too_long) {
            return Err(DecodeError::Malformed);
        }
        Ok(gossip)
    }
}

/// Extrinsics that wait to be published.
#[derive(Default, Debug)]
pub(crate) struct Batch {
    waiting: VecDeque<RawExtrinsic>,
    bytes: usize,
}

impl Batch {
    /// Add one. `false`: too many wait, or it is longer than any extrinsic.
    pub(crate) fn push(&mut self, extrinsic: RawExtrinsic) -> bool {
        let bytes = extrinsic.wire_len();
        if bytes > EXTRINSIC_BYTES_MAX || self.bytes + bytes > BATCH_WAITING_MAX {
            return false;
        }
        self.bytes += bytes;
        self.waiting.push_back(extrinsic);
        true
    }

    /// Is there nothing to publish?
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Is there enough for a full message?
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.waiting.len() >= GOSSIP_EXTRINSICS_MAX as usize
    }

    /// The extrinsics of the next message, none where nothing waits.
    pub(crate) fn take(&mut self) -> BoundedVec<RawExtrinsic, GOSSIP_EXTRINSICS_MAX> {
        let mut taken = BoundedVec::new();
        let mut room = BATCH_BYTES;
        while let Some(next) = self.waiting.front()
            && next.wire_len() <= room
            && !taken.is_full()
        {
            let bytes = next.wire_len();
            room -= bytes;
            self.bytes -= bytes;
            let next = self.waiting.pop_front().expect("it was just looked at");
            taken.try_push(next).expect("it was just seen to have room");
        }
        taken
    }
}

/// Gossipsub as this chain uses it. Messages carry no author and no signature: Noise says who sent them, only listed
/// peers are connected, and every extrinsic has a signature of its own.
pub(crate) fn behaviour(
    name: &StreamProtocol,
) -> Result<gossipsub::Behaviour<gossipsub::IdentityTransform, Topics>, String> {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(name.to_string())
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .flood_publish(true)
        .max_transmit_size(GOSSIP_BUFFER_MAX)
        .max_publish_messages(16)
        .max_control_message_size(GOSSIP_CONTROL_MAX)
        // Nearly nothing is forwarded, so saying what need not be forwarded would be most of the traffic.
        .idontwant_message_size_threshold(usize::MAX)
        .message_id_fn(|message| MessageId::from(sha256(&message.data).0.to_vec()))
        .duplicate_cache_time(SEEN_FOR)
        .connection_handler_queue_len(GOSSIP_QUEUE_MAX)
        .publish_queue_duration(GOSSIP_WAITS)
        .forward_queue_duration(GOSSIP_WAITS)
        // Nobody is dialled by gossip: who is connected is decided elsewhere.
        .check_explicit_peers_ticks(u64::MAX)
        .build()
        .map_err(|error| error.to_string())?;
    let filter = Topics {
        filter: gossipsub::WhitelistSubscriptionFilter([topic(name).hash()].into()),
        max_subscribed_topics: TOPICS_MAX,
        max_subscriptions_per_request: TOPICS_MAX,
    };
    gossipsub::Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(str::to_owned)
}

/// One topic, the chain's own.
pub(crate) type Topics = gossipsub::MaxCountSubscriptionFilter<gossipsub::WhitelistSubscriptionFilter>;

/// The topic of extrinsics.
pub(crate) fn topic(name: &StreamProtocol) -> gossipsub::IdentTopic {
    gossipsub::IdentTopic::new(format!("{name}/extrinsics"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An extrinsic of so many bytes, its length prefix counted in.
    fn extrinsic(bytes: usize) -> RawExtrinsic {
        let prefix = if bytes <= 64 {
            1
        } else if bytes < 16_386 {
            2
        } else {
            4
        };
        let extrinsic = RawExtrinsic(vec![7; bytes - prefix]);
        assert_eq!(extrinsic.wire_len(), bytes);
        extrinsic
    }

    fn gossip(extrinsics: Vec<RawExtrinsic>) -> Gossip {
        Gossip { relay: false, extrinsics: extrinsics.try_into().unwrap() }
    }

    #[test]
    fn a_message_with_the_longest_extrinsic_and_one_with_the_most_read_back() {
        for extrinsics in [vec![extrinsic(EXTRINSIC_BYTES_MAX)], vec![extrinsic(64); 1_024]] {
            let gossip = gossip(extrinsics);
            let bytes = gossip.encode();
            assert!(bytes.len() <= GOSSIP_BYTES_MAX);
            assert_eq!(Gossip::from_bytes(&bytes), Ok(gossip));
        }
    }

    #[test]
    fn an_empty_message_a_long_extrinsic_a_strange_flag_and_a_rest_are_refused() {
        assert_eq!(Gossip::from_bytes(&gossip(Vec::new()).encode()), Err(DecodeError::Malformed));
        let long = gossip(vec![RawExtrinsic(vec![7; EXTRINSIC_BYTES_MAX - 3])]).encode();
        assert_eq!(Gossip::from_bytes(&long), Err(DecodeError::Malformed));
        let mut bytes = gossip(vec![extrinsic(10)]).encode();
        bytes[0] = 2;
        assert_eq!(Gossip::from_bytes(&bytes), Err(DecodeError::Malformed));
        bytes[0] = 1;
        assert!(Gossip::from_bytes(&bytes).is_ok());
        bytes.push(0);
        assert_eq!(Gossip::from_bytes(&bytes), Err(DecodeError::Trailing { extra: 1 }));
        assert!(matches!(Gossip::from_bytes(&[0; GOSSIP_BYTES_MAX + 1]), Err(DecodeError::Memory { .. })));
    }

    #[test]
    fn a_batch_is_cut_at_64_kib_and_at_1024_extrinsics() {
        let mut batch = Batch::default();
        for _ in 0..3 {
            assert!(batch.push(extrinsic(BATCH_BYTES / 2)));
        }
        assert!(batch.is_full());
        assert_eq!(batch.take().len(), 2);
        assert!(!batch.is_full() && !batch.is_empty());
        assert_eq!(batch.take().len(), 1);
        assert!(batch.is_empty() && batch.take().is_empty());

        for _ in 0..1_025 {
            assert!(batch.push(extrinsic(10)));
        }
        assert!(batch.is_full());
        assert_eq!((batch.take().len(), batch.take().len()), (1_024, 1));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut batch = Batch::default();
        for _ in 0..BATCH_WAITING_MAX / EXTRINSIC_BYTES_MAX {
            assert!(batch.push(extrinsic(EXTRINSIC_BYTES_MAX)));
        }
        assert!(!batch.push(extrinsic(10)));
        assert_eq!(batch.take().len(), 1);
        assert!(batch.push(extrinsic(10)));
        assert!(!batch.push(RawExtrinsic(vec![7; EXTRINSIC_BYTES_MAX])), "longer than any extrinsic");
    }

    #[test]
    fn gossipsub_takes_this_configuration() {
        assert!(behaviour(&StreamProtocol::new("/salus/test")).is_ok());
    }
}
