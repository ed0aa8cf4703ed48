//! I3 and I5 to I13 as they can be told from what a block changed and from what may be released after it.

use std::collections::BTreeSet;

use salus_access::{Receipt as Opened, storage::Receipts};
use salus_consent::{Basis, Verdict as Said};
use salus_primitives::{Moment, RecordId, storage_key::prefix};
use salus_support::storage::decode_stored;
use salus_system::{
    AccountInfo,
    storage::{Account, BlockHash, Digest, Number, WeightUsed},
};

use crate::{
    agree::{plain, same},
    bounds,
    chain::Made,
    fixtures,
    model::Verdict,
    speak::{account, pat_id, subject},
    words::*,
    world::{Block, World, events_key},
};

fn ensure(condition: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(words()) }
}

/// What a block wrote.
pub fn of_changes(world: &mut World, block: &Block, made: &Made) -> Result<(), String> {
    for (key, value) in made.executed.changes.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        bounds::check(key, value)?;
        let named = fixtures::all().find(|words| holds(value, words.as_bytes()) || holds(key, words.as_bytes()));
        ensure(named.is_none(), || format!("I11: the state holds {named:?}"))?;
    }
    let weight: u64 = block.planned.iter().filter(|one| one.expected != Outcome::Invalid).map(|one| one.weight).sum();
    same("weight of the block", made.executed.weight, weight)?;
    refused_calls(world, block, made)?;
    suspension(world, block, made)?;
    receipts(world, block, made)
}

/// Does `needle` stand in `hay`?
fn holds(hay: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut places = hay.iter().enumerate().filter(|(_, byte)| *byte == first);
    places.any(|(place, _)| hay[place + 1..].starts_with(rest))
}

/// I12: a block of calls that were all refused changes nonces, used quotas and what every block changes.
fn refused_calls(world: &mut World, block: &Block, made: &Made) -> Result<(), String> {
    if block.motions_ran || block.planned.iter().any(|planned| planned.expected == Outcome::Done) {
        return Ok(());
    }
    let parent = BlockHash::key(&world.chain.tip.number.0);
    let mut free: BTreeSet<Vec<u8>> =
        [events_key(), Digest::key(), Number::key(), salus_system::timestamp::Now::key(), parent].into();
    let mut nonces = BTreeSet::new();
    for planned in &block.planned {
        nonces.insert(Account::key(&account(planned.deed.by)));
        if let Some(whom) = world.model.keys[planned.deed.by].whom {
            free.insert(WeightUsed::key(&subject(whom)));
        }
    }
    for (key, value) in &made.executed.changes {
        if nonces.contains(key) {
            let read = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| decode_stored::<AccountInfo>("Account", bytes));
            let (before, after) = (read(world.chain.state.get(key)), read(value.as_ref()));
            let data = |info: Option<AccountInfo>| info.map(|info| info.data);
            same("I12, an account besides its nonce", data(after), data(before))?;
        } else {
            ensure(free.contains(key), || format!("I12: a refused call changed {key:02x?}"))?;
        }
    }
    world.counts.saw("block of refused calls");
    Ok(())
}

/// I9: a suspension writes the organisation, and nothing of whatever hangs on it.
fn suspension(world: &mut World, block: &Block, made: &Made) -> Result<(), String> {
    let [only] = &block.planned[..] else { return Ok(()) };
    let What::Vote { motion, .. } = only.deed.what else { return Ok(()) };
    let act = world.model.motions.get(motion as usize).map(|motion| motion.act);
    let Some(CouncilAct::Organisation { to: Standing::Suspended, .. }) = act else { return Ok(()) };
    let of = |pallet: &str| {
        let start = prefix(pallet, "")[..16].to_vec();
        made.executed.changes.keys().filter(|key| key.starts_with(&start)).count()
    };
    ensure(of("Registry") <= 1, || format!("I9: a suspension wrote {} values of the registry", of("Registry")))?;
    for pallet in ["Patients", "Records", "Consent", "Access", "Appointments", "Credits"] {
        same(("I9, what a suspension wrote of", pallet), of(pallet), 0)?;
    }
    if of("Registry") == 1 {
        world.counts.saw("suspension of one write");
    }
    Ok(())
}

/// Receipts are append-only but for the marks of reports (T19.11), and a new Permit rests on what may permit.
fn receipts(world: &mut World, block: &Block, made: &Made) -> Result<(), String> {
    let start = Receipts::prefix();
    for (key, value) in made.executed.changes.iter().filter(|(key, _)| key.starts_with(&start)) {
        let Some(value) = value else { continue };
        let after: Opened = decode_stored("Receipts", value);
        let Some(before) = world.chain.state.get(key) else {
            let pats = 0..world.model.pats.len();
            let of = |pat: &Pat| holds(key, &pat_id(*pat).0);
            let Some(pat) = pats.into_iter().find(of) else { return Err("a receipt of no patient".to_owned()) };
            after.entries.iter().try_for_each(|entry| permit(world, block, pat, entry.record, &entry.verdict))?;
            continue;
        };
        let mut before: Opened = decode_stored("Receipts", before);
        for (old, new) in before.entries.iter_mut().zip(&after.entries) {
            ensure(new.served.contains(old.served), || "a receipt forgot a report".to_owned())?;
            old.served = new.served;
        }
        same("a receipt besides its reports", &after, &before)?;
    }
    Ok(())
}

/// I3, I6 and I13 of one Permit, by what the chain itself said before: of rules withdrawn and records erased.
fn permit(world: &World, block: &Block, pat: Pat, record: RecordId, verdict: &Said) -> Result<(), String> {
    let Said::Permit(basis) = verdict else { return Ok(()) };
    let rec = Rec::from_be_bytes([record.0[0], record.0[1]]);
    let in_this_block = |what: &dyn Fn(&What) -> bool| block.planned.iter().any(|planned| what(&planned.deed.what));
    // What ends access in this very block may stand after the opening: the model tells those apart.
    let erases = in_this_block(&|what| matches!(what, What::Mark { to: Mark::Erase, .. }));
    ensure(erases || !world.erased.contains(&(pat, rec)), || format!("I6: record {rec} was erased and is permitted"))?;
    let Basis::Rule(rule) = basis else { return Ok(()) };
    let withdraws =
        in_this_block(&|what| matches!(what, What::Revoke { .. } | What::RevokePages { .. } | What::Grant { .. }));
    ensure(withdraws || !world.gone.contains(&(pat, rule.id)), || format!("I3: rule {} was withdrawn", rule.id))?;
    let relabels = in_this_block(&|what| matches!(what, What::Relabel { .. } | What::Put(_)));
    let found = world.model.pats[pat].rules.iter().find(|found| found.id == rule.id);
    let seen = world.model.record(pat, rec);
    if let (Some(rule), Some(record), false) = (found, seen, relabels) {
        let by_tags = !rule.terms.any_of.is_empty() || !rule.terms.none_of.is_empty() || rule.labelled_only;
        ensure(!by_tags || record.labelled, || format!("I13: rule {} cannot see record {rec} labelled", rule.id))?;
        let (from, until) = (rule.terms.from, rule.terms.until);
        ensure(from <= block.time && block.time < until, || format!("I3: rule {} is not in force", rule.id))?;
    }
    Ok(())
}

/// What may be released after the block: as the model says, and never by a rule that is gone or of a record erased.
pub fn of_releases(world: &mut World) -> Result<(), String> {
    let now = world.model.now;
    for pat in 0..world.model.pats.len() {
        for (index, receipt) in world.model.pats[pat].log.places.iter().enumerate() {
            let Some(receipt) = receipt.as_ref().filter(|receipt| now < receipt.until) else { continue };
            let key = (pat_id(pat), index as u32);
            let Some(found) = Receipts::get(&world.chain.state, &key) else {
                return Err(format!("receipt {index} of patient {pat} is not in state"));
            };
            let later = world.model.last_moments(pat, receipt);
            for (place, entry) in receipt.entries.iter().enumerate() {
                let ask = |at: u64| {
                    let basis = salus_access::releasable(&world.chain.state, key.0, &found, place, Moment(at)).ok();
                    let said = basis.map(|basis| plain(&Said::Permit(basis)));
                    let expected = world.model.releasable(pat, receipt, entry, at);
                    same(("I3, what is releasable", pat, index, entry.rec, at), said, expected).map(|()| said)
                };
                later.iter().try_for_each(|at| ask(*at).map(|_| ()))?;
                let said = ask(now)?;
                match said {
                    Some(Verdict::Rule(rule)) if world.gone.contains(&(pat, rule)) => {
                        return Err(format!("I3: rule {rule} of patient {pat} was withdrawn, and releases"));
                    }
                    Some(_) if world.erased.contains(&(pat, entry.rec)) => {
                        return Err(format!("I6: record {} of patient {pat} was erased, and is released", entry.rec));
                    }
                    Some(_) => world.counts.saw("releasable"),
                    None if entry.verdict.is_permit() => world.counts.saw("permitted and no longer releasable"),
                    None => {}
                }
            }
        }
    }
    Ok(())
}
