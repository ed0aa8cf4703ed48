//! The simulator: whole networks of real engines in one thread, on virtual time, under faults and liars, by seed.
//!
//! ```text
//!   a seed --> Setup --> World: one event after the other, by virtual time
//!                          |
//!     users --submit--> nodes: Engine, Host, Pool, runtime and CatchUp, as in a hospital
//!                          |        on a disk in memory (disk.rs) and a clock that is told the time (node.rs)
//!                          |
//!               links.rs: delay, loss, doubling, cuts     byzantine/: what liars make of what they would send
//!                          |
//!                       oracles: what must hold in every world; marks: what a long run must have met
//! ```
//! Nothing here asks the machine for time or chance, so that a seed is a run, to the bit. What is real is everything
//! above the disk and the wire; what is simulated is those two, the clocks and the people.

pub mod byzantine;
mod chair;
pub mod chance;
pub mod disk;
pub mod faults;
pub mod link;
pub mod load;
pub mod marks;
pub mod node;
pub mod oracles;
pub mod planted;
pub mod report;
pub mod run;
pub mod setup;
mod ward;
pub mod world;
