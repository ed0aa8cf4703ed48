//! The hospitals' gateways: their folders as an operator would lay them out, started and stopped as programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use salus_primitives::Hash;

use super::{
    DemoError,
    people::Hospital,
    process::{self, PATIENCE, PAUSE, beside},
};
use crate::keystore::{KdfParams, KeyFile, Passphrase, StoredKey};

/// What it prints before its address.
const LISTENS: &str = " listens on ";

/// One hospital's gateway.
pub struct Gateway {
    program: PathBuf,
    folder: PathBuf,
    /// Once it has run: it listens there again, since the chain says where.
    url: Option<String>,
    child: Option<Child>,
}

impl Gateway {
    /// Lay out the folder of the gateway of `hospital`: configuration, key of the Gateway officer, keyring.
    pub fn make(
        program: Option<PathBuf>,
        folder: PathBuf,
        hospital: &Hospital,
        genesis: Hash,
        node: &str,
    ) -> Result<Self, DemoError> {
        let keyring = folder.join("keyring");
        fs::create_dir_all(&keyring).map_err(io(&keyring))?;
        // A demo's passphrase: whoever reads the folder has the keys' files beside it.
        let secret = hex::encode(*crate::envelope::random_bytes::<32>()?);
        let path = folder.join("passphrase");
        fs::write(&path, &secret).map_err(io(&path))?;
        only_owner(&path)?;
        let passphrase = Passphrase::new(secret)?;
        let kdf = KdfParams::for_development();
        for (path, key) in [
            (folder.join("officer.json"), StoredKey::Account(hospital.gateway.clone())),
            (keyring.join("custodian-0001.json"), StoredKey::Kem(hospital.kem.clone())),
        ] {
            KeyFile::create(&path, &key, &passphrase, kdf)?;
        }
        let path = folder.join("gateway.toml");
        let text = format!(
            "organisation = \"{}\"\nbase_path = \"data\"\n\n[chain]\ngenesis = \"{genesis}\"\nnode = \"{node}\"\n\n\
             [keys]\nofficer = \"officer.json\"\nkeyring = \"keyring\"\npassphrase_file = \"passphrase\"\n\n\
             [store]\nfolder = \"store\"\n\n[upkeep]\nevery_seconds = 1\n",
            hospital.id
        );
        fs::write(&path, text).map_err(io(&path))?;
        Ok(Self { program: program.unwrap_or_else(|| beside("salus-gateway")), folder, url: None, child: None })
    }

    /// Start it; where it listens.
    pub async fn start(&mut self) -> Result<String, DemoError> {
        let (log, said) = (self.folder.join("log"), self.folder.join("said"));
        let listen = self.url.as_deref().map_or("127.0.0.1:0", |url| url.trim_start_matches("http://"));
        let errors = fs::OpenOptions::new().create(true).append(true).open(&log).map_err(io(&log))?;
        let out = fs::File::create(&said).map_err(io(&said))?;
        let child = Command::new(&self.program)
            .args(["run", "--listen", listen, "--config"])
            .arg(self.folder.join("gateway.toml"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .map_err(io(&self.program))?;
        self.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let text = fs::read_to_string(&said).unwrap_or_default();
            let first = text.split_once('\n').and_then(|(line, _)| line.split_once(LISTENS));
            if let Some((_, url)) = first {
                self.url = Some(url.to_owned());
                return Ok(url.to_owned());
            }
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                let log = log.display();
                return Err(DemoError::Node(format!("a gateway ended at once ({status}); its log is {log}")));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(DemoError::Node(format!("a gateway did not start within 30 s; its log is {}", log.display())))
    }

    /// Stop it as a service manager would, and wait until it has ended.
    pub async fn stop(&mut self) -> Result<(), DemoError> {
        process::stop(&mut self.child, "a gateway").await
    }

    /// How many bytes of ciphertext and keys lie in its store under the record `id`.
    pub fn stored(&self, id: &str) -> Result<u64, DemoError> {
        bytes_under(&self.folder.join("store"), id, false)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        process::kill(&mut self.child);
    }
}

/// Bytes of the files below any folder called `name`.
fn bytes_under(folder: &Path, name: &str, inside: bool) -> Result<u64, DemoError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(io(folder))?.flatten() {
        let path = entry.path();
        let inside = inside || entry.file_name().to_string_lossy() == name;
        if path.is_dir() {
            bytes += bytes_under(&path, name, inside)?;
        } else if inside {
            bytes += entry.metadata().map_err(io(&path))?.len();
        }
    }
    Ok(bytes)
}

fn only_owner(path: &Path) -> Result<(), DemoError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io(path))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> DemoError + use<> {
    let path = path.to_owned();
    move |source| DemoError::Io { path: path.clone(), source }
}
