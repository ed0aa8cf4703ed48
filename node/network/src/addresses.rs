//! How the addresses of peers spread: each signs its own and says it to whom it is connected with; these pass it on
//! once.

use std::{sync::PoisonError, time::Instant};

use bytes::Bytes;

use crate::{
    book::shown,
    frame::{Kind, RecordBytes, Records, frame},
    limits::RECORDS_MAX,
    peer::PeerKey,
    records,
    service::Service,
};

impl Service {
    /// Our addresses changed: sign a new record, and tell everybody.
    pub(crate) fn moved(&mut self) {
        let addresses = shown(self.public.iter().chain(&self.listening).cloned());
        self.own_record = records::sign(&self.key, addresses);
        if let Some(frame) = self.own_record.clone().and_then(|record| record_frame(vec![record])) {
            self.shared.send(&frame, |_| true);
        }
        let full = self.listening.iter().map(|address| self.full(address)).collect();
        *self.shared.addresses.write().unwrap_or_else(PoisonError::into_inner) = full;
    }

    /// What we know of where everybody is, for a peer that just came.
    pub(crate) fn record_frames(&self, peer: &PeerKey) -> Vec<Bytes> {
        let allowed = &self.swarm.behaviour().gate.allowed;
        let mut all: Vec<Vec<u8>> = self.own_record.iter().cloned().collect();
        all.extend(self.book.records(Some(peer), |peer| allowed.lists(peer)));
        all.chunks(RECORDS_MAX as usize).filter_map(|some| record_frame(some.to_vec())).collect()
    }

    /// A peer says where peers are.
    pub(crate) fn learn(&mut self, from: PeerKey, all: &Records, now: Instant) {
        let mut news = Vec::new();
        for bytes in all {
            let Ok(record) = records::read(bytes) else {
                return self.malformed(from, "an address record that its peer did not sign");
            };
            let (from_itself, listed) = (record.peer == from, self.swarm.behaviour().gate.allowed.lists(&record.peer));
            // Only what a peer says of itself is passed on: everybody who is connected with us then has it, and
            // nothing goes in circles.
            if self.book.learn(record, from_itself, listed, now) && from_itself && listed {
                news.push(bytes.to_vec());
            }
        }
        if let Some(frame) = record_frame(news) {
            let links = self.shared.links.read().unwrap_or_else(PoisonError::into_inner);
            for (_, link) in links.iter().filter(|(peer, _)| **peer != from) {
                self.shared.counters.dropped_slow.add(link.lane.push(frame.clone()));
            }
        }
        self.book_changed();
    }

    pub(crate) fn book_changed(&mut self) {
        let gate = &mut self.swarm.behaviour_mut().gate;
        gate.hosts = self.book.hosts();
        let records = self.book.records(None, |peer| gate.allowed.lists(peer));
        *self.shared.records.write().unwrap_or_else(PoisonError::into_inner) = records;
    }
}

/// A frame of records, none where there are none.
fn record_frame(records: Vec<Vec<u8>>) -> Option<Bytes> {
    let records: Vec<_> = records.into_iter().filter_map(|record| RecordBytes::try_from(record).ok()).collect();
    let records = Records::try_from(records).ok().filter(|records| !records.is_empty())?;
    Some(frame(Kind::Records, &records))
}
