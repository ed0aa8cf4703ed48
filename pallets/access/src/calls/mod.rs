//! One file for asking and answering, one for opening, one for reporting.

pub mod open;
pub mod request;
pub mod serve;
