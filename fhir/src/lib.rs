//! FHIR at the edge: reading, checking and writing resources of HL7 FHIR R4. No crate of the node depends on it.
