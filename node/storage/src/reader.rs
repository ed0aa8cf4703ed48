//! The state after one height: exact keys for execution, pages of keys for clients.

use salus_primitives::{Height, runtime_api::StateReader};

use crate::{
    QueryError, StorageError,
    columns::{self, PrefixIndex, StateHistory},
    store::View,
};

/// Most keys one page may look at, those that are not live at its height counted in.
pub const SCAN_KEYS_MAX: usize = 10_000;

/// A storage key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The state after one height. It does not change while it is held, whatever is committed meanwhile;
/// hold it as long as one piece of work takes, for it keeps old data from being merged away.
pub struct State<'a> {
    view: View<'a>,
    height: Height,
    /// Is `height` the newest of the view? Then the flat state answers, else history.
    newest: bool,
}

impl<'a> State<'a> {
    pub(crate) fn new(view: View<'a>, height: Height, newest: bool) -> Self {
        Self { view, height, newest }
    }

    /// Whose state it is: after the block of this height.
    pub fn height(&self) -> Height {
        self.height
    }

    /// The value of `key`, none when absent.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails. [`StateReader::get`] stops the process instead.
    pub fn try_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        if self.newest {
            return self.view.get::<columns::State>(key);
        }
        let mut history = History::new(&self.view, self.height);
        history.seek(key);
        match history.entry()? {
            Some(entry) if entry.key == key => Ok(entry.value),
            _ => Ok(None),
        }
    }

    /// Up to `count` keys that start with `prefix` and come after `start_after`, in order.
    ///
    /// # Errors
    /// [`QueryError::TooMuch`] when more than [`SCAN_KEYS_MAX`] keys would have to be looked at: a page
    /// is never shorter than asked for unless it is the last. [`QueryError::Storage`].
    pub fn keys_paged(
        &self,
        prefix: &[u8],
        start_after: Option<&[u8]>,
        count: usize,
    ) -> Result<Vec<Vec<u8>>, QueryError> {
        Ok(self.entries_paged(prefix, start_after, count)?.into_iter().map(|(key, _)| key).collect())
    }

    /// As [`Self::keys_paged`], with the values.
    ///
    /// # Errors
    /// As [`Self::keys_paged`].
    pub fn entries_paged(
        &self,
        prefix: &[u8],
        start_after: Option<&[u8]>,
        count: usize,
    ) -> Result<Vec<Entry>, QueryError> {
        let start_after = start_after.filter(|start| *start >= prefix);
        if self.newest {
            self.newest_page(prefix, start_after, count)
        } else {
            self.older_page(prefix, start_after, count)
        }
    }

    fn newest_page(&self, prefix: &[u8], start_after: Option<&[u8]>, count: usize) -> Result<Vec<Entry>, QueryError> {
        let mut page = Vec::new();
        let mut cursor = self.view.cursor::<columns::State>();
        match start_after {
            // The least key after `start`.
            Some(start) => cursor.seek(&[start, &[0]].concat()),
            None => cursor.seek(prefix),
        }
        while page.len() < count {
            let Some((key, value)) = cursor.entry()?.filter(|(key, _)| key.starts_with(prefix)) else { break };
            if page.len() == SCAN_KEYS_MAX {
                return Err(QueryError::TooMuch { max: SCAN_KEYS_MAX });
            }
            page.push((key.to_vec(), value.to_vec()));
            cursor.advance();
        }
        Ok(page)
    }

    fn older_page(&self, prefix: &[u8], start_after: Option<&[u8]>, count: usize) -> Result<Vec<Entry>, QueryError> {
        let mut page = Vec::new();
        let mut history = History::new(&self.view, self.height);
        match start_after {
            Some(start) => history.cursor.seek(&StateHistory::after(start)),
            None => history.cursor.seek(&StateHistory::start_of(prefix)),
        }
        let mut scanned = 0;
        while page.len() < count {
            let Some(entry) = history.entry()?.filter(|entry| entry.key.starts_with(prefix)) else { break };
            scanned += 1;
            if scanned > SCAN_KEYS_MAX {
                return Err(QueryError::TooMuch { max: SCAN_KEYS_MAX });
            }
            let after = StateHistory::after(&entry.key);
            if entry.height <= self.height {
                // The newest entry that is old enough: newer ones come before it.
                page.extend(entry.value.map(|value| (entry.key, value)));
                history.cursor.seek(&after);
            } else {
                history.seek(&entry.key);
                if let Some(exact) = history.entry()?.filter(|exact| exact.key == entry.key) {
                    page.extend(exact.value.map(|value| (exact.key, value)));
                    history.cursor.seek(&after);
                }
            }
        }
        Ok(page)
    }

    /// The last height, up to this one, at which a key changed whose first 32 bytes are the first 32 of
    /// `prefix`; for a shorter prefix, at which any key under it changed. None when none ever did.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn prefix_changed_at(&self, prefix: &[u8]) -> Result<Option<Height>, StorageError> {
        let under = &prefix[..prefix.len().min(32)];
        let mut cursor = self.view.cursor::<PrefixIndex>();
        let mut changed = None;
        cursor.seek(under);
        while let Some((full, height)) = index_entry(&cursor)?.filter(|(full, _)| full.starts_with(under)) {
            let height = if height <= self.height {
                Some(height)
            } else {
                cursor.seek(&<PrefixIndex as columns::Column>::key((&full, self.height)));
                index_entry(&cursor)?.filter(|(other, _)| *other == full).map(|(_, height)| height)
            };
            changed = changed.max(height);
            if under.len() == 32 {
                break;
            }
            cursor.seek(&PrefixIndex::after(&full));
        }
        Ok(changed)
    }
}

impl StateReader for State<'_> {
    /// Stops the process when the disk fails: a node that cannot read its state must not go on as if
    /// the key were absent.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.try_get(key).unwrap_or_else(|error| stop(&error))
    }
}

/// Say why, and end the process at once.
pub(crate) fn stop(error: &StorageError) -> ! {
    eprintln!("salus-node stops, its state cannot be read: {error}");
    std::process::abort()
}

fn index_entry(
    cursor: &crate::store::Cursor<'_>,
) -> Result<Option<(columns::prefix_index::Prefix, Height)>, StorageError> {
    let Some((key, _)) = cursor.entry()? else { return Ok(None) };
    PrefixIndex::read_key(key).map(Some).ok_or_else(|| StorageError::undecodable("prefix_index", key))
}

/// A walk through `state_history` as of one height.
struct History<'a> {
    cursor: crate::store::Cursor<'a>,
    height: Height,
}

/// One change of one key.
struct HistoryEntry {
    key: Vec<u8>,
    height: Height,
    value: Option<Vec<u8>>,
}

impl<'a> History<'a> {
    fn new(view: &'a View<'_>, height: Height) -> Self {
        Self { cursor: view.cursor::<StateHistory>(), height }
    }

    /// Go to what `key` was at the height: the first entry from here, if it is of this key at all.
    fn seek(&mut self, key: &[u8]) {
        self.cursor.seek(&<StateHistory as columns::Column>::key((key, self.height)));
    }

    fn entry(&self) -> Result<Option<HistoryEntry>, StorageError> {
        let Some((bytes, value)) = self.cursor.entry()? else { return Ok(None) };
        let undecodable = || StorageError::undecodable("state_history", bytes);
        let (key, height) = StateHistory::read_key(bytes).ok_or_else(undecodable)?;
        let value = <StateHistory as columns::Column>::read(value).ok_or_else(undecodable)?;
        Ok(Some(HistoryEntry { key, height, value }))
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
