//! Files that go from hand to hand: made once, replaced whole, never half there.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use super::error::CliError;

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> CliError + use<> {
    let path = path.to_owned();
    move |source| CliError::Io { doing, path: path.clone(), source }
}

/// Write `text` to a new file: nothing is overwritten.
pub fn create(path: &Path, text: &str) -> Result<(), CliError> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed("making", path))?;
    file.write_all(text.as_bytes()).map_err(failed("writing", path))
}

/// Put `text` in the place of what `path` holds: whole or not at all.
pub fn replace(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed("writing in", folder))?;
    file.write_all(text.as_bytes()).map_err(failed("writing", path))?;
    file.persist(path).map_err(|error| failed("replacing", path)(error.error))?;
    Ok(())
}

/// Read a text.
pub fn read(path: &Path) -> Result<String, CliError> {
    fs::read_to_string(path).map_err(failed("reading", path))
}

/// Read a file, whatever is in it.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(failed("reading", path))
}
