//! Records: how fast they are encrypted and decrypted beside what the cipher and the hash can do, and in how much
//! memory.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read},
    path::Path,
    time::{Duration, Instant},
};

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use salus_client::envelope::{Compression, PLAIN_BYTES_MAX, RecordRef, SEGMENT_BYTES, open, open_anchored, seal};
use salus_primitives::{
    PatientId, RecordId,
    crypto::{Sha256Stream, sha256},
};

use crate::report::{Report, gb_per_s};

const MB: usize = 1 << 20;
const OF: RecordRef = RecordRef { patient: PatientId([1; 16]), record: RecordId([2; 16]), version: 1 };

/// Measure sealing and opening in memory and on disk.
pub fn measure(folder: &Path, scale: usize, report: &mut Report) -> anyhow::Result<()> {
    report.section("Encryption of records");
    let aes = cipher(scale);
    report.row("AES-256-GCM, segments of 64 KiB", gb_per_s(aes), "the limit: the crate aes-gcm alone, one thread");
    let hash = digest(scale);
    report.row("SHA-256", gb_per_s(hash), "one thread");
    let serial = 1.0 / (1.0 / aes + 1.0 / hash);
    report.row(
        "both, one after the other",
        gb_per_s(serial),
        "what a blob needs at least: encrypted and digested once",
    );

    let plain = noise(MB);
    let rounds = 20 * scale;
    let (mut sealed_for, mut opened_for) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let mut blob = Vec::with_capacity(2 * MB);
        let begun = Instant::now();
        let sealed = seal(OF, Compression::None, &plain[..], &mut blob)?;
        sealed_for += begun.elapsed();
        let mut out = Vec::with_capacity(2 * MB);
        let begun = Instant::now();
        open(&sealed.key, &OF, PLAIN_BYTES_MAX, &blob[..], &mut out)?;
        opened_for += begun.elapsed();
        anyhow::ensure!(out == plain, "what was opened is what was sealed");
    }
    let share = |speed: f64| format!("{:.2} of the AES limit", speed / aes);
    let speed = |time: Duration, bytes: usize| bytes as f64 / time.as_secs_f64();
    let (sealing, opening) = (speed(sealed_for, rounds * MB), speed(opened_for, rounds * MB));
    report.row("seal 1 MB", gb_per_s(sealing), share(sealing));
    report.row("open 1 MB", gb_per_s(opening), share(opening));

    // A tenth in a quick run: the rate and the memory do not depend on it.
    let large = 1024 * MB / 10 * scale.min(10);
    let path = folder.join("blob");
    forget_peak()?;
    let before = peak()?;
    let begun = Instant::now();
    let sealed = seal(OF, Compression::None, Noise::new(large), BufWriter::new(File::create(&path)?))?;
    let sealing = speed(begun.elapsed(), large);
    let begun = Instant::now();
    open(&sealed.key, &OF, PLAIN_BYTES_MAX, BufReader::new(File::open(&path)?), io::sink())?;
    let opening = speed(begun.elapsed(), large);
    let begun = Instant::now();
    open_anchored(&sealed.key, &OF, &sealed.anchor, PLAIN_BYTES_MAX, File::open(&path)?, io::sink())?;
    let anchored = speed(begun.elapsed(), large);
    let extra = peak()?.saturating_sub(before);
    let size = format!("{} MB", large / MB);
    report.row(format!("seal {size} to a file"), gb_per_s(sealing), share(sealing));
    report.row(format!("open {size} from a file"), gb_per_s(opening), share(opening));
    report.row(
        format!("open {size} after comparing its digest"),
        gb_per_s(anchored),
        format!("{}; the file is read twice", share(anchored)),
    );
    report.row(
        "memory for that, at its peak",
        format!("{extra} KiB"),
        "beyond what the program had; the mark is 64 MiB",
    );
    fs::remove_file(path)?;
    Ok(())
}

/// Bytes per second of the cipher alone.
fn cipher(scale: usize) -> f64 {
    let cipher = Aes256Gcm::new(&[7; 32].into());
    let mut frame = noise(SEGMENT_BYTES);
    let rounds = 500 * scale;
    let begun = Instant::now();
    for counter in 0..rounds {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(counter as u64).to_be_bytes());
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &OF.record.0, frame.as_mut_slice().into());
        std::hint::black_box(tag.is_ok());
    }
    (rounds * SEGMENT_BYTES) as f64 / begun.elapsed().as_secs_f64()
}

/// Bytes per second of the hash alone.
fn digest(scale: usize) -> f64 {
    let bytes = noise(SEGMENT_BYTES);
    let rounds = 500 * scale;
    let mut stream = Sha256Stream::new();
    let begun = Instant::now();
    for _ in 0..rounds {
        stream.update(&bytes);
    }
    std::hint::black_box(stream.finish());
    (rounds * SEGMENT_BYTES) as f64 / begun.elapsed().as_secs_f64()
}

/// Bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(32)).flat_map(|block| sha256(&block.to_le_bytes()).0).take(bytes).collect()
}

/// The same noise over and over, so that making it costs nothing.
struct Noise {
    block: Vec<u8>,
    left: usize,
}

impl Noise {
    fn new(bytes: usize) -> Self {
        Self { block: noise(MB), left: bytes }
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(self.left).min(self.block.len());
        buffer[..n].copy_from_slice(&self.block[..n]);
        self.left -= n;
        Ok(n)
    }
}

/// Let the kernel measure the peak of resident memory anew.
fn forget_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}

/// Peak of resident memory in KiB since it was forgotten.
fn peak() -> anyhow::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| anyhow::anyhow!("the kernel tells no peak of memory"))?.parse()?)
}
