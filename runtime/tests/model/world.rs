//! The chain and the model side by side: each block is planned by the model, made by the chain, and compared.

use std::collections::{BTreeMap, BTreeSet};

use salus_access::{Receipt as Opened, storage::Receipts};
use salus_primitives::{Moment, RawExtrinsic, dispatch::InvalidTransaction, storage_key::prefix};
use salus_runtime::{Runtime, RuntimeEvent};
use salus_support::{Class, metadata::types::Phase, table::RuntimeTable};
use salus_system::storage::Account;

use crate::{
    agree::{self, same},
    chain::{Chain, Made},
    invariants,
    model::{Model, Price},
    speak::{Speaker, account, pat_id},
    words::*,
};

/// A call as it was planned.
pub struct Planned {
    pub deed: Deed,
    pub raw: RawExtrinsic,
    pub expected: Outcome,
    pub weight: u64,
    /// What a report is flagged with: late, and the entries that nothing permits, where that is known.
    pub flags: Option<(bool, Option<u64>)>,
    /// The place in the patient's log of the fact it leaves.
    pub fact: usize,
}

/// How often each call was done, and how often refused; and what else happened.
#[derive(Clone, Default)]
pub struct Counts {
    pub calls: BTreeMap<String, [u64; 2]>,
    pub seen: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub fn add(&mut self, other: Self) {
        for (name, [done, refused]) in other.calls {
            let counts = self.calls.entry(name).or_default();
            *counts = [counts[0] + done, counts[1] + refused];
        }
        for (what, times) in other.seen {
            *self.seen.entry(what).or_default() += times;
        }
    }
}

#[derive(Clone)]
pub struct World {
    pub chain: Chain,
    pub model: Model,
    pub counts: Counts,
    /// Rules that were withdrawn (I3) and records that were erased (I6), by what the chain said of it.
    pub gone: BTreeSet<(Pat, u32)>,
    pub erased: BTreeSet<(Pat, Rec)>,
    /// What was done, in words.
    pub story: Vec<String>,
    /// Is the story wanted?
    pub tells: bool,
}

/// A block in the making.
pub struct Block {
    pub time: u64,
    pub planned: Vec<Planned>,
    /// Did the council's motions change something before the first call?
    pub motions_ran: bool,
}

impl World {
    /// Time passes, and a block begins.
    pub fn begin(&mut self, wait: u64) -> Block {
        let time = self.model.now + SECOND + wait;
        let stages = |model: &Model| model.motions.iter().map(|motion| motion.stage).collect::<Vec<_>>();
        let before = stages(&self.model);
        self.model.wait_until(time);
        if self.tells {
            self.story.push(format!("-- a block, {}.{:03} hours later", wait / HOUR, wait % HOUR / 3_600));
        }
        Block { time, planned: Vec::new(), motions_ran: before != stages(&self.model) }
    }

    /// The model says what becomes of a call.
    pub fn plan(&mut self, block: &mut Block, deed: Deed) -> Outcome {
        let nonce = self.model.keys[deed.by].nonce;
        let author = self.model.speaks(deed.by);
        let call = Speaker { genesis: &self.chain.genesis, author, nonce }.call(&deed);
        let cost = Runtime::cost(&call);
        let raw = self.chain.extrinsic(deed.by, nonce, &call);
        let about = deed.what.patients().first().and_then(|pat| self.model.pats.get(*pat));
        let fact = about.map_or(0, |patient| patient.log.places.len());
        let price = Price { weight: cost.weight, protected: cost.class == Class::Protected };
        let expected = self.model.take(&deed, price);
        self.count(&deed, expected);
        if self.tells {
            let who = author.map_or("nobody".to_owned(), |who| format!("{who:?}"));
            let along = if deed.along.is_empty() { String::new() } else { format!(" with {:?}", deed.along) };
            self.story.push(format!("{who} by key {}{along}: {:?} -> {expected:?}", deed.by, deed.what));
        }
        block.planned.push(Planned { deed, raw, expected, weight: cost.weight, flags: self.model.flags, fact });
        expected
    }

    fn count(&mut self, deed: &Deed, expected: Outcome) {
        let counts = self.counts.calls.entry(deed.what.name()).or_default();
        counts[usize::from(expected != Outcome::Done)] += 1;
        for what in std::mem::take(&mut self.model.seen) {
            self.counts.saw(what);
        }
    }

    /// The chain makes the block, and must agree.
    pub fn finish(&mut self, block: &Block) -> Result<(), String> {
        let made = self.chain.build(block.time, block.planned.iter().map(|planned| planned.raw.clone()).collect());
        self.outcomes(block, &made)?;
        invariants::of_changes(self, block, &made)?;
        self.rederive(block, &made)?;
        self.chain.keep(block.time, made);
        for planned in &block.planned {
            let key = planned.deed.by;
            // T19.6: as many extrinsics as its nonce says.
            let nonce = Account::get(&self.chain.state, &account(key)).nonce;
            same(("nonce of key", key), nonce, self.model.keys[key].nonce)?;
        }
        let touched: BTreeSet<Pat> = block.planned.iter().flat_map(|planned| planned.deed.what.patients()).collect();
        touched.iter().try_for_each(|pat| agree::patient(&self.chain, &self.model, *pat))?;
        agree::register(&self.chain, &self.model)?;
        invariants::of_releases(self)
    }

    /// Each call had the outcome the model said, and each report the flags.
    fn outcomes(&mut self, block: &Block, made: &Made) -> Result<(), String> {
        let mut place = 0;
        for planned in &block.planned {
            let what = &planned.deed.what;
            let invalid = made.invalid.iter().find(|(hash, _)| *hash == planned.raw.hash());
            if let Some((_, reason)) = invalid {
                let known = matches!(
                    reason,
                    InvalidTransaction::UnknownSigner
                        | InvalidTransaction::Call
                        | InvalidTransaction::ExhaustsResources
                );
                same(("invalid for another reason", what, reason), known, true)?;
                same(what, Outcome::Invalid, planned.expected)?;
                continue;
            }
            let of_this = |record: &&salus_runtime::EventRecord| record.phase == Phase::ApplyExtrinsic(place);
            let events: Vec<&RuntimeEvent> = made.events.iter().filter(of_this).map(|record| &record.event).collect();
            place += 1;
            let done =
                matches!(events.last(), Some(RuntimeEvent::System(salus_system::Event::ExtrinsicSuccess { .. })));
            let outcome = if done { Outcome::Done } else { Outcome::Refused };
            if outcome != planned.expected {
                return Err(format!("{what:?}: the chain says {:?}, the model {:?}", events.last(), planned.expected));
            }
            // T19.8: who changes something says so, who changes nothing says nothing.
            let silent = !done || matches!(what, What::Noop);
            same(("events besides the last of", what), events.len() == 1, silent)?;
            for event in &events {
                self.note(event, planned)?;
            }
        }
        Ok(())
    }

    /// What an event says is remembered by what the chain said, not by what the model did.
    fn note(&mut self, event: &RuntimeEvent, planned: &Planned) -> Result<(), String> {
        let of = |patient: &salus_primitives::PatientId| {
            (0..self.model.pats.len()).find(|pat| pat_id(*pat) == *patient).unwrap_or(usize::MAX)
        };
        match event {
            RuntimeEvent::Consent(salus_consent::Event::Revoked { patient, rules, .. }) => {
                let pat = of(patient);
                self.gone.extend(rules.iter().map(|rule| (pat, *rule)));
            }
            RuntimeEvent::Consent(
                salus_consent::Event::Granted { patient, replaced: Some(rule), .. }
                | salus_consent::Event::DenySet { patient, replaced: Some(rule), .. },
            ) => {
                self.gone.insert((of(patient), rule.id));
            }
            RuntimeEvent::Records(salus_records::Event::RecordStatus {
                patient,
                record,
                to: salus_records::Change::Erase,
                ..
            }) => {
                let rec = Rec::from_be_bytes([record.0[0], record.0[1]]);
                self.erased.insert((of(patient), rec));
            }
            RuntimeEvent::Access(salus_access::Event::Served { late, after_revocation, .. }) => {
                let flags = planned.flags.map(|(late, flags)| (late, flags.unwrap_or(*after_revocation)));
                same("flags of a report", Some((*late, *after_revocation)), flags)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// I1: what an opening decided follows from the state just before it: here the block's first call.
    fn rederive(&mut self, block: &Block, made: &Made) -> Result<(), String> {
        let Some(Planned { deed, expected: Outcome::Done, fact, .. }) = block.planned.first() else { return Ok(()) };
        let What::Open { pat, .. } = deed.what else { return Ok(()) };
        let key = Receipts::key(&(pat_id(pat), *fact as u32));
        let Some(Some(bytes)) = made.executed.changes.get(&key) else {
            return Err("I1: an opening left no receipt".to_owned());
        };
        let receipt: Opened = salus_support::storage::decode_stored("receipt", bytes);
        if let (salus_primitives::Subject::Practitioner(actor), false) = (receipt.opener, block.motions_ran) {
            for entry in &receipt.entries {
                let question = salus_consent::Question {
                    patient: pat_id(pat),
                    actor,
                    organisation: receipt.organisation,
                    action: salus_consent::Action::View,
                    purpose: receipt.purpose,
                    at: Moment(block.time),
                };
                let again = salus_access::judge(&self.chain.state, &question, entry.record);
                same(("I1, the verdict on", entry.record), entry.verdict, again)?;
            }
            self.counts.saw("re-derived");
        }
        Ok(())
    }

    /// All that stands at the end.
    pub fn end(&self) -> Result<(), String> {
        agree::rest(&self.chain, &self.model)
    }
}

/// The key under which a block's events lie.
pub fn events_key() -> Vec<u8> {
    prefix("System", "Events").to_vec()
}
