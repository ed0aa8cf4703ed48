//! A person's own keys: rotation, a second device, a session key for a ward. By a doctor or a patient, with a lasting
//! key; an organisation's Admin sets the keys of its officers, the council those of its members.

use salus_primitives::{AccountId, Moment};
use salus_registry::{Call, types::NewKey};
use salus_runtime::RuntimeCall;

/// Most keys that are ended by one call.
pub const ENDED_MAX: usize = salus_registry::DROP_MAX as usize;

fn keys_set(add: Option<NewKey>, drop: &[AccountId]) -> RuntimeCall {
    let add = add.into_iter().collect::<Vec<_>>().try_into().expect("one key is within the bound of two");
    let drop = drop[..drop.len().min(ENDED_MAX)].to_vec().try_into().expect("as many as may be, by the line itself");
    RuntimeCall::Registry(Call::KeysSet { add, drop, kem: None, cosign: Default::default() })
}

/// The call that puts `new` in the place of `old`, which ends for good. The new key agrees.
pub fn rotate_call(old: AccountId, new: AccountId) -> RuntimeCall {
    keys_set(Some(NewKey { account: new, until: None }), &[old])
}

/// The call that adds `new`: a lasting key, or one that ends at `until`, at most 12 hours ahead. The new key agrees.
pub fn add_call(new: AccountId, until: Option<Moment>) -> RuntimeCall {
    keys_set(Some(NewKey { account: new, until }), &[])
}

/// The call that ends keys for good, at most [`ENDED_MAX`] of them: what is beyond is left out.
pub fn end_call(keys: &[AccountId]) -> RuntimeCall {
    keys_set(None, keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_one_call_so_that_nobody_is_left_without_a_key() {
        let (old, new) = (AccountId([1; 32]), AccountId([2; 32]));
        let RuntimeCall::Registry(Call::KeysSet { add, drop, kem: None, .. }) = rotate_call(old, new) else {
            panic!("a change of keys")
        };
        assert_eq!(add[..], [NewKey { account: new, until: None }]);
        assert_eq!(drop[..], [old]);
        let RuntimeCall::Registry(Call::KeysSet { add, drop, .. }) = end_call(&[old; ENDED_MAX + 1]) else {
            panic!("a change of keys")
        };
        assert_eq!((add.len(), drop.len()), (0, ENDED_MAX));
    }
}
