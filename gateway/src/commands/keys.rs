//! `salus-gateway key`: the custodian's keys, made, shown, backed up in shares, restored and rotated.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use salus_client::keystore::{KdfParams, read_secret};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{CommandError, Common, report, upkeep::count};
use crate::{
    config::Config,
    keyring::{Keyring, Share, combine, fingerprint, known, split},
    service::passphrase,
    store::Store,
};

/// The custodian's keys. Their folder and the file with their passphrase stand in the configuration, under `[keys]`.
#[derive(Subcommand, Clone, Debug)]
pub enum KeyCommand {
    /// Make the custodian's first key
    New {
        /// Protect it by next to nothing: for tests and demonstrations only
        #[arg(long)]
        development: bool,
    },
    /// List the custodian's keys; needs no passphrase
    Show,
    /// Write the newest key in parts, of which some give it back
    Split {
        /// How many parts give the key back
        #[arg(long, value_name = "M")]
        needed: u8,
        /// How many parts to make
        #[arg(long, value_name = "N")]
        shares: u8,
        /// Folder to write them to, made if it is not there
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Restore a lost key from parts, into a folder of keys that has none
    Combine {
        /// Files with a part each
        #[arg(required = true, value_name = "FILE")]
        shares: Vec<PathBuf>,
        /// Protect it by next to nothing: for tests and demonstrations only
        #[arg(long)]
        development: bool,
    },
    /// Make the next key and seal every wrap of ours to it; run again, it goes on where it was stopped
    Rotate {
        /// Protect it by next to nothing: for tests and demonstrations only
        #[arg(long)]
        development: bool,
    },
}

#[derive(Serialize)]
struct Described {
    epoch: u32,
    public: String,
    fingerprint: String,
}

#[derive(Serialize)]
struct Shown {
    keys: Vec<Described>,
    rotating_to: Option<u32>,
}

/// Run it.
///
/// # Errors
/// [`CommandError`], by its message.
pub async fn run(command: &KeyCommand, common: &Common) -> Result<(), CommandError> {
    let (config, json) = (common.load()?, common.json);
    let folder = &config.keys.keyring;
    match command {
        KeyCommand::New { development } => {
            let made = Keyring::create(folder, passphrase(&config)?, kdf(*development))?.newest();
            let title = "Made the custodian's key. Back it up in shares, then have an Admin set it on the chain:";
            report::print(json, title, &described(made.epoch, &made.public));
        }
        KeyCommand::Show => {
            let (keys, rotating_to) = known(folder)?;
            let keys = keys.iter().map(|(epoch, public)| described(*epoch, public)).collect();
            report::print(json, "The custodian's keys, the newest first:", &Shown { keys, rotating_to });
        }
        KeyCommand::Split { needed, shares, out } => {
            let key = keyring(&config)?.newest();
            let files = write_shares(out, &split(&key.secret, *needed, *shares)?)?;
            let title = format!("Wrote {shares} shares, any {needed} give the key back. Move each to another place:");
            report::print(json, &title, &std::collections::BTreeMap::from([("files", files)]));
        }
        KeyCommand::Combine { shares, development } => {
            let shares = shares.iter().map(|path| read_share(path)).collect::<Result<Vec<_>, _>>()?;
            let secret = combine(&shares)?;
            let made = Keyring::create_with(folder, passphrase(&config)?, kdf(*development), &secret)?.newest();
            report::print(json, "Restored the custodian's key:", &described(made.epoch, &made.public));
        }
        KeyCommand::Rotate { development } => {
            let keyring = keyring(&config)?;
            let store = Store::beside(&config.store).await?;
            let bar = report::bar(json, "renewing wraps", count(&store).await?);
            let done = keyring.rotate(&store, config.organisation, kdf(*development), || bar.inc(1)).await?;
            bar.finish_and_clear();
            let title = "Rotated the custodian's key. Back the new one up, then have an Admin set it on the chain:";
            report::print(json, title, &done);
            if !done.failed.is_empty() {
                let message = format!(
                    "{} wraps could not be renewed; repair or shred these records, then run it again",
                    done.failed.len()
                );
                return Err(CommandError::Found(message));
            }
        }
    }
    Ok(())
}

fn kdf(development: bool) -> KdfParams {
    if development { KdfParams::for_development() } else { KdfParams::default() }
}

fn keyring(config: &Config) -> Result<Keyring, CommandError> {
    Ok(Keyring::open(&config.keys.keyring, passphrase(config)?)?)
}

fn described(epoch: u32, public: &salus_client::envelope::KemPublic) -> Described {
    Described { epoch, public: public.to_string(), fingerprint: fingerprint(public) }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> CommandError + use<'a> {
    move |source| CommandError::Io { doing, path: path.to_owned(), source }
}

/// Each share in a file of its own that its owner alone may read; none is written over.
fn write_shares(folder: &Path, shares: &[Share]) -> Result<Vec<String>, CommandError> {
    fs::create_dir_all(folder).map_err(failed("making", folder))?;
    let mut written = Vec::new();
    for share in shares {
        let path = folder.join(format!("share-{}-{}.txt", fingerprint(&share.key), share.index));
        let text = Zeroizing::new(share.to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(failed("making", &path))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("writing", &path))?;
        written.push(path.display().to_string());
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("syncing", folder))?;
    Ok(written)
}

fn read_share(path: &Path) -> Result<Share, CommandError> {
    let bytes = Zeroizing::new(read_secret(path).map_err(crate::keyring::KeyringError::from)?);
    let share = String::from_utf8_lossy(&bytes).parse();
    share.map_err(|error| CommandError::Share { path: path.to_owned(), error })
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod keys_tests;
