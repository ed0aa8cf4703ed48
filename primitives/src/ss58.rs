//! SS58 addresses: how people see an account.

use crate::{AccountId, crypto::blake2_512};

/// The generic Substrate prefix; Salus has registered none of its own.
pub const PREFIX: u16 = 42;

/// Why a text is not an address of this chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not base58, or of the wrong length.
    #[error("not an SS58 address of a 32-byte account")]
    Malformed,
    /// Another network's prefix.
    #[error("an address with prefix {found}, this chain's is {PREFIX}")]
    Prefix {
        /// What it has.
        found: u8,
    },
    /// Mistyped.
    #[error("the address's checksum does not fit: it is mistyped")]
    Checksum,
}

fn checksum(payload: &[u8]) -> [u8; 2] {
    let hash = blake2_512(&[b"SS58PRE", payload].concat());
    [hash[0], hash[1]]
}

/// The address of an account.
pub fn encode(account: &AccountId) -> String {
    let mut bytes = vec![PREFIX as u8];
    bytes.extend(account.0);
    bytes.extend(checksum(&bytes));
    bs58::encode(bytes).into_string()
}

/// The account of an address, or of 64 hex digits after `0x`.
///
/// # Errors
/// [`AddressError`] by its rule.
pub fn decode(text: &str) -> Result<AccountId, AddressError> {
    if let Some(digits) = text.strip_prefix("0x") {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| AddressError::Malformed)?;
        return Ok(AccountId(bytes));
    }
    let bytes = bs58::decode(text).into_vec().map_err(|_| AddressError::Malformed)?;
    let [found, key @ .., c0, c1] = &bytes[..] else { return Err(AddressError::Malformed) };
    let account = AccountId(key.try_into().map_err(|_| AddressError::Malformed)?);
    if u16::from(*found) != PREFIX {
        return Err(AddressError::Prefix { found: *found });
    }
    if checksum(&bytes[..33]) != [*c0, *c1] {
        return Err(AddressError::Checksum);
    }
    Ok(account)
}

impl core::str::FromStr for AccountId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        decode(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_address_of_alice_reads_as_her_key() {
        // Substrate's published sr25519 development key; here only its 32 bytes matter.
        let bytes: [u8; 32] = hex::decode("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
            .unwrap()
            .try_into()
            .unwrap();
        let address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        assert_eq!(encode(&AccountId(bytes)), address);
        assert_eq!(decode(address), Ok(AccountId(bytes)));
    }

    #[test]
    fn a_mistyped_address_is_refused() {
        assert_eq!(decode("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ"), Err(AddressError::Checksum));
        assert_eq!(decode("5Grwva"), Err(AddressError::Malformed));
    }
}
