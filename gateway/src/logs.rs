//! Logs: for people or as JSON, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogFormat;

/// The filter does not parse.
#[derive(Debug, thiserror::Error)]
#[error("log filter \"{text}\": {source}")]
pub struct FilterError {
    text: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Start logging, everything from `info` on when nothing is said.
///
/// # Errors
/// [`FilterError`].
pub fn start(format: LogFormat, filter: Option<&str>) -> Result<(), FilterError> {
    let text = filter.unwrap_or("info");
    let filter = EnvFilter::try_new(text).map_err(|source| FilterError { text: text.to_owned(), source })?;
    let builder = fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    // A second start, in a test's process, keeps the first.
    let _ = match format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}
