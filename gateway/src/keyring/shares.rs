//! A custodian's key in parts: any m of n give it back, fewer tell nothing (Shamir over GF(256), one byte at a time).
//!
//! ```text
//! salus-share 1
//! key     <64 hex digits, the public half>
//! split   <8 hex digits, the same in all shares of one splitting>
//! share   2 of 5, any 3 give the key back
//! part    <64 hex digits, secret>
//! check   <8 hex digits>
//! ```
//!
//! check = first 4 bytes of SHA-256("salus/share/1" ++ key ++ split ++ index ++ count ++ needed ++ part). Lines are in
//! this order; blanks do not matter, so that a share may be typed from paper.

use core::fmt;

use blahaj::Sharks;
use salus_client::envelope::{KemPublic, KemSecret, RandomError};
use salus_primitives::crypto::sha256_of;
use zeroize::Zeroizing;

/// Most shares of one key.
pub const SHARES_MAX: u8 = 32;
const TITLE: &str = "salus-share";
const VERSION: &str = "1";
const LABEL: &[u8] = b"salus/share/1";

/// One part of a key. Its `Debug` shows nothing secret; its `Display` is the text to keep.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    /// The key it is a part of.
    pub key: KemPublic,
    /// The same in all shares of one splitting: those of two do not go together.
    pub split: [u8; 4],
    /// Which share it is, from 1.
    pub index: u8,
    /// How many there are.
    pub count: u8,
    /// How many give the key back.
    pub needed: u8,
    pub(super) part: Zeroizing<[u8; 32]>,
}

/// Why a key was not split or not given back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Numbers that make no sense.
    #[error("{needed} of {count} shares: at least 2 have to be needed, and at most all of at most {SHARES_MAX}")]
    Numbers {
        /// How many are needed.
        needed: u8,
        /// How many there are.
        count: u8,
    },
    /// Not a share.
    #[error("not a share of a key: {reason}; compare it with the paper, line by line")]
    Text {
        /// What is wrong, nothing of the share itself.
        reason: &'static str,
    },
    /// A newer form.
    #[error("a share of version {found}, this program reads version {VERSION}; update it")]
    Version {
        /// The version found.
        found: String,
    },
    /// A digit changed.
    #[error("the share's check digits do not fit; compare it with the paper, digit by digit")]
    Damaged,
    /// Shares of two keys.
    #[error("shares of two keys, {one} and {other}; use shares of one")]
    OtherKey {
        /// The first's.
        one: String,
        /// Another's.
        other: String,
    },
    /// Shares of two splittings.
    #[error("shares of two splittings of the key, {one} and {other}; use those of one")]
    OtherSplit {
        /// The first's.
        one: String,
        /// Another's.
        other: String,
    },
    /// One share twice.
    #[error("share {index} is given twice; give another")]
    Twice {
        /// Which.
        index: u8,
    },
    /// Not enough.
    #[error("{found} shares, {needed} are needed; find {missing} more", missing = .needed.saturating_sub(*.found))]
    TooFew {
        /// How many there are.
        found: u8,
        /// How many are needed.
        needed: u8,
    },
    /// They give another key than they say.
    #[error("the shares do not give the key they name: one was made up; try others")]
    WrongKey,
    /// No randomness.
    #[error("the system's random source failed; no share was made, try again")]
    Random,
}

impl From<RandomError> for ShareError {
    fn from(_: RandomError) -> Self {
        Self::Random
    }
}

/// Split a key into `count` shares, any `needed` of which give it back.
///
/// # Errors
/// [`ShareError::Numbers`] and [`ShareError::Random`].
pub fn split(secret: &KemSecret, needed: u8, count: u8) -> Result<Vec<Share>, ShareError> {
    if needed < 2 || needed > count || count > SHARES_MAX {
        return Err(ShareError::Numbers { needed, count });
    }
    let mut split = [0; 4];
    getrandom::fill(&mut split).map_err(|_| ShareError::Random)?;
    let (key, bytes) = (secret.public(), secret.to_backup());
    let shares = Sharks(needed).dealer(&bytes[..]).take(usize::from(count));
    let shares = shares.map(|share| {
        let bytes = Zeroizing::new(Vec::from(&share));
        let (index, part) = bytes.split_first().expect("a share has an index");
        let part = Zeroizing::new(<[u8; 32]>::try_from(part).expect("a share is as long as the key"));
        Share { key, split, index: *index, count, needed, part }
    });
    Ok(shares.collect())
}

/// Give a key back from shares of it, and check that it is the one they name.
///
/// # Errors
/// [`ShareError`] by what is wrong with them.
pub fn combine(shares: &[Share]) -> Result<KemSecret, ShareError> {
    let first = shares.first().ok_or(ShareError::TooFew { found: 0, needed: 2 })?;
    let mut seen = Vec::new();
    for share in shares {
        if share.key != first.key {
            let [one, other] = [first, share].map(|share| super::fingerprint(&share.key));
            return Err(ShareError::OtherKey { one, other });
        }
        if (share.split, share.needed, share.count) != (first.split, first.needed, first.count) {
            let [one, other] = [first, share].map(|share| hex::encode(share.split));
            return Err(ShareError::OtherSplit { one, other });
        }
        if seen.contains(&share.index) {
            return Err(ShareError::Twice { index: share.index });
        }
        seen.push(share.index);
    }
    let found = u8::try_from(shares.len()).unwrap_or(u8::MAX);
    if found < first.needed {
        return Err(ShareError::TooFew { found, needed: first.needed });
    }
    let parts: Vec<blahaj::Share> = shares
        .iter()
        .map(|share| {
            let bytes = Zeroizing::new([&[share.index], &share.part[..]].concat());
            blahaj::Share::try_from(&bytes[..]).map_err(|reason| ShareError::Text { reason })
        })
        .collect::<Result<_, _>>()?;
    let bytes = Sharks(first.needed).recover(&parts).map(Zeroizing::new).map_err(|_| ShareError::WrongKey)?;
    let secret = KemSecret::from_bytes(bytes[..].try_into().map_err(|_| ShareError::WrongKey)?);
    if secret.public() == first.key { Ok(secret) } else { Err(ShareError::WrongKey) }
}

impl Share {
    fn check(&self) -> [u8; 4] {
        let numbers = [self.index, self.count, self.needed];
        let digest = sha256_of(&[LABEL, &self.key.0, &self.split, &numbers, &self.part[..]]);
        *digest.0.first_chunk().expect("32 bytes hold 4")
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {} of {:?})", self.index, self.count, self.key)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE} {VERSION}")?;
        writeln!(f, "key     {}", hex::encode(self.key.0))?;
        writeln!(f, "split   {}", hex::encode(self.split))?;
        writeln!(f, "share   {} of {}, any {} give the key back", self.index, self.count, self.needed)?;
        writeln!(f, "part    {}", Zeroizing::new(hex::encode(&self.part[..])).as_str())?;
        writeln!(f, "check   {}", hex::encode(self.check()))
    }
}

impl core::str::FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let wrong = |reason| ShareError::Text { reason };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut line = |name: &'static str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)).map(str::trim);
            line.ok_or(wrong("a line is missing or another stands in its place"))
        };
        let version = line(TITLE)?;
        if version != VERSION {
            return Err(ShareError::Version { found: version.to_owned() });
        }
        let key = KemPublic(bytes(line("key")?)?);
        let split = bytes(line("split")?)?;
        let numbers: Vec<&str> = line("share")?.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
        let numbers: Vec<u8> = numbers.into_iter().map_while(|word| word.parse().ok()).collect();
        let [index, count, needed] = numbers[..] else { return Err(wrong("its line `share` has to have three numbers")) };
        let part = Zeroizing::new(bytes(line("part")?)?);
        let check: [u8; 4] = bytes(line("check")?)?;
        if lines.next().is_some() {
            return Err(wrong("something follows its last line"));
        }
        let share = Self { key, split, index, count, needed, part };
        if share.check() != check {
            return Err(ShareError::Damaged);
        }
        if needed < 2 || needed > count || count > SHARES_MAX || !(1..=count).contains(&index) {
            return Err(ShareError::Numbers { needed, count });
        }
        Ok(share)
    }
}

/// Hex digits, blanks among them or not.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], ShareError> {
    let digits = Zeroizing::new(text.split_whitespace().collect::<String>());
    let mut bytes = [0; N];
    hex::decode_to_slice(digits.as_bytes(), &mut bytes)
        .map_err(|_| ShareError::Text { reason: "a line does not have its number of hex digits" })?;
    Ok(bytes)
}
