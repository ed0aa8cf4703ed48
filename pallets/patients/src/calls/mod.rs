//! The calls, one file each, and what they share.

pub mod confirm;
pub mod invite;
pub mod register;
pub mod status;

use salus_registry::Standing;

use crate::{Error, Problem};

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::NotRegistered => Self::NotRegistered,
            Standing::NotAuthorised => Self::NotAuthorised,
            standing => Self::NotActive(standing),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::UnknownPatient => Self::UnknownPatient,
            Problem::NotRegistered => Self::NotRegistered,
            Problem::NotPatient | Problem::SessionKey => Self::NotAuthorised,
            Problem::Lapsed
            | Problem::Unconfirmed
            | Problem::Frozen
            | Problem::Deceased
            | Problem::Closed
            | Problem::Recovering => Self::BadState,
        }
    }
}
