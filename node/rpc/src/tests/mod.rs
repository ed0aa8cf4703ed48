//! Tests through real sockets.

mod authorisation;
mod chain_head;
mod clients;
mod legacy;
mod limits;
mod own;
mod transactions;
mod wire;
