//! State of Beds.

use salus_primitives::Subject;

salus_support::storage! { Beds;
    /// Free beds by hospital.
    Free: map Subject => u16;
}
