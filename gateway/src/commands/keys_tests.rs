//! The custodian's key from the command line: made, shown, split, lost, restored, rotated.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{CommandError, Common, KeyCommand, run};
use crate::{
    keyring::{KeyringError, ShareError, known},
    store::{
        Holder, Store, StoreConfig,
        testing::{Paper, T0, US},
    },
};

struct Hospital {
    folder: TempDir,
}

impl Hospital {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("passphrase");
        fs::write(&secret, "for tests").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "organisation = \"{US}\"\nbase_path = \"base\"\n[chain]\ngenesis = \"{}\"\n[keys]\nofficer = \"officer.json\"\n\
             keyring = \"keys\"\npassphrase_file = \"passphrase\"\n[store]\nfolder = \"store\"\n",
            "00".repeat(32)
        );
        fs::write(folder.path().join("gateway.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, command: KeyCommand) -> Result<(), CommandError> {
        run(&command, &Common { config: self.path("gateway.toml"), json: true }).await
    }

    fn share(&self, folder: &str, index: u8) -> PathBuf {
        let files = fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap().path());
        let ending = format!("-{index}.txt");
        files.into_iter().find(|path| path.to_string_lossy().ends_with(&ending)).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_custodians_key_is_made_split_lost_and_restored() {
    let hospital = Hospital::new();
    let empty = hospital.run(KeyCommand::Split { needed: 2, shares: 3, out: hospital.path("shares") }).await;
    let Err(CommandError::Keyring(empty)) = empty else { panic!("{empty:?}") };
    assert!(matches!(*empty, KeyringError::Io { .. } | KeyringError::Empty { .. }));
    hospital.run(KeyCommand::New { development: true }).await.unwrap();
    let again = hospital.run(KeyCommand::New { development: true }).await;
    let Err(CommandError::Keyring(again)) = again else { panic!("{again:?}") };
    assert!(matches!(*again, KeyringError::Exists { epoch: 1, .. }));
    hospital.run(KeyCommand::Show).await.unwrap();
    let (keys, _) = known(&hospital.path("keys")).unwrap();

    let split = || KeyCommand::Split { needed: 2, shares: 3, out: hospital.path("shares") };
    hospital.run(split()).await.unwrap();
    assert_eq!(mode(&hospital.share("shares", 3)), 0o600);
    let over = hospital.run(split()).await;
    assert!(matches!(over, Err(CommandError::Io { doing: "making", .. })), "no share is written over");

    fs::remove_dir_all(hospital.path("keys")).unwrap();
    let combine = |shares: &[PathBuf]| KeyCommand::Combine { shares: shares.to_vec(), development: true };
    let one = hospital.share("shares", 1);
    let few = hospital.run(combine(std::slice::from_ref(&one))).await;
    assert!(matches!(few, Err(CommandError::Shares(ShareError::TooFew { found: 1, needed: 2 }))));
    let three = hospital.share("shares", 3);
    let good = fs::read_to_string(&three).unwrap();
    fs::write(&three, good.replace("share   3", "share   2")).unwrap();
    let damaged = hospital.run(combine(&[one.clone(), three.clone()])).await;
    assert!(matches!(damaged, Err(CommandError::Share { error: ShareError::Damaged, .. })));
    fs::write(&three, good).unwrap();
    hospital.run(combine(&[one, three])).await.unwrap();
    assert_eq!(known(&hospital.path("keys")).unwrap().0, keys);
}

#[tokio::test]
async fn a_rotation_from_the_command_line_runs_beside_the_gateway_and_says_what_failed() {
    let hospital = Hospital::new();
    hospital.run(KeyCommand::New { development: true }).await.unwrap();
    let (_, old) = known(&hospital.path("keys")).unwrap().0[0];
    let store = StoreConfig { folder: Some(hospital.path("store")), ..StoreConfig::default() };
    let store = Store::open(&store).await.unwrap();
    let paper = Paper::sealed_to(1, 100, &old);
    paper.upload(&store, T0).await.unwrap();
    hospital.run(KeyCommand::Rotate { development: true }).await.unwrap();
    assert_ne!(store.wrap(paper.place(), Holder::Custodian(US)).await.unwrap(), paper.wraps[1].1);
    Paper::new(2, 100).upload(&store, T0).await.unwrap();
    let failed = hospital.run(KeyCommand::Rotate { development: true }).await;
    assert!(matches!(&failed, Err(CommandError::Found(message)) if message.starts_with("1 wraps")), "{failed:?}");
    assert_eq!(known(&hospital.path("keys")).unwrap().1, Some(3), "it is not done");
}
