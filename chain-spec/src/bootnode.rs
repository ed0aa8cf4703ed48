//! Addresses of nodes to dial first, checked by their form: whoever wrote one wrongly learns it from the file, not from
//! a node that finds no peers.
//!
//! ```text
//! /<host>/<transport>/p2p/<peer id>
//! host       ip4/192.0.2.1   ip6/2001:db8::1   dns/node.example   dns4/…   dns6/…
//! transport  tcp/30333       udp/30333/quic-v1
//! ```
//! The peer id must stand there: a node connects to nobody whose key it does not know beforehand.

use std::net::{Ipv4Addr, Ipv6Addr};

use salus_primitives::{AccountId, crypto::check_key};

use crate::peer_id::{PeerIdError, network_key_of};

/// Most addresses in a specification.
pub const BOOTNODES_MAX: usize = 100;
/// Longest name of a host, bytes, as DNS has it.
const NAME_MAX: usize = 253;
/// Longest part of a name between two dots, bytes.
const LABEL_MAX: usize = 63;

/// Why a text is not the address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootnodeError {
    /// Not of the form.
    #[error("expected /ip4, /ip6, /dns, /dns4 or /dns6, then /tcp/PORT or /udp/PORT/quic-v1, then /p2p/PEER_ID")]
    Form,
    /// Not a host of its kind.
    #[error("{found:?} is no {kind} host")]
    Host {
        /// Which kind: `ip4`, `ip6`, `dns`, `dns4` or `dns6`.
        kind: String,
        /// What stands there.
        found: String,
    },
    /// Not a port.
    #[error("{found:?} is no port: 1 to 65535 is expected")]
    Port {
        /// What stands there.
        found: String,
    },
    /// Not the peer id of an acceptable key.
    #[error("the peer id: {0}")]
    PeerId(#[from] PeerIdError),
    /// A key that may be nobody's.
    #[error("the peer id: {0}")]
    Key(#[from] salus_primitives::crypto::KeyError),
}

/// Check the address of a node; the network key it must show when it is dialled.
///
/// # Errors
/// [`BootnodeError`] by its rule.
pub fn check_bootnode(text: &str) -> Result<AccountId, BootnodeError> {
    let parts: Vec<&str> = text.strip_prefix('/').ok_or(BootnodeError::Form)?.split('/').collect();
    let (kind, host, port, peer_id) = match parts[..] {
        [kind, host, "tcp", port, "p2p", peer_id] => (kind, host, port, peer_id),
        [kind, host, "udp", port, "quic-v1", "p2p", peer_id] => (kind, host, port, peer_id),
        _ => return Err(BootnodeError::Form),
    };
    let fits = match kind {
        "ip4" => host.parse::<Ipv4Addr>().is_ok(),
        "ip6" => host.parse::<Ipv6Addr>().is_ok(),
        "dns" | "dns4" | "dns6" => is_name(host),
        _ => return Err(BootnodeError::Form),
    };
    if !fits {
        return Err(BootnodeError::Host { kind: kind.into(), found: host.into() });
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || port.starts_with('0') || port.parse::<u16>().is_err() {
        return Err(BootnodeError::Port { found: port.into() });
    }
    let key = network_key_of(peer_id)?;
    check_key(&key.0)?;
    Ok(key)
}

/// Is this a name that DNS could know?
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= NAME_MAX && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{peer_id_of, presets::development_key};

    fn peer() -> String {
        peer_id_of(&development_key("network").public())
    }

    #[test]
    fn addresses_that_can_be_dialled_are_taken_with_the_key_they_name() {
        for address in [
            "/ip4/192.0.2.1/tcp/30333",
            "/ip6/2001:db8::1/tcp/1",
            "/dns/node-1.hospital.example/tcp/65535",
            "/dns4/localhost/tcp/30333",
            "/dns6/a/udp/30333/quic-v1",
            "/ip4/127.0.0.1/udp/30333/quic-v1",
        ] {
            let key = check_bootnode(&format!("{address}/p2p/{}", peer()));
            assert_eq!(key, Ok(development_key("network").public()), "{address}");
        }
    }

    #[test]
    fn an_address_of_another_form_is_refused() {
        let peer = peer();
        for form in [
            String::new(),
            "192.0.2.1:30333".into(),
            "/ip4/192.0.2.1/tcp/30333".into(),
            format!("/ip4/192.0.2.1/udp/30333/p2p/{peer}"),
            format!("/unix/a/tcp/30333/p2p/{peer}"),
            format!("ip4/192.0.2.1/tcp/30333/p2p/{peer}"),
            format!("/ip4/192.0.2.1/tcp/30333/p2p/{peer}/"),
            format!("/ip4/192.0.2.1/tcp/30333/ws/p2p/{peer}"),
        ] {
            assert_eq!(check_bootnode(&form), Err(BootnodeError::Form), "{form}");
        }
    }

    #[test]
    fn hosts_and_ports_that_cannot_be_are_named() {
        let with = |kind: &str, host: &str, port: &str| {
            check_bootnode(&format!("/{kind}/{host}/tcp/{port}/p2p/{}", peer())).unwrap_err()
        };
        let long = "a".repeat(64);
        for (kind, host) in [
            ("ip4", "300.0.0.1"),
            ("ip6", "1.2.3.4"),
            ("dns", ""),
            ("dns", "-a.b"),
            ("dns4", &long),
            ("dns", "a..b"),
            ("dns", "ä"),
        ] {
            let expected = BootnodeError::Host { kind: kind.into(), found: host.into() };
            assert_eq!(with(kind, host, "30333"), expected);
        }
        for port in ["", "0", "65536", "x", "+1", "030"] {
            assert_eq!(with("ip4", "192.0.2.1", port), BootnodeError::Port { found: port.into() });
        }
    }

    #[test]
    fn a_peer_id_of_another_or_a_weak_key_is_refused() {
        let with = |peer_id: &str| check_bootnode(&format!("/ip4/192.0.2.1/tcp/30333/p2p/{peer_id}")).unwrap_err();
        let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        assert_eq!(with(rsa), BootnodeError::PeerId(PeerIdError::NotEd25519));
        let mut weak = AccountId([0; 32]);
        weak.0[0] = 1;
        assert!(matches!(with(&peer_id_of(&weak)), BootnodeError::Key(_)));
    }
}
