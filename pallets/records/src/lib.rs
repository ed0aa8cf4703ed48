//! salus-records
