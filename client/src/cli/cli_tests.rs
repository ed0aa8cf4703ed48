//! The command line: what it takes, what it refuses, and what errors look like.

use super::*;
use salus_client::{
    actions::ActionError,
    chain::{ChainError, SubmitError},
    keystore::KeystoreError,
};
use salus_primitives::{Hash, Height, Moment};
use salus_runtime::RuntimeError;
use std::{fs, os::unix::fs::PermissionsExt as _};

const ID: &str = "0123456789abcdef0123456789abcdef";

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn every_command_is_well_formed_and_says_what_it_does() {
    fn check(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} has no description", command.get_name());
        command.get_subcommands().for_each(check);
    }
    let command = Cli::command();
    command.clone().debug_assert();
    command.get_subcommands().for_each(check);
}

#[test]
fn no_secret_is_taken_from_an_argument_or_the_environment() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let secret = ["passphrase", "seed", "secret", "token"].iter().any(|word| name.contains(word));
            assert!(!secret || name.ends_with("_file"), "{} of {}", name, command.get_name());
            assert!(!secret || argument.get_env().is_none(), "{} of {}", name, command.get_name());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn the_commands_of_a_day_are_taken() {
    for line in [
        "salus key generate dr-house",
        "salus key import council --dev council",
        "salus council register-org North --caps custodian,licensing --admin-key a --key council",
        "salus officer set gw --roles gateway,reviewer --key admin",
        "salus doctor register doc --licence-file l.txt --speciality 394814009 --key reg --json",
        "salus patient register --invite-key i --kem-key k --key me",
        "salus council set-members council second --threshold 2 --key council",
        "salus council set-parameters --policy custodian-treatment --root-delay 0s --key council",
        "salus council cancel 7 --key council",
        "salus council set-validators --drop 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu --key council",
        "salus org update --full-node 12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp --key admin",
        "salus key rotate new --key old",
        "salus key add ward --session 8h --key doc --cosign-out ward.json",
        "salus key end old older --key doc",
        "salus cosign sign ward.json --key ward",
        "salus chain status --token-file token",
        "salus chain watch --node ws://127.0.0.1:9955 --json",
        "salus chain watch --count 3 --no-empty --events",
        "salus completions zsh",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let validator =
        "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu,12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    parse(&format!("salus council set-validators --add {validator},{ID} --key council")).unwrap();
    for line in [
        format!("salus record put chart.json --patient {ID} --org {ID} --gateway https://gateway.example --key doc"),
        format!("salus record put chart.json --patient {ID} --org {ID} --key doc"),
        format!("salus record put chart.json --patient {ID} --org {ID} --second {ID} --key doc"),
        format!("salus record get {ID} --patient {ID} --receipt 3 -o chart.json --kem-key k --key doc"),
        format!("salus record get {ID} --patient {ID} -o c --gateway http://127.0.0.1:9 --kem-key k --key me"),
    ] {
        parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        "salus record request-erase ID ID --key me",
        "salus record erase ID ID --basis 17 --key privacy",
        "salus record refuse-erase ID ID --basis 3 --key privacy",
        "salus record attest ID ID --key gateway",
        "salus record duties ID",
        "salus record relabel ID ID --tags 0011223344556677,8899aabbccddeeff --unrestricted --key me",
        "salus record relabel ID ID --incomplete --key me",
        "salus record hand-over ID/ID ID/ID --to ID --gateway-key gw --key privacy --cosign-out over.json",
        "salus record hand-over ID/ID --to ID --key gw",
        "salus council name-successor ID --successor ID --key council",
    ] {
        parse(&line.replace("ID", ID)).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let filing = format!("--patient {ID} --org {ID} --gateway http://127.0.0.1:9 --key doc");
    parse(&format!("salus record put chart.json {filing} --kind lab --tag-key tags")).unwrap();
    let measured = "--gender female --born 1990-05-17 --weight 50kg --height 5.6ft --blood-group AB- --pressure 118/76 \
                    --pulse 64 --breaths 14 --temperature 98.6F --oxygen 98%";
    let line = format!("salus record vitals {measured} {filing}");
    let Command::Record(record::RecordCommand::Vitals { measured, .. }) = parse(&line).unwrap().command else {
        panic!("{line}")
    };
    let input = salus_client::vitals::VitalsInput::from(*measured);
    assert_eq!((input.height.hundredths(), input.bmi_tenths()), (17_069, Ok(172)));
    parse(&format!("salus consent export {ID} --rule 3 --fhir r5 --tag-key tags")).unwrap();
    parse("salus consent import consent.json --key me").unwrap();
    parse(&format!("salus access export {ID} --receipt 3")).unwrap();
    let line = format!("salus access open --patient {ID} --org 0x{ID} {ID} --purpose treat --key doc");
    assert!(matches!(
        parse(&line).unwrap().command,
        Command::Access(access::AccessCommand::Open { purpose: salus_consent::Purpose::Treatment, .. })
    ));
}

#[test]
fn what_does_not_go_together_is_wrong_usage() {
    for line in [
        "salus access open --patient 12 --org 12 12 --key doc".to_owned(),
        format!("salus consent grant --patient {ID} --to-doctor {ID} --key me"),
        format!("salus consent grant --patient {ID} --to-org {ID} --everyone --key me"),
        format!("salus consent grant --patient {ID} --to-org {ID} --actions destroy --key me"),
        format!("salus consent grant --patient {ID} --to-org {ID} --valid-for 30 --key me"),
        format!("salus patient confirm {ID} --assurance 3 --key reg"),
        format!("salus record erase {ID} {ID} --key privacy"),
        format!("salus record erase {ID} {ID} --basis 0 --key privacy"),
        format!("salus record refuse-erase {ID} {ID} --basis 256 --key privacy"),
        format!("salus record relabel {ID} {ID} --incomplete --unrestricted --key me"),
        format!("salus record relabel {ID} {ID} --tags 00 --key me"),
        format!("salus record hand-over --to {ID} --key privacy"),
        format!("salus record hand-over {ID} --to {ID} --key privacy"),
        format!("salus record hand-over {ID}/1 --to {ID} --key privacy"),
        format!("salus council name-successor {ID} --key council"),
        "salus key generate ../outside".to_owned(),
        "salus officer end not-an-address --key admin".to_owned(),
        "salus council set-parameters --key council".to_owned(),
        "salus council set-parameters --root-delay soon --key council".to_owned(),
        "salus council set-members council --key council".to_owned(),
        "salus council set-validators --key council".to_owned(),
        "salus council set-validators --add 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu --key council".to_owned(),
        "salus council set-validators --drop alice --key council".to_owned(),
        "salus org update --full-node QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N --key admin".to_owned(),
        "salus key end a b c d e f g --key doc".to_owned(),
        format!("salus consent export {ID} --rule 3 --fhir r3"),
        format!(
            "salus record vitals --gender female --born 36 --weight 50kg --height 1.7cubits --patient {ID} --org {ID} \
             --store s --gateway-key gw --key doc"
        ),
        "salus frobnicate".to_owned(),
    ] {
        let error = parse(&line).expect_err(&line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn the_exit_status_tells_a_refusal_from_wrong_usage_from_no_node() {
    let gone = ChainError::Unreachable { url: "ws://x".into(), reason: "refused".into() };
    assert_eq!(CliError::from(gone).status(), 3);
    let lost = ChainError::Lost { reason: "gone".into() };
    assert_eq!(CliError::from(lost).status(), 3);
    let invalid = SubmitError::Invalid { reason: "Transaction is outdated".into() };
    assert_eq!(CliError::from(ActionError::from(invalid)).status(), 1);
    assert_eq!(CliError::Usage("no".into()).status(), 2);
}

#[test]
fn a_document_is_printed_as_it_is() {
    let document = serde_json::json!({"resourceType": "Consent"});
    let output = Output::document(document.clone());
    assert_eq!(output.to_json(), document);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&output.to_text()).unwrap(), document);
}

fn refused() -> CliError {
    let receipt = salus_client::chain::Receipt {
        block: Hash([1; 32]),
        height: Height(7),
        at: Moment(0),
        index: 0,
        extrinsic: Hash([2; 32]),
        events: vec![],
        elapsed: std::time::Duration::ZERO,
    };
    let error = RuntimeError::Records(salus_records::Error::NotHead);
    ActionError::from(SubmitError::Refused { error, receipt: Box::new(receipt) }).into()
}

#[test]
fn a_refusal_is_one_json_object_with_names_for_programs() {
    let json = refused().to_json();
    assert_eq!(json["error"]["pallet"], "Records");
    assert_eq!(json["error"]["error"], "NotHead");
    assert_eq!(json["error"]["status"], 1);
    assert_eq!(json["error"]["height"], 7);
    assert!(refused().to_string().contains("(Records.NotHead)"));
}

#[test]
fn output_is_a_table_for_people_and_an_object_for_programs() {
    let rows = vec![vec!["north".into(), true.into()], vec![serde_json::Value::Null, false.into()]];
    let output = Output::new("Two places").with("final_after_ms", 12).with_list("places", &["name", "open"], rows);
    let text = output.to_text();
    assert!(text.starts_with("Two places\n"), "{text}");
    assert!(text.contains("final after ms"), "{text}");
    assert!(text.lines().any(|line| line.contains("north") && line.contains("yes")), "{text}");
    assert!(text.lines().any(|line| line.contains('-') && line.contains("no")), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()));
    assert_eq!(
        output.to_json(),
        serde_json::json!({
            "final_after_ms": 12,
            "places": [{"name": "north", "open": true}, {"name": null, "open": false}],
        })
    );
}

/// A session with keys in a folder of its own.
fn session(folder: &tempfile::TempDir, passphrase: &str) -> Session {
    let file = folder.path().join("passphrase");
    fs::write(&file, passphrase).unwrap();
    Session::new(Common {
        node: String::new(),
        token_file: None,
        keys: Some(folder.path().join("keys")),
        passphrase_file: Some(file),
        json: true,
        only: None,
    })
    .unwrap()
}

async fn run_key(session: &Session, line: &str) -> Result<Output, CliError> {
    let Command::Key(command) = parse(line).unwrap().command else { panic!("a key command") };
    key::run(session, command).await
}

#[tokio::test]
async fn a_key_made_is_listed_and_opens_with_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = session(&folder, "right\n");
    let output = run_key(&made, "salus key generate alice --development").await.unwrap();
    let address = output.to_json()["address"].clone();
    let listed = run_key(&made, "salus key list").await.unwrap().to_json();
    assert_eq!(listed["keys"][0]["name"], "alice");
    assert_eq!(listed["keys"][0]["public"], address);
    assert_eq!(made.key("alice").unwrap().public().to_string(), address.as_str().unwrap());
    assert_eq!(fs::metadata(made.keys()).unwrap().permissions().mode() & 0o777, 0o700);
    let wrong = session(&folder, "wrong\n").key("alice").unwrap_err();
    assert!(matches!(wrong, CliError::Keystore(KeystoreError::WrongPassphrase { .. })), "{wrong}");
}

#[tokio::test]
async fn a_key_is_never_overwritten_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    run_key(&session, "salus key generate alice --development").await.unwrap();
    let again = run_key(&session, "salus key generate alice --development").await.unwrap_err();
    assert!(matches!(again, CliError::Keystore(KeystoreError::Exists { .. })), "{again}");
    let missing = session.key("bob").unwrap_err();
    assert!(missing.to_string().contains("bob"), "{missing}");
}

#[tokio::test]
async fn a_seed_is_kept_as_the_key_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    let seed = folder.path().join("seed");
    fs::write(&seed, format!("0x{}\n", "07".repeat(32))).unwrap();
    let line = format!("salus key import eve --seed-file {}", seed.display());
    run_key(&session, &line).await.unwrap();
    assert_eq!(session.key("eve").unwrap().seed(), &[7; 32]);
    fs::write(&seed, "0x07").unwrap();
    let line = format!("salus key import mallory --seed-file {}", seed.display());
    assert_eq!(run_key(&session, &line).await.unwrap_err().status(), 2);
}

#[tokio::test]
async fn an_encryption_key_signs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    run_key(&session, "salus key generate seal --kind kem --development").await.unwrap();
    assert!(session.kem("seal").is_ok());
    assert!(matches!(session.key("seal"), Err(CliError::Keystore(KeystoreError::Kind { .. }))));
    assert!(org::public_kem(&session, "seal").is_ok());
    run_key(&session, "salus key generate sign --development").await.unwrap();
    assert_eq!(org::public_kem(&session, "sign").unwrap_err().status(), 2);
}

#[tokio::test]
async fn completions_name_every_group() {
    let cli = parse("salus completions bash").unwrap();
    let text = dispatch(cli).await.unwrap().to_text();
    for command in Cli::command().get_subcommands() {
        assert!(text.contains(command.get_name()), "{}", command.get_name());
    }
}

/// What key `second` has to agree to: `first` makes it an officer.
fn appointment(session: &Session) -> salus_client::chain::HandOver {
    let (first, second) = (session.account("first").unwrap(), session.account("second").unwrap());
    let roles = Some(salus_primitives::subject::Roles::GATEWAY);
    let call = salus_client::actions::officers::set_call(second, roles);
    salus_client::chain::HandOver::new(Hash([9; 32]), first, 3, &call, vec![second]).unwrap()
}

async fn run_cosign(session: &Session, line: &str) -> Result<Output, CliError> {
    let Command::Cosign(command) = parse(line).unwrap().command else { panic!("a cosign command") };
    cosign::run(session, command).await
}

#[tokio::test]
async fn what_is_handed_over_is_shown_and_signed_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    for name in ["first", "second", "third"] {
        run_key(&session, &format!("salus key generate {name} --development")).await.unwrap();
    }
    let file = folder.path().join("call.json");
    fs::write(&file, appointment(&session).to_json()).unwrap();
    let on = |what: &str| format!("salus cosign {what} {}", file.display());
    let shown = run_cosign(&session, &on("show")).await.unwrap().to_json();
    let second = session.account("second").unwrap().to_string();
    assert_eq!((&shown["officer"], &shown["missing"][0]), (&second.as_str().into(), &second.as_str().into()));
    assert_eq!((&shown["roles"], &shown["nonce"]), (&"gateway".into(), &3.into()));

    let uninvited = run_cosign(&session, &(on("sign") + " --key third")).await.unwrap_err();
    assert!(uninvited.to_string().contains("is not asked to agree"), "{uninvited}");
    assert_eq!(agreement::read(&file).unwrap().missing().len(), 1, "a refusal writes nothing");
    let signed = run_cosign(&session, &(on("sign") + " --key second")).await.unwrap().to_json();
    assert_eq!(signed["missing"], serde_json::json!([]));
    assert_eq!(agreement::read(&file).unwrap().missing(), []);

    fs::write(&file, "{}").unwrap();
    assert!(run_cosign(&session, &on("show")).await.unwrap_err().to_string().contains("no call to agree to"));
}

#[tokio::test]
async fn a_gateway_officer_sees_which_records_it_is_to_keep_before_it_signs() {
    use salus_primitives::{OrganisationId, PatientId, RecordId};
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    for name in ["privacy", "gateway"] {
        run_key(&session, &format!("salus key generate {name} --development")).await.unwrap();
    }
    let (privacy, gateway) = (session.account("privacy").unwrap(), session.account("gateway").unwrap());
    let records = salus_records::RecordKeys::try_from(vec![(PatientId([1; 16]), RecordId([2; 16]))]).unwrap();
    let call = salus_client::actions::keeping::hand_over_call(records, OrganisationId([3; 16]));
    let made = salus_client::chain::HandOver::new(Hash([9; 32]), privacy, 3, &call, vec![gateway]).unwrap();
    let file = folder.path().join("over.json");
    fs::write(&file, made.to_json()).unwrap();
    let line = format!("salus cosign sign {} --key gateway", file.display());
    let signed = run_cosign(&session, &line).await.unwrap().to_json();
    assert!(signed["call"].as_str().unwrap().contains("your signature says that their ciphertexts are stored"));
    let named = format!("{}/{}", PatientId([1; 16]), RecordId([2; 16]));
    assert_eq!((&signed["number"], &signed["records"]), (&1.into(), &serde_json::json!([named])));
    assert_eq!(signed["missing"], serde_json::json!([]));
}

#[test]
fn an_erasure_is_told_in_words_with_who_still_has_to_attest() {
    use salus_primitives::{BoundedVec, OrganisationId};
    use salus_records::Erasure;
    let at = Moment(1_800_000_000_000);
    let text = |erasure| keeping::erasure_text(&erasure);
    assert!(text(Erasure::Requested { at }).starts_with("asked for at 2027-01-15T08:00:00"));
    assert!(text(Erasure::Refused { at, basis: 3 }).ends_with("by legal basis 3"));
    let owing = OrganisationId([7; 16]);
    let open = BoundedVec::try_from(vec![owing]).unwrap();
    assert!(text(Erasure::Ordered { at, open }).ends_with(&format!("to attest: {owing}")));
}

#[tokio::test]
async fn a_key_elsewhere_is_an_address_and_needs_a_file_to_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let here = session(&folder, "right\n");
    run_key(&here, "salus key generate first --development").await.unwrap();
    run_key(&here, "salus key generate seal --kind kem --development").await.unwrap();
    let elsewhere = "5DAAnrj7VHTznn2AWBemMuyBwZWs6FNFjdyVXUeYum3PTXFy";
    let to = |file: Option<&str>| agreement::HandOverTo { cosign_out: file.map(Into::into) };
    let refused = here.signers(to(None), "first", &[elsewhere]).err().unwrap();
    assert_eq!(refused.status(), 2);
    assert!(refused.to_string().contains("--cosign-out"), "{refused}");
    assert_eq!(here.signers(to(None), "first", &["seal"]).err().unwrap().status(), 1);
    assert_eq!(here.signers(to(Some("x")), "first", &["seal"]).err().unwrap().status(), 2);
    // Handing over opens no key, so a wrong passphrase does not matter.
    let wrong = session(&folder, "wrong\n");
    let signers = wrong.signers(to(Some("call.json")), "first", &[elsewhere]).unwrap();
    assert_eq!(signers.other().to_string(), elsewhere);
    assert_eq!(signers.submitter(), wrong.account("first").unwrap());
}
