//! Catching up: what nodes ask each other for, and whom to ask when.
//!
//! Pure, without a clock or a network: the engine drives [`CatchUp`].

mod catch_up;
pub mod wire;

pub use catch_up::{
    ANSWER_BASE, ANSWER_PER_BLOCK, ANSWER_WITHIN, Ask, BENCH_MAX, BENCH_MIN, CatchUp, GRACE, RANGE_MAX,
};
