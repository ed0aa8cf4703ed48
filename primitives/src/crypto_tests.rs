//! Crypto: published vectors, the edge cases of Ed25519 with their verdicts frozen, and the keys no state may hold.

use core::convert::Infallible;

use super::*;

/// Bytes that no adversary of these tests foresees: enough for a batch's random factors.
struct Counter(u64);

impl rand_core::TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        for chunk in into.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&sha256(&self.0.to_le_bytes()).0[..chunk.len()]);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counter {}

fn bytes<const N: usize>(digits: &str) -> [u8; N] {
    hex::decode(digits).unwrap().try_into().unwrap()
}

fn claim(key: &str, message: &str, signature: &str) -> Claim {
    Claim { key: AccountId(bytes(key)), message: hex::decode(message).unwrap(), signature: Signature(bytes(signature)) }
}

/// The verdict on one claim, alone and in batches, which must agree.
fn verdict(claim: &Claim) -> bool {
    let alone = verify(&claim.key, &claim.message, &claim.signature);
    let good = KeyPair::from_seed(&[1; 32]);
    let good = Claim { key: good.public(), message: b"good".to_vec(), signature: good.sign(b"good") };
    assert_eq!(verify_batch(std::slice::from_ref(claim), Counter(0)), alone, "a batch of one");
    assert_eq!(verify_batch(&[good.clone(), claim.clone(), good], Counter(7)), alone, "a batch with good ones");
    assert_eq!(verify_batch(&[claim.clone(), claim.clone()], Counter(9)), alone, "twice in a batch");
    alone
}

#[test]
fn hashes_match_published_vectors() {
    assert_eq!(hex::encode(sha256(b"abc").0), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hex::encode(blake2_256(b"abc").0), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_eq!(
        hex::encode(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(sha256_of(&[b"a", b"bc"]), sha256(b"abc"));
    let mut stream = Sha256Stream::new();
    stream.update(b"ab");
    stream.update(b"c");
    assert_eq!(stream.finish(), sha256(b"abc"));
}

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    // Section 7.1: seed, public key, message, signature of tests 1, 2, 3 and SHA(abc).
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ),
    ];
    for (seed, public, message, signature) in vectors {
        let pair = KeyPair::from_seed(&bytes(seed));
        let claim = claim(public, message, signature);
        assert_eq!(pair.public().0, claim.key.0);
        assert_eq!(pair.sign(&claim.message).0, claim.signature.0);
        assert_eq!(check_key(&claim.key.0), Ok(()));
        assert!(verdict(&claim), "{public}");
        let mut other_message = claim.clone();
        other_message.message.push(0);
        assert!(!verdict(&other_message), "{public}");
        for byte in [0, 31, 32, 63] {
            let mut other_signature = claim.clone();
            other_signature.signature.0[byte] ^= 1;
            assert!(!verdict(&other_signature), "{public}, byte {byte}");
        }
    }
}

/// The point with y = -1, of order 2, in its second encoding.
const MINUS_ONE_SIGNED: &str = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

#[test]
fn the_verdicts_on_the_published_edge_cases_are_frozen() {
    // Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs (2020), table 6c, cases 0 to 11 in order: key, message,
    // signature, verdict under ZIP-215. "Mixed" is a point with a part of large and a part of small order.
    let small = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa";
    let mixed = "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43";
    let mixed_too = "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d";
    let ordinary = "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623";
    let cases = [
        // 0: S = 0, small key, small R
        (
            small,
            "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
            true,
        ),
        // 1: small key, mixed R
        (
            small,
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            true,
        ),
        // 2: mixed key, small R
        (
            mixed,
            "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
            true,
        ),
        // 3: mixed key, mixed R; both equations hold
        (
            mixed_too,
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
            true,
        ),
        // 4: mixed key, mixed R; only the equation times eight holds
        (
            mixed_too,
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
            true,
        ),
        // 5: the same, and the factor must not be reduced too early
        (
            mixed_too,
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
            true,
        ),
        // 6: S above the group's order
        (
            ordinary,
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
            false,
        ),
        // 7: S far above the group's order
        (
            ordinary,
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
            false,
        ),
        // 8: small R in a second encoding, which the signer hashed in its first
        (
            mixed,
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
            false,
        ),
        // 9: the same, hashed as it stands
        (
            mixed,
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
            true,
        ),
        // 10: small key in a second encoding, which the signer hashed in its first
        (
            MINUS_ONE_SIGNED,
            "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            true,
        ),
        // 11: the same, hashed as it stands
        (
            MINUS_ONE_SIGNED,
            "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            true,
        ),
    ];
    for (index, (key, message, signature, expected)) in cases.into_iter().enumerate() {
        assert_eq!(verdict(&claim(key, message, signature)), expected, "case {index}");
    }
    // What the rule lets through is harmless because such keys never enter state. A mixed key may: it has one
    // encoding, and only who knows its secret can sign for it.
    assert_eq!(check_key(&bytes(small)), Err(KeyError::Weak));
    assert_eq!(check_key(&bytes(MINUS_ONE_SIGNED)), Err(KeyError::NonCanonical));
    for key in [mixed, mixed_too, ordinary] {
        assert_eq!(check_key(&bytes(key)), Ok(()));
    }
}

/// The eight points of small order, each in its first encoding.
const TORSION: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

/// The second encodings of points of small order: a sign where there is none, or a y of at least p.
const TORSION_AGAIN: [&str; 6] = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    MINUS_ONE_SIGNED,
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn no_key_of_small_order_enters_state_in_any_encoding() {
    for key in TORSION {
        assert_eq!(check_key(&bytes(key)), Err(KeyError::Weak), "{key}");
    }
    for key in TORSION_AGAIN {
        assert_eq!(check_key(&bytes(key)), Err(KeyError::NonCanonical), "{key}");
    }
}

#[test]
fn one_signature_fits_every_message_under_a_key_of_small_order() {
    // Why check_key stands wherever a key enters state: 14 keys by 14 R, S = 0, whatever the message.
    let all = || TORSION.into_iter().chain(TORSION_AGAIN);
    let mut claims = Vec::new();
    for (key, r) in all().flat_map(|key| all().map(move |r| (key, r))) {
        let signature = [r, &"00".repeat(32)].concat();
        claims.extend(["00", "5a63617368"].map(|message| claim(key, message, &signature)));
    }
    assert_eq!(claims.len(), 14 * 14 * 2);
    for claim in &claims {
        assert!(verify(&claim.key, &claim.message, &claim.signature), "{claim:?}");
    }
    assert!(verify_batch(&claims, Counter(3)));
}

#[test]
fn a_y_of_at_least_p_is_refused_as_a_point_or_as_its_encoding() {
    // p = 2^255 - 19 ends in 0xed: 19 values of y have a second encoding, each with either sign.
    let refusals: Vec<_> = (0xed..=0xffu8)
        .map(|low| {
            let mut key: [u8; 32] = bytes(MINUS_ONE_SIGNED);
            key[0] = low;
            let signed = check_key(&key);
            key[31] = 0x7f;
            assert_eq!(check_key(&key), signed, "the sign changes nothing: {low:#04x}");
            signed
        })
        .collect();
    let on_the_curve: Vec<_> = (0u8..).zip(&refusals).filter(|(_, r)| **r == Err(KeyError::NonCanonical)).collect();
    let on_the_curve: Vec<_> = on_the_curve.into_iter().map(|(y, _)| y).collect();
    assert_eq!(on_the_curve, [0, 1, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18]);
    let others = refusals.iter().filter(|refusal| **refusal == Err(KeyError::NotAPoint));
    assert_eq!(others.count(), 19 - on_the_curve.len());
}

#[test]
fn bytes_that_are_no_point_are_no_key_and_verify_nothing() {
    // y = 2 is on the curve for no x.
    let key = "0200000000000000000000000000000000000000000000000000000000000000";
    assert_eq!(check_key(&bytes(key)), Err(KeyError::NotAPoint));
    assert!(!verdict(&claim(key, "00", &"00".repeat(64))));
}

#[test]
fn a_batch_with_one_bad_signature_is_bad_and_an_empty_one_is_good() {
    let claims: Vec<_> = (0..20)
        .map(|i| {
            let (pair, message) = (KeyPair::from_seed(&[i % 5 + 1; 32]), vec![i; usize::from(i)]);
            Claim { key: pair.public(), signature: pair.sign(&message), message }
        })
        .collect();
    assert!(verify_batch(&claims, Counter(1)));
    assert!(verify_batch(&[], Counter(1)));
    for bad in 0..claims.len() {
        let mut claims = claims.clone();
        claims[bad].signature.0[40] ^= 4;
        assert!(!verify_batch(&claims, Counter(1)), "claim {bad}");
    }
}

#[test]
fn neither_a_seed_nor_a_whole_key_shows_in_debug() {
    let pair = KeyPair::from_seed(&[0xab; 32]);
    let (shown, public) = (format!("{pair:?}"), hex::encode(pair.public().0));
    assert!(!shown.contains("abab") && !shown.contains(&public));
}
