//! One socket's state: its turn among the others, its follow subscriptions, its broadcasts, and the switch that
//! cuts it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::{Notify, Semaphore, watch};

use crate::{chain_head::Follow, limits::Limits};

/// Lock, whatever a panicking holder left: every map here is valid between any two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the socket is reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing: between requests.
    Idle = 0,
    /// The head of a request.
    Head = 1,
    /// The head is in; the body, the answer, or WebSocket messages.
    Serving = 2,
}

/// One socket's state, shared by its reader, its calls and its subscriptions.
#[derive(Debug)]
pub struct Connection {
    /// Its address, an IPv6 one cut to its /64.
    pub peer: IpAddr,
    /// Turns for calls at once.
    pub turns: Semaphore,
    /// Calls that wait for a turn.
    pub waiting: AtomicUsize,
    /// Follow subscriptions by id.
    pub follows: Mutex<HashMap<String, Arc<Follow>>>,
    /// Broadcasts by id; dropping the sender stops one.
    pub broadcasts: Mutex<HashMap<String, watch::Sender<()>>>,
    /// Bytes produced for it and not taken by its socket yet.
    unsent: AtomicUsize,
    /// The same over all connections.
    unsent_total: Arc<AtomicUsize>,
    drained: Notify,
    requests: AtomicUsize,
    websocket: AtomicBool,
    /// Messages that will have no answer, not yet told to the socket.
    unanswerable: AtomicUsize,
    next_broadcast: AtomicU64,
    phase: AtomicU8,
    cut: watch::Sender<bool>,
}

impl Connection {
    /// A new one.
    pub fn new(peer: IpAddr, limits: &Limits, unsent_total: Arc<AtomicUsize>) -> Self {
        Self {
            peer,
            turns: Semaphore::new(limits.calls_per_connection),
            waiting: AtomicUsize::new(0),
            follows: Mutex::default(),
            broadcasts: Mutex::default(),
            unsent: AtomicUsize::new(0),
            unsent_total,
            drained: Notify::new(),
            requests: AtomicUsize::new(0),
            websocket: AtomicBool::new(false),
            unanswerable: AtomicUsize::new(0),
            next_broadcast: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Idle as u8),
            cut: watch::Sender::new(false),
        }
    }

    /// One more request came; how many came before it?
    pub fn request(&self) -> usize {
        self.requests.fetch_add(1, Ordering::AcqRel)
    }

    /// Did it become a WebSocket?
    pub fn is_websocket(&self) -> bool {
        self.websocket.load(Ordering::Acquire)
    }

    /// From now on it is one.
    pub fn becomes_websocket(&self) {
        self.websocket.store(true, Ordering::Release);
    }

    /// A message came that has no answer.
    pub fn unanswerable(&self) {
        self.unanswerable.fetch_add(1, Ordering::AcqRel);
    }

    /// How many such messages came since the last time this was asked.
    pub fn take_unanswerable(&self) -> usize {
        self.unanswerable.swap(0, Ordering::AcqRel)
    }

    /// Close the socket at once, whatever waits to be written.
    pub fn cut(&self) {
        self.cut.send_replace(true);
        lock(&self.broadcasts).clear();
    }

    /// Resolves when the socket is closed or is to be closed.
    pub fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut cut = self.cut.subscribe();
        async move {
            // An error means that the connection itself is dropped: gone as well.
            let _ = cut.wait_for(|cut| *cut).await;
        }
    }

    /// The follow subscription of this id.
    pub fn follow(&self, id: &str) -> Option<Arc<Follow>> {
        lock(&self.follows).get(id).cloned()
    }

    /// An id for a broadcast.
    pub fn broadcast_id(&self) -> String {
        self.next_broadcast.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// What is being read now.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Serving,
        }
    }

    /// Say what is being read from now on.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// So many bytes are on their way to its socket.
    pub fn produced(&self, bytes: usize) {
        self.unsent.fetch_add(bytes, Ordering::AcqRel);
        self.unsent_total.fetch_add(bytes, Ordering::AcqRel);
    }

    /// The socket took so many bytes. Frames and heads make them more than was produced; that is left out of account.
    pub fn written(&self, bytes: usize) {
        let mut taken = 0;
        // Never an error: the closure always gives a value.
        let _ = self.unsent.fetch_update(Ordering::AcqRel, Ordering::Acquire, |unsent| {
            taken = unsent.min(bytes);
            Some(unsent - taken)
        });
        self.unsent_total.fetch_sub(taken, Ordering::AcqRel);
        self.drained.notify_waiters();
    }

    /// Resolves when at most `max` bytes are on their way.
    pub async fn drained_to(&self, max: usize) {
        loop {
            let drained = self.drained.notified();
            if self.unsent.load(Ordering::Acquire) <= max {
                return;
            }
            drained.await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.unsent_total.fetch_sub(*self.unsent.get_mut(), Ordering::AcqRel);
    }
}
