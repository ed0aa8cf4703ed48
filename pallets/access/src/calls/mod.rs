//! One file for asking and answering, one for opening, one for reporting, one for emergencies, one for reviews.

pub mod emergency;
pub mod open;
pub mod request;
pub mod review;
pub mod serve;
