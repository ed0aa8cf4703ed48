//! salus-consent
