//! Each call at its worst declared size: the state it meets there, and its extrinsic.
//!
//! The benchmark times these cases on a database, and the test here counts the keys they read and write. A weight is
//! to be an upper bound of both, so a case is what costs most of all that its declared weight is for: pages are full,
//! lists are as long as they may be, what may be cleared away is there to be cleared, and who signs has used the
//! day's quota up and lives on what was added to it.
//!
//! All cases stand in one state, each about people of its own; none is executed before another.

mod access;
mod appointments;
mod consent;
mod council;
mod counting;
mod crowd;
mod guardians;
mod patients;
mod people;
mod records;
mod registry;
mod rules;
mod scene;

pub use counting::{Counted, Counter, Known};
pub use crowd::{Asked, FEW, SUSPENDS_FEW, SUSPENDS_MANY};
pub use scene::{Case, ROWS, Scene, row};

#[cfg(test)]
mod tests;
