//! Storage keys, as metadata declares them: `twox128(pallet) ++ twox128(item) ++ hasher(key)…`.

use twox_hash::XxHash64;

/// XX-128: two XX-64 with seeds 0 and 1, little-endian, as Substrate has it.
pub fn twox_128(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&XxHash64::oneshot(0, bytes).to_le_bytes());
    out[8..].copy_from_slice(&XxHash64::oneshot(1, bytes).to_le_bytes());
    out
}

/// XX-64 with seed 0, little-endian.
pub fn twox_64(bytes: &[u8]) -> [u8; 8] {
    XxHash64::oneshot(0, bytes).to_le_bytes()
}

/// The 32 bytes that every key of one storage item starts with.
pub fn prefix(pallet: &str, item: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out[..16].copy_from_slice(&twox_128(pallet.as_bytes()));
    out[16..].copy_from_slice(&twox_128(item.as_bytes()));
    out
}

/// `:code`, where clients look to see whether the runtime changed.
pub const CODE: &[u8] = b":code";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_key_is_the_one_clients_compute() {
        assert_eq!(
            hex::encode(prefix("System", "Events")),
            "26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7"
        );
    }
}
