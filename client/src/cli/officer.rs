//! `salus officer`: an organisation's officers.

use clap::Subcommand;
use salus_client::actions::officers::{self, roles_text};
use salus_primitives::{AccountId, OrganisationId, subject::Roles};

use super::{error::CliError, output::Output, parse, session::Session};

/// `salus officer`
#[derive(Subcommand, Debug)]
pub enum OfficerCommand {
    /// Make the holder of a key an officer, or change its roles. A new key agrees.
    Set {
        /// Name of the officer's key.
        officer_key: String,
        /// Roles: admin, registrar, privacy, reviewer, gateway.
        #[arg(long, value_delimiter = ',', required = true, value_parser = parse::role, value_name = "ROLE,...")]
        roles: Vec<Roles>,
        /// Name of the Admin's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// End an officer's key for good.
    End {
        /// Its address.
        account: AccountId,
        /// Name of the Admin's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// List an organisation's officers.
    List {
        /// The organisation's id.
        organisation: OrganisationId,
    },
}

/// Run it.
pub async fn run(session: &Session, command: OfficerCommand) -> Result<Output, CliError> {
    match command {
        OfficerCommand::Set { officer_key, roles, key } => {
            let roles = roles.into_iter().fold(Roles::NONE, Roles::with);
            let (admin, officer) = (session.key(&key)?, session.key(&officer_key)?);
            let chain = session.chain().await?;
            let receipt = session.wait("appointing", officers::set(&chain, &admin, &officer, roles)).await?;
            Ok(Output::new(format!("Key {officer_key} has these roles now."))
                .with_text("address", officer.public())
                .with_text("roles", roles_text(roles))
                .with_receipt(&receipt))
        }
        OfficerCommand::End { account, key } => {
            let admin = session.key(&key)?;
            let chain = session.chain().await?;
            let receipt = session.wait("ending", officers::change(&chain, &admin, account, None)).await?;
            Ok(Output::new("The key is no officer's any more, and never again.")
                .with_text("address", account)
                .with_receipt(&receipt))
        }
        OfficerCommand::List { organisation } => {
            let chain = session.chain().await?;
            let rows = officers::list(&chain, organisation)
                .await?
                .into_iter()
                .map(|(account, roles)| vec![account.to_string().into(), roles_text(roles).into()])
                .collect();
            Ok(Output::new(format!("Officers of organisation {organisation}")).with_list(
                "officers",
                &["address", "roles"],
                rows,
            ))
        }
    }
}
