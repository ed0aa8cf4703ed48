//! Tests that need more than one crate, as integration tests: house rules, clients, clusters.
