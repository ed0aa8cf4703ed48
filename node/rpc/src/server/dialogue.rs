//! Counts the messages of a WebSocket that wait for their answer.
//!
//! The library reads a message, starts a task for it and reads on, whether answers leave or not: a client that sends
//! faster than it is answered, or reads nothing, would fill the memory with tasks. So the socket itself counts the
//! frames that pass in both directions, and reads no more while too many messages are open.

use std::collections::VecDeque;

/// Sees where frames begin in a stream of bytes that starts with an HTTP head.
#[derive(Debug, Default)]
struct Frames {
    /// How much of the head's end, an empty line, was seen last; all four bytes: past the head.
    head_end: usize,
    header: [u8; 14],
    have: usize,
    skip: u64,
}

const HEAD_END: &[u8; 4] = b"\r\n\r\n";

impl Frames {
    /// Take the next bytes and tell the length of each message that begins in them, or goes on, or ends: `true` goes
    /// with its last frame. Control frames are left out.
    fn feed(&mut self, mut bytes: &[u8], mut frame: impl FnMut(u64, bool)) {
        while self.head_end < HEAD_END.len() {
            let [byte, rest @ ..] = bytes else { return };
            bytes = rest;
            self.head_end = match *byte == HEAD_END[self.head_end] {
                true => self.head_end + 1,
                false => usize::from(*byte == HEAD_END[0]),
            };
        }
        loop {
            let skipped = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= skipped as u64;
            bytes = &bytes[skipped..];
            let [byte, rest @ ..] = bytes else { return };
            bytes = rest;
            self.header[self.have] = *byte;
            self.have += 1;
            if self.have < 2 {
                continue;
            }
            let [first, second, ..] = self.header;
            let extended = match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let mask = if second & 0x80 == 0 { 0 } else { 4 };
            if self.have < 2 + extended + mask {
                continue;
            }
            let length = match extended {
                0 => u64::from(second & 0x7f),
                _ => self.header[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            };
            (self.have, self.skip) = (0, length);
            if first & 0x0f < 8 {
                frame(length, first & 0x80 != 0);
            }
        }
    }
}

/// Messages read and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    read: Frames,
    written: Frames,
    /// Sizes of open messages, oldest first, and of one that is still being read.
    open: VecDeque<u64>,
    partial: u64,
    bytes: u64,
}

impl Dialogue {
    /// These bytes came in.
    pub fn read(&mut self, bytes: &[u8]) {
        let Self { read, open, partial, bytes: sum, .. } = self;
        read.feed(bytes, |length, last| {
            *partial = partial.saturating_add(length);
            if last {
                let message = std::mem::take(partial);
                *sum = sum.saturating_add(message);
                open.push_back(message);
            }
        });
    }

    /// These bytes went out. A notification passes for an answer: it makes the count too low, and only for a client
    /// that reads.
    pub fn written(&mut self, bytes: &[u8]) {
        let mut answers = 0;
        self.written.feed(bytes, |_, last| answers += usize::from(last));
        self.answered(answers);
    }

    /// So many messages need no answer any more.
    pub fn answered(&mut self, messages: usize) {
        for message in self.open.drain(..messages.min(self.open.len())) {
            self.bytes = self.bytes.saturating_sub(message);
        }
    }

    /// Are more than `messages` open, or more than `bytes` in them?
    pub fn is_beyond(&self, messages: usize, bytes: usize) -> bool {
        self.open.len() > messages || self.bytes > bytes as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![opcode];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn messages_are_counted_however_the_bytes_are_cut() {
        let mut bytes = b"GET / HTTP/1.1\r\nx: \r\r\n\r\n".to_vec();
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            bytes.extend(masked(0x81, &vec![b'\n'; size]));
        }
        bytes.extend(masked(0x89, b"a ping is no message"));
        bytes.extend(masked(0x01, &[0; 10]));
        bytes.extend(masked(0x8a, b"nor is a pong, in the middle of one"));
        bytes.extend(masked(0x80, &[0; 20]));
        for cut in [1, 2, 3, 7, 1_000, bytes.len()] {
            let mut dialogue = Dialogue::default();
            bytes.chunks(cut).for_each(|chunk| dialogue.read(chunk));
            assert_eq!(dialogue.open, [0, 1, 125, 126, 65_535, 65_536, 30], "cut by {cut}");
        }
    }

    #[test]
    fn an_answer_closes_the_oldest_message() {
        let mut dialogue = Dialogue::default();
        dialogue.read(b"GET / HTTP/1.1\r\n\r\n");
        dialogue.read(&masked(0x81, &[0; 100]));
        dialogue.read(&masked(0x81, &[0; 10]));
        assert!(dialogue.is_beyond(1, 1_000) && dialogue.is_beyond(10, 109));
        assert!(!dialogue.is_beyond(2, 110));
        dialogue.written(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x89\x00\x81\x02ok");
        assert!(!dialogue.is_beyond(1, 10));
        dialogue.answered(7);
        assert!(!dialogue.is_beyond(0, 0));
    }
}
