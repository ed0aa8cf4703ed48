//! The tasks that read and write direct streams: one reader per stream a peer opened, one writer per peer.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use libp2p::swarm::ConnectionId;
use tokio::sync::mpsc;

use crate::{
    event::Event,
    frame::{Body, FrameError, Kind, Records, read_body, read_head, skip_body},
    handle::Shared,
    lane::Lane,
    limits::READERS_MAX,
    meter::Meter,
    peer::PeerKey,
};

/// What these tasks tell the network's task.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The peer sent what is no frame.
    Malformed(PeerKey, String),
    /// The peer opened more streams than it may.
    TooManyStreams(PeerKey),
    /// The peer sent address records.
    Records(PeerKey, Records),
    /// The peer spoke of its tip.
    Tip(PeerKey, salus_primitives::Height),
    /// The stream to the peer, opened on this connection as the lane's stream of this number, is at its end.
    Ended(PeerKey, ConnectionId, u64),
}

/// Reads the frames of one peer.
pub(crate) struct Reader {
    pub(crate) peer: PeerKey,
    pub(crate) meter: Arc<Meter>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) notices: mpsc::Sender<Notice>,
}

impl Reader {
    /// Read until the stream ends, the peer is shut out or nobody listens any more.
    pub(crate) async fn run(self, mut stream: impl AsyncRead + Unpin) {
        let readers = self.meter.readers.fetch_add(1, Relaxed);
        if readers >= READERS_MAX {
            let _ = self.notices.send(Notice::TooManyStreams(self.peer)).await;
        } else {
            let error = loop {
                match self.next(&mut stream).await {
                    Ok(true) => {}
                    Ok(false) => break None,
                    Err(error) => break Some(error),
                }
            };
            if let Some(error) = error.filter(FrameError::is_malformed) {
                let _ = self.notices.send(Notice::Malformed(self.peer, error.to_string())).await;
            }
        }
        self.meter.readers.fetch_sub(1, Relaxed);
    }

    /// Read and pass on one frame. When the user is slow this waits, and so does the peer. `false`: no more.
    async fn next(&self, stream: &mut (impl AsyncRead + Unpin)) -> Result<bool, FrameError> {
        let (kind, length) = read_head(stream).await?;
        let counters = &self.shared.counters;
        if !self.meter.frame(kind, Instant::now()) {
            counters.dropped_quota.one();
            skip_body(stream, length).await?;
            return Ok(true);
        }
        if matches!(kind, Kind::Message | Kind::Block) && !self.meter.speaks.load(Relaxed) {
            counters.dropped_not_validator.one();
            skip_body(stream, length).await?;
            return Ok(true);
        }
        let body = read_body(stream, kind, length).await?;
        if self.meter.shut.load(Relaxed) {
            return Ok(false);
        }
        let peer = self.peer;
        let event = match body {
            Body::Message(message) => {
                counters.messages_in.one();
                Event::Message { peer, message }
            }
            Body::Block(block) => {
                counters.blocks_in.one();
                Event::Block { peer, block }
            }
            Body::Tip(tip) => {
                counters.tips_in.one();
                if self.notices.send(Notice::Tip(peer, tip)).await.is_err() {
                    return Ok(false);
                }
                Event::Tip { peer, tip }
            }
            Body::Records(records) => {
                counters.records_in.add(records.len());
                return Ok(self.notices.send(Notice::Records(peer, records)).await.is_ok());
            }
        };
        Ok(self.events.send(event).await.is_ok())
    }
}

/// Write what waits in a lane until the stream breaks, another one takes over, or the lane closes.
pub(crate) async fn write(
    peer: PeerKey,
    connection: ConnectionId,
    lane: Arc<Lane>,
    number: u64,
    mut stream: impl AsyncWrite + Unpin,
    notices: mpsc::Sender<Notice>,
) {
    while let Some(frame) = lane.next(number).await {
        if stream.write_all(&frame).await.is_err() || (lane.is_empty() && stream.flush().await.is_err()) {
            break;
        }
    }
    let _ = stream.close().await;
    let _ = notices.send(Notice::Ended(peer, connection, number)).await;
}
