//! The legacy family: `system_`, `chain_`, `state_`, `author_`, `payment_`.

mod author;
mod chain;
mod state;
mod system;

use crate::registry::{MethodsError, Registry};

/// Register the family.
pub(crate) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    system::register(registry)?;
    chain::register(registry)?;
    state::register(registry)?;
    author::register(registry)
}
