//! Holes that were found in other systems, each tried on the whole runtime: the same attempt fails. `docs/holes.md` lists
//! all of them, with the test that tries each, here or elsewhere.

mod deciding;
mod entering;
mod page;
mod storing;
#[allow(dead_code, reason = "shared with the tests of bad input, which need more of it")]
#[path = "../bad_inputs/world.rs"]
mod world;
