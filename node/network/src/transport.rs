//! From a socket to an encrypted, multiplexed and metered connection with a peer whose key is known.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    PeerId, StreamProtocol, Transport as _,
    core::{
        ConnectedPoint, StreamMuxer,
        muxing::{StreamMuxerBox, StreamMuxerEvent, SubstreamBox},
        transport::{Boxed, timeout::TransportTimeout},
        upgrade::{InboundConnectionUpgrade as _, OutboundConnectionUpgrade as _, UpgradeInfo as _, Version},
    },
    dns, identity, noise, tcp, yamux,
};
use multistream_select::{dialer_select_proto, listener_select_proto};
use tokio::time::Sleep;

use crate::{
    counters::Counter,
    handle::Shared,
    limits::{CLOSE_WITHIN, HANDSHAKE_WITHIN, MUXED_STREAMS_MAX, STREAMS_MAX},
    link::Link,
    meter::{Meter, Meters},
    peer::PeerKey,
};

/// The names of our protocols, each with the genesis hash in it: a node of another chain speaks none of them.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) genesis: salus_primitives::Hash,
    /// What identify calls the protocol.
    pub(crate) chain: String,
    pub(crate) direct: StreamProtocol,
    pub(crate) sync: StreamProtocol,
    pub(crate) gossip: StreamProtocol,
}

impl Names {
    pub(crate) fn new(genesis: &salus_primitives::Hash) -> Self {
        let name = |end: &str| {
            StreamProtocol::try_from_owned(format!("/salus/{genesis}/{end}")).expect("it begins with a slash")
        };
        Self {
            genesis: *genesis,
            chain: format!("/salus/{genesis}/1"),
            direct: name("direct/1"),
            sync: name("sync/1"),
            gossip: name("gossip"),
        }
    }
}

/// What the transport needs of the rest.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) names: Arc<Names>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) delay: Duration,
}

/// TCP, with names resolved where the system can, then Noise and Yamux.
pub(crate) fn transport(
    key: &identity::Keypair,
    around: &Surroundings,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let noise = noise::Config::new(key)?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(MUXED_STREAMS_MAX);
    let delay = around.delay;
    let sockets = || {
        tcp::tokio::Transport::new(tcp::Config::default().nodelay(true)).map(move |socket, _| Link::new(socket, delay))
    };
    let secured = {
        let (noise, yamux) = (noise.clone(), yamux.clone());
        move |link, point| upgrade(link, point, noise, yamux)
    };
    let transport = match dns::tokio::Transport::system(sockets()) {
        Ok(with_names) => TransportTimeout::new(with_names.and_then(secured), HANDSHAKE_WITHIN).boxed(),
        Err(error) => {
            tracing::warn!(%error, "host names cannot be resolved on this machine: only IP addresses are dialled");
            TransportTimeout::new(sockets().and_then(secured), HANDSHAKE_WITHIN).boxed()
        }
    };
    #[cfg(feature = "quic")]
    let transport = {
        use futures::future::Either;
        let quic = libp2p::quic::tokio::Transport::new(libp2p::quic::Config::new(key))
            .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
        transport.or_transport(quic).map(|either, _| match either {
            Either::Left(connection) | Either::Right(connection) => connection,
        })
    };
    let around = around.clone();
    Ok(transport.map(move |(peer, muxer), _| (peer, StreamMuxerBox::new(Metered::new(peer, muxer, &around)))).boxed())
}

/// Negotiate and do the handshake, in which the peer shows its key; then negotiate the multiplexer.
async fn upgrade<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    link: Link<S>,
    point: ConnectedPoint,
    noise: noise::Config,
    yamux: yamux::Config,
) -> io::Result<(PeerId, StreamMuxerBox)> {
    let allowance = link.allowance();
    let (peer, io) = if point.is_dialer() {
        let (name, io) =
            dialer_select_proto(link, noise.protocol_info(), Version::V1Lazy).await.map_err(io::Error::other)?;
        noise.upgrade_outbound(io, name).await
    } else {
        let (name, io) = listener_select_proto(link, noise.protocol_info()).await.map_err(io::Error::other)?;
        noise.upgrade_inbound(io, name).await
    }
    .map_err(io::Error::other)?;
    allowance.lift();
    let muxer = if point.is_dialer() {
        let (name, io) =
            dialer_select_proto(io, yamux.protocol_info(), Version::V1Lazy).await.map_err(io::Error::other)?;
        yamux.upgrade_outbound(io, name).await?
    } else {
        let (name, io) = listener_select_proto(io, yamux.protocol_info()).await.map_err(io::Error::other)?;
        yamux.upgrade_inbound(io, name).await?
    };
    Ok((peer, StreamMuxerBox::new(muxer)))
}

/// A connection whose streams and bytes are counted, and slowed down to the peer's quotas.
struct Metered {
    inner: StreamMuxerBox,
    meter: Arc<Meter>,
    around: Surroundings,
    /// Each stream that the peer opened holds one.
    open: Arc<()>,
    /// Closing takes no longer than this.
    closing: Option<Pin<Box<Sleep>>>,
}

impl Metered {
    fn new(peer: PeerId, inner: StreamMuxerBox, around: &Surroundings) -> Self {
        // A peer with another kind of key is refused next; until then it shares the meter of a key nobody has.
        let key = PeerKey::of(&peer).unwrap_or(PeerKey([0; 32]));
        let meter = around.meters.of(key, Instant::now());
        Self { inner, meter, around: around.clone(), open: Arc::new(()), closing: None }
    }

    fn stream(&self, inner: SubstreamBox, open: Option<Arc<()>>) -> MeteredStream {
        MeteredStream {
            inner,
            meter: Arc::clone(&self.meter),
            around: self.around.clone(),
            channel: Channel::Unknown(Vec::new()),
            paused: None,
            _open: open,
        }
    }
}

impl StreamMuxer for Metered {
    type Substream = MeteredStream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<MeteredStream>> {
        for _ in 0..STREAMS_MAX {
            let stream = ready!(Pin::new(&mut self.inner).poll_inbound(cx))?;
            let open = Arc::clone(&self.open);
            // This connection holds one, this stream another.
            if self.meter.stream(Instant::now()) && Arc::strong_count(&open) <= STREAMS_MAX + 2 {
                return Poll::Ready(Ok(self.stream(stream, Some(open))));
            }
            // Dropping it resets it.
            self.around.shared.counters.dropped_streams.one();
        }
        // There may be more; but other streams have their turn first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<MeteredStream>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_outbound(cx))?;
        Poll::Ready(Ok(self.stream(stream, None)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(outcome) = Pin::new(&mut self.inner).poll_close(cx) {
            return Poll::Ready(outcome);
        }
        let closing = self.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(CLOSE_WITHIN)));
        closing.as_mut().poll(cx).map(Ok)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

/// Longest beginning of a stream in which its protocol's name is looked for.
const HEAD_MAX: usize = 512;

/// Which protocol a stream is for, as far as the bytes read on it tell.
enum Channel {
    Unknown(Vec<u8>),
    Direct,
    Sync,
    Gossip,
    Other,
}

impl Channel {
    /// Look at the next bytes that were read: the negotiation names the protocol in both directions.
    fn look(&mut self, bytes: &[u8], names: &Names) {
        let Self::Unknown(head) = self else { return };
        head.extend_from_slice(&bytes[..bytes.len().min(HEAD_MAX)]);
        let has = |name: &str| head.windows(name.len()).any(|window| window == name.as_bytes());
        if has(names.gossip.as_ref()) {
            *self = Self::Gossip;
        } else if has(names.direct.as_ref()) {
            *self = Self::Direct;
        } else if has(names.sync.as_ref()) {
            *self = Self::Sync;
        } else if has("/ipfs/") {
            *self = Self::Other;
        } else if head.len() >= HEAD_MAX {
            // Whoever hides what a stream is for gets the smallest quota.
            *self = Self::Gossip;
        }
    }
}

/// A stream whose bytes are counted, and read no faster than the peer's quota allows.
struct MeteredStream {
    inner: SubstreamBox,
    meter: Arc<Meter>,
    around: Surroundings,
    channel: Channel,
    paused: Option<Pin<Box<Sleep>>>,
    /// Counts the streams that the peer has open.
    _open: Option<Arc<()>>,
}

impl MeteredStream {
    fn counters(&self) -> (&Counter, &Counter) {
        let counters = &self.around.shared.counters;
        match self.channel {
            Channel::Direct => (&counters.bytes_in_direct, &counters.bytes_out_direct),
            Channel::Sync => (&counters.bytes_in_sync, &counters.bytes_out_sync),
            Channel::Gossip => (&counters.bytes_in_gossip, &counters.bytes_out_gossip),
            Channel::Unknown(_) | Channel::Other => (&counters.bytes_in_other, &counters.bytes_out_other),
        }
    }
}

impl AsyncRead for MeteredStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.paused {
            ready!(pause.as_mut().poll(cx));
            self.paused = None;
        }
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if matches!(self.channel, Channel::Unknown(_)) {
            let names = Arc::clone(&self.around.names);
            self.channel.look(&buf[..read], &names);
        }
        self.counters().0.add(read);
        let gossip = matches!(self.channel, Channel::Gossip);
        if let Some(wait) = self.meter.read(read, gossip, Instant::now()) {
            self.around.shared.counters.throttled.one();
            self.paused = Some(Box::pin(tokio::time::sleep(wait)));
        }
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.counters().1.add(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
