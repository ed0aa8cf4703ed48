//! What genesis writes of the system pallet.

use salus_primitives::Moment;
use salus_support::Overlay;

use crate::{storage::ChainParameters, timestamp::Now, types::Parameters};

/// The parameters, and the chain's first moment.
pub fn build(state: &mut Overlay<'_>, parameters: &Parameters, time: Moment) {
    ChainParameters::put(state, parameters);
    Now::put(state, &time.0);
}
