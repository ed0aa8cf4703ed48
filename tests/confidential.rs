//! Nobody but those who may read a record finds anything of it: a whole demo is kept on disk and searched.
//!
//! The folder of patients is the one `SALUS_FHIR_DIR` names, else `../shared/data/synthea-r4`; where neither is there,
//! twelve bundles are generated. The test says which.

#[path = "support/mod.rs"]
mod support;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use salus_client::{
    envelope::{KemSecret, RecordRef, WRAP_BYTES, Wrap, WrapContext, unwrap_key},
    keystore::{KeyFile, Passphrase},
};
use salus_primitives::{PatientId, RecordId};
use serde_json::Value;
use support::{patients, program};

/// Shorter texts stand in any megabyte by chance.
const NEEDLE_BYTES_MIN: usize = 5;

/// What names a patient in a bundle: names, birth date, identifiers, telephone, street, and the file's own ids.
fn needles(bundle: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let entries = bundle["entry"].as_array().expect("a bundle has entries");
    let patients = entries.iter().map(|entry| &entry["resource"]).filter(|one| one["resourceType"] == "Patient");
    for patient in patients {
        let mut take = |value: &Value| found.extend(value.as_str().map(str::to_owned));
        take(&patient["id"]);
        take(&patient["birthDate"]);
        for identifier in patient["identifier"].as_array().into_iter().flatten() {
            take(&identifier["value"]);
        }
        for telecom in patient["telecom"].as_array().into_iter().flatten() {
            take(&telecom["value"]);
        }
        for name in patient["name"].as_array().into_iter().flatten() {
            take(&name["family"]);
            name["given"].as_array().into_iter().flatten().for_each(&mut take);
        }
        for address in patient["address"].as_array().into_iter().flatten() {
            address["line"].as_array().into_iter().flatten().for_each(&mut take);
        }
    }
    found.retain(|needle| needle.len() >= NEEDLE_BYTES_MIN);
    found
}

/// Looks for many texts at once, as they are and in hex.
struct Search {
    by_start: HashMap<[u8; 4], Vec<Vec<u8>>>,
}

impl Search {
    fn new<'n>(needles: impl IntoIterator<Item = &'n String>) -> Self {
        let mut by_start: HashMap<[u8; 4], Vec<Vec<u8>>> = HashMap::new();
        for needle in needles {
            for form in [needle.clone(), hex::encode(needle), hex::encode_upper(needle)] {
                let start = *form.as_bytes().first_chunk().expect("a needle has five bytes");
                by_start.entry(start).or_default().push(form.into_bytes());
            }
        }
        Self { by_start }
    }

    fn first_in(&self, bytes: &[u8]) -> Option<String> {
        bytes.windows(4).enumerate().find_map(|(place, window)| {
            let start: [u8; 4] = window.try_into().expect("a window of four");
            let forms = self.by_start.get(&start)?;
            let found = forms.iter().find(|form| bytes[place..].starts_with(form))?;
            Some(String::from_utf8_lossy(found).into_owned())
        })
    }

    /// The first file below `folder` that holds one, and what it holds; and how many files were read.
    fn below(&self, folder: &Path) -> (Option<(PathBuf, String)>, usize) {
        let mut read = 0;
        for file in files(folder) {
            let bytes = fs::read(&file).expect("a file of the demo is readable");
            read += 1;
            let name = file.display().to_string();
            if let Some(found) = self.first_in(&bytes).or_else(|| self.first_in(name.as_bytes())) {
                return (Some((file, found)), read);
            }
        }
        (None, read)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the demo is readable").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The demo's folder after it ended, with its blocks exported in clear.
fn told(scratch: &Path, bundles: &Path) -> PathBuf {
    let folder = scratch.join("demo");
    let output = Command::new(program("salus"))
        .args(["demo", "--once", "--validators", "1", "--node-program"])
        .arg(program("salus-node"))
        .arg("--gateway-program")
        .arg(program("salus-gateway"))
        .arg("--data")
        .arg(bundles)
        .arg("--folder")
        .arg(&folder)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // What the hospital's screen showed is searched too.
    fs::write(folder.join("network/screen"), &output.stdout).expect("the folder is writable");
    // On disk the database compresses; exported, block bodies stand in clear.
    let exported = Command::new(program("salus-node"))
        .args(["export", "--chain"])
        .arg(folder.join("network/chain.json"))
        .arg("--base-path")
        .arg(folder.join("network/node-1"))
        .arg("--out")
        .arg(folder.join("network/blocks"))
        .output()
        .expect("the program starts");
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    folder
}

/// The places where hospitals keep things: everything but what people fetched.
fn hospitals(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is readable").flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| !path.ends_with("people")).collect();
    found.sort();
    found
}

#[test]
fn charts_go_in_at_one_hospital_and_come_out_at_another_and_no_disk_names_a_patient() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (bundles, count) = patients(scratch.path());
    let folder = told(scratch.path(), &bundles);

    // Byte for byte at the other hospital.
    let fetched: BTreeSet<Vec<u8>> = files(&folder.join("people")).iter().map(|file| fs::read(file).unwrap()).collect();
    let mut names = BTreeSet::new();
    let charts = fs::read_dir(&bundles).expect("the folder is readable").flatten().map(|entry| entry.path());
    let charts: Vec<PathBuf> = charts.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    assert_eq!(charts.len(), count as usize);
    for chart in charts {
        let bytes = fs::read(&chart).expect("a bundle is readable");
        names.extend(needles(&serde_json::from_slice(&bytes).expect("a bundle is JSON")));
        assert!(fetched.contains(&bytes), "{} did not come out as it went in", chart.display());
    }
    assert!(names.len() >= 4 * count as usize, "only {} texts to look for", names.len());

    // Nowhere at any hospital: databases, stores, logs, blocks, screen.
    let search = Search::new(&names);
    let mut read = 0;
    for place in hospitals(&folder) {
        let (found, files) = search.below(&place);
        read += files;
        if let Some((file, text)) = found {
            panic!("{} holds {text:?}", file.display());
        }
    }
    println!("searched {read} files for {} texts", names.len());
    // The search would find them: the people's own files hold them, and so does one that is planted.
    assert!(search.below(&folder.join("people")).0.is_some());
    let planted = names.iter().next().expect("there are some");
    for place in hospitals(&folder) {
        let file = place.join("planted");
        fs::write(&file, format!("\u{1}\u{2}{planted}\u{3}")).expect("the folder is writable");
        assert_eq!(search.below(&place).0, Some((file.clone(), planted.clone())));
        fs::write(&file, hex::encode(planted)).expect("the folder is writable");
        assert!(search.below(&place).0.is_some());
        fs::remove_file(&file).expect("it was just written");
    }

    nothing_opens_without_the_custodians_key(&folder);
}

/// With a node's keys and a gateway's whole disk, but not its keyring, no wrap opens; with the keyring each does.
fn nothing_opens_without_the_custodians_key(folder: &Path) {
    let gateway = folder.join("gateway-1");
    let passphrase = fs::read_to_string(gateway.join("passphrase")).expect("the demo's passphrase");
    let passphrase = Passphrase::new(passphrase).expect("it is not empty");
    // Every secret that an intruder finds at a node, tried as a key to open wraps with.
    let mut stolen: Vec<[u8; 32]> = Vec::new();
    let keys = files(&folder.join("network"))
        .into_iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "keys"));
    for file in keys {
        let text = fs::read_to_string(&file).expect("a key file is text");
        let mut seed = [0; 32];
        if hex::decode_to_slice(text.trim(), &mut seed).is_ok() {
            stolen.push(seed);
        }
    }
    assert!(stolen.len() >= 2, "the validator's and the network's key");
    let officer = KeyFile::open(&gateway.join("officer.json")).expect("the officer's key is there");
    stolen.push(*officer.unlock_account(&passphrase).expect("the passphrase fits").seed());
    let custodian = KeyFile::open(&gateway.join("keyring/custodian-0001.json")).expect("the keyring is there");
    let custodian = custodian.unlock_kem(&passphrase).expect("the passphrase fits");

    let (mut wraps, mut opened) = (0, 0);
    for file in
        files(&gateway.join("store")).into_iter().filter(|file| file.extension().is_some_and(|end| end == "wrap"))
    {
        let wrap = {
            // The store puts a checksum behind it.
            let bytes = fs::read(&file).expect("a wrap is readable");
            Wrap::from_bytes(&bytes[..WRAP_BYTES]).expect("a wrap reads")
        };
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).expect("a wrap lies by patient and record").to_string_lossy().into_owned()
        };
        let record: RecordId = name(file.parent()).parse().expect("a record's id");
        let patient: PatientId = name(file.parent().and_then(Path::parent)).parse().expect("a patient's id");
        let of = RecordRef { patient, record, version: 1 };
        let context = WrapContext::Standing { of, key_epoch: 1 };
        wraps += 1;
        for secret in &stolen {
            let secret = KemSecret::from_bytes(*secret);
            assert!(unwrap_key(&wrap, &secret, &context).is_err(), "{} opens by a stolen key", file.display());
        }
        opened += u32::from(unwrap_key(&wrap, &custodian, &context).is_ok());
    }
    assert!(wraps > opened && opened > 0, "{wraps} wraps, of which the custodian opens {opened}");
}
