//! What every command needs: the node, the keys, a passphrase, a spinner.

use std::{
    cell::RefCell,
    fs,
    io::IsTerminal as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use salus_client::{
    chain::{AccessToken, Chain},
    envelope::KemSecret,
    keystore::{KeyFile, KeystoreError, Passphrase, StoredKey},
    tags::TagKey,
};
use salus_primitives::crypto::KeyPair;

use super::{Common, error::CliError, parse};

/// One run of the program.
pub struct Session {
    common: Common,
    keys: PathBuf,
    /// The last passphrase that was right: keys of one person often share one.
    known: RefCell<Option<Passphrase>>,
}

impl Session {
    /// Ready for a command.
    pub fn new(common: Common) -> Result<Self, CliError> {
        let keys = match &common.keys {
            Some(folder) => folder.clone(),
            None => default_keys()?,
        };
        Ok(Self { common, keys, known: RefCell::new(None) })
    }

    /// Connect to the node.
    pub async fn chain(&self) -> Result<Chain, CliError> {
        let token = self.common.token_file.as_deref().map(AccessToken::read).transpose()?;
        Ok(self.wait("connecting", Chain::connect_with(&self.common.node, token.as_ref())).await?)
    }

    /// The folder of keys.
    pub fn keys(&self) -> &Path {
        &self.keys
    }

    /// Is JSON asked for?
    pub fn json(&self) -> bool {
        self.common.json
    }

    /// Await `future` with a spinner for people.
    pub async fn wait<T>(&self, doing: &str, future: impl Future<Output = T>) -> T {
        let spinner = self.spinner(doing);
        let result = future.await;
        spinner.finish_and_clear();
        result
    }

    /// A spinner on the terminal; nothing where JSON is asked for or nobody looks.
    pub fn spinner(&self, doing: &str) -> ProgressBar {
        if self.common.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.set_message(doing.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    /// The file of a key.
    pub fn key_path(&self, name: &str) -> Result<PathBuf, CliError> {
        let name = parse::key_name(name).map_err(CliError::Usage)?;
        Ok(self.keys.join(format!("{name}.json")))
    }

    /// Read a key file, without opening it.
    pub fn key_file(&self, name: &str) -> Result<KeyFile, CliError> {
        Ok(KeyFile::open(&self.key_path(name)?)?)
    }

    /// A signing key by name.
    pub fn key(&self, name: &str) -> Result<KeyPair, CliError> {
        self.unlock(name, KeyFile::unlock_account)
    }

    /// An encryption key by name.
    pub fn kem(&self, name: &str) -> Result<KemSecret, CliError> {
        self.unlock(name, KeyFile::unlock_kem)
    }

    /// A tag key by name.
    pub fn tag_key(&self, name: &str) -> Result<TagKey, CliError> {
        self.unlock(name, KeyFile::unlock_tag)
    }

    /// Open a key: with the passphrase in the file, else with the last one that was right, else as the terminal
    /// says.
    fn unlock<T>(
        &self,
        name: &str,
        open: impl Fn(&KeyFile, &Passphrase) -> Result<T, KeystoreError>,
    ) -> Result<T, CliError> {
        let file = self.key_file(name)?;
        if let Some(known) = &*self.known.borrow() {
            match open(&file, known) {
                Err(KeystoreError::WrongPassphrase { .. }) if self.common.passphrase_file.is_none() => {}
                other => return Ok(other?),
            }
        }
        let passphrase = self.passphrase(&format!("passphrase of key {name}: "))?;
        let key = open(&file, &passphrase)?;
        *self.known.borrow_mut() = Some(passphrase);
        Ok(key)
    }

    /// Keep a new key under `name`.
    pub fn store(&self, name: &str, key: &StoredKey, development: bool) -> Result<KeyFile, CliError> {
        let path = self.key_path(name)?;
        self.make_folder()?;
        let kdf = if development { salus_client::keystore::KdfParams::for_development() } else { Default::default() };
        let passphrase = self.new_passphrase(name)?;
        let file = KeyFile::create(&path, key, &passphrase, kdf)?;
        *self.known.borrow_mut() = Some(passphrase);
        Ok(file)
    }

    fn make_folder(&self) -> Result<(), CliError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.keys);
        made.map_err(|source| CliError::Io { doing: "making", path: self.keys.clone(), source })
    }

    /// The passphrase for a new key: from the file, else typed twice.
    fn new_passphrase(&self, name: &str) -> Result<Passphrase, CliError> {
        if self.common.passphrase_file.is_none()
            && let Some(known) = &*self.known.borrow()
        {
            return Ok(known.clone());
        }
        let prompt = format!("passphrase for the new key {name}: ");
        if self.common.passphrase_file.is_some() {
            return self.passphrase(&prompt);
        }
        let first = typed(&prompt)?;
        if *first != *typed("the same again: ")? {
            return Err(CliError::Usage("the two passphrases differ; nothing was kept".to_owned()));
        }
        Ok(Passphrase::new(first.to_string())?)
    }

    fn passphrase(&self, prompt: &str) -> Result<Passphrase, CliError> {
        let text = match &self.common.passphrase_file {
            Some(path) => fs::read_to_string(path).map_err(|source| CliError::Io {
                doing: "reading",
                path: path.clone(),
                source,
            })?,
            None => typed(prompt)?.to_string(),
        };
        Ok(Passphrase::new(text)?)
    }
}

/// What is typed on the terminal, unseen.
pub fn typed(prompt: &str) -> Result<zeroize::Zeroizing<String>, CliError> {
    let terminal = console::Term::stderr();
    if !terminal.is_term() || !std::io::stdin().is_terminal() {
        return Err(CliError::Usage("there is no terminal to ask on: give --passphrase-file FILE".to_owned()));
    }
    let failed = |source| CliError::Io { doing: "reading", path: PathBuf::from("the terminal"), source };
    terminal.write_str(prompt).map_err(failed)?;
    Ok(zeroize::Zeroizing::new(terminal.read_secure_line().map_err(failed)?))
}

/// Where keys lie when nothing is said.
fn default_keys() -> Result<PathBuf, CliError> {
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let data = std::env::var_os("XDG_DATA_HOME")
        .filter(|data| !data.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(home()?.join(".local/share")));
    let data = data.ok_or_else(|| CliError::Usage("HOME is not set: name a folder with --keys DIR".to_owned()))?;
    Ok(data.join("salus/keys"))
}
