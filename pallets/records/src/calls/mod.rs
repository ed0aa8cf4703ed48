//! The calls, one file each, and what they share.

pub mod put;
pub mod status;

use salus_patients::Problem;
use salus_registry::Standing;

use crate::Error;

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
            Problem::NotRegistered => Self::NotRegistered,
            Problem::NotPatient | Problem::SessionKey => Self::NotAuthorised,
            problem => Self::Patient(problem),
        }
    }
}
