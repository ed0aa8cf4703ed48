//! The legacy family: `system_`, `chain_`, `state_`, `author_`, `payment_`.

mod author;
mod chain;
mod state;
mod system;

use crate::registry::{MethodsError, Registry};

/// Register the family.
pub(crate) fn register(registry: &mut Registry, dry_run: bool) -> Result<(), MethodsError> {
    system::register(registry, dry_run)?;
    chain::register(registry)?;
    state::register(registry)?;
    author::register(registry)
}
