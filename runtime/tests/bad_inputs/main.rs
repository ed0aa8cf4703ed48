//! Bad input through the whole runtime: whatever is asked wrongly is refused by its own error, and state stays as it is.
//!
//! [`World::refused`] and [`World::invalid`] compare all of state, so each test here shows both.

mod appointments;
mod bounds;
mod bytes;
mod cases;
mod council;
mod delegation;
mod guardians;
mod people;
mod records;
mod replays;
mod samples;
mod scopes;
mod unknown;
mod volumes;
mod windows;
mod world;
