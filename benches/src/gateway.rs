//! Figures of a gateway beside one of four validators: a record filed, opened and read, end to end, and what a release
//! costs.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use salus_client::{
    actions::{
        FreshId as _, access, consent, council, fresh_key,
        officers::{self, Profile},
        patients,
        practitioners::{self, Enrolment},
        records::Filing,
    },
    chain::Chain,
    envelope::KemSecret,
    keystore::{KdfParams, KeyFile, Passphrase, StoredKey},
    remote,
};
use salus_consent::{Action, Grantee, Kind, Kinds, Purpose};
use salus_primitives::{
    BoundedVec, Hash, OrganisationId, PatientId, PractitionerId, RecordId, Window,
    crypto::KeyPair,
    subject::Roles,
    time::{DAY, YEAR},
};
use salus_registry::types::{Caps, DisplayName};

use crate::{
    load::{Node, cpu_time},
    report::{Report, ms, quantile, rate},
};

/// SNOMED CT: general medicine, and the role of a doctor.
const GENERAL_MEDICINE: u64 = 394_814_009;
const DOCTOR: u64 = 309_343_006;
/// Requests under way at once in the closed loop.
const READERS: usize = 4;

/// A hospital with a gateway, a doctor of it, and a patient who lets the doctor file and read.
struct Ward {
    chain: Chain,
    url: String,
    /// Runs as long as the ward is there.
    gateway: Node,
    hospital: OrganisationId,
    doctor: KeyPair,
    kem: KemSecret,
    patient: PatientId,
    folder: PathBuf,
    fetched: usize,
}

/// Measure at the node that listens at `door`, with the council's key.
///
/// # Errors
/// The first thing that does not go as it should.
pub fn measure(
    program: &Path,
    folder: &Path,
    door: SocketAddr,
    council: &KeyPair,
    scale: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.section("Records by a gateway beside one of four validators");
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    tokio.block_on(async {
        let mut ward = Ward::open(program, folder.to_owned(), door, council).await?;
        end_to_end(&mut ward, 2 * scale, report).await?;
        first_byte(&mut ward, 10 * scale, report).await?;
        releases(&ward, 200 * scale, report).await
    })
}

/// 1 MB put and read, every step of it.
async fn end_to_end(ward: &mut Ward, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let plain: Vec<u8> =
        (0..1_000_000u32).flat_map(|place| place.wrapping_mul(2_654_435_761).to_le_bytes()).take(1_000_000).collect();
    let (mut put, mut open, mut read, mut all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begun = Instant::now();
        let record = ward.put(&plain).await?;
        put.push(begun.elapsed());
        let opening = Instant::now();
        let index = ward.open_record(record).await?;
        open.push(opening.elapsed());
        let reading = Instant::now();
        ensure!(ward.get(record, index).await? == plain, "what was read is what was filed");
        read.push(reading.elapsed());
        all.push(begun.elapsed());
    }
    for (what, times) in [
        ("put: encrypt, upload, file, until final", &mut put),
        ("open, until final", &mut open),
        ("read: fetch, compare, decrypt, write", &mut read),
        ("all three", &mut all),
    ] {
        times.sort_unstable();
        let worst = times.last().copied().unwrap_or_default();
        report.row(
            format!("1 MB record, {what}, p50"),
            ms(quantile(times, 0.5)),
            format!("longest {}; {rounds} records; the mark for all is 6 s", ms(worst)),
        );
    }
    Ok(())
}

/// From a final receipt to the record.
async fn first_byte(ward: &mut Ward, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let record = ward.put(&[7; 2_000]).await?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let index = ward.open_record(record).await?;
        let begun = Instant::now();
        ward.get(record, index).await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    report.row(
        "open final to record read, 2 kB, p50",
        ms(quantile(&times, 0.5)),
        format!(
            "p99 {}; {rounds} openings; bounds the first byte: requests and their nonces, two judgements on proven state, the key sealed, the file synced; the mark is 150 ms",
            ms(quantile(&times, 0.99))
        ),
    );
    Ok(())
}

/// How many releases a core of the gateway makes.
async fn releases(ward: &Ward, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let record = ward.put(&[7; 2_000]).await?;
    let index = ward.open_record(record).await?;
    let (cpu, begun) = (cpu_time(ward.gateway.0.id())?, Instant::now());
    let mut made = 0;
    while made < rounds {
        let reads = (0..READERS).map(|reader| ward.get_to(record, index, format!("r{}", made + reader)));
        for read in futures::future::join_all(reads).await {
            read?;
        }
        made += READERS;
    }
    let (wall, cpu) = (begun.elapsed(), cpu_time(ward.gateway.0.id())?.saturating_sub(cpu));
    report.row(
        "releases of a record of 2 kB, gateway's CPU",
        format!("{:.0} per core-second", rate(made, cpu)),
        format!(
            "{made} releases in {:.1} s with {READERS} readers at once ({:.0} per second, four validators and the readers on the same two cores); each judged twice on proven state",
            wall.as_secs_f64(),
            rate(made, wall)
        ),
    );
    Ok(())
}

impl Ward {
    async fn open(program: &Path, folder: PathBuf, door: SocketAddr, council_key: &KeyPair) -> anyhow::Result<Self> {
        let node = format!("ws://{door}");
        let chain = Chain::connect(&node).await?;
        let hospital = OrganisationId::fresh()?;
        let (admin, registrar, officer) = (fresh_key()?, fresh_key()?, fresh_key()?);
        let custodian = KemSecret::generate()?;
        let (url, gateway) = start(program, &folder, hospital, &node, chain.genesis(), (&officer, &custodian))?;

        let name = DisplayName::try_from(b"Ward".to_vec()).context("a short name")?;
        let new = council::NewOrganisation { id: hospital, name, caps: Caps::CUSTODIAN.with(Caps::LICENSING) };
        council::register_organisation(&chain, council_key, new, &admin).await?;
        for (key, roles) in [(&registrar, Roles::REGISTRAR), (&officer, Roles::GATEWAY)] {
            officers::set(&chain, &admin, key, roles).await?;
        }
        let address = BoundedVec::try_from(url.as_bytes().to_vec()).context("a short address")?;
        let profile = Profile { url: address, kem: Some(custodian.public()), ..Profile::default() };
        officers::update_organisation(&chain, &admin, profile).await?;

        let now = chain.now().await?;
        let (id, doctor, kem) = (PractitionerId::fresh()?, fresh_key()?, KemSecret::generate()?);
        let entry =
            Enrolment { id, licence: Hash([1; 32]), licence_until: now.plus(2 * YEAR), speciality: GENERAL_MEDICINE };
        practitioners::register(&chain, &registrar, &doctor, entry).await?;
        let roles = BoundedVec::try_from(vec![DOCTOR]).context("one role")?;
        practitioners::affiliate(&chain, &registrar, &doctor, id, hospital, now.plus(YEAR), roles).await?;
        practitioners::set_kem(&chain, &doctor, kem.public()).await?;

        let (patient, key, invitation) = (PatientId::fresh()?, fresh_key()?, fresh_key()?);
        patients::invite(&chain, &registrar, invitation.public(), now.plus(7 * DAY), false).await?;
        patients::register(&chain, &key, patient, &invitation, KemSecret::generate()?.public()).await?;
        patients::confirm(&chain, &registrar, patient, 1).await?;
        let window = Window { from: chain.now().await?, until: now.plus(DAY) };
        let actions = [Action::Add, Action::View];
        let terms =
            consent::permit(Grantee::Organisation(hospital), Kinds::ALL, &[Purpose::Treatment], &actions, window);
        consent::grant(&chain, &key, patient, terms, None).await?;
        Ok(Self { chain, url, gateway, hospital, doctor, kem, patient, folder, fetched: 0 })
    }

    async fn put(&self, plain: &[u8]) -> anyhow::Result<RecordId> {
        let filing = Filing::unlabelled(self.patient, self.hospital, Kind::Document);
        Ok(remote::put(&self.chain, Some(&self.url), &self.doctor, filing, plain).await?.record)
    }

    async fn open_record(&self, record: RecordId) -> anyhow::Result<u32> {
        let ids = BoundedVec::try_from(vec![record]).context("one record")?;
        let opened =
            access::open(&self.chain, &self.doctor, self.patient, self.hospital, Purpose::Treatment, ids).await?;
        ensure!(opened.is_permitted(), "the doctor may read");
        Ok(opened.index)
    }

    async fn get(&mut self, record: RecordId, index: u32) -> anyhow::Result<Vec<u8>> {
        self.fetched += 1;
        self.get_to(record, index, format!("f{}", self.fetched)).await
    }

    async fn get_to(&self, record: RecordId, index: u32, name: String) -> anyhow::Result<Vec<u8>> {
        let out = self.folder.join(name);
        let which = (self.patient, record, Some(index));
        remote::get(&self.chain, Some(&self.url), &self.doctor, &self.kem, which, &out).await?;
        let plain = fs::read(&out)?;
        fs::remove_file(&out)?;
        Ok(plain)
    }
}

/// A gateway in `folder`; where it listens.
fn start(
    program: &Path,
    folder: &Path,
    hospital: OrganisationId,
    node: &str,
    genesis: Hash,
    (officer, custodian): (&KeyPair, &KemSecret),
) -> anyhow::Result<(String, Node)> {
    fs::create_dir_all(folder.join("keyring"))?;
    let passphrase = folder.join("passphrase");
    fs::write(&passphrase, "of a benchmark")?;
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600))?;
    let passphrase = Passphrase::new("of a benchmark".to_owned())?;
    for (name, key) in [
        ("officer.json", StoredKey::Account(officer.clone())),
        ("keyring/custodian-0001.json", StoredKey::Kem(custodian.clone())),
    ] {
        KeyFile::create(&folder.join(name), &key, &passphrase, KdfParams::for_development())?;
    }
    let config = folder.join("gateway.toml");
    let text = format!(
        "organisation = \"{hospital}\"\nbase_path = \"data\"\n\n[chain]\ngenesis = \"{genesis}\"\nnode = \"{node}\"\n\n\
         [keys]\nofficer = \"officer.json\"\nkeyring = \"keyring\"\npassphrase_file = \"passphrase\"\n\n\
         [store]\nfolder = \"store\"\n\n[log]\nfilter = \"warn\"\n"
    );
    fs::write(&config, text)?;
    let said = folder.join("said");
    let child = Command::new(program)
        .args(["run", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&said)?)
        .stderr(Stdio::inherit())
        .spawn()
        .context("salus-gateway")?;
    let mut gateway = Node(child);
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(&said)?;
        let line = text.split_once('\n').map(|(line, _)| line);
        if let Some((_, url)) = line.and_then(|line| line.split_once(" listens on ")) {
            return Ok((url.to_owned(), gateway));
        }
        ensure!(gateway.0.try_wait()?.is_none(), "the gateway ended at once");
        ensure!(begun.elapsed() < Duration::from_secs(30), "the gateway did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
}
