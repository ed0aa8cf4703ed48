//! State of Beds.

salus_support::storage! { Beds;
    /// Free beds by hospital.
    Free: map salus_primitives::Subject => u16;
}
