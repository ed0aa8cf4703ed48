//! A socket that watches itself: the time a request's head takes, writes that stall, messages without an answer, and
//! the order to close.

use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

use super::{address::Place, dialogue::Dialogue};
use crate::{
    connection::{Connection, Phase},
    counters::{Cause, Counters},
    limits::Limits,
};

const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The order to close. A socket is asked again after it has failed, and a future may not be: so this remembers.
struct Cut(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Cut {
    fn is_given(&mut self, cx: &mut Context<'_>) -> bool {
        if self.0.as_mut().is_some_and(|gone| gone.as_mut().poll(cx).is_ready()) {
            self.0 = None;
        }
        self.0.is_none()
    }
}

/// The socket, with its places among all sockets and among those of its address.
pub(super) struct Stream {
    tcp: TcpStream,
    connection: Arc<Connection>,
    counters: Arc<Counters>,
    head_time: Duration,
    write_stall: Duration,
    head: Option<Pin<Box<Sleep>>>,
    stall: Option<Pin<Box<Sleep>>>,
    dialogue: Dialogue,
    open_messages: usize,
    open_bytes: usize,
    reader: Option<Waker>,
    // Reading and writing are waited for by two tasks: each needs its own, to be woken.
    cut_read: Cut,
    cut_write: Cut,
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Stream {
    pub fn new(
        tcp: TcpStream,
        connection: Arc<Connection>,
        limits: &Limits,
        counters: Arc<Counters>,
        permit: OwnedSemaphorePermit,
        place: Place,
    ) -> Self {
        Self {
            cut_read: Cut(Some(Box::pin(connection.gone()))),
            cut_write: Cut(Some(Box::pin(connection.gone()))),
            tcp,
            connection,
            counters,
            head_time: limits.head_time,
            write_stall: limits.write_stall,
            head: None,
            stall: None,
            dialogue: Dialogue::default(),
            open_messages: limits.open_messages,
            open_bytes: limits.open_bytes,
            reader: None,
            _permit: permit,
            _place: place,
        }
    }
}

impl Stream {
    /// Does a WebSocket wait for so many answers already that no more is read from it?
    fn has_enough(&mut self) -> bool {
        if !self.connection.is_websocket() {
            return false;
        }
        self.dialogue.answered(self.connection.take_unanswerable());
        self.dialogue.is_beyond(self.open_messages, self.open_bytes)
    }

    fn listen_again(&mut self) {
        if self.reader.is_some()
            && !self.has_enough()
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Whatever still works for this connection hears that it is gone.
        self.connection.cut();
    }
}

fn cut() -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, "the server closed the connection")
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.cut_read.is_given(cx) {
            return Poll::Ready(Err(cut()));
        }
        if this.has_enough() {
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = into.filled().len();
        let read = Pin::new(&mut this.tcp).poll_read(cx, into);
        this.dialogue.read(&into.filled()[before..]);
        if read.is_ready() && into.filled().len() > before && this.connection.phase() == Phase::Idle {
            this.connection.set_phase(Phase::Head);
            this.head = Some(Box::pin(sleep(this.head_time)));
        }
        if this.connection.phase() != Phase::Head {
            this.head = None;
        } else if let Some(head) = &mut this.head
            && head.as_mut().poll(cx).is_ready()
        {
            // The last word; if even this does not fit, the client does not read at all.
            let _ = this.tcp.try_write(TOO_SLOW);
            this.counters.refuse(Cause::TooSlow);
            this.connection.cut();
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the head of the request took too long")));
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.cut_write.is_given(cx) {
            return Poll::Ready(Err(cut()));
        }
        match Pin::new(&mut this.tcp).poll_write(cx, bytes) {
            Poll::Ready(outcome) => {
                this.stall = None;
                if let Ok(written) = outcome {
                    this.connection.written(written);
                    this.dialogue.written(&bytes[..written]);
                }
                this.listen_again();
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                let patience = this.write_stall;
                let stall = this.stall.get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(stall.as_mut().poll(cx));
                this.counters.refuse(Cause::SlowReader);
                this.connection.cut();
                Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client does not read")))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
