//! Patients ready made, for tests of this pallet and of those above: all through calls, as on a real chain.

use salus_primitives::{
    AccountId, PatientId,
    crypto::{KeyPair, Signature},
    signed,
    time::DAY,
};
use salus_registry::{KemKey, types::SUITE_X25519};
use salus_support::{table::RuntimeTable, testing::TestChain};

use crate::Call;

/// A patient and the key they use.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their id.
    pub id: PatientId,
    /// Their key.
    pub key: KeyPair,
}

impl Person {
    /// The person of this number: same number, same id and key.
    pub fn number(number: u16) -> Self {
        Self { id: PatientId(filled(0xA1, number)), key: key(b"patient", number) }
    }

    /// The account they sign with.
    pub fn account(&self) -> AccountId {
        self.key.public()
    }
}

/// The key of the invitation of this number.
pub fn invitation(number: u16) -> KeyPair {
    key(b"invitation", number)
}

/// A KEM key that no rule refuses.
pub fn kem(number: u16) -> KemKey {
    KemKey { suite: SUITE_X25519, key: filled(0x11, number) }
}

/// The invitation key's signature that `person` may register.
pub fn possession<R: RuntimeTable>(chain: &TestChain<R>, invitation: &KeyPair, person: &Person) -> Signature {
    invitation.sign(&signed::possession(&chain.genesis(), &person.account(), &person.id))
}

/// The call by which the person of this number registers against the invitation of this number.
pub fn registration<R: RuntimeTable>(chain: &TestChain<R>, number: u16) -> Call {
    let (person, invitation) = (Person::number(number), invitation(number));
    let possession = possession(chain, &invitation, &person);
    Call::Register { id: person.id, invite: invitation.public(), possession, kem: kem(number) }
}

/// Invite with the invitation of this number, for a day.
///
/// # Panics
/// When the call is refused.
#[track_caller]
pub fn invite<R: RuntimeTable<Call: From<Call>>>(
    chain: &mut TestChain<R>,
    registrar: AccountId,
    number: u16,
    provisional: bool,
) -> KeyPair {
    let (key, until) = (invitation(number), chain.now().plus(DAY));
    chain.ok(registrar, Call::Invite { key: key.public(), until, provisional });
    key
}

/// Invite and register the person of this number; nobody has confirmed them.
///
/// # Panics
/// When a call is refused.
#[track_caller]
pub fn registered<R: RuntimeTable<Call: From<Call>>>(
    chain: &mut TestChain<R>,
    registrar: AccountId,
    number: u16,
    provisional: bool,
) -> Person {
    invite(chain, registrar, number, provisional);
    let person = Person::number(number);
    let call = registration(chain, number);
    chain.ok(person.account(), call);
    person
}

/// Invite, register and confirm the person of this number, at assurance 1.
///
/// # Panics
/// When a call is refused.
#[track_caller]
pub fn confirmed<R: RuntimeTable<Call: From<Call>>>(
    chain: &mut TestChain<R>,
    registrar: AccountId,
    number: u16,
) -> Person {
    let person = registered(chain, registrar, number, false);
    chain.ok(registrar, Call::Confirm { patient: person.id, assurance: 1 });
    person
}

/// Bytes that start with `first`, then `number`, then zeros.
fn filled<const N: usize>(first: u8, number: u16) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[0] = first;
    bytes[1..3].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn key(label: &[u8], number: u16) -> KeyPair {
    KeyPair::from_seed(&salus_primitives::crypto::sha256_of(&[label, &number.to_be_bytes()]).0)
}
