//! What every HTTP request passes before its JSON is looked at: host, origin, token, size, time, depth.

use std::{net::IpAddr, sync::Arc, time::Instant};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Bytes, Incoming},
    header,
};
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, HttpRequest, HttpResponse, ws},
    types::ErrorObjectOwned,
};
use serde_json::{Value, json};
use tokio::time::timeout_at;
use tower::Service;

use super::{ServerConfig, address::Rate, depth, origin};
use crate::{
    connection::{Connection, Phase},
    counters::Cause,
    error::RpcError,
    node::Node,
};

/// Shared by all sockets.
pub(super) struct Gate {
    pub node: Arc<Node>,
    pub config: ServerConfig,
    refused: Rate,
}

/// Why a request is answered by HTTP and not by JSON-RPC.
struct Refused(StatusCode, &'static str);

impl Refused {
    fn answer(self) -> HttpResponse {
        let mut answer = HttpResponse::new(HttpBody::from(format!("{}\n", self.1)));
        *answer.status_mut() = self.0;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
        match self.0 {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            }
            StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            _ => {}
        }
        answer
    }
}

/// A JSON-RPC error without an id, for a request whose JSON was not read.
fn json_error(status: StatusCode, code: i32, message: &str, close: bool) -> HttpResponse {
    let error = ErrorObjectOwned::owned(code, message, None::<()>);
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string();
    let mut answer = HttpResponse::new(HttpBody::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    if close {
        headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    answer
}

/// The library's answer. It states an error type and never makes one.
fn answered(outcome: Result<HttpResponse, BoxError>) -> HttpResponse {
    outcome.unwrap_or_else(|_| Refused(StatusCode::INTERNAL_SERVER_ERROR, "no answer").answer())
}

/// Has a request, or one of a batch, an `id` member?
fn bears_an_id(json: &[u8]) -> bool {
    match serde_json::from_slice(json) {
        Ok(Value::Object(request)) => request.contains_key("id"),
        Ok(Value::Array(batch)) => batch.iter().any(|request| request.get("id").is_some()),
        _ => false,
    }
}

impl Gate {
    pub fn new(node: Arc<Node>, config: ServerConfig) -> Self {
        Self { refused: Rate::new(node.limits.rate_refused), node, config }
    }

    /// Answer one request, with `inner` behind the gate.
    pub async fn serve<S>(
        &self,
        mut inner: S,
        connection: Arc<Connection>,
        mut request: Request<Incoming>,
    ) -> HttpResponse
    where
        S: Service<HttpRequest, Response = HttpResponse, Error = BoxError> + Send,
        S::Future: Send,
    {
        connection.set_phase(Phase::Serving);
        let before = connection.request();
        if let Err(refused) = self.check(&request, connection.peer) {
            connection.set_phase(Phase::Idle);
            return refused.answer();
        }
        request.extensions_mut().insert(connection.clone());
        if ws::is_upgrade_request(&request) {
            if before > 0 {
                // The socket counts frames from the first empty line on.
                connection.set_phase(Phase::Idle);
                self.node.counters.refuse(Cause::Method);
                return Refused(StatusCode::BAD_REQUEST, "ask for a WebSocket on a connection of its own").answer();
            }
            // From here on the socket is a WebSocket: pings tell whether it lives.
            connection.becomes_websocket();
            return answered(inner.call(request.map(HttpBody::new)).await);
        }
        let answer = if request.method() == Method::POST {
            self.post(&mut inner, request).await
        } else {
            self.node.counters.refuse(Cause::Method);
            Refused(StatusCode::METHOD_NOT_ALLOWED, "JSON-RPC by POST, or connect by WebSocket").answer()
        };
        connection.set_phase(Phase::Idle);
        answer
    }

    fn check(&self, request: &Request<Incoming>, peer: IpAddr) -> Result<(), Refused> {
        let text = |name| request.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        if let Some(token) = &self.config.token {
            if token.opens(request.headers().get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes)) {
                // Who has the token is no web page that was lured here.
                return Ok(());
            }
            let refused = Refused(StatusCode::UNAUTHORIZED, "a bearer token is needed");
            return Err(self.refuse(Cause::Token, peer, refused));
        }
        let host = text(header::HOST).unwrap_or_default();
        if !origin::host_is_allowed(host, &self.config.hosts) {
            let refused = Refused(StatusCode::FORBIDDEN, "this Host is not served: list it in the node's rpc hosts");
            return Err(self.refuse(Cause::Host, peer, refused));
        }
        let origin = request.headers().contains_key(header::ORIGIN).then(|| text(header::ORIGIN).unwrap_or_default());
        match origin {
            Some(origin) if !origin::origin_is_allowed(origin, host, &self.config.origins) => {
                let refused =
                    Refused(StatusCode::FORBIDDEN, "this Origin is not served: list it in the node's rpc origins");
                Err(self.refuse(Cause::Origin, peer, refused))
            }
            _ => Ok(()),
        }
    }

    /// Count a refusal; who is refused too often is told to slow down.
    fn refuse(&self, cause: Cause, peer: IpAddr, refused: Refused) -> Refused {
        self.node.counters.refuse(cause);
        if self.refused.allows(peer, Instant::now()) {
            refused
        } else {
            Refused(StatusCode::TOO_MANY_REQUESTS, "too many refused requests; wait a second")
        }
    }

    async fn post<S>(&self, inner: &mut S, request: Request<Incoming>) -> HttpResponse
    where
        S: Service<HttpRequest, Response = HttpResponse, Error = BoxError>,
    {
        let (parts, body) = request.into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let max = self.node.limits.json_depth;
        if depth::is_deeper_than(&body, max) {
            self.node.counters.refuse(Cause::TooDeep);
            let error = RpcError::TooDeep { max };
            return json_error(StatusCode::OK, error.code(), &error.to_string(), false);
        }
        let asked = body.clone();
        let answer = answered(inner.call(Request::from_parts(parts, HttpBody::new(Full::new(body)))).await);
        if answer.body().size_hint().exact() != Some(4) {
            return answer;
        }
        // `null`: the library took it for notifications. It does so for a call whose id is no id, too.
        if bears_an_id(&asked) {
            return json_error(StatusCode::OK, -32600, "Invalid request: an id is a number, a string or null", false);
        }
        let mut nothing = HttpResponse::new(HttpBody::default());
        *nothing.status_mut() = StatusCode::ACCEPTED;
        nothing
    }

    /// Read a body within its size, its time and its rate.
    async fn read(&self, mut body: Incoming) -> Result<Bytes, HttpResponse> {
        let limits = &self.node.limits;
        let max = limits.request_bytes;
        let too_big = || {
            self.node.counters.refuse(Cause::TooLarge);
            let message = format!("Request is too big: at most {max} bytes");
            json_error(StatusCode::PAYLOAD_TOO_LARGE, -32007, &message, true)
        };
        let too_slow = || {
            self.node.counters.refuse(Cause::TooSlow);
            Refused(StatusCode::REQUEST_TIMEOUT, "the body took too long").answer()
        };
        if body.size_hint().lower() > max as u64 {
            return Err(too_big());
        }
        let start = tokio::time::Instant::now();
        let mut bytes = Vec::new();
        loop {
            // So many bytes must be there by then; more bytes buy more time, up to the whole time.
            let earned = std::time::Duration::from_millis(bytes.len() as u64 * 1_000 / limits.body_rate.max(1));
            let deadline = (start + limits.body_grace + earned).min(start + limits.body_time);
            let Ok(frame) = timeout_at(deadline, body.frame()).await else { return Err(too_slow()) };
            match frame {
                None => return Ok(bytes.into()),
                Some(Err(_)) => {
                    // The client is gone or speaks no HTTP: nobody reads this.
                    return Err(Refused(StatusCode::BAD_REQUEST, "the body ended early").answer());
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if bytes.len() + data.len() > max {
                        return Err(too_big());
                    }
                    bytes.extend_from_slice(&data);
                }
            }
        }
    }
}
