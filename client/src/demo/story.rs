//! The story, step by step.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::PathBuf,
};

use salus_consent::{Action, Actions, Grantee, Kind, Kinds, Purpose, Purposes, Reason, Scope, Withdrawal};
use salus_primitives::{
    BoundedVec, Hash, Header, RecordId, Window,
    crypto::KeyPair,
    time::{DAY, YEAR},
};
use salus_registry::{Standing, types::OrganisationStatus};
use salus_runtime::RuntimeError;

use super::{
    DemoArgs, DemoError,
    charts::{self, Charts},
    erasing,
    gateway::Gateway,
    node::Network,
    opening::{history, open_denied, open_permitted, reported},
    people::{Doctor, GENERAL_MEDICINE, Hospital, Patient, doing},
    rarer,
    stage::{Folder, Stage, expect, refused, withheld},
    teller::Teller,
};
use crate::{
    actions::{access, consent, council, fresh_key, patients, records::Filing, requests},
    chain::Chain,
    door::Refusal,
    fhir::{BundleInfo, chain_kind},
    remote,
};

/// The two hospitals and their doctors.
pub struct Cast {
    pub aster: Hospital,
    pub linden: Hospital,
    /// Works at Aster, and files.
    pub amara: Doctor,
    /// Works at Linden, and asks.
    pub ben: Doctor,
}

/// Tell the whole story.
pub async fn tell(args: DemoArgs) -> Result<(), DemoError> {
    let charts = Charts::load(args.data.as_deref())?;
    let scratch = Folder::make(args.folder.clone())?;
    let mut teller = Teller::default();
    let validators = usize::from(args.validators);
    println!("Salus demo: {validators} validators on RocksDB, two hospitals with patients, {}", charts.source);

    let mut network = Network::make(args.node_program.clone(), scratch.path().join("network"), args.port, validators)?;
    let council = network.council()?;
    let urls = network.start_all().await?;
    let chain = network.turn().await?;
    teller.aside(&format!("{validators} hospitals start their validators: genesis {}", chain.genesis()));
    for (url, number) in urls.iter().zip(1..) {
        teller.detail(&format!("hospital {number}: JSON-RPC at {url}"));
    }

    teller.chapter("1. The council registers two hospitals, each appoints its officers and starts its gateway");
    let (aster, linden) = (Hospital::new("Aster Hospital")?, Hospital::new("Linden Clinic")?);
    let mut gateways = Vec::new();
    for (number, hospital) in [&aster, &linden].into_iter().enumerate() {
        let folder = scratch.path().join(format!("gateway-{}", number + 1));
        let (program, node) = (args.gateway_program.clone(), &urls[number % urls.len()]);
        let mut gateway = Gateway::make(program, folder, hospital, chain.genesis(), node)?;
        let url = gateway.start().await?;
        hospital.found(&network.turn().await?, &council, &url, &mut teller).await?;
        gateways.push(gateway);
    }
    let [aster_gateway, linden_gateway] = <[Gateway; 2]>::try_from(gateways)
        .map_err(|_| DemoError::Node("there are two hospitals, and a gateway of each".into()))?;

    teller.chapter("2. Each hospital enrols a doctor and employs them");
    let amara = aster.employ(&network.turn().await?, "Dr Amara", GENERAL_MEDICINE, &mut teller).await?;
    let ben = linden.employ(&network.turn().await?, "Dr Ben", GENERAL_MEDICINE, &mut teller).await?;
    let cast = Cast { aster, linden, amara, ben };

    let (fetched, people) = (0, scratch.path().join("people"));
    fs::create_dir_all(&people).map_err(|source| DemoError::Io { path: people.clone(), source })?;
    let mut stage = Stage { network, aster: aster_gateway, linden: linden_gateway, people, fetched };
    let mut last = None;
    for (number, chart) in charts.bundles.iter().enumerate() {
        let middle = number == charts.bundles.len() / 2;
        last = Some(of_patient(&mut stage, middle, &cast, number, &chart.info, &mut teller).await?);
    }
    let patient = last.ok_or_else(|| DemoError::Node("there is no chart to file".into()))?;

    rarer::tell(&mut stage, &cast, &patient, &mut teller).await?;

    teller.chapter("14. The council suspends Linden Clinic");
    suspend(&stage.turn().await?, &council, &cast, &patient, &mut teller).await?;
    let Stage { mut network, mut aster, mut linden, .. } = stage;

    teller.chapter("15. An auditor executes the chain again, out of one node's blocks");
    replay(&network.turn().await?, &network, scratch.path().join("blocks.bin"), &mut teller).await?;
    let agreed = network.agree().await?;
    teller.aside(&format!("{validators} nodes agree at height {}: block {}", agreed.number, agreed.hash()));
    teller.detail(&format!("state root {}", agreed.state_root));

    summary(&agreed, &network, &mut teller, &urls, args.once);
    if !args.once {
        println!("\nThe nodes run until Ctrl-C.");
        // Whatever ended the wait, the nodes are to be stopped.
        let _ = tokio::signal::ctrl_c().await;
    }
    aster.stop().await?;
    linden.stop().await?;
    network.stop_all().await?;
    let (steps, receipts) = teller.counts();
    println!("demo: ok, {steps} steps, {receipts} receipts, {validators} nodes agree at height {}", agreed.number);
    Ok(())
}

/// One patient, from the invitation to their own list of who looked.
async fn of_patient(
    stage: &mut Stage,
    middle: bool,
    cast: &Cast,
    number: usize,
    chart: &BundleInfo,
    teller: &mut Teller,
) -> Result<Patient, DemoError> {
    let who = number + 1;
    teller.chapter(&format!("3. Patient {who} registers, and grants Aster Hospital Add and View for treatment"));
    let chain = &stage.turn().await?;
    let patient = enrol(chain, cast, teller).await?;
    let (general, text) = charts::general_information(&patient.id, number, chain.now().await?)?;
    // Without the patient's tag tokens a record is filed unlabelled, and then it is restricted.
    let filing = |bundle: &BundleInfo| Filing::unlabelled(patient.id, cast.aster.id, chain_kind(bundle.kind));
    let attempt = remote::put(chain, None, &cast.amara.key, filing(&general), &general.bytes[..]).await;
    let receipt = refused("filing without consent", attempt, |error| {
        matches!(error, RuntimeError::Records(salus_records::Error::NoConsent(Reason::NoConsent)))
    })?;
    teller.step(&receipt, "Dr Amara files a record: refused, Records.NoConsent (no rule of the patient permits it)");

    let now = chain.now().await?;
    let window = Window { from: now, until: now.plus(YEAR) };
    let grantee = Grantee::Organisation(cast.aster.id);
    let terms = consent::permit(grantee, Kinds::ALL, &[Purpose::Treatment], &[Action::Add, Action::View], window);
    let granted = doing("granting", consent::grant(chain, &patient.key, patient.id, terms, None).await)?;
    teller.step(
        &granted.receipt,
        &format!("The patient grants Aster Hospital Add and View for TREAT: rule {}", granted.rule.id),
    );

    teller.chapter("4. Dr Amara files two records, encrypted before anything leaves the program");
    let chain = &stage.turn().await?;
    let mut filed = Vec::new();
    // Linden keeps a second copy of the general information, Aster alone the chart.
    let both = Filing { second: Some(cast.linden.id), ..filing(&general) };
    let charted = format!("{} FHIR resources", chart.resources());
    for (bundle, filing, what) in [(&general, both, text), (chart, filing(chart), charted)] {
        let put = remote::put(chain, None, &cast.amara.key, filing.clone(), &bundle.bytes[..]).await;
        let put = doing("filing a record", put)?;
        let kept = if filing.second.is_some() { "Aster's and Linden's gateways" } else { "Aster's gateway" };
        teller.step(
            &put.receipt,
            &format!("{:?} record ({what}): {} bytes sealed into {}", filing.kind, put.plain_bytes, put.anchor.size),
        );
        teller.detail(&format!("stored by {kept}; on chain: kind, size and digest {}", put.anchor.digest));
        filed.push(put.record);
    }
    let (general_id, chart_id) = (filed[0], filed[1]);

    teller.chapter("5. Dr Ben of Linden Clinic opens one: denied. He asks; the patient approves less");
    let chain = &stage.turn().await?;
    let ben = &cast.ben;
    let general_of = (&patient, general_id);
    let index =
        open_denied(chain, ben, general_of, Reason::NoConsent, "Dr Ben opens the General record", teller).await?;
    let fetched = stage.fetch(chain, cast.ben.keys(), (patient.id, general_id, Some(index))).await;
    withheld("fetching by a denied receipt", fetched, Refusal::Denied)?;
    teller.aside("He fetches it all the same: the gateway refuses, Denied, and not a byte leaves");
    let request = ask(chain, cast, &patient, teller).await?;
    let asked = doing("reading the request", requests::show(chain, patient.id, cast.ben.id).await)?;
    let mut terms = requests::terms_of(cast.ben.id, &asked);
    terms.scope = Scope::kinds(Kinds::of(&[Kind::General]));
    let approved = doing("approving", requests::approve(chain, &patient.key, patient.id, request, terms).await)?;
    teller.step(&approved.receipt, &format!("The patient approves the kind General only: rule {}", approved.rule.id));

    let down = if middle { interrupt(&mut stage.network, teller).await? } else { None };

    teller.chapter("6. Dr Ben opens again: a receipt, final before any byte is released");
    let chain = &stage.turn().await?;
    let index = open_permitted(chain, ben, &patient, general_id, "Dr Ben opens the General record", teller).await?;
    let by_receipt = (patient.id, general_id, Some(index));
    let plain = doing("fetching a record", stage.fetch(chain, cast.ben.keys(), by_receipt).await)?;
    expect("reading the record", plain == general.bytes, "the bytes that were filed", "others came")?;
    teller
        .aside(&format!("Aster's gateway releases it to Dr Ben: {} bytes, the same that Dr Amara filed", plain.len()));
    reported(chain, &patient, index).await?;
    teller.aside("Aster's gateway reports the release on chain, under the receipt");
    if middle {
        stage.aster.stop().await?;
        let plain = doing("fetching from the second custodian", stage.fetch(chain, cast.ben.keys(), by_receipt).await)?;
        expect("reading the record", plain == general.bytes, "the bytes that were filed", "others came")?;
        teller.aside("Aster's gateway is stopped: Linden's, the second custodian, releases the record as well");
        stage.aster.start().await?;
        teller.detail("Aster's gateway starts again");
    }
    let text = "Dr Ben opens the chart, outside the scope";
    open_denied(chain, ben, (&patient, chart_id), Reason::NoConsent, text, teller).await?;
    let (unknown, text) = ((&patient, RecordId([0xff; 16])), "Dr Ben opens a record that is not there");
    open_denied(chain, ben, unknown, Reason::UnknownRecord, text, teller).await?;

    if let Some(number) = down {
        stage.network.start(number).await?;
        let (from, to) = stage.network.caught_up(number).await?;
        teller.aside(&format!("Hospital {number}'s node starts again and catches up by itself: {from} to {to}"));
    }

    teller.chapter("7. The patient revokes");
    let chain = &stage.turn().await?;
    let what = Withdrawal::Rules(BoundedVec::try_from(vec![approved.rule]).unwrap_or_default());
    let receipt = doing("revoking", consent::revoke(chain, &patient.key, patient.id, what).await)?;
    teller.step(&receipt, &format!("The patient revokes rule {}", approved.rule.id));
    let fetched = stage.fetch(chain, cast.ben.keys(), by_receipt).await;
    withheld("fetching after the revocation", fetched, Refusal::Withdrawn)?;
    teller.aside(&format!("Dr Ben fetches by receipt {index} once more: refused, Withdrawn"));
    let text = "Dr Ben opens the General record again";
    open_denied(chain, ben, general_of, Reason::NoConsent, text, teller).await?;
    let plain = stage.fetch(chain, patient.keys(), (patient.id, general_id, None)).await;
    let plain = doing("fetching one's own record", plain)?;
    expect("reading the record", plain == general.bytes, "the bytes that were filed", "others came")?;
    teller.aside("The patient fetches their own record, which needs no receipt");

    teller.chapter("7a. The patient grants Dr Ben View of everything after all");
    let chain = &stage.turn().await?;
    let now = chain.now().await?;
    let grantee = Grantee::Practitioner(cast.ben.id, cast.linden.id);
    let window = Window { from: now, until: now.plus(DAY) };
    let terms = consent::permit(grantee, Kinds::ALL, &[Purpose::Treatment], &[Action::View], window);
    let granted = doing("granting", consent::grant(chain, &patient.key, patient.id, terms, None).await)?;
    teller.step(&granted.receipt, &format!("For one day: rule {}", granted.rule.id));
    let index = open_permitted(chain, ben, &patient, chart_id, "Dr Ben opens the chart", teller).await?;
    let by_receipt = (patient.id, chart_id, Some(index));
    let plain = doing("fetching the chart", stage.fetch(chain, cast.ben.keys(), by_receipt).await)?;
    expect("reading the chart", plain == chart.bytes, "the bytes that were filed", "others came")?;
    teller
        .aside(&format!("It arrives at Linden Clinic, {} bytes, byte for byte what Aster Hospital filed", plain.len()));

    teller.chapter(&format!("8. Patient {who} lists who looked or tried, when, why and by which rule"));
    history(&stage.turn().await?, &[&cast.amara, ben], &patient, teller).await?;

    teller.chapter("8b. The patient has the record erased");
    erasing::erase(stage, cast, &patient, general_id, teller).await?;
    Ok(patient)
}

/// Half-way something happens to a node. Where one can be spared it is killed, and its number comes back; a smaller
/// network is stopped and started again.
async fn interrupt(network: &mut Network, teller: &mut Teller) -> Result<Option<usize>, DemoError> {
    if let (true, Some(number)) = (network.len() >= 4, network.another()) {
        network.kill(number)?;
        teller.aside(&format!("Hospital {number}'s node is killed (kill -9): the others go on"));
        return Ok(Some(number));
    }
    let before = network.agree().await?;
    teller.aside("Every node is stopped in the middle and started again");
    network.stop_all().await?;
    network.start_all().await?;
    let chain = network.turn().await?;
    let kept = chain.hash_at(before.number).await?;
    expect("restarting the nodes", kept == before.hash(), "the same block", &format!("block {kept}"))?;
    teller.detail(&format!("the chain goes on from height {}", before.number));
    Ok(None)
}

/// The patient registers with Aster's invitation and is confirmed.
pub async fn enrol(chain: &Chain, cast: &Cast, teller: &mut Teller) -> Result<Patient, DemoError> {
    let (patient, invitation) = (Patient::new()?, fresh_key()?);
    let until = chain.now().await?.plus(7 * DAY);
    let invited = patients::invite(chain, &cast.aster.registrar, invitation.public(), until, false).await;
    teller.step(&doing("inviting", invited)?, "Aster's Registrar hands out an invitation");
    let registered = patients::register(chain, &patient.key, patient.id, &invitation, patient.kem.public()).await;
    teller.step(&doing("registering", registered)?, "The patient registers with it, under a key nobody knew");
    let confirmed = patients::confirm(chain, &cast.aster.registrar, patient.id, 1).await;
    teller.step(&doing("confirming", confirmed)?, "The Registrar saw the person and confirms");
    Ok(patient)
}

async fn ask(
    chain: &Chain,
    cast: &Cast,
    patient: &Patient,
    teller: &mut Teller,
) -> Result<salus_access::RequestRef, DemoError> {
    let now = chain.now().await?;
    let asked = requests::Asked {
        organisation: cast.linden.id,
        scope: Scope::kinds(Kinds::ALL),
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View]),
        window: Window { from: now, until: now.plus(30 * DAY) },
        note: Hash::ZERO,
    };
    let made = doing("asking", requests::make(chain, &cast.ben.key, patient.id, asked).await)?;
    teller.step(&made.receipt, "Dr Ben asks for View of every kind for 30 days");
    Ok(made.request)
}

async fn suspend(
    chain: &Chain,
    council_key: &KeyPair,
    cast: &Cast,
    patient: &Patient,
    teller: &mut Teller,
) -> Result<(), DemoError> {
    let status = OrganisationStatus::Suspended;
    let moved =
        doing("suspending", council::set_organisation_status(chain, council_key, cast.linden.id, status).await)?;
    teller.step(&moved.receipt, "The council suspends Linden Clinic: one write, all its people stop");
    let ids = BoundedVec::try_from(vec![RecordId([1; 16])]).unwrap_or_default();
    let ben = &cast.ben;
    let attempt = access::open(chain, &ben.key, patient.id, ben.hospital, Purpose::Treatment, ids).await;
    let receipt = refused("opening for a suspended hospital", attempt, |error| {
        matches!(error, RuntimeError::Access(salus_access::Error::NotActive(Standing::OrganisationSuspended)))
    })?;
    teller.step(&receipt, "Dr Ben's next call is refused: Access.NotActive (the organisation is suspended)");
    Ok(())
}

async fn replay(chain: &Chain, network: &Network, file: PathBuf, teller: &mut Teller) -> Result<(), DemoError> {
    let io = |source| DemoError::Io { path: file.clone(), source };
    let mut out = BufWriter::new(File::create(&file).map_err(io)?);
    let exported = chain.export(None, &mut out, |_| {}).await?;
    drop(out);
    teller.aside(&format!("{} blocks with {} extrinsics come out of the node", exported.to, exported.extrinsics));
    let (spec, path) = (network.spec().display().to_string(), file.display().to_string());
    let roots = network.run(&["replay", "--chain", &spec, "--roots", &path])?;
    let mut same = 0u32;
    for line in roots.lines() {
        let Some((height, root)) = line.split_once(' ') else { continue };
        let Ok(height) = height.parse::<u32>() else { continue };
        let header = chain.header(chain.hash_at(salus_primitives::Height(height)).await?).await?;
        expect("replaying", root == header.state_root.to_string(), "the node's state root", root)?;
        same += 1;
    }
    expect("replaying", same == exported.to.0, &format!("{} heights", exported.to), &format!("there were {same}"))?;
    teller.aside(&format!("salus-node replay: {same} heights from genesis, the same state root at every one"));
    // The file has served; that it is gone with the folder anyway is as good.
    let _ = fs::remove_file(&file);
    Ok(())
}

fn summary(tip: &Header, network: &Network, teller: &mut Teller, urls: &[String], once: bool) {
    let (median, longest) = teller.times();
    println!("\nSummary");
    println!("  chain    height {}, block {}, state root {}", tip.number, tip.hash(), tip.state_root);
    println!("  finality submit to finalised: median {} ms, longest {} ms", median.as_millis(), longest.as_millis());
    if let (false, Some(url)) = (once, urls.first()) {
        println!("  nodes    {} of them, data in {}", urls.len(), network.folder().display());
        println!("  try next salus --node {url} chain status");
        println!("           salus --node {url} chain watch");
        println!("           salus --help");
    }
}
