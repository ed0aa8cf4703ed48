//! salus-patients
