//! `salus-gateway status`, `scrub`, `repair` and `orphans`.

use clap::Subcommand;
use futures::TryStreamExt as _;

use super::{CommandError, Common, report};
use crate::{
    config::Config,
    service,
    store::{Store, StoreError, now},
    upkeep::{Keeper, scrub, status},
};

/// The upkeep of the store. All but `orphans --remove` run beside a running gateway.
#[derive(Subcommand, Clone, Debug)]
pub enum Upkeep {
    /// Count what is stored: copies, damage, quotas. Exits with 1 when something is damaged or overdue
    Status {
        /// Configuration and form
        #[command(flatten)]
        common: Common,
    },
    /// Read every byte and compare it with what was stored. Exits with 1 when something is damaged
    Scrub {
        /// Only what was last read 28 days ago or longer
        #[arg(long)]
        due: bool,
        /// Configuration and form
        #[command(flatten)]
        common: Common,
    },
    /// Fetch what is damaged from the other custodian
    Repair {
        /// Read every record first, not only mend what is noted as damaged
        #[arg(long)]
        all: bool,
        /// Fetch also the records that another custodian has and this store lost
        #[arg(long)]
        lost: bool,
        /// Configuration and form
        #[command(flatten)]
        common: Common,
    },
    /// List uploads whose record is not on the chain
    Orphans {
        /// Remove those that are a day old; the gateway, which does so by itself, has to be stopped
        #[arg(long)]
        remove: bool,
        /// Configuration and form
        #[command(flatten)]
        common: Common,
    },
}

/// Run it.
///
/// # Errors
/// [`CommandError`], by its message.
pub async fn run(command: &Upkeep) -> Result<(), CommandError> {
    let (Upkeep::Status { common }
    | Upkeep::Scrub { common, .. }
    | Upkeep::Repair { common, .. }
    | Upkeep::Orphans { common, .. }) = command;
    let (config, json) = (common.load()?, common.json);
    match command {
        Upkeep::Status { .. } => {
            let found = status(&Store::beside(&config.store).await?, now()).await?;
            report::print(json, "The store:", &found);
            let wrong = found.damaged.len() as u64 + found.overdue;
            if wrong > 0 {
                let message = format!("{} damaged, {} copies overdue", found.damaged.len(), found.overdue);
                return Err(CommandError::Found(message));
            }
        }
        Upkeep::Scrub { due, .. } => {
            let store = Store::beside(&config.store).await?;
            let bar = report::bar(json, "scrubbing", count(&store).await?);
            let found = scrub(&store, config.organisation, !due, now(), |_| bar.inc(1)).await?;
            bar.finish_and_clear();
            report::print(json, "Scrubbed:", &found);
            if !found.damaged.is_empty() {
                let message = format!("{} damaged; `salus-gateway repair` mends them", found.damaged.len());
                return Err(CommandError::Found(message));
            }
        }
        Upkeep::Repair { all, lost, .. } => {
            let store = Store::beside(&config.store).await?;
            let total = count(&store).await?;
            let keeper = keeper(&config, store).await?;
            let bar = report::bar(json, "repairing", total);
            let mut done = keeper.repair_all(*all, now(), || bar.inc(1)).await?;
            bar.finish_and_clear();
            if *lost {
                let more = keeper.fetch_lost(now()).await;
                done.fetched += more.fetched;
                done.failed.extend(more.failed);
            }
            report::print(json, "Repaired:", &done);
            if !done.failed.is_empty() {
                return Err(CommandError::Found(format!("{} not repaired", done.failed.len())));
            }
        }
        Upkeep::Orphans { remove, .. } => {
            let store = if *remove { Store::open(&config.store).await? } else { Store::beside(&config.store).await? };
            let found = keeper(&config, store).await?.orphans(*remove, now()).await?;
            let report = std::collections::BTreeMap::from([("orphans", found)]);
            report::print(json, "Uploads that are not on the chain:", &report);
        }
    }
    Ok(())
}

async fn keeper(config: &Config, store: Store) -> Result<Keeper, CommandError> {
    let identity = service::identity(config)?;
    Ok(service::keeper(&identity, service::ledger(config).await?, store)?)
}

pub(super) async fn count(store: &Store) -> Result<u64, StoreError> {
    store.list().try_fold(0, |count, _| futures::future::ready(Ok(count + 1))).await
}
