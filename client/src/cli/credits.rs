//! `salus credits`: what an organisation earned by sharing records.

use clap::Subcommand;
use salus_client::actions::credits;
use salus_credits::types::CREDIT_WEIGHT;
use salus_primitives::OrganisationId;

use super::{error::CliError, output::Output, refs::Ref, session::Session};

/// `salus credits`
#[derive(Subcommand, Debug)]
pub enum CreditsCommand {
    /// Show an organisation's credits, and how much of today's weight its people used.
    Show {
        /// The organisation's id.
        organisation: Ref<OrganisationId>,
    },
    /// Give credits up for weight of today, as an Admin: each adds 10,000 units until midnight UTC, and together at
    /// most as many as the day has anyway. Redeem before the day's weight is used up: afterwards this call is refused
    /// like any other.
    Redeem {
        /// How many.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        credits: u64,
        /// Name of the Admin's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// Run it.
pub async fn run(session: &Session, command: CreditsCommand) -> Result<Output, CliError> {
    match command {
        CreditsCommand::Show { organisation } => {
            let chain = session.chain().await?;
            let organisation = session.id(&chain, &organisation).await?;
            let found = credits::show(&chain, organisation).await?;
            Ok(Output::new("")
                .with_text("organisation", organisation)
                .with("credits", found.balance)
                .with("redeemable_today", found.redeemable())
                .with("units_per_credit", CREDIT_WEIGHT)
                .with("units_used_today", found.used)
                .with("units_today", found.quota)
                .with("units_redeemed_today", found.raised)
                .with("all_organisations_earned", found.all.earned)
                .with("all_organisations_redeemed", found.all.redeemed))
        }
        CreditsCommand::Redeem { credits: count, key } => {
            let admin = session.key(&key)?;
            let chain = session.chain().await?;
            let redeemed = session.wait("redeeming", credits::redeem(&chain, &admin, count)).await?;
            Ok(Output::new("Redeemed: the weight lasts until midnight UTC.")
                .with_text("organisation", redeemed.organisation)
                .with("credits", count)
                .with("units_today", redeemed.quota)
                .with_receipt(&redeemed.receipt))
        }
    }
}
