//! State of the registry.

use salus_primitives::{BoundedVec, Moment, OrganisationId, PractitionerId, Subject};

use crate::types::{AFFILIATIONS_MAX, Affiliation, HostList, KemKey, Organisation, Practitioner};

salus_support::storage! { Registry;
    /// Organisations. Suspending one is one write here, whatever hangs on it.
    Organisations: map OrganisationId => Organisation;
    /// Organisations that list full nodes, in the order they began to: who may connect is found by exact keys.
    Hosts: value HostList;
    /// Practitioners.
    Practitioners: map PractitionerId => Practitioner;
    /// Practitioners whom the council suspended, and since when: whoever licenses them cannot lift that.
    CouncilSuspended: map PractitionerId => Moment;
    /// Who works where; judged at use, for an affiliation that ran out stays until its place is needed.
    Affiliations: map (PractitionerId, OrganisationId) => Affiliation;
    /// Where each practitioner has an affiliation, live or run out.
    Places: counters PractitionerId => BoundedVec<OrganisationId, AFFILIATIONS_MAX>;
    /// The key that content keys are sealed to, of whoever has set one.
    KemKeys: map Subject => KemKey;
    /// Which organisation the council named to take over the records of a removed one.
    Successors: map OrganisationId => OrganisationId;
    /// Until when a subject's keys may not be changed by call 9.
    KeyLocks: map Subject => Moment;
    /// Until when a lasting key of a subject that is dropped by call 9 speaks for it another 72 hours.
    KeyGuards: map Subject => Moment;
}
