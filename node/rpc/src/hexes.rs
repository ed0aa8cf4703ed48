//! Hex as clients write it and as they want it back.

use salus_primitives::Hash;

/// `0x` and lower-case digits: the one form that goes out.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    text.push_str(&hex::encode(bytes));
    text
}

/// Bytes of hex with or without `0x`; the empty text and `0x` are no bytes. None for anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()
}

/// A 32-byte hash in hex with or without `0x`.
pub fn decode_hash(text: &str) -> Option<Hash> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_clients_send_is_read() {
        for text in ["0x0aff", "0aff", "0x0AFF"] {
            assert_eq!(decode(text), Some(vec![0x0a, 0xff]), "{text}");
        }
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("0x"), Some(vec![]));
    }

    #[test]
    fn half_a_byte_and_other_letters_are_refused() {
        for text in ["0x0", "0xzz", "0X00", " 00"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn what_goes_out_is_lower_case_with_its_prefix() {
        assert_eq!(encode([0xAB]), "0xab");
        assert_eq!(encode([]), "0x");
    }
}
