//! `salus-node run`.

use crate::{cli::RunArgs, config::Config, logs, service};

/// Run the node.
///
/// # Errors
/// Why it could not start, or why it had to stop.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = Config::load(args)?;
    logs::start(config.log_format, config.log_filter.as_deref())?;
    service::run(config)
}
