//! What waits to be sent to one peer: bounded, the oldest goes first when it is too much.
//!
//! A lane outlives its streams. When a connection is replaced, the next stream goes on where the last one stopped.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::limits::{LANE_BYTES_MAX, LANE_FRAMES_MAX};

#[derive(Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Which stream may take frames: the newest.
    stream: u64,
    closed: bool,
}

/// The frames for one peer.
#[derive(Default)]
pub(crate) struct Lane {
    state: Mutex<State>,
    news: Notify,
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add a frame; how many older ones had to go for it. Never waits.
    pub(crate) fn push(&self, frame: Bytes) -> usize {
        let mut state = self.state();
        if state.closed {
            return 1;
        }
        let mut dropped = 0;
        while state.frames.len() >= LANE_FRAMES_MAX || state.bytes + frame.len() > LANE_BYTES_MAX {
            let Some(oldest) = state.frames.pop_front() else { break };
            state.bytes -= oldest.len();
            dropped += 1;
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        drop(state);
        self.news.notify_one();
        dropped
    }

    /// A new stream takes over; its number.
    pub(crate) fn take_over(&self) -> u64 {
        let mut state = self.state();
        state.stream += 1;
        let stream = state.stream;
        drop(state);
        self.news.notify_waiters();
        stream
    }

    /// Does this stream still have the lane?
    pub(crate) fn belongs_to(&self, stream: u64) -> bool {
        let state = self.state();
        !state.closed && state.stream == stream
    }

    /// Nothing is sent any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.news.notify_waiters();
    }

    /// Is nothing waiting?
    pub(crate) fn is_empty(&self) -> bool {
        self.state().frames.is_empty()
    }

    /// The next frame for `stream`, as soon as there is one; none when another stream took over or the lane closed.
    pub(crate) async fn next(&self, stream: u64) -> Option<Bytes> {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // From here on no word is missed.
            news.as_mut().enable();
            {
                let mut state = self.state();
                if state.closed || state.stream != stream {
                    // The word may have been for the stream that has the lane now.
                    drop(state);
                    self.news.notify_one();
                    return None;
                }
                if let Some(frame) = state.frames.pop_front() {
                    state.bytes -= frame.len();
                    return Some(frame);
                }
            }
            news.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::time::timeout;

    use super::*;

    fn frame(byte: u8, length: usize) -> Bytes {
        Bytes::from(vec![byte; length])
    }

    async fn next(lane: &Lane, stream: u64) -> Option<u8> {
        timeout(Duration::from_secs(5), lane.next(stream)).await.unwrap().map(|frame| frame[0])
    }

    #[tokio::test]
    async fn frames_come_out_in_order() {
        let lane = Lane::default();
        let stream = lane.take_over();
        for byte in 1..=3 {
            assert_eq!(lane.push(frame(byte, 1)), 0);
        }
        for byte in 1..=3 {
            assert_eq!(next(&lane, stream).await, Some(byte));
        }
        assert!(lane.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_frames_go_when_there_are_too_many() {
        let lane = Lane::default();
        let stream = lane.take_over();
        for _ in 0..LANE_FRAMES_MAX - 1 {
            assert_eq!(lane.push(frame(1, 1)), 0);
        }
        assert_eq!(lane.push(frame(2, 1)), 0);
        assert_eq!(lane.push(frame(3, 1)), 1);
        let mut last = None;
        for _ in 0..LANE_FRAMES_MAX {
            last = next(&lane, stream).await;
        }
        assert_eq!(last, Some(3));
        assert!(lane.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_frames_go_when_they_are_too_long() {
        let lane = Lane::default();
        let stream = lane.take_over();
        assert_eq!(lane.push(frame(1, 1)), 0);
        assert_eq!(lane.push(frame(2, LANE_BYTES_MAX - 1)), 0);
        assert_eq!(lane.push(frame(3, 1)), 1);
        assert_eq!(lane.push(frame(4, LANE_BYTES_MAX)), 2);
        assert_eq!(next(&lane, stream).await, Some(4));
        assert_eq!(lane.push(frame(5, LANE_BYTES_MAX)), 0, "what was taken out makes room");
    }

    #[tokio::test]
    async fn a_new_stream_takes_over_and_no_frame_is_lost() {
        let lane = Arc::new(Lane::default());
        let old = lane.take_over();
        let waiting = tokio::spawn({
            let lane = Arc::clone(&lane);
            async move { next(&lane, old).await }
        });
        tokio::task::yield_now().await;
        let new = lane.take_over();
        lane.push(frame(1, 1));
        assert_eq!(next(&lane, new).await, Some(1));
        assert_eq!(waiting.await.unwrap(), None);
        assert!(lane.belongs_to(new) && !lane.belongs_to(old));
    }

    #[tokio::test]
    async fn a_closed_lane_takes_nothing_and_ends_its_stream() {
        let lane = Lane::default();
        let stream = lane.take_over();
        lane.push(frame(1, 1));
        lane.close();
        assert_eq!(lane.push(frame(2, 1)), 1);
        assert_eq!(next(&lane, stream).await, None);
        assert!(!lane.belongs_to(stream));
    }
}
