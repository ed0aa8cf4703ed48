//! `salus key`: keys in an encrypted folder, and those that speak for their holder on the chain.

use std::{fs, path::PathBuf};

use clap::{Subcommand, ValueEnum};
use salus_client::{
    actions::{fresh_key, inspect, keys, officers::roles_text, subject_text},
    envelope::KemSecret,
    keystore::{KeyFile, KeyKind, StoredKey},
    tags::TagKey,
};
use salus_primitives::{AccountId, Moment, crypto::KeyPair, crypto::sha256_of};

use super::{
    agreement::HandOverTo,
    error::CliError,
    output::{Output, moment_value},
    parse,
    session::{Session, typed},
};

/// What a key is for.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// Signs: an account.
    #[default]
    Account,
    /// Opens records sealed to it.
    Kem,
    /// Blinds a patient's sensitivity labels.
    Tag,
}

/// `salus key`
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a new key.
    #[command(visible_alias = "new")]
    Generate {
        /// Its name in the folder.
        #[arg(value_parser = parse::key_name)]
        name: String,
        /// What it is for.
        #[arg(long, value_enum, default_value_t)]
        kind: Kind,
        /// Protect it by next to nothing: for tests and demonstrations only.
        #[arg(long)]
        development: bool,
    },
    /// Keep a signing key given by its 32-byte seed in hex: from a file, or typed unseen.
    Import {
        /// Its name in the folder.
        #[arg(value_parser = parse::key_name)]
        name: String,
        /// File with the seed, 64 hex digits.
        #[arg(long, value_name = "FILE", conflicts_with = "dev")]
        seed_file: Option<PathBuf>,
        /// The published development key of this name, as council: worth nothing beyond a chain of kind `dev`.
        #[arg(long, value_name = "NAME")]
        dev: Option<String>,
    },
    /// Show the public half of a key, and with --chain whom it speaks for.
    Show {
        /// Its name, or an address.
        key: String,
        /// Ask the node whom it speaks for.
        #[arg(long)]
        chain: bool,
    },
    /// List the keys in the folder.
    List,
    /// Put a new key in the place of yours, as a doctor or patient: the old one ends for good. Officers' keys are
    /// their Admin's to set (`salus officer`).
    Rotate {
        /// Name of the new key, which agrees, or its address where it is on another machine.
        new_key: String,
        #[command(flatten)]
        to: HandOverTo,
        /// Name of the key that signs, and ends.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Let a further key speak for you, as a doctor or patient: a second device, or a session on a ward.
    Add {
        /// Name of the new key, which agrees, or its address where it is on another machine.
        new_key: String,
        /// Let it end by itself after this time, at most 12h. It may then open and request, and change no keys.
        #[arg(long, value_parser = parse::duration, value_name = "TIME")]
        session: Option<u64>,
        #[command(flatten)]
        to: HandOverTo,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// End keys of yours for good, as a doctor or patient.
    End {
        /// Names of the keys, or their addresses; at most six.
        #[arg(required = true, num_args = 1..=keys::ENDED_MAX, value_name = "NAME")]
        ended: Vec<String>,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// Run it.
pub async fn run(session: &Session, command: KeyCommand) -> Result<Output, CliError> {
    match command {
        KeyCommand::Generate { name, kind, development } => {
            let key = match kind {
                Kind::Account => StoredKey::Account(fresh_key()?),
                Kind::Kem => StoredKey::Kem(KemSecret::generate()?),
                Kind::Tag => StoredKey::Tag(TagKey::generate()?),
            };
            let file = session.store(&name, &key, development)?;
            Ok(described(
                Output::new(format!("Made key {name}. Keep its passphrase: nobody can restore it.")),
                &name,
                &file,
            ))
        }
        KeyCommand::Import { name, seed_file, dev } => {
            let development = dev.is_some();
            let pair = match dev {
                Some(dev) => KeyPair::from_seed(&sha256_of(&[b"salus development key: ", dev.as_bytes()]).0),
                None => seed(seed_file)?,
            };
            let file = session.store(&name, &StoredKey::Account(pair), development)?;
            Ok(described(Output::new(format!("Kept key {name}.")), &name, &file))
        }
        KeyCommand::Show { key, chain } => show(session, &key, chain).await,
        KeyCommand::List => list(session),
        KeyCommand::Rotate { new_key, to, key } => {
            let signers = session.signers(to, &key, &[&new_key])?;
            let (old, new) = (signers.submitter(), signers.other());
            let chain = session.chain().await?;
            let done = signers.submit(session, &chain, "rotating", keys::rotate_call(old, new)).await?;
            let output = Output::new(done.title("The new key speaks for you now, the old one never again."));
            Ok(done.end(output.with_text("new", new).with_text("old", old)))
        }
        KeyCommand::Add { new_key, session: lasts, to, key } => {
            let signers = session.signers(to, &key, &[&new_key])?;
            let new = signers.other();
            let chain = session.chain().await?;
            let until = match lasts {
                Some(length) => Some(chain.now().await?.plus(length)),
                None => None,
            };
            let done = signers.submit(session, &chain, "adding", keys::add_call(new, until)).await?;
            let output = Output::new(done.title("The new key speaks for you too.")).with_text("new", new);
            Ok(done.end(output.with("until", until.map(moment_value))))
        }
        KeyCommand::End { ended, key } => {
            let ended = ended.iter().map(|text| session.account(text)).collect::<Result<Vec<_>, _>>()?;
            let signers = session.signers(HandOverTo::default(), &key, &[])?;
            let chain = session.chain().await?;
            let done = signers.submit(session, &chain, "ending", keys::end_call(&ended)).await?;
            let ended = ended.iter().map(ToString::to_string).collect::<Vec<_>>();
            Ok(done.end(Output::new(done.title("These keys speak for nobody any more.")).with("ended", ended)))
        }
    }
}

fn seed(file: Option<PathBuf>) -> Result<KeyPair, CliError> {
    let text = match file {
        Some(path) => zeroize::Zeroizing::new(fs::read_to_string(&path).map_err(|source| CliError::Io {
            doing: "reading",
            path,
            source,
        })?),
        None => typed("seed, 64 hex digits: ")?,
    };
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    let text = text.trim();
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut seed[..])
        .map_err(|_| CliError::Usage("a seed is 64 hex digits, with or without 0x".to_owned()))?;
    Ok(KeyPair::from_seed(&seed))
}

fn described(output: Output, name: &str, file: &KeyFile) -> Output {
    let output = output.with("name", name).with_text("kind", kind_name(file.kind()));
    let output = match (file.kind(), <[u8; 32]>::try_from(file.public())) {
        (KeyKind::Account, Ok(key)) => output.with_text("address", AccountId(key)),
        _ => output,
    };
    let output = output.with_text("public", format!("0x{}", hex::encode(file.public())));
    output.with("for_development", file.is_for_development()).with_text("file", file.path().display())
}

fn kind_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Account => "account",
        KeyKind::Kem => "kem",
        KeyKind::Tag => "tag",
    }
}

async fn show(session: &Session, key: &str, chain: bool) -> Result<Output, CliError> {
    let (output, account) = match key.parse::<AccountId>() {
        Ok(account) => (Output::new("").with_text("address", account), Some(account)),
        Err(_) => {
            let file = session.key_file(key)?;
            let account = <[u8; 32]>::try_from(file.public()).ok().filter(|_| file.kind() == KeyKind::Account);
            (described(Output::new(""), key, &file), account.map(AccountId))
        }
    };
    let Some(account) = account.filter(|_| chain) else { return Ok(output) };
    let node = session.chain().await?;
    let info = inspect::account(&node, account).await?;
    let subject = info.data.subject.map(|subject| subject_text(&subject));
    Ok(output
        .with("speaks_for", subject)
        .with_text("roles", roles_text(info.data.roles))
        .with("until", info.data.until.map(moment_value))
        .with("ended", info.data.ended == salus_system::Ended::Yes)
        .with("next_nonce", info.nonce))
}

fn list(session: &Session) -> Result<Output, CliError> {
    let files = if session.keys().exists() { KeyFile::list(session.keys())? } else { Vec::new() };
    let rows = files
        .into_iter()
        .map(|file| match file {
            Ok(file) => {
                let name = file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let public = match <[u8; 32]>::try_from(file.public()) {
                    Ok(key) if file.kind() == KeyKind::Account => AccountId(key).to_string(),
                    _ => format!("0x{}", hex::encode(file.public())),
                };
                let made = moment_value(Moment(file.created_ms()));
                vec![name.into(), kind_name(file.kind()).into(), public.into(), made, serde_json::Value::Null]
            }
            Err(error) => vec![
                serde_json::Value::Null,
                serde_json::Value::Null,
                serde_json::Value::Null,
                serde_json::Value::Null,
                error.to_string().into(),
            ],
        })
        .collect();
    let title = format!("Keys in {}", session.keys().display());
    Ok(Output::new(title).with_list("keys", &["name", "kind", "public", "made", "error"], rows))
}
