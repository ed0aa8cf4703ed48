//! Logs: for people or as JSON, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::LogFormat;

/// What is logged when nothing is said: the consensus library tells every step at `info`.
const DEFAULT: &str = "info,arc_malachitebft=warn";

/// The filter does not parse.
#[derive(Debug, thiserror::Error)]
#[error("log filter \"{text}\": {source}")]
pub struct FilterError {
    text: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Start logging.
///
/// # Errors
/// [`FilterError`].
pub fn start(format: LogFormat, filter: Option<&str>) -> Result<(), FilterError> {
    let text = filter.unwrap_or(DEFAULT);
    let filter = EnvFilter::try_new(text).map_err(|source| FilterError { text: text.to_owned(), source })?;
    let colours = std::io::stderr().is_terminal();
    let builder = fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    // A second start, in a test's process, keeps the first.
    let _ = match format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled, subscriber::with_default};

    use super::*;

    #[test]
    fn of_the_consensus_library_only_warnings_are_logged_and_of_us_the_news() {
        let subscriber = fmt().with_env_filter(EnvFilter::new(DEFAULT)).with_writer(std::io::sink).finish();
        with_default(subscriber, || {
            assert!(!enabled!(target: "arc_malachitebft_core_consensus", Level::INFO));
            assert!(enabled!(target: "arc_malachitebft_core_consensus", Level::WARN));
            assert!(enabled!(target: "salus_engine", Level::INFO));
            assert!(!enabled!(target: "salus_engine", Level::DEBUG));
        });
    }
}
