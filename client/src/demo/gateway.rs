//! The hospitals' gateways: their folders as an operator would lay them out, started and stopped as programs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use salus_primitives::Hash;

use super::{DemoError, people::Hospital};
use crate::keystore::{KdfParams, KeyFile, Passphrase, StoredKey};

/// How long a gateway may take to answer or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
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
        Ok(Self { program: program.unwrap_or_else(beside), folder, url: None, child: None })
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
        let Some(mut child) = self.child.take() else { return Ok(()) };
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().map_err(io(Path::new("kill")))?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(DemoError::Node(format!("a gateway ended with {status}"))),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        self.child = Some(child);
        Err(DemoError::Node("a gateway did not stop within 30 s".into()))
    }

    /// How many bytes of ciphertext and keys lie in its store under the record `id`.
    pub fn stored(&self, id: &str) -> Result<u64, DemoError> {
        bytes_under(&self.folder.join("store"), id, false)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Either it is gone already, or this ends it.
            let _ = child.kill();
            let _ = child.wait();
        }
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

/// `salus-gateway` beside this program, or as the path finds it.
fn beside() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join("salus-gateway")));
    beside.filter(|program| Path::exists(program)).unwrap_or_else(|| PathBuf::from("salus-gateway"))
}
