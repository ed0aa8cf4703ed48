//! Requests and answers as they pass through the network's task.

use std::{io, time::Instant};

use libp2p::request_response::{self, InboundFailure, Message, OutboundFailure};
use parity_scale_codec::Encode;
use salus_sync::wire::{Request, Response};

use crate::{
    event::{Event, RequestFailure, RequestToken},
    exchange::Asked,
    peer::PeerKey,
    requests::Ask,
    service::Service,
};

impl Service {
    /// The user asks a peer.
    pub(crate) fn ask(&mut self, ask: Ask, now: Instant) {
        if !self.peers.contains_key(&ask.peer) {
            self.failed(ask, RequestFailure::NotConnected);
        } else if !self.asks.push(ask, now) {
            self.failed(ask, RequestFailure::TooMany);
        }
    }

    /// Send the requests whose turn it is.
    pub(crate) fn send_requests(&mut self, now: Instant) {
        while let Some(ask) = self.asks.next(now) {
            self.shared.counters.requests_out.one();
            let number =
                self.swarm.behaviour_mut().exchange.send_request(&ask.peer.peer_id(), Asked::Request(ask.request));
            self.asks.sent(number, ask);
        }
    }

    pub(crate) fn failed(&mut self, ask: Ask, why: RequestFailure) {
        let counters = &self.shared.counters;
        match why {
            RequestFailure::Timeout => counters.requests_timed_out.one(),
            _ => counters.requests_failed.one(),
        }
        self.tell(Event::RequestFailed { peer: ask.peer, id: ask.id, why });
    }

    pub(crate) fn exchange(&mut self, event: request_response::Event<Asked, Response>, now: Instant) {
        match event {
            request_response::Event::Message { peer, message, .. } => {
                let Some(peer) = PeerKey::of(&peer) else { return };
                match message {
                    Message::Request { request_id, request, channel } => {
                        let serves = self.serving.begin(request_id, peer);
                        match request {
                            Asked::Request(request) => {
                                self.requested(RequestToken { peer, channel }, request, serves, now);
                            }
                            Asked::Malformed(what) => self.malformed(peer, &format!("a request: {what}")),
                        }
                    }
                    Message::Response { request_id, response } => {
                        let bytes = response.encoded_size();
                        let Some(ask) = self.asks.done(&request_id, bytes, now) else { return };
                        if response.fits(&ask.request) {
                            self.tell(Event::Response { peer, id: ask.id, response });
                        } else {
                            self.failed(ask, RequestFailure::BadAnswer);
                            self.malformed(peer, "an answer to another question");
                        }
                    }
                }
            }
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                let Some(ask) = self.asks.done(&request_id, 0, now) else { return };
                let why = match &error {
                    OutboundFailure::DialFailure | OutboundFailure::ConnectionClosed => RequestFailure::NotConnected,
                    OutboundFailure::Timeout => RequestFailure::Timeout,
                    OutboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                        RequestFailure::BadAnswer
                    }
                    OutboundFailure::Io(_) | OutboundFailure::UnsupportedProtocols => RequestFailure::Broken,
                };
                self.failed(ask, why);
                if why == RequestFailure::BadAnswer {
                    self.malformed(ask.peer, &format!("an answer: {error}"));
                }
            }
            request_response::Event::InboundFailure { request_id, error, .. } => {
                self.serving.end(&request_id);
                if matches!(error, InboundFailure::ResponseOmission | InboundFailure::Timeout) {
                    self.shared.counters.requests_refused.one();
                }
            }
            request_response::Event::ResponseSent { request_id, .. } => self.serving.end(&request_id),
        }
    }

    /// A peer asks: pass it on, or say that this is not the time.
    fn requested(&mut self, token: RequestToken, request: Request, serves: bool, now: Instant) {
        let counters = &self.shared.counters;
        counters.requests_in.one();
        let within = self.peers.get(&token.peer).is_some_and(|peer| peer.meter.request(now));
        let token = if serves && within {
            match self.bulk.try_send(Event::Request { peer: token.peer, token, request }) {
                Ok(()) => return,
                Err(error) => match error.into_inner() {
                    Event::Request { token, .. } => token,
                    _ => return,
                },
            }
        } else {
            token
        };
        counters.requests_refused.one();
        // Where the peer is gone there is nobody to tell.
        let _ = self.swarm.behaviour_mut().exchange.send_response(token.channel, Response::Busy);
    }
}
