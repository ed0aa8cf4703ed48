//! Handing extrinsics on, each signed by who asks, and what became of them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use parity_scale_codec::DecodeAll as _;
use salus_client::door::{ExtrinsicState, ExtrinsicStatus, Refusal, SubmitAnswer};
use salus_patients::storage::Invitations;
use salus_primitives::{
    AccountId, Hash, RawExtrinsic,
    extrinsic::{Extrinsic, SignedExtrinsic},
};
use salus_runtime::RuntimeCall;
use salus_system::keys::speaker;

use crate::{
    app::App,
    ledger::{SubmitFailure, judge},
    refused::Refused,
};

/// What became of the extrinsics that were handed on last.
#[derive(Debug)]
pub struct Relayed {
    table: Mutex<Table>,
    max: usize,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<Hash, (AccountId, ExtrinsicState)>,
    order: VecDeque<Hash>,
}

impl Relayed {
    /// None yet; at most `max` are remembered.
    pub fn new(max: usize) -> Self {
        Self { table: Mutex::default(), max }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, hash: Hash, account: AccountId, state: ExtrinsicState) {
        let mut table = self.table();
        if table.known.insert(hash, (account, state)).is_none() {
            table.order.push_back(hash);
        }
        while table.order.len() > self.max {
            if let Some(oldest) = table.order.pop_front() {
                table.known.remove(&oldest);
            }
        }
    }

    /// What became of an extrinsic of `account`.
    ///
    /// # Errors
    /// [`Refusal::UnknownExtrinsic`], also for one of somebody else.
    pub fn status(&self, account: AccountId, hash: Hash) -> Result<ExtrinsicStatus, Refused> {
        match self.table().known.get(&hash) {
            Some((signer, state)) if *signer == account => Ok(ExtrinsicStatus { hash, state: state.clone() }),
            _ => Err(Refused::new(Refusal::UnknownExtrinsic, "the caller submitted no such extrinsic here lately")),
        }
    }
}

/// Hand an extrinsic of `account` on, given as hex.
///
/// # Errors
/// [`Refusal::BadExtrinsic`], [`Refusal::ForeignExtrinsic`], [`Refusal::NotInvited`], [`Refusal::ChainRefused`], or
/// that no node can be asked.
pub async fn submit(app: &Arc<App>, account: AccountId, text: &str) -> Result<SubmitAnswer, Refused> {
    let bad = |reason: String| Refused::new(Refusal::BadExtrinsic, reason);
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|_| bad("it is not hex".to_owned()))?;
    let raw = RawExtrinsic::from_wire(&bytes).map_err(|error| bad(error.to_string()))?;
    let Extrinsic::Signed(signed) = Extrinsic::parse(&raw).map_err(|error| bad(error.to_string()))? else {
        return Err(bad("it is not signed".to_owned()));
    };
    if signed.signer != account {
        return Err(Refused::new(Refusal::ForeignExtrinsic, "another key than the caller's signed the extrinsic"));
    }
    let call = RuntimeCall::decode_all(&mut &signed.call[..])
        .map_err(|_| bad("its call is none of this chain's".to_owned()))?;
    admitted(app, &signed, &call).await?;
    let hash = raw.hash();
    let fate = app.ledger.submit(raw).await.map_err(|failure| match failure {
        SubmitFailure::Refused(error) => {
            Refused::new(Refusal::ChainRefused, salus_client::chain::explain(&error).to_string())
        }
        SubmitFailure::NotTaken(reason) => Refused::new(Refusal::ChainRefused, reason),
        SubmitFailure::Ledger(error) => app.blind(error),
    })?;
    app.relayed.set(hash, account, ExtrinsicState::Waiting);
    let app = app.clone();
    tokio::spawn(async move {
        let state = fate.await;
        app.relayed.set(hash, account, state);
    });
    Ok(SubmitAnswer { hash })
}

/// Whoever is registered may submit anything of theirs: the chain judges it. Anybody else may register, on a live
/// invitation. An old state is good enough here: a revocation must reach the chain when it can.
async fn admitted(app: &App, signed: &SignedExtrinsic, call: &RuntimeCall) -> Result<(), Refused> {
    let invite = match call {
        RuntimeCall::Patients(salus_patients::Call::Register { invite, .. }) => Some(*invite),
        _ => None,
    };
    let (admitted, _) = judge(&*app.ledger, |state, at| {
        speaker(state, signed.signer, at.time).is_some()
            || invite
                .and_then(|invite| Invitations::get(state, &invite))
                .is_some_and(|invitation| !invitation.spent && at.time < invitation.until)
    })
    .await
    .map_err(|error| app.blind(error))?;
    if admitted {
        return Ok(());
    }
    let message =
        "the key is bound to nobody; it may only register a patient, on an invitation that is live and not spent";
    Err(Refused::new(Refusal::NotInvited, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fate_of_an_extrinsic_is_told_to_its_signer_and_in_time_forgotten() {
        let relayed = Relayed::new(2);
        let (me, you) = (AccountId([1; 32]), AccountId([2; 32]));
        let hash = |byte| Hash([byte; 32]);
        relayed.set(hash(1), me, ExtrinsicState::Waiting);
        relayed.set(hash(1), me, ExtrinsicState::Final { height: 7 });
        assert_eq!(relayed.status(me, hash(1)).unwrap().state, ExtrinsicState::Final { height: 7 });
        assert_eq!(relayed.status(you, hash(1)).unwrap_err().refusal, Refusal::UnknownExtrinsic);
        relayed.set(hash(2), me, ExtrinsicState::Waiting);
        assert!(relayed.status(me, hash(1)).is_ok());
        relayed.set(hash(3), you, ExtrinsicState::Waiting);
        assert_eq!(relayed.status(me, hash(1)).unwrap_err().refusal, Refusal::UnknownExtrinsic);
        assert!(relayed.status(me, hash(2)).is_ok());
    }
}
