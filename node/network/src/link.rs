//! The socket under a connection: bounds what a stranger may send, and can emulate a long way.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, io::ReadHalf};
use tokio::{sync::Notify, time::Instant};

use crate::limits::HANDSHAKE_BYTES_MAX;

/// Bytes that may be under way on an emulated long line: more than any real one holds.
const UNDER_WAY_MAX: usize = 32 * 1024 * 1024;

/// How many bytes may still be read before the peer has shown its key.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    const LIFTED: usize = usize::MAX;

    /// The peer has shown its key.
    pub(crate) fn lift(&self) {
        self.0.store(Self::LIFTED, Relaxed);
    }
}

enum Socket<S> {
    Plain(S),
    /// What is written goes through a queue that holds each piece back for the delay.
    Delayed(ReadHalf<S>, Arc<Line>),
}

/// A socket with an allowance, and with a delay if one is asked for.
pub(crate) struct Link<S> {
    socket: Socket<S>,
    allowance: Allowance,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Link<S> {
    /// Wrap a fresh socket. With a delay, a task is spawned on the current runtime; it ends with the socket.
    pub(crate) fn new(socket: S, delay: Duration) -> Self {
        let allowance = Allowance(Arc::new(AtomicUsize::new(HANDSHAKE_BYTES_MAX)));
        if delay.is_zero() {
            return Self { socket: Socket::Plain(socket), allowance };
        }
        let (reader, mut writer) = socket.split();
        let line = Arc::new(Line { delay, state: Mutex::default(), news: Notify::new() });
        tokio::spawn({
            let line = Arc::clone(&line);
            async move {
                while let Some(piece) = line.next().await {
                    // What is written is on its way; flushing is not waited for by whoever wrote it.
                    if writer.write_all(&piece).await.is_err() || writer.flush().await.is_err() {
                        break;
                    }
                }
                line.end();
                let _ = writer.close().await;
            }
        });
        Self { socket: Socket::Delayed(reader, line), allowance }
    }

    pub(crate) fn allowance(&self) -> Allowance {
        self.allowance.clone()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Link<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let left = self.allowance.0.load(Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("more than {HANDSHAKE_BYTES_MAX} bytes before the handshake was done"),
            )));
        }
        let most = buf.len().min(left);
        let buf = &mut buf[..most];
        let read = ready!(match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Socket::Delayed(reader, _) => Pin::new(reader).poll_read(cx, buf),
        })?;
        if left != Allowance::LIFTED {
            self.allowance.0.store(left - read, Relaxed);
        }
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Link<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Socket::Delayed(_, line) => line.poll_push(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Socket::Delayed(..) => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(socket) => Pin::new(socket).poll_close(cx),
            Socket::Delayed(_, line) => {
                line.end();
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S> Drop for Link<S> {
    fn drop(&mut self) {
        if let Socket::Delayed(_, line) = &self.socket {
            line.end();
        }
    }
}

#[derive(Default)]
struct LineState {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    ended: bool,
    waiting: Option<Waker>,
}

/// Bytes under way.
struct Line {
    delay: Duration,
    state: Mutex<LineState>,
    news: Notify,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_push(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.bytes > UNDER_WAY_MAX {
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.bytes += bytes.len();
        state.pieces.push_back((Instant::now() + self.delay, bytes.to_vec()));
        self.news.notify_one();
        Poll::Ready(Ok(bytes.len()))
    }

    /// Nothing more is written. What is under way arrives.
    fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        if let Some(waker) = state.waiting.take() {
            waker.wake();
        }
        self.news.notify_one();
    }

    /// The next piece, when its time has come; none at the end.
    async fn next(&self) -> Option<Vec<u8>> {
        let due = loop {
            {
                let state = self.state();
                if let Some((due, _)) = state.pieces.front() {
                    break *due;
                }
                if state.ended {
                    return None;
                }
            }
            self.news.notified().await;
        };
        tokio::time::sleep_until(due).await;
        let mut state = self.state();
        let (_, piece) = state.pieces.pop_front()?;
        state.bytes -= piece.len();
        if let Some(waker) = state.waiting.take() {
            waker.wake();
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_stranger_may_send_1024_bytes_and_not_one_more() {
        for (bytes, fits) in [(1_023, true), (1_024, true), (1_025, false)] {
            let mut link = Link::new(Cursor::new(vec![0; bytes]), Duration::ZERO);
            let mut read = vec![0; bytes];
            assert_eq!(link.read_exact(&mut read).await.is_ok(), fits, "{bytes}");
        }
    }

    #[tokio::test]
    async fn who_has_shown_its_key_may_send_what_it_likes() {
        let mut link = Link::new(Cursor::new(vec![0; 100_000]), Duration::ZERO);
        let mut head = vec![0; 1_024];
        link.read_exact(&mut head).await.unwrap();
        link.allowance().lift();
        let mut rest = Vec::new();
        assert_eq!(link.read_to_end(&mut rest).await.unwrap(), 100_000 - 1_024);
    }

    /// A pair of connected sockets, the first with a delay.
    async fn pair(delay: Duration) -> (Link<libp2p::tcp::tokio::TcpStream>, tokio::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (Link::new(libp2p::tcp::tokio::TcpStream(near), delay), far)
    }

    #[tokio::test]
    async fn a_delayed_link_delivers_everything_in_order_and_late() {
        use tokio::io::AsyncReadExt as _;
        let delay = Duration::from_millis(100);
        let (mut near, mut far) = pair(delay).await;
        let start = Instant::now();
        for byte in 0..10u8 {
            near.write_all(&[byte; 1_000]).await.unwrap();
            near.flush().await.unwrap();
        }
        assert!(start.elapsed() < delay, "writing does not wait for the way");
        drop(near);
        let mut read = Vec::new();
        timeout(Duration::from_secs(5), far.read_to_end(&mut read)).await.unwrap().unwrap();
        assert!(start.elapsed() >= delay);
        let sent: Vec<u8> = (0..10u8).flat_map(|byte| [byte; 1_000]).collect();
        assert_eq!(read, sent);
    }

    #[tokio::test]
    async fn a_delayed_link_to_nobody_breaks() {
        let (mut near, far) = pair(Duration::from_millis(1)).await;
        drop(far);
        let broken = async {
            while near.write_all(&[0; 1_000]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(5), broken).await.unwrap();
    }
}
