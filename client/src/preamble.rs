//! What every JSON file of ours says first: its format and version, read before the rest, since another version may
//! have other fields.

use serde::Deserialize;

#[derive(Deserialize)]
struct Preamble {
    format: String,
    version: u32,
}

/// Why a file is not one that this program reads.
pub(crate) enum Fault {
    /// Something else.
    Malformed(&'static str),
    /// Another version.
    Version(u32),
}

impl Fault {
    /// As an error of the file's own kind.
    pub(crate) fn told<E>(self, malformed: impl Fn(&'static str) -> E, too_new: impl Fn(u32) -> E) -> E {
        match self {
            Self::Malformed(reason) => malformed(reason),
            Self::Version(found) => too_new(found),
        }
    }
}

/// Is this a file of `format` in `version`?
pub(crate) fn check(bytes: &[u8], format: &str, version: u32) -> Result<(), Fault> {
    let preamble: Preamble =
        serde_json::from_slice(bytes).map_err(|_| Fault::Malformed("no JSON with a format and a version"))?;
    if preamble.format != format {
        return Err(Fault::Malformed("another format"));
    }
    if preamble.version != version {
        return Err(Fault::Version(preamble.version));
    }
    Ok(())
}
