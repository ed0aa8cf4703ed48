//! What two people sign without a node.

use super::super::{Cli, Command, Common};
use super::*;
use clap::Parser as _;

const ID: &str = "0123456789abcdef0123456789abcdef";

async fn run_line(session: &Session, line: &str) -> Result<Output, CliError> {
    let Command::Emergency(command) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
        panic!("an emergency command")
    };
    run(session, command).await
}

/// A session of no node, with the keys of a doctor and an officer.
async fn session(folder: &tempfile::TempDir) -> Session {
    let file = folder.path().join("passphrase");
    std::fs::write(&file, "right\n").unwrap();
    let session = Session::new(Common {
        node: "ws://127.0.0.1:1".to_owned(),
        token_file: None,
        keys: Some(folder.path().join("keys")),
        passphrase_file: Some(file),
        json: true,
        only: None,
    })
    .unwrap();
    for name in ["house", "officer"] {
        let key = salus_client::actions::fresh_key().unwrap();
        session.store(name, &salus_client::keystore::StoredKey::Account(key), true).unwrap();
    }
    session
}

fn made(folder: &tempfile::TempDir) -> (String, String) {
    let out = folder.path().join("evidence.json").display().to_string();
    let genesis = format!("0x{}", "09".repeat(32));
    let line = format!(
        "salus emergency evidence --patient {ID} --org {ID} --doctor {ID} --record {ID} --genesis {genesis} --reason 3 \
         --happened 2026-12-01T09:00:00Z --out {out} --key house"
    );
    (line, out)
}

#[tokio::test]
async fn evidence_is_signed_by_two_people_while_no_node_answers() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    let (line, file) = made(&folder);
    let first = run_line(&session, &line).await.unwrap();
    assert!(first.to_text().contains("An officer signs it too"), "{}", first.to_text());
    assert_eq!(first.to_json()["missing"], serde_json::json!(["officer"]));

    let same = run_line(&session, &format!("salus emergency sign {file} --key house")).await.unwrap_err();
    assert!(same.to_string().contains("two people with a key each"), "{same}");
    let second = run_line(&session, &format!("salus emergency sign {file} --key officer")).await.unwrap();
    assert_eq!(second.to_json()["missing"], serde_json::json!([]));
    assert!(second.to_text().contains("salus emergency open --late"), "{}", second.to_text());
    let evidence = LateEvidence::from_json(&files::read(std::path::Path::new(&file)).unwrap()).unwrap();
    assert_eq!(evidence.release().happened, Moment(1_796_115_600_000));
    assert_eq!(evidence.signer(Part::Officer), Some(session.account("officer").unwrap()));
    // Handing it in is the first thing that needs a node.
    let later = run_line(&session, &format!("salus emergency open --late {file} --key house")).await.unwrap_err();
    assert_eq!(later.status(), 3, "{later}");
}

#[tokio::test]
async fn evidence_is_never_written_over_another_and_names_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    let (line, file) = made(&folder);
    run_line(&session, &(line.clone() + " --officer-key officer")).await.unwrap();
    let again = run_line(&session, &line).await.unwrap_err();
    assert!(matches!(again, CliError::Io { doing: "making", .. }), "{again}");
    std::fs::write(&file, "{}").unwrap();
    let broken = run_line(&session, &format!("salus emergency sign {file} --key officer")).await.unwrap_err();
    assert!(broken.to_string().contains("this is no evidence of an emergency"), "{broken}");
}

#[test]
fn what_goes_together_is_taken_and_what_does_not_is_wrong_usage() {
    let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());
    for line in [
        "salus emergency open --patient ada --org north --reason 1 --key house",
        "salus emergency open --patient ada --org north --reason 1 --officer gw --note-file n --key house",
        "salus emergency open abcd --tier full --patient ada --org north --reason 1 --key house",
        "salus emergency open --late evidence.json --key gw",
        "salus emergency review ada 3 --finding unjustified --note-file n --key rev",
        "salus emergency dispute ada 3 --key ada",
        "salus emergency caseload house",
        "salus emergency cases --org gw",
        "salus emergency show ada 3 --note-file n --salt 00ff",
        "salus emergency summary ada",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        "salus emergency open --patient ada --org north --key house",
        "salus emergency open --patient ada --reason 1 --key house",
        "salus emergency open --patient ada --org north --reason 1 --tier full --key house",
        "salus emergency open --patient ada --org north --reason 256 --key house",
        "salus emergency open --late evidence.json --patient ada --key gw",
        "salus emergency open --late evidence.json --officer gw --key gw",
        "salus emergency evidence --patient ada --org north --doctor house --reason 1 --out e --key house",
        "salus emergency review ada 3 --key rev",
        "salus emergency review ada 3 --finding guilty --key rev",
        "salus emergency show ada 3 --note-file n",
        "salus emergency dispute ada 3 --note-file n --note 00 --key ada",
    ] {
        assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
    }
}
