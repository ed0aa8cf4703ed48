//! The secrets of record encryption: wiped when dropped, never printed.

use core::fmt;
use zeroize::Zeroizing;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system's random source failed ({0}); no key was made, try again")]
pub struct RandomError(getrandom::Error);

/// `N` bytes from the operating system's random source.
pub(crate) fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, RandomError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..]).map_err(RandomError)?;
    Ok(bytes)
}

/// A secret of 32 bytes as a type of its own.
macro_rules! secret_bytes {
    ($(#[$doc:meta])+ $name:ident) => {
        $(#[$doc])+
        #[derive(Clone)]
        pub struct $name(zeroize::Zeroizing<[u8; 32]>);

        impl $name {
            /// A fresh one from the operating system's random source.
            ///
            /// # Errors
            /// When that source fails.
            pub fn generate() -> Result<Self, $crate::envelope::RandomError> {
                Ok(Self($crate::envelope::random_bytes()?))
            }

            /// The one of these bytes. The caller wipes its own copy.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(zeroize::Zeroizing::new(bytes))
            }

            /// The bytes, for the code that encrypts with them or stores them encrypted.
            pub(crate) fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }
    };
}
pub(crate) use secret_bytes;

secret_bytes! {
    /// The key one record version is encrypted under. Made by [`super::seal()`], carried by a [`super::Wrap`].
    ContentKey
}

secret_bytes! {
    /// An X25519 private key: opens the wraps made for its public half.
    KemSecret
}

impl KemSecret {
    /// The public half, which goes on chain.
    pub fn public(&self) -> KemPublic {
        let secret = x25519_dalek::StaticSecret::from(*self.expose());
        KemPublic(x25519_dalek::PublicKey::from(&secret).to_bytes())
    }

    /// The bytes, for a backup in shares alone: whoever has them opens every wrap made for this key.
    pub fn to_backup(&self) -> zeroize::Zeroizing<[u8; 32]> {
        self.0.clone()
    }
}

/// An X25519 public key that wraps are made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KemPublic(pub [u8; 32]);

impl fmt::Display for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", hex::encode(&self.0[..4]))
    }
}

/// The text is not an X25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an encryption key: expected 64 hex digits, with or without 0x")]
pub struct NotAKemKey;

impl core::str::FromStr for KemPublic {
    type Err = NotAKemKey;

    fn from_str(text: &str) -> Result<Self, NotAKemKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).map_err(|_| NotAKemKey)?;
        Ok(Self(bytes))
    }
}
