//! salus-council
