//! Where peers were met, kept in a file of the chain's folder, so that a node finds them again although its bootnodes
//! are away.
//!
//! Each line is a record in hex that its peer signed. The network believes the signature and nothing else, so the file
//! needs no protection; without it a node only has its bootnodes to begin with.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use salus_network::{Handle, limits::RECORD_BYTES_MAX};
use tracing::{debug, warn};

/// How often to look whether there is something new to keep.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Most records that are read: all validators and full nodes a node is ever connected with.
const RECORDS_MAX: usize = 256;
/// Longest file that is read, in bytes: two digits a byte, and the ends of lines.
const FILE_MAX: u64 = (RECORDS_MAX * (2 * RECORD_BYTES_MAX + 1)) as u64;

/// The records in `file`; none where it is not there. One that is damaged is left alone and said so: the node then
/// finds its peers by the bootnodes, and writes it anew.
pub fn load(file: &Path) -> Vec<Vec<u8>> {
    match read(file) {
        Ok(records) => records,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            warn!(file = %file.display(), %error, "the addresses of peers that were kept cannot be used");
            Vec::new()
        }
    }
}

fn read(file: &Path) -> io::Result<Vec<Vec<u8>>> {
    let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    if fs::metadata(file)?.len() > FILE_MAX {
        return Err(damaged("it is longer than a node writes it"));
    }
    let text = fs::read_to_string(file)?;
    let records = text.lines().map(hex::decode).collect::<Result<Vec<_>, _>>();
    let records = records.map_err(|_| damaged("a line of it is not hex"))?;
    if records.len() > RECORDS_MAX {
        return Err(damaged("it holds more records than a node keeps"));
    }
    Ok(records)
}

/// Write `records` in one step: whoever reads sees the old file or the new one.
///
/// # Errors
/// What the file system says.
pub fn save(file: &Path, records: &[Vec<u8>]) -> io::Result<()> {
    let text: String = records.iter().take(RECORDS_MAX).map(|record| hex::encode(record) + "\n").collect();
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, file)
}

/// The file of a running network.
pub struct Known {
    file: PathBuf,
    handle: Handle,
    kept: Vec<Vec<u8>>,
}

impl Known {
    /// What `handle` learns goes into `file`, in which `kept` stands.
    pub fn new(file: PathBuf, handle: Handle, kept: Vec<Vec<u8>>) -> Self {
        Self { file, handle, kept }
    }

    /// Keep what is new. A file that cannot be written stops nobody: it only makes a later start harder. Nor does
    /// knowing nobody, as just after a start, empty it.
    pub fn keep(&mut self) {
        let records = self.handle.records();
        if records.is_empty() || records == self.kept {
            return;
        }
        match save(&self.file, &records) {
            Ok(()) => {
                debug!(records = records.len(), "addresses of peers kept");
                self.kept = records;
            }
            Err(error) => warn!(file = %self.file.display(), %error, "the addresses of peers cannot be kept"),
        }
    }

    /// Keep what is new now and then.
    pub async fn go_on(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_reads_back_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("peers");
        assert_eq!(load(&file), Vec::<Vec<u8>>::new());
        for records in [vec![vec![1, 2], vec![3]], vec![vec![4; RECORD_BYTES_MAX]; RECORDS_MAX], vec![]] {
            save(&file, &records).unwrap();
            assert_eq!(load(&file), records);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_damaged_file_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("peers");
        let long = "00".repeat(RECORD_BYTES_MAX + 1) + "\n";
        for bytes in [b"0g\n".to_vec(), b"012\n".to_vec(), vec![0xff; 9], long.repeat(RECORDS_MAX).into_bytes()] {
            fs::write(&file, bytes).unwrap();
            assert_eq!(load(&file), Vec::<Vec<u8>>::new());
        }
        fs::write(&file, "00\n".repeat(RECORDS_MAX + 1)).unwrap();
        assert_eq!(load(&file), Vec::<Vec<u8>>::new());
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(load(&file), Vec::<Vec<u8>>::new());
        assert!(save(&file, &[vec![1]]).is_err());
    }
}
