//! Every way in which a gateway refuses, by name.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:literal, $hint:literal;)+) => {
        /// Why a gateway refuses. The name is what stands in the answer; programs decide by it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Refusal {
            /// Every refusal there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                }
            }

            /// What the caller can do about it.
            pub const fn hint(self) -> &'static str {
                match self {
                    $(Self::$name => $hint,)+
                }
            }
        }
    };
}

refusals! {
    // The request.
    /// Path, query, header or body does not read.
    BadRequest = 400, "compare the request with the documentation of the door";
    /// The request is not signed, or a header of the signature does not read.
    NotSigned = 401, "sign the request: the headers salus-account to salus-signature";
    /// The signature is not the account's over this request.
    BadSignature = 401, "sign exactly the method, target and body that are sent, for this chain";
    /// The request was signed for another organisation's gateway.
    WrongGateway = 401, "sign for the organisation that GET /v1/gateway names";
    /// The nonce was not given out here, is too old, or was used.
    UnknownNonce = 401, "ask POST /v1/nonce for another; each serves one request within a minute";
    /// The request is void by the gateway's clock.
    Expired = 401, "sign again, and compare the clocks when this comes back";
    /// The request expires more than a minute ahead.
    ExpiryTooFar = 401, "sign with an expiry at most a minute ahead, and compare the clocks";
    /// The body is not the one that was signed.
    BodyMismatch = 400, "sign the digest of the bytes that are sent";
    /// The body ended before its declared length, or does not end there.
    BadLength = 400, "declare the exact length in Content-Length and send that many bytes";
    /// The body declares no length.
    LengthRequired = 411, "send a Content-Length; bodies of unknown length are not taken";
    /// The body is larger than the gateway takes.
    TooLarge = 413, "send less; GET /v1/gateway has the limits";
    /// The body came too slowly.
    TooSlow = 408, "send again over a better connection";
    /// No such path.
    NotFound = 404, "compare the path with the documentation of the door";
    /// The path does not take this method.
    MethodNotAllowed = 405, "compare the method with the documentation of the door";
    /// Too many nonces are out.
    TooManyNonces = 429, "wait a minute and ask again";
    /// The caller has too many requests under way, or the gateway has.
    Busy = 429, "wait for the requests under way to end, then ask again";

    // The caller.
    /// The key is bound to nobody, or no longer.
    NotRegistered = 403, "use a key that is registered on the chain";
    /// The caller is not who may ask this.
    NotAuthorised = 403, "ask with the key of somebody who may";
    /// The caller does not act at the moment: suspended, struck off, not licensed or not affiliated.
    NotActive = 403, "see with the organisation's Registrar why";
    /// A provisional patient's key reads nothing.
    Provisional = 403, "a Registrar has to confirm the patient first";
    /// The state of the patient does not allow it.
    PatientState = 403, "see the state of the patient on the chain";

    // The gateway's view of the chain.
    /// The newest certified header is too old: nothing is released.
    StaleNode = 503, "wait until the network finalises again, then ask again";
    /// No node can be asked.
    NodeUnavailable = 503, "ask again in a minute; tell the gateway's operator when it stays";
    /// What the node says is not proven by what the validators signed.
    BadProof = 502, "tell the gateway's operator: its node lies or is damaged";

    // Releasing.
    /// The finalised state has no such receipt.
    NoSuchReceipt = 404, "open the records first, and wait until that is final";
    /// The receipt is another reader's.
    ForeignReceipt = 403, "ask with the key of who opened";
    /// The receipt has no entry for this record.
    NotInReceipt = 404, "open this record first";
    /// The entry was denied when opened.
    Denied = 403, "ask the patient for access";
    /// The receipt is over.
    ReceiptOver = 403, "open again";
    /// The entry is not permitted any more.
    Withdrawn = 403, "ask the patient for access";
    /// The patient has no such record.
    NoSuchRecord = 404, "check the record's id";
    /// The record was filed in error or erased.
    NotServable = 410, "it is given to nobody any more";
    /// This organisation does not keep the record.
    NotCustodian = 404, "ask the gateway of a custodian that the chain names";
    /// The reader has no encryption key on the chain.
    NoKemKey = 409, "set an encryption key on the chain first";
    /// The gateway has no key that opens its wrap of the record.
    CustodianKey = 500, "tell the gateway's operator: the custodian's key is a wrong one or was rotated";
    /// The store has lost the blob or a wrap.
    NotStored = 404, "ask the other custodian, and tell this gateway's operator";
    /// What is stored is not what the chain has.
    Damaged = 500, "ask the other custodian, and tell this gateway's operator";

    // Uploading.
    /// The blob is none, or another record's than the path says.
    BadBlob = 422, "encrypt the record for the patient, id and version of the path";
    /// A wrap is missing, doubled or does not read.
    BadWrap = 422, "send one wrap for the patient and one for this organisation";
    /// Other bytes are stored under this record.
    Conflict = 409, "file under a new id: a record never changes";
    /// The quota of the organisation, or of the caller for this day, is used up.
    QuotaFull = 507, "file what was uploaded, or wait until it is dropped after a day; the message says which quota";
    /// The store has no room.
    StoreFull = 507, "tell the gateway's operator, and upload again later";

    // Relaying.
    /// Not an extrinsic of this chain.
    BadExtrinsic = 400, "encode it by the metadata of GET /v1/metadata";
    /// The extrinsic is signed by another key than the request.
    ForeignExtrinsic = 403, "sign request and extrinsic with one key";
    /// An unregistered caller may only register, on a live invitation.
    NotInvited = 403, "register with an invitation that is live and not spent";
    /// The chain does not take the extrinsic.
    ChainRefused = 422, "the message has the chain's words";
    /// Not known here.
    UnknownExtrinsic = 404, "submit it here first; what is long final is forgotten";

    // The gateway.
    /// A failure of the gateway's own.
    Internal = 500, "tell the gateway's operator; its log says more";
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No refusal has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no refusal of a gateway is called that; the gateway may be newer than this program")]
pub struct UnknownRefusal;

impl FromStr for Refusal {
    type Err = UnknownRefusal;

    fn from_str(text: &str) -> Result<Self, UnknownRefusal> {
        Self::ALL.iter().copied().find(|refusal| refusal.name() == text).ok_or(UnknownRefusal)
    }
}

/// The body of a refused request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefusalBody {
    /// The name of a [`Refusal`].
    pub error: String,
    /// What happened, in words. Names nobody.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl RefusalBody {
    /// What is answered for `refusal`, with what happened in words.
    pub fn new(refusal: Refusal, message: impl Into<String>) -> Self {
        Self { error: refusal.name().to_owned(), message: message.into(), hint: refusal.hint().to_owned() }
    }

    /// Which refusal; none for a name this program does not know.
    pub fn refusal(&self) -> Option<Refusal> {
        self.error.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_reads_back_from_its_name_and_has_an_error_status() {
        for refusal in Refusal::ALL {
            assert_eq!(refusal.name().parse(), Ok(*refusal));
            assert!((400..600).contains(&refusal.status()), "{refusal}");
            assert_eq!(RefusalBody::new(*refusal, "").refusal(), Some(*refusal));
        }
        assert_eq!("Staleness".parse::<Refusal>(), Err(UnknownRefusal));
    }

    #[test]
    fn the_body_of_a_refusal_is_the_documented_json() {
        let body = serde_json::to_value(RefusalBody::new(Refusal::StaleNode, "13 s old")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "error": "StaleNode",
                "message": "13 s old",
                "hint": "wait until the network finalises again, then ask again",
            })
        );
    }
}
