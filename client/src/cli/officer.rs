//! `salus officer`: an organisation's officers.

use clap::Subcommand;
use salus_client::actions::officers::{self, roles_text};
use salus_primitives::{AccountId, OrganisationId, subject::Roles};

use super::{agreement::HandOverTo, error::CliError, output::Output, parse, refs::Ref, session::Session};

/// `salus officer`
#[derive(Subcommand, Debug)]
pub enum OfficerCommand {
    /// Make the holder of a key an officer, or change its roles. A new key agrees.
    Set {
        /// Name of the officer's key, or its address where it is on another machine.
        officer_key: String,
        /// Roles: admin, registrar, privacy, reviewer, gateway.
        #[arg(long, value_delimiter = ',', required = true, value_parser = parse::role, value_name = "ROLE,...")]
        roles: Vec<Roles>,
        #[command(flatten)]
        to: HandOverTo,
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
        organisation: Ref<OrganisationId>,
    },
}

/// Run it.
pub async fn run(session: &Session, command: OfficerCommand) -> Result<Output, CliError> {
    match command {
        OfficerCommand::Set { officer_key, roles, to, key } => {
            let roles = roles.into_iter().fold(Roles::NONE, Roles::with);
            let officer = session.account(&officer_key)?;
            let chain = session.chain().await?;
            // Who is an officer already need not be here to get other roles.
            let signers = match officers::agrees(&chain, officer).await? {
                true => session.signers(to, &key, &[&officer_key])?,
                false => session.signers(to, &key, &[])?,
            };
            let call = officers::set_call(officer, Some(roles));
            let done = signers.submit(session, &chain, "appointing", call).await?;
            let output = Output::new(done.title(&format!("Key {officer_key} has these roles now.")))
                .with_text("address", officer)
                .with_text("roles", roles_text(roles));
            Ok(done.end(output))
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
            let organisation = session.id(&chain, &organisation).await?;
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
