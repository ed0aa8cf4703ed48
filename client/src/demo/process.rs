//! Programs that the demo starts: where they are, and how they are ended.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use super::DemoError;

/// How long a program may take to answer, to stop or to catch up.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait between two looks.
pub const PAUSE: Duration = Duration::from_millis(20);

/// The program of this name beside this one, or as the path finds it.
pub fn beside(name: &str) -> PathBuf {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join(name)));
    beside.filter(|program| Path::exists(program)).unwrap_or_else(|| PathBuf::from(name))
}

/// Stop it as a service manager would, and wait until it has ended. `what` it is stands in the error.
pub async fn stop(slot: &mut Option<Child>, what: &str) -> Result<(), DemoError> {
    let Some(mut child) = slot.take() else { return Ok(()) };
    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .map_err(|source| DemoError::Io { path: "kill".into(), source })?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(DemoError::Node(format!("{what} ended with {status}"))),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    *slot = Some(child);
    Err(DemoError::Node(format!("{what} did not stop within 30 s")))
}

/// End it at once: either it is gone already, or this ends it.
pub fn kill(slot: &mut Option<Child>) {
    if let Some(mut child) = slot.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}
