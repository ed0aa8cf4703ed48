//! Submitting calls and waiting until they are final.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use parity_scale_codec::Encode;
use salus_primitives::{
    Hash, Height, Moment, RawExtrinsic,
    crypto::KeyPair,
    dispatch::DispatchError,
    extrinsic::{self, Era},
    signed::CoSign,
};
use salus_runtime::{EventRecord, RuntimeCall, RuntimeError, RuntimeEvent};
use salus_support::metadata::types::Phase;
use subxt::{
    config::substrate::SubstrateExtrinsicParamsBuilder,
    error::{ExtrinsicError, TransactionProgressError, TransactionStatusError},
};

use super::{
    BlockData, Chain, ChainError, CoSignError, Config, ERA_PERIOD, HandOverError,
    call::{KeySigner, RuntimePayload, cosign, with_cosigns},
    explain,
    state::decode,
};

/// How many calls of [`Chain::submit_many`] are sent and not yet final: as far as a node takes nonces ahead.
const IN_FLIGHT: usize = 32;
/// After how many blocks without one of its calls [`Chain::submit_many`] takes them for lost.
const IDLE_BLOCKS: u32 = 100;
/// How long [`Chain::submit_many`] waits when the node asks for a pause.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A call that took effect and is final.
#[derive(Clone, PartialEq, Debug)]
pub struct Receipt {
    /// Hash of its block.
    pub block: Hash,
    /// Height of its block.
    pub height: Height,
    /// Time of its block.
    pub at: Moment,
    /// Its place in the block.
    pub index: u32,
    /// Hash of the extrinsic.
    pub extrinsic: Hash,
    /// What happened, `ExtrinsicSuccess` or `ExtrinsicFailed` last.
    pub events: Vec<RuntimeEvent>,
    /// From the moment it was sent to the word that it is final.
    pub elapsed: Duration,
}

impl Receipt {
    /// The first thing that `pick` finds among the events.
    ///
    /// # Errors
    /// [`ChainError::Malformed`] when it is not there, which a successful call never leaves out.
    pub fn find<T>(&self, pick: impl FnMut(&RuntimeEvent) -> Option<T>) -> Result<T, ChainError> {
        let missing = || ChainError::Malformed {
            what: "block",
            reason: "the call took effect without the event that belongs to it".into(),
        };
        self.events.iter().find_map(pick).ok_or_else(missing)
    }
}

/// Why a call did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The chain executed it and refused: its nonce is used, and the refusal is final.
    #[error("the chain refused: {}", explain(.error))]
    Refused {
        /// Why.
        error: RuntimeError,
        /// Where that stands.
        receipt: Box<Receipt>,
    },
    /// It was executed and failed for a reason that is no pallet's.
    #[error("the chain refused: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
    /// The node did not take it: it is in no block.
    #[error("the node did not take the call: {reason}")]
    Invalid {
        /// The node's words.
        reason: String,
    },
    /// The node took it and dropped it.
    #[error("the node dropped the call ({reason}); submit it again")]
    Dropped {
        /// The node's words.
        reason: String,
    },
    /// It cannot be co-signed.
    #[error(transparent)]
    CoSign(#[from] CoSignError),
    /// What was agreed to on another machine cannot be submitted.
    #[error(transparent)]
    HandOver(#[from] HandOverError),
    /// The node could not be asked. Whether a call that was sent is in a block shows in the account's nonce.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl SubmitError {
    /// What the chain refused it with, if it did.
    pub fn refusal(&self) -> Option<RuntimeError> {
        match self {
            Self::Refused { error, .. } => Some(*error),
            _ => None,
        }
    }
}

/// What [`Chain::submit_many`] did.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ManyReport {
    /// How many took effect.
    pub succeeded: usize,
    /// Those that were executed and refused: their place among the calls, and why.
    pub refused: Vec<(usize, RuntimeError)>,
    /// Those the node did not take: their place among the calls, and its words.
    pub invalid: Vec<(usize, String)>,
    /// Blocks they stand in, by height, with how many.
    pub blocks: BTreeMap<u32, usize>,
    /// From the first submission to the word that the last is final.
    pub elapsed: Duration,
}

impl Chain {
    /// Sign `call` with `key`, submit it and wait until it is final.
    ///
    /// # Errors
    /// [`SubmitError`] by what went wrong.
    pub async fn submit(&self, key: &KeyPair, call: impl Into<RuntimeCall>) -> Result<Receipt, SubmitError> {
        let nonce = self.nonce(&key.public()).await?;
        self.submit_with(key, nonce, &call.into()).await
    }

    /// Have `cosigners` agree to `call`, then sign it with `key`, submit it and wait until it is final.
    ///
    /// # Errors
    /// [`SubmitError`] by what went wrong.
    pub async fn submit_cosigned(
        &self,
        key: &KeyPair,
        call: impl Into<RuntimeCall>,
        cosigners: &[&KeyPair],
    ) -> Result<Receipt, SubmitError> {
        let call = call.into();
        let submitter = key.public();
        let nonce = self.nonce(&submitter).await?;
        let agreements: Vec<CoSign> = cosigners
            .iter()
            .map(|other| cosign(other, &self.genesis(), &submitter, nonce, &call))
            .collect::<Result<_, _>>()?;
        self.submit_with(key, nonce, &with_cosigns(&call, agreements)?).await
    }

    /// [`Chain::submit`] under a given nonce: for co-signatures made elsewhere.
    ///
    /// # Errors
    /// [`SubmitError`] by what went wrong.
    pub async fn submit_with(&self, key: &KeyPair, nonce: u32, call: &RuntimeCall) -> Result<Receipt, SubmitError> {
        let at = self.client.at_current_block().await.map_err(ChainError::from_client)?;
        let payload = RuntimePayload::new(call, at.metadata_ref())?;
        let params = SubstrateExtrinsicParamsBuilder::<Config>::new()
            .mortal_from_unchecked(ERA_PERIOD, at.block_number(), at.block_hash())
            .nonce(nonce.into())
            .build();
        let signed = at
            .tx()
            .create_signable_offline(&payload, params)
            .and_then(|mut signable| signable.sign(&KeySigner(key)))
            .map_err(ChainError::from_client)?;
        let started = Instant::now();
        let progress = signed.submit_and_watch().await.map_err(not_taken)?;
        let placed = progress.wait_for_finalized().await.map_err(not_final)?;
        let elapsed = started.elapsed();
        let block = self.block(Hash(placed.block_hash().0)).await?;
        self.receipt(&block, signed.encoded(), elapsed).await
    }

    /// Sign `calls` with `key`, submit them as fast as the node takes them from one account, and wait until the last
    /// is final. The nonces are counted here, so nobody else may submit with `key` meanwhile. All are signed for
    /// the same 1,024 blocks: those that wait longer are not taken.
    ///
    /// # Errors
    /// When the node cannot be asked; what single calls came to stands in the report.
    pub async fn submit_many(&self, key: &KeyPair, calls: Vec<RuntimeCall>) -> Result<ManyReport, SubmitError> {
        let (birth, first) = (self.finalised().await?, self.nonce(&key.public()).await?);
        let mut heads = self.finalised_blocks().await?;
        let height = self.header(birth).await?.number;
        let era = Era::mortal(ERA_PERIOD, height);
        // The first block of an era is its own only when the era begins there.
        let born = self.hash_at(era.birth(height)).await?;
        let context = self.context();
        let signed: Vec<RawExtrinsic> = (first..)
            .zip(calls)
            .map(|(nonce, call)| extrinsic::sign(key, call.encode(), era, nonce, &context, &born))
            .collect();
        let mut waiting = BTreeMap::new();
        let mut report = ManyReport::default();
        let started = Instant::now();
        let mut to_send = signed.iter().enumerate();
        let mut answers = FuturesUnordered::new();
        let mut idle = 0;
        loop {
            while waiting.len() < IN_FLIGHT
                && let Some((place, raw)) = to_send.next()
            {
                waiting.insert(raw.hash(), place);
                answers.push(self.send(place, raw, Duration::ZERO));
            }
            if waiting.is_empty() {
                return Ok(report);
            }
            tokio::select! {
                Some((place, answer)) = answers.next() => match answer {
                    Ok(()) => {}
                    Err(ChainError::Refused { code, .. }) if is_temporary(code) => {
                        answers.push(self.send(place, &signed[place], BACK_OFF));
                    }
                    Err(ChainError::Refused { message, .. }) => {
                        waiting.remove(&signed[place].hash());
                        report.invalid.push((place, message));
                        // Those after it wait for its number, which nobody will use: they would wait for ever.
                        let rest = (0..).zip(&signed).skip(place + 1);
                        let lost: Vec<usize> =
                            rest.filter(|(_, raw)| waiting.remove(&raw.hash()).is_some()).map(|(place, _)| place).collect();
                        let reason = format!("not sent on: call {place} before it was not taken");
                        report.invalid.extend(lost.into_iter().chain(to_send.by_ref().map(|(place, _)| place)).map(|place| (place, reason.clone())));
                    }
                    Err(error) => return Err(error.into()),
                },
                block = heads.next() => {
                    if self.count(&block?, &mut waiting, &mut report).await? {
                        report.elapsed = started.elapsed();
                        idle = 0;
                    } else if idle < IDLE_BLOCKS {
                        idle += 1;
                    } else {
                        let reason = format!("none of {} calls stands in the last {IDLE_BLOCKS} blocks", waiting.len());
                        return Err(SubmitError::Dropped { reason });
                    }
                }
            }
        }
    }

    /// Send one extrinsic after a pause.
    async fn send(&self, place: usize, raw: &RawExtrinsic, pause: Duration) -> (usize, Result<(), ChainError>) {
        tokio::time::sleep(pause).await;
        let sent = self.rpc.author_submit_extrinsic(&raw.encode()).await;
        (place, sent.map(|_| ()).map_err(ChainError::from))
    }

    /// Move what of `waiting` stands in `block` to the report. Was there any?
    async fn count(
        &self,
        block: &BlockData,
        waiting: &mut BTreeMap<Hash, usize>,
        report: &mut ManyReport,
    ) -> Result<bool, ChainError> {
        let ours: Vec<(u32, usize)> = (0..)
            .zip(&block.extrinsics)
            .filter_map(|(index, raw)| Some((index, waiting.remove(&raw.hash())?)))
            .collect();
        if ours.is_empty() {
            return Ok(false);
        }
        let mut outcomes = outcomes(&self.events(block.hash).await?);
        for (index, place) in &ours {
            match outcomes.remove(index) {
                Some(Err(DispatchError::Module(module))) => report.refused.push((*place, typed(&module)?)),
                Some(Err(other)) => report.invalid.push((*place, format!("{other:?}"))),
                Some(Ok(())) => report.succeeded += 1,
                None => return Err(no_outcome()),
            }
        }
        *report.blocks.entry(block.header.number.0).or_default() += ours.len();
        Ok(true)
    }

    /// The receipt of the extrinsic with these wire bytes in `block`.
    pub(super) async fn receipt(
        &self,
        block: &BlockData,
        wire: &[u8],
        elapsed: Duration,
    ) -> Result<Receipt, SubmitError> {
        let missing = || ChainError::Malformed { what: "block", reason: "it lacks the call it was named for".into() };
        let place = block.extrinsics.iter().position(|raw| raw.encode() == wire).ok_or_else(missing)?;
        let index = u32::try_from(place).map_err(|_| missing())?;
        let records = self.events(block.hash).await?;
        let outcome = outcomes(&records).remove(&index).ok_or_else(no_outcome)?;
        let here = |record: &EventRecord| record.phase == Phase::ApplyExtrinsic(index);
        let receipt = Receipt {
            block: block.hash,
            height: block.header.number,
            at: block.time(),
            index,
            extrinsic: salus_primitives::crypto::blake2_256(wire),
            events: records.into_iter().filter(here).map(|record| record.event).collect(),
            elapsed,
        };
        match outcome {
            Ok(()) => Ok(receipt),
            Err(DispatchError::Module(module)) => {
                Err(SubmitError::Refused { error: typed(&module)?, receipt: Box::new(receipt) })
            }
            Err(DispatchError::BadOrigin) => {
                Err(SubmitError::Failed { reason: "this kind of caller may never make this call".into() })
            }
            Err(DispatchError::Other) => Err(SubmitError::Failed { reason: "no reason was given".into() }),
        }
    }

    /// The events of block `at`, with their places.
    ///
    /// # Errors
    /// When the node cannot be asked, or [`ChainError::Malformed`].
    pub async fn events(&self, at: Hash) -> Result<Vec<EventRecord>, ChainError> {
        let key = salus_primitives::storage_key::prefix("System", "Events");
        let bytes = self.get_raw(&key, at).await?.unwrap_or_else(|| vec![0]);
        decode("events", &bytes)
    }
}

/// How each extrinsic of a block ended.
fn outcomes(records: &[EventRecord]) -> BTreeMap<u32, Result<(), DispatchError>> {
    records
        .iter()
        .filter_map(|record| {
            let Phase::ApplyExtrinsic(index) = record.phase else { return None };
            match &record.event {
                RuntimeEvent::System(salus_system::Event::ExtrinsicSuccess { .. }) => Some((index, Ok(()))),
                RuntimeEvent::System(salus_system::Event::ExtrinsicFailed { dispatch_error, .. }) => {
                    Some((index, Err(*dispatch_error)))
                }
                _ => None,
            }
        })
        .collect()
}

fn no_outcome() -> ChainError {
    ChainError::Malformed { what: "events", reason: "they do not say how the call ended".into() }
}

/// The pallet's own error of what `ExtrinsicFailed` carries.
pub(super) fn typed(module: &salus_primitives::dispatch::ModuleError) -> Result<RuntimeError, ChainError> {
    use parity_scale_codec::Decode as _;
    let bytes = [&[module.index][..], &module.error].concat();
    RuntimeError::decode(&mut &bytes[..])
        .map_err(|_| ChainError::Malformed { what: "events", reason: format!("unknown error {bytes:?}") })
}

/// The node did not take an extrinsic: by a refusal of the request, or by word of the watch.
pub(super) fn not_taken(error: ExtrinsicError) -> SubmitError {
    match error {
        ExtrinsicError::TransactionStatusError(status) => of_status(status),
        other => of_chain(ChainError::from_client(other)),
    }
}

pub(super) fn not_final(error: TransactionProgressError) -> SubmitError {
    match error {
        TransactionProgressError::TransactionStatusError(status) => of_status(status),
        other => of_chain(ChainError::from_client(other)),
    }
}

fn of_status(status: TransactionStatusError) -> SubmitError {
    match status {
        TransactionStatusError::Invalid(reason) => SubmitError::Invalid { reason },
        TransactionStatusError::Dropped(reason) => SubmitError::Dropped { reason },
        TransactionStatusError::Error(reason) => SubmitError::Invalid { reason },
        other => SubmitError::Invalid { reason: other.to_string() },
    }
}

/// Does a node say by this code that the same bytes may be taken a little later: over a quota, too far ahead, no
/// room, busy?
fn is_temporary(code: i32) -> bool {
    matches!(code, 1016 | -32_009 | -32_055..=-32_052)
}

fn of_chain(error: ChainError) -> SubmitError {
    match error {
        ChainError::Refused { code, message } if is_temporary(code) => SubmitError::Dropped { reason: message },
        ChainError::Refused { code: 1001 | 1010..=1014, message } => SubmitError::Invalid { reason: message },
        other => SubmitError::Chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::dispatch::ModuleError;
    use salus_support::table::module_error;

    #[test]
    fn what_a_node_may_take_later_is_told_from_what_it_never_will() {
        let refused = |code| of_chain(ChainError::Refused { code, message: "its words".into() });
        for code in [1016, -32_009, -32_052, -32_053, -32_054, -32_055] {
            assert!(matches!(refused(code), SubmitError::Dropped { .. }), "{code}");
        }
        for code in [1001, 1010, 1012, 1014] {
            assert!(matches!(refused(code), SubmitError::Invalid { .. }), "{code}");
        }
        assert!(matches!(refused(-32_601), SubmitError::Chain(_)));
    }

    #[test]
    fn an_error_on_the_wire_reads_back_as_the_pallets_own_with_its_detail() {
        let reason = salus_consent::Reason::Standing(salus_registry::Standing::LicenceExpired);
        for error in [
            RuntimeError::Records(salus_records::Error::NoConsent(reason)),
            RuntimeError::Registry(salus_registry::Error::LastAdmin),
            RuntimeError::Access(salus_access::Error::Rule(salus_consent::Error::PageFull)),
        ] {
            assert_eq!(typed(&module_error(&error)), Ok(error));
        }
        assert!(typed(&ModuleError { index: 0x3c, error: [0; 4] }).is_err());
    }
}
