//! Why a node could not be asked, or did not answer as it should.

use salus_primitives::{Hash, Height};
use subxt::rpcs;

/// Why something of the chain could not be had. Each says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Nothing answers there.
    #[error(
        "no node answers at {url} ({reason}); start one with `salus-node run --dev`, or name another with --node URL or SALUS_NODE"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// Not an address of a node.
    #[error(
        "{url} is no address to use ({reason}); give ws://127.0.0.1:PORT for this machine and wss://HOST:PORT beyond it"
    )]
    BadUrl {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The node asks for a bearer token.
    #[error("{}", unauthorised(.url, *.token))]
    Unauthorised {
        /// Where.
        url: String,
        /// Was one given?
        token: bool,
    },
    /// The connection ended.
    #[error("the connection to the node was lost ({reason}); see whether the node runs, then try again")]
    Lost {
        /// What the connection said.
        reason: String,
    },
    /// A node of something else.
    #[error("{url} is a node of a chain with runtime \"{found}\", this program speaks to \"salus\"; check --node")]
    OtherChain {
        /// Where.
        url: String,
        /// Its runtime's name.
        found: String,
    },
    /// A node of another release.
    #[error("the node runs spec version {node}, this program knows {ours}; install the release of the node's version")]
    SpecVersion {
        /// The node's.
        node: u32,
        /// This program's.
        ours: u32,
    },
    /// The node refused a request.
    #[error("the node refused the request: {message} (code {code})")]
    Refused {
        /// JSON-RPC error code.
        code: i32,
        /// Its words, with what it adds.
        message: String,
    },
    /// The node does not know a block.
    #[error("the node has no block {0}; it may have pruned it, or the chain is not that long")]
    UnknownBlock(BlockName),
    /// The node answered with something that cannot be.
    #[error("the node's {what} cannot be read ({reason}); it is damaged, or of another release")]
    Malformed {
        /// What.
        what: &'static str,
        /// How.
        reason: String,
    },
    /// Whatever else the client library reports.
    #[error("the client library failed: {0}")]
    Client(String),
}

/// A block by what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockName {
    /// By hash.
    Hash(Hash),
    /// By height.
    Height(Height),
}

impl core::fmt::Display for BlockName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Hash(hash) => hash.fmt(f),
            Self::Height(height) => write!(f, "at height {height}"),
        }
    }
}

impl ChainError {
    /// Was there no node to talk to?
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. })
    }

    pub(super) fn connecting(url: &str, error: rpcs::Error) -> Self {
        let url = url.to_owned();
        match error {
            rpcs::Error::InsecureUrl(_) => {
                Self::BadUrl { url, reason: "unencrypted beyond this machine, or no URL".into() }
            }
            rpcs::Error::Client(error) => Self::BadUrl { url, reason: innermost(&*error) },
            other => Self::BadUrl { url, reason: other.to_string() },
        }
    }

    pub(super) fn unreachable(url: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Unreachable { url: url.to_owned(), reason: innermost(error) }
    }

    /// An error of the client library, made as plain as it can be.
    pub(super) fn from_client(error: impl std::error::Error + 'static) -> Self {
        // A lost connection is told by the transport, at the bottom of the chain of causes.
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(rpc) = current.downcast_ref::<rpcs::Error>() {
                return Self::of_rpc(rpc);
            }
            cause = current.source();
        }
        let text = error.to_string();
        if is_lost(&text) { Self::Lost { reason: text } } else { Self::Client(text) }
    }

    fn of_rpc(error: &rpcs::Error) -> Self {
        match error {
            rpcs::Error::User(user) => {
                let data = user.data.as_ref().map(|data| data.get().trim_matches('"').to_owned());
                let message = match data {
                    Some(data) => format!("{}: {data}", user.message),
                    None => user.message.clone(),
                };
                Self::Refused { code: user.code, message }
            }
            rpcs::Error::Client(error) => Self::Lost { reason: innermost(&**error) },
            rpcs::Error::DisconnectedWillReconnect(reason) => Self::Lost { reason: reason.clone() },
            other => Self::Malformed { what: "answer", reason: other.to_string() },
        }
    }
}

impl From<rpcs::Error> for ChainError {
    fn from(error: rpcs::Error) -> Self {
        Self::of_rpc(&error)
    }
}

fn unauthorised(url: &str, token: bool) -> String {
    if token {
        format!("{url} does not take this token; ask its operator for the present one")
    } else {
        format!("{url} asks for a token; name the file that has it with --token-file FILE")
    }
}

fn is_lost(text: &str) -> bool {
    ["connection", "Connection", "restart", "background task"].iter().any(|word| text.contains(word))
}

/// The words at the bottom of a chain of causes: what the operating system said.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    let text = current.to_string();
    // The library's own layers say nothing to whoever reads it.
    ["RPC error: ", "client error: ", "Error when opening the TCP socket: "]
        .iter()
        .fold(text.as_str(), |text, layer| text.strip_prefix(layer).unwrap_or(text))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_node_is_told_apart_from_a_refusal() {
        let gone = ChainError::Unreachable { url: "ws://127.0.0.1:1".into(), reason: "Connection refused".into() };
        assert!(gone.is_unreachable());
        assert!(gone.to_string().contains("salus-node run --dev"));
        assert!(!ChainError::SpecVersion { node: 2, ours: 1 }.is_unreachable());
    }

    #[test]
    fn a_refusal_of_the_node_keeps_its_code_and_its_words() {
        let data = serde_json::value::RawValue::from_string("\"Transaction is outdated\"".into()).unwrap();
        let user = rpcs::UserError { code: 1010, message: "Invalid Transaction".into(), data: Some(data) };
        let error = ChainError::from(rpcs::Error::User(user));
        assert_eq!(
            error,
            ChainError::Refused { code: 1010, message: "Invalid Transaction: Transaction is outdated".into() }
        );
    }

    #[tokio::test]
    async fn where_nothing_listens_the_error_says_what_to_start() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("ws://127.0.0.1:{port}");
        let error = crate::chain::Chain::connect(&url).await.unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        assert!(error.to_string().contains(&url));
    }

    #[tokio::test]
    async fn an_unencrypted_address_beyond_this_machine_is_refused() {
        let error = crate::chain::Chain::connect("ws://hospital.example:9944").await.unwrap_err();
        assert!(matches!(error, ChainError::BadUrl { .. }), "{error}");
        let error = crate::chain::Chain::connect("not a url").await.unwrap_err();
        assert!(matches!(error, ChainError::BadUrl { .. }), "{error}");
    }
}
