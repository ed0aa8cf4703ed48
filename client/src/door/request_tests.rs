//! What a signature on a request binds, and what it can never be.

use super::*;
use parity_scale_codec::{Decode as _, Encode as _};
use salus_primitives::crypto::sha256;
use salus_runtime::RuntimeCall;

const GENESIS: Hash = Hash([7; 32]);
const HERE: OrganisationId = OrganisationId([1; 16]);
const THERE: OrganisationId = OrganisationId([2; 16]);
const TARGET: &str = "/v1/me/log?from=3";

fn key() -> KeyPair {
    KeyPair::from_seed(&[5; 32])
}

fn sample() -> SignedRequest {
    let request = Request { method: "GET", target: TARGET, body: sha256(b"") };
    SignedRequest::sign(&key(), &GENESIS, HERE, &request, RequestNonce([9; 16]), 1_800_000_000_000)
}

fn parsed(headers: &[(&'static str, String)]) -> Result<SignedRequest, HeaderProblem> {
    SignedRequest::parse(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()))
}

#[test]
fn a_request_reads_back_from_its_headers_and_is_signed() {
    let request = sample();
    assert_eq!(parsed(&request.headers()), Ok(request));
    assert!(request.is_signed(&GENESIS, "GET", TARGET));
}

#[test]
fn a_signature_fits_no_other_request_gateway_chain_key_nonce_expiry_or_body() {
    let request = sample();
    assert!(!request.is_signed(&Hash::ZERO, "GET", TARGET));
    assert!(!request.is_signed(&GENESIS, "PUT", TARGET));
    assert!(!request.is_signed(&GENESIS, "GET", "/v1/me/log?from=4"));
    for other in [
        SignedRequest { gateway: THERE, ..request },
        SignedRequest { account: KeyPair::from_seed(&[6; 32]).public(), ..request },
        SignedRequest { nonce: RequestNonce([8; 16]), ..request },
        SignedRequest { expires: request.expires + 1, ..request },
        SignedRequest { body: sha256(b"x"), ..request },
    ] {
        assert!(!other.is_signed(&GENESIS, "GET", TARGET), "{other:?}");
    }
}

#[test]
fn bytes_do_not_move_between_method_and_target() {
    let moved = Request { method: "GET/v1", target: "/me", body: sha256(b"") };
    let request = SignedRequest::sign(&key(), &GENESIS, HERE, &moved, RequestNonce([9; 16]), 1);
    assert!(request.is_signed(&GENESIS, "GET/v1", "/me"));
    assert!(!request.is_signed(&GENESIS, "GET", "/v1/me"));
}

#[test]
fn what_is_signed_is_never_a_call_and_a_signed_call_is_never_a_request() {
    let request = Request { method: "GET", target: TARGET, body: sha256(b"") };
    let bytes = message(&GENESIS, HERE, key().public(), &request, RequestNonce([9; 16]), 1);
    assert_eq!(bytes[0], salus_primitives::signed::RESERVED_PALLET_INDEX);
    assert!(RuntimeCall::decode(&mut &bytes[..]).is_err());
    // The same fields without the frame, which is what could be an extrinsic's payload.
    let bare = ("GET".as_bytes(), TARGET.as_bytes(), sha256(b""), HERE, key().public(), [9u8; 16], 1u64).encode();
    let signature = key().sign(&bare);
    let forged = SignedRequest { signature, expires: 1, ..sample() };
    assert!(!forged.is_signed(&GENESIS, "GET", TARGET));
}

#[test]
fn a_key_under_which_one_signature_fits_all_signs_nothing() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let forged = SignedRequest { account: AccountId(identity), signature: Signature(signature), ..sample() };
    let bytes = message(
        &GENESIS,
        HERE,
        forged.account,
        &Request { method: "GET", target: TARGET, body: forged.body },
        forged.nonce,
        forged.expires,
    );
    assert!(verify(&forged.account, &bytes, &forged.signature), "the rule alone lets it through");
    assert!(!forged.is_signed(&GENESIS, "GET", TARGET));
}

#[test]
fn a_header_that_is_missing_or_does_not_read_is_named() {
    let headers = sample().headers();
    for place in 0..headers.len() {
        let name = headers[place].0;
        let mut without = headers.to_vec();
        without.remove(place);
        assert_eq!(parsed(&without), Err(HeaderProblem::Missing(name)));
        for bad in ["", "x", "00", "-1", "18446744073709551616"] {
            let mut changed = headers.to_vec();
            changed[place].1 = bad.to_owned();
            if name == HEADER_EXPIRES && bad == "00" {
                continue;
            }
            assert_eq!(parsed(&changed), Err(HeaderProblem::Malformed(name)), "{bad}");
        }
    }
}

#[test]
fn the_signed_bytes_are_those_of_the_documentation() {
    let request = Request { method: "GET", target: "/v1/me", body: sha256(b"") };
    let bytes = message(&GENESIS, HERE, AccountId([3; 32]), &request, RequestNonce([9; 16]), 258);
    let mut expected = b"<Bytes>salus/request/1".to_vec();
    expected.extend([7; 32]);
    expected.extend(b"\x0cGET\x18/v1/me");
    expected.extend(sha256(b"").0);
    expected.extend([1; 16]);
    expected.extend([3; 32]);
    expected.extend([9; 16]);
    expected.extend([2, 1, 0, 0, 0, 0, 0, 0]);
    expected.extend(b"</Bytes>");
    assert_eq!(bytes, expected);
}
