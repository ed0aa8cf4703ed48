//! A disk that keeps a prefix of what was written: all that was synced and, as chance has it, some more.

use std::collections::BTreeMap;

use salus_consensus::SignedRecord;
use salus_primitives::{Hash, Header, Height, commit::CommitCertificate};

/// One write.
#[derive(Clone)]
pub enum Write {
    Body(Header),
    Signed(SignedRecord),
    Log { height: Height, index: u32, entry: Vec<u8> },
    Commit { header: Header, certificate: CommitCertificate },
}

#[derive(Clone, Default)]
pub struct Disk {
    writes: Vec<Write>,
    synced: usize,
}

/// What a node finds on its disk when it starts.
#[derive(Clone)]
pub struct Found {
    pub tip: Header,
    pub record: Option<SignedRecord>,
    pub log: Vec<Vec<u8>>,
    pub bodies: BTreeMap<Hash, Header>,
    pub chain: BTreeMap<Height, (Header, CommitCertificate)>,
}

impl Disk {
    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    pub fn sync(&mut self) {
        self.synced = self.writes.len();
    }

    pub fn is_synced(&self) -> bool {
        self.synced == self.writes.len()
    }

    pub fn unsynced(&self) -> usize {
        self.writes.len() - self.synced
    }

    /// The power goes: `kept` of the unsynced writes made it, in order.
    pub fn lose_power(&mut self, kept: usize) {
        self.writes.truncate(self.synced + kept.min(self.unsynced()));
        self.sync();
    }

    /// Somebody deletes the consensus log.
    pub fn lose_log(&mut self) {
        self.writes.retain(|write| !matches!(write, Write::Log { .. }));
        self.sync();
    }

    /// Somebody deletes the signer's record.
    pub fn lose_record(&mut self) {
        self.writes.retain(|write| !matches!(write, Write::Signed(_)));
        self.sync();
    }

    /// The log loses its last `count` entries, and nothing else.
    pub fn shorten_log(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(last) = self.writes.iter().rposition(|write| matches!(write, Write::Log { .. })) {
                self.writes.remove(last);
            }
        }
        self.sync();
    }

    pub fn read(&self, genesis: &Header) -> Found {
        let mut found = Found {
            tip: genesis.clone(),
            record: None,
            log: Vec::new(),
            bodies: BTreeMap::new(),
            chain: BTreeMap::new(),
        };
        let mut logs: BTreeMap<Height, Vec<(u32, Vec<u8>)>> = BTreeMap::new();
        for write in &self.writes {
            match write {
                Write::Body(header) => {
                    found.bodies.insert(header.vote_value(), header.clone());
                }
                Write::Signed(record) => found.record = Some(*record),
                Write::Log { height, index, entry } => logs.entry(*height).or_default().push((*index, entry.clone())),
                Write::Commit { header, certificate } => {
                    found.chain.insert(header.number, (header.clone(), certificate.clone()));
                    found.tip = header.clone();
                }
            }
        }
        found.log = logs.remove(&found.tip.number.next()).unwrap_or_default().into_iter().map(|(_, e)| e).collect();
        found
    }
}
