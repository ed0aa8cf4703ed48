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
            let secret = ["passphrase", "seed", "secret"].iter().any(|word| name.contains(word));
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
        "salus chain watch --node ws://127.0.0.1:9955 --json",
        "salus chain watch --count 3 --no-empty --events",
        "salus completions zsh",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
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
        "salus key generate ../outside".to_owned(),
        "salus officer end not-an-address --key admin".to_owned(),
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
    let common =
        Common { node: String::new(), keys: Some(folder.path().join("keys")), passphrase_file: Some(file), json: true };
    Session::new(common).unwrap()
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
