//! A call that people sign on different machines. One file carries it from who will submit it to who agrees, and
//! back; it holds no secret.
//!
//! ```json
//! {
//!   "format": "salus-cosign", "version": 1,
//!   "genesis": hash, "submitter": address, "nonce": …,
//!   "call": hex, SCALE, its list of co-signatures empty,
//!   "needed": [address, …],
//!   "given": [{"account": address, "signature": hex}, …]
//! }
//! ```
//!
//! What is signed is formats.md 11's: it binds chain, submitter, nonce and call, so a file serves one submission.
//! While it travels, its submitter may submit nothing else, or the nonce is used and it has to be made anew.

use parity_scale_codec::Encode as _;
use salus_primitives::{
    AccountId, Hash,
    codec::{EXTRINSIC_DEPTH_MAX, decode_strict},
    crypto::{KeyPair, Signature, verify},
    signed::{self, CoSign},
};
use salus_runtime::RuntimeCall;
use serde::{Deserialize, Serialize};

use super::{Chain, ChainError, CoSignError, Receipt, SubmitError, cosign, with_cosigns, without_cosigns};
use crate::preamble;

const FORMAT: &str = "salus-cosign";
const VERSION: u32 = 1;
/// Most people who may agree to one call.
const NEEDED_MAX: usize = 2;

/// A call on its way to those who have to agree.
#[derive(Clone, PartialEq, Debug)]
pub struct HandOver {
    genesis: Hash,
    submitter: AccountId,
    nonce: u32,
    call: RuntimeCall,
    needed: Vec<AccountId>,
    given: Vec<CoSign>,
}

/// Why a call is not handed over. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandOverError {
    /// Something else than such a file, or a damaged one.
    #[error("this is no call to agree to ({0}): ask who submits it for the file as it was made")]
    Malformed(&'static str),
    /// A newer version.
    #[error("the call is in version {found} of its format, this program reads version {VERSION}: update it")]
    TooNew {
        /// The file's.
        found: u32,
    },
    /// A signature in it is not its signer's.
    #[error("the signature of {0} does not fit this call: it was changed after it was signed, make it anew")]
    BadSignature(AccountId),
    /// Somebody signs who is not asked to.
    #[error("{0} is not asked to agree to this call: choose another key")]
    NotNeeded(AccountId),
    /// Somebody submits who has not made it.
    #[error("{expected} has to submit this call, not {found}: what was signed names who submits")]
    NotTheSubmitter {
        /// Who has to.
        expected: AccountId,
        /// Who tried.
        found: AccountId,
    },
    /// Agreements are missing.
    #[error("{0} has not signed yet: `salus cosign sign FILE` does so")]
    Missing(AccountId),
    /// Another chain.
    #[error("the call is for the chain of genesis {found}, the node has {expected}: check --node")]
    OtherChain {
        /// The file's.
        found: Hash,
        /// The node's.
        expected: Hash,
    },
    /// The submitter has submitted something else meanwhile.
    #[error("the call was agreed to for nonce {signed}, the submitter's next is {next} by now: make it anew")]
    NonceUsed {
        /// The file's.
        signed: u32,
        /// The chain's.
        next: u32,
    },
    /// The call takes no agreement, or not so many.
    #[error(transparent)]
    CoSign(#[from] CoSignError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    format: String,
    version: u32,
    genesis: String,
    submitter: String,
    nonce: u32,
    call: String,
    needed: Vec<String>,
    given: Vec<GivenJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenJson {
    account: String,
    signature: String,
}

impl HandOver {
    /// `call`, which `submitter` will submit under `nonce` on the chain of `genesis` once all of `needed` agreed.
    ///
    /// # Errors
    /// [`HandOverError::CoSign`], or [`HandOverError::Malformed`] when one is needed twice or agrees with themselves.
    pub fn new(
        genesis: Hash,
        submitter: AccountId,
        nonce: u32,
        call: &RuntimeCall,
        needed: Vec<AccountId>,
    ) -> Result<Self, HandOverError> {
        let call = without_cosigns(call)?;
        if needed.len() > NEEDED_MAX {
            return Err(CoSignError::TooMany.into());
        }
        let twice = needed.iter().enumerate().any(|(place, one)| needed[..place].contains(one));
        if needed.is_empty() || twice || needed.contains(&submitter) {
            return Err(HandOverError::Malformed("who agrees is nobody, named twice, or who submits it"));
        }
        Ok(Self { genesis, submitter, nonce, call, needed, given: Vec::new() })
    }

    /// Read one.
    ///
    /// # Errors
    /// [`HandOverError`]: also when a signature in it does not fit.
    pub fn from_json(text: &str) -> Result<Self, HandOverError> {
        let malformed = HandOverError::Malformed;
        preamble::check(text.as_bytes(), FORMAT, VERSION)
            .map_err(|fault| fault.told(malformed, |found| HandOverError::TooNew { found }))?;
        let json: Json = serde_json::from_str(text).map_err(|_| malformed("a field is missing or unknown"))?;
        let account = |text: &str| text.parse::<AccountId>().map_err(|_| malformed("an address does not read"));
        let genesis = json.genesis.parse().map_err(|_| malformed("the genesis hash does not read"))?;
        let bytes = hex::decode(json.call.strip_prefix("0x").unwrap_or(&json.call));
        let bytes = bytes.map_err(|_| malformed("the call is not hex"))?;
        let call: RuntimeCall = decode_strict(&bytes, EXTRINSIC_DEPTH_MAX)
            .map_err(|_| malformed("the call does not decode: it is of another release, or damaged"))?;
        if without_cosigns(&call)? != call {
            return Err(malformed("the call has signatures in itself"));
        }
        let needed = json.needed.iter().map(|text| account(text)).collect::<Result<_, _>>()?;
        let mut made = Self::new(genesis, account(&json.submitter)?, json.nonce, &call, needed)?;
        for one in &json.given {
            let mut signature = [0; 64];
            hex::decode_to_slice(one.signature.strip_prefix("0x").unwrap_or(&one.signature), &mut signature)
                .map_err(|_| malformed("a signature is not 64 bytes of hex"))?;
            made.add(CoSign { account: account(&one.account)?, signature: Signature(signature) })?;
        }
        Ok(made)
    }

    /// As text for a file.
    pub fn to_json(&self) -> String {
        let given = self.given.iter().map(|one| GivenJson {
            account: one.account.to_string(),
            signature: format!("0x{}", hex::encode(one.signature.0)),
        });
        let json = Json {
            format: FORMAT.to_owned(),
            version: VERSION,
            genesis: self.genesis.to_string(),
            submitter: self.submitter.to_string(),
            nonce: self.nonce,
            call: format!("0x{}", hex::encode(self.call.encode())),
            needed: self.needed.iter().map(ToString::to_string).collect(),
            given: given.collect(),
        };
        serde_json::to_string_pretty(&json).expect("strings and numbers are always JSON") + "\n"
    }

    /// The chain it is for.
    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// Who will submit it.
    pub fn submitter(&self) -> AccountId {
        self.submitter
    }

    /// Under which nonce.
    pub fn nonce(&self) -> u32 {
        self.nonce
    }

    /// What is agreed to.
    pub fn call(&self) -> &RuntimeCall {
        &self.call
    }

    /// Who has to agree.
    pub fn needed(&self) -> &[AccountId] {
        &self.needed
    }

    /// Who has not agreed yet.
    pub fn missing(&self) -> Vec<AccountId> {
        let given = |account: &AccountId| self.given.iter().any(|one| one.account == *account);
        self.needed.iter().copied().filter(|account| !given(account)).collect()
    }

    /// Agree with `key`. Agreeing again changes nothing.
    ///
    /// # Errors
    /// [`HandOverError::NotNeeded`].
    pub fn agree(&mut self, key: &KeyPair) -> Result<(), HandOverError> {
        let given = cosign(key, &self.genesis, &self.submitter, self.nonce, &self.call)?;
        self.add(given)
    }

    fn add(&mut self, one: CoSign) -> Result<(), HandOverError> {
        if !self.needed.contains(&one.account) {
            return Err(HandOverError::NotNeeded(one.account));
        }
        let bytes = signed::cosign(&self.genesis, &self.submitter, self.nonce, &self.call.encode());
        if !verify(&one.account, &bytes, &one.signature) {
            return Err(HandOverError::BadSignature(one.account));
        }
        self.given.retain(|other| other.account != one.account);
        self.given.push(one);
        Ok(())
    }

    /// The call with everybody's agreement, for `submitter` to submit under `next`, their next nonce on the chain of
    /// `genesis`.
    ///
    /// # Errors
    /// [`HandOverError`] for whatever would make the chain refuse it.
    fn ready(&self, genesis: Hash, submitter: AccountId, next: u32) -> Result<RuntimeCall, HandOverError> {
        if genesis != self.genesis {
            return Err(HandOverError::OtherChain { found: self.genesis, expected: genesis });
        }
        if submitter != self.submitter {
            return Err(HandOverError::NotTheSubmitter { expected: self.submitter, found: submitter });
        }
        if let Some(account) = self.missing().first() {
            return Err(HandOverError::Missing(*account));
        }
        if next != self.nonce {
            return Err(HandOverError::NonceUsed { signed: self.nonce, next });
        }
        // In the order asked for: pallets compare lists.
        let place = |one: &CoSign| self.needed.iter().position(|account| *account == one.account);
        let mut given = self.given.clone();
        given.sort_by_key(place);
        Ok(with_cosigns(&self.call, given)?)
    }

    /// Submit it with `key` and wait until it is final.
    ///
    /// # Errors
    /// [`SubmitError::HandOver`] when it is not ready, or what submitting fails with.
    pub async fn submit(&self, chain: &Chain, key: &KeyPair) -> Result<Receipt, SubmitError> {
        let next = chain.nonce(&key.public()).await?;
        let call = self.ready(chain.genesis(), key.public(), next)?;
        chain.submit_with(key, self.nonce, &call).await
    }
}

impl Chain {
    /// Make `call` ready to be handed to `needed`, for `submitter` to submit it next.
    ///
    /// # Errors
    /// When the node cannot be asked, or [`SubmitError::HandOver`].
    pub async fn hand_over(
        &self,
        submitter: AccountId,
        call: &RuntimeCall,
        needed: Vec<AccountId>,
    ) -> Result<HandOver, SubmitError> {
        let nonce: Result<u32, ChainError> = self.nonce(&submitter).await;
        Ok(HandOver::new(self.genesis(), submitter, nonce?, call, needed)?)
    }
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
