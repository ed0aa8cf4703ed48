//! `salus org`: an organisation's entry.

use clap::Subcommand;
use salus_client::{
    actions::{
        council,
        officers::{self, FullNodes, Profile},
    },
    envelope::KemPublic,
};
use salus_primitives::{Hash, OrganisationId, Subject, peer::PeerId};
use salus_registry::{
    storage::KemKeys,
    types::{PEERS_MAX, Url},
};

use super::{error::CliError, output::Output, parse, refs::Ref, session::Session};

/// `salus org`
#[derive(Subcommand, Debug)]
pub enum OrgCommand {
    /// Show an organisation.
    Show {
        /// Its id.
        organisation: Ref<OrganisationId>,
    },
    /// Set your organisation's own part of its entry, as its Admin. Parts that are not given become empty, except
    /// that the encryption key stays.
    Update {
        /// Where its gateway is.
        #[arg(long, default_value = "")]
        url: String,
        /// Commitment to its profile, 64 hex digits.
        #[arg(long, value_name = "HASH")]
        profile: Option<Hash>,
        /// Name of its encryption key, or the public half as `salus-gateway key show` prints it: a custodian needs one
        /// before records are filed.
        #[arg(long, value_name = "NAME")]
        kem_key: Option<String>,
        /// Peer id of a full node of the organisation, which may connect then: as `salus-node key show` prints it.
        /// May be given again, up to eight times.
        #[arg(long = "full-node", value_parser = parse::peer, value_name = "PEER")]
        full_nodes: Vec<PeerId>,
        /// Name of the Admin's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// Run it.
pub async fn run(session: &Session, command: OrgCommand) -> Result<Output, CliError> {
    match command {
        OrgCommand::Show { organisation } => show(session, organisation).await,
        OrgCommand::Update { url, profile, kem_key, full_nodes, key } => {
            let url = Url::try_from(url.into_bytes())
                .map_err(|_| CliError::Usage("a gateway URL has at most 128 bytes".to_owned()))?;
            let kem = kem_key.map(|name| public_kem(session, &name)).transpose()?;
            let admin = session.key(&key)?;
            let chain = session.chain().await?;
            let full_nodes = FullNodes::try_from(full_nodes)
                .map_err(|_| CliError::Usage(format!("an organisation lists at most {PEERS_MAX} full nodes")))?;
            let profile = Profile { commitment: profile.unwrap_or_default(), url, kem, full_nodes };
            let done = officers::update_organisation(&chain, &admin, profile);
            let receipt = session.wait("updating", done).await?;
            Ok(Output::new("The organisation's entry was set.").with_receipt(&receipt))
        }
    }
}

/// The public half of an encryption key, given itself or by the name of its file in the folder: no passphrase is needed for it.
pub fn public_kem(session: &Session, name: &str) -> Result<KemPublic, CliError> {
    if let Ok(key) = name.parse() {
        return Ok(key);
    }
    let file = session.key_file(name)?;
    match (file.kind(), <[u8; 32]>::try_from(file.public())) {
        (salus_client::keystore::KeyKind::Kem, Ok(key)) => Ok(KemPublic(key)),
        (other, _) => Err(CliError::Usage(format!(
            "key {name} is {other}, an encryption key is needed: salus key generate --kind kem NAME"
        ))),
    }
}

async fn show(session: &Session, organisation: Ref<OrganisationId>) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let id = session.id(&chain, &organisation).await?;
    let entry = council::organisation(&chain, id).await?;
    let kem = chain.view_now(|state| KemKeys::get(state, &Subject::Organisation(id))).await?;
    let officers = officers::list(&chain, id).await?;
    let rows = officers
        .into_iter()
        .map(|(account, roles)| vec![account.to_string().into(), officers::roles_text(roles).into()])
        .collect();
    Ok(Output::new(String::from_utf8_lossy(&entry.display_name).into_owned())
        .with_text("organisation", id)
        .with_text("name", String::from_utf8_lossy(&entry.display_name))
        .with_text("status", format!("{:?}", entry.status).to_lowercase())
        .with("caps", parse::cap_names(entry.caps))
        .with_text("gateway", String::from_utf8_lossy(&entry.url))
        .with_text("profile", entry.profile)
        .with("encryption_key", kem.map(|kem| format!("0x{}", hex::encode(kem.key))))
        .with("full_nodes", entry.peer_ids.iter().map(|peer| parse::peer_text(peer)).collect::<Vec<_>>())
        .with_list("officers", &["address", "roles"], rows))
}
