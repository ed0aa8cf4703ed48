//! Drives an engine in a node: by the machine's monotonic clock, by what peers bring and by the pool.

use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::{
    engine::{Engine, EngineError, Figures},
    ledger::Ledger,
    outbox::Incoming,
};

/// Run `engine`, made at time zero, until `stop` turns true. `figures` gets the newest figures.
///
/// # Errors
/// [`EngineError`]: the node must end.
pub async fn run<L: Ledger>(
    mut engine: Engine<L>,
    mut incoming: mpsc::Receiver<Incoming>,
    mut stop: watch::Receiver<bool>,
    figures: watch::Sender<Figures>,
) -> Result<(), EngineError> {
    engine.check_disk()?;
    let start = Instant::now();
    let chain = std::sync::Arc::clone(engine.chain());
    loop {
        engine.wake(start.elapsed())?;
        figures.send_if_modified(|old| {
            let new = engine.figures();
            std::mem::replace(old, new) != new
        });
        let deadline = tokio::time::Instant::from_std(start + engine.deadline());
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            Some(event) = incoming.recv() => engine.incoming(start.elapsed(), event)?,
            () = chain.wake.notified(), if engine.is_idle() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}
