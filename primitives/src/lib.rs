//! The vocabulary of the chain: ids, hashes, heights, moments, headers, extrinsics, votes, and the
//! bytes each of them is hashed and signed as.
//!
//! Pure: no clock, no randomness, no I/O. Cryptography is named in [`crypto`] alone.

pub mod archive;
pub mod bounded;
pub mod codec;
pub mod commit;
pub mod crypto;
pub mod dispatch;
pub mod evidence;
pub mod extrinsic;
pub mod hash;
pub mod header;
pub mod id;
pub mod jump;
pub mod limits;
pub mod merkle;
pub mod patient_log;
pub mod peer;
pub mod runtime_api;
pub mod signed;
pub mod ss58;
pub mod storage_key;
pub mod subject;
pub mod tag;
pub mod time;
pub mod validator_set;
pub mod version;

pub use bounded::BoundedVec;
pub use extrinsic::RawExtrinsic;
pub use hash::Hash;
pub use header::{Block, Header};
pub use id::{AccountId, OrganisationId, PatientId, PractitionerId, RecordId};
pub use subject::Subject;
pub use tag::Tag;
pub use time::{Height, Moment, Window};
