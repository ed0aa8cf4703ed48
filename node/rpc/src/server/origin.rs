//! Who may ask: no web page that reached this machine under a name of its own (DNS rebinding), and no foreign page
//! at all.

use std::net::IpAddr;

/// The host of `host[:port]`, brackets of an IPv6 address taken off, in lower case; none when it is malformed.
fn host_of(authority: &str) -> Option<String> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(after) => after.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_fits = match rest.strip_prefix(':') {
        None => rest.is_empty(),
        Some(port) => port.parse::<u16>().is_ok(),
    };
    let name_fits = !host.is_empty() && !host.contains(['/', '@', '[', ']', ' ']);
    (port_fits && name_fits).then(|| host.to_ascii_lowercase())
}

/// May a request name this `Host`? A rebound name is never an address, so addresses and `localhost` pass, and the
/// names the operator listed.
pub(super) fn host_is_allowed(authority: &str, listed: &[String]) -> bool {
    let Some(host) = host_of(authority) else { return false };
    host == "localhost" || host.parse::<IpAddr>().is_ok() || listed.iter().any(|name| name.eq_ignore_ascii_case(&host))
}

/// May a page of this `Origin` ask? Pages of this machine, of the very host asked, and those the operator listed.
pub(super) fn origin_is_allowed(origin: &str, asked: &str, listed: &[String]) -> bool {
    if listed.iter().any(|name| name.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let Some(host) = host_of(authority) else { return false };
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_here || host_of(asked).is_some_and(|asked| asked == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_pass_and_names_must_be_listed() {
        for host in ["localhost:9944", "127.0.0.1", "[::1]:9944", "10.1.2.3:80", "LOCALHOST"] {
            assert!(host_is_allowed(host, &[]), "{host}");
        }
        for host in ["evil.example:9944", "", "localhost.evil.example", "localhost:99999", "[::1", "localhost@evil"] {
            assert!(!host_is_allowed(host, &[]), "{host}");
        }
        assert!(host_is_allowed("node.hospital.example:9944", &["Node.hospital.example".into()]));
    }

    #[test]
    fn a_foreign_page_is_refused_and_a_page_of_this_machine_is_not() {
        for origin in ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8080"] {
            assert!(origin_is_allowed(origin, "127.0.0.1:9944", &[]), "{origin}");
        }
        for origin in ["https://evil.example", "null", "", "http://10.0.0.9"] {
            assert!(!origin_is_allowed(origin, "127.0.0.1:9944", &[]), "{origin}");
        }
        assert!(origin_is_allowed("http://10.0.0.9:9944", "10.0.0.9:9944", &[]));
        assert!(origin_is_allowed("https://portal.example", "127.0.0.1", &["https://portal.example".into()]));
    }
}
