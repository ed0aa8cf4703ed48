//! The pool's rules one by one, and the pool against a model of it.

#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test that cannot unwrap has failed")]

mod model;
mod rules;
mod toy;
