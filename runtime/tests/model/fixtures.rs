//! What names a person, which the generator has at hand and the chain must never have: calls carry commitments to it.

use salus_primitives::{Hash, crypto::sha256_of};

use crate::words::{Doc, Pat, Rec};

/// Name, birth date, address, insurance number, telephone and a diagnosis of each patient.
const PEOPLE: [[&str; 6]; 7] = [
    ["Amelie Hoffmann-Reyes", "1971-03-14", "14 Lindenallee", "A123-456-7890", "+49 30 5550101", "Epilepsy, focal"],
    ["Bashir Karimi Noor", "1988-11-02", "7 Canal Street", "B223-456-7891", "+44 20 79460102", "HIV positive since"],
    ["Chiara Lombardi Costa", "2015-06-30", "Via Verdi 33", "C323-456-7892", "+39 06 5550103", "Asthma, childhood"],
    ["Daniel Okonkwo Eze", "1964-01-09", "22 Marina Road", "D423-456-7893", "+234 1 5550104", "Diabetes mellitus"],
    ["Elena Vasquez Prieto", "1990-08-21", "Calle Luna 5", "E523-456-7894", "+34 91 5550105", "Major depressive"],
    ["Farida Rahman Syed", "1979-12-12", "9 Lake Circus", "F623-456-7895", "+880 2 5550106", "Hypertension st.2"],
    ["Goran Petrovic Ilic", "2001-04-04", "Knez Mihailova 1", "G723-456-7896", "+381 11 5550107", "Fracture, radius"],
];

/// What doctors are called, with the numbers of their licences.
const DOCTORS: [&str; 5] =
    ["Dr Ines Albrecht L-1101", "Dr Jonas Weber L-1102", "Dr Kira Sato L-1103", "Dr Luis Mora L-1104", "Dr Mia L-1105"];

/// All of it.
pub fn all() -> impl Iterator<Item = &'static str> {
    PEOPLE.iter().flatten().chain(&DOCTORS).copied()
}

/// Digest of a record's ciphertext, which stands for the patient's data here.
pub fn digest(pat: Pat, rec: Rec) -> Hash {
    sha256_of(&[b"sealed", PEOPLE[pat % PEOPLE.len()].join("|").as_bytes(), &rec.to_be_bytes()])
}

/// Commitment to a note about a patient.
pub fn note(pat: Pat) -> Hash {
    sha256_of(&[b"salt of the note", PEOPLE[pat % PEOPLE.len()].join("|").as_bytes()])
}

/// Commitment to a licence.
pub fn licence(doc: Doc) -> Hash {
    sha256_of(&[b"salt of the licence", DOCTORS[doc % DOCTORS.len()].as_bytes()])
}
