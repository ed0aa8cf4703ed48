//! Guardians, recoveries, what is passed on and what the council does to doctors: what is taken, what is refused, and
//! what is told to whom is asked to agree.

use std::fs;

use salus_access::Call as AccessCall;
use salus_client::{
    actions::guardians::{change_call, recover_call, recovery_keys},
    chain::HandOver,
};
use salus_consent::{Tag, Tier};
use salus_patients::types::{GuardianChange, GuardianTerms, Powers, RecoveryNews, RecoveryStep};
use salus_primitives::{AccountId, BoundedVec, Hash, Moment, OrganisationId, PatientId, RecordId};
use salus_runtime::RuntimeCall;
use serde_json::{Value, json};

use super::{
    Command, guardian, recovery,
    tests::{ID, parse, run_cosign, run_key, session},
};

#[test]
fn commands_of_guardians_delegates_and_the_council_are_taken() {
    for line in [
        "salus guardian set me --guardians ann,ID --threshold 2 --key me",
        "salus guardian set ID --guardians ID --threshold 1 --powers recover,act --excluded 0011223344556677 \
         --valid-for 180d --second-key privacy --cosign-out g.json --key registrar",
        "salus guardian end me --key me",
        "salus guardian cancel me --key old",
        "salus guardian show ID",
        "salus recovery propose ID --new-key one --new-key two --key ann",
        "salus recovery propose ID --new-key one --second-key other --cosign-out r.json --key registrar",
        "salus recovery finish ID --key ann",
        "salus recovery cancel me --key old",
        "salus recovery show me",
        "salus patient status ID freeze --key ann",
        "salus consent grant --patient me --to-speciality 394579002 --at north --key me",
        "salus consent grant --patient me --to-role 46255001 --to-speciality 1 --at ID --key me",
        "salus consent deny --patient me --to-role 46255001 --at ID --key me",
        "salus consent grant --patient me --to-org north --valid-for 30d --erase-by 60d --local-only --key me",
        "salus consent revoke --patient me --to-speciality 394579002 --at north --key me",
        "salus consent revoke --patient me --everyone --key me",
        "salus consent revoke --patient ID --rule 3,4 --key doc",
        "salus consent delegate --patient ID --rule 3 --to-org south --key privacy",
        "salus consent delegate --patient ID --rule 3 --to-doctor doc --at north --actions view --purposes treat \
         --kinds lab --valid-for 5d --max-uses 1 --no-redisclose --key doc",
        "salus council change-org ID --name North --caps custodian,emergency --key council",
        "salus council change-org ID --no-caps --key council",
        "salus council change-org ID --admin-key new --cosign-out a.json --key council",
        "salus council suspend-doctor ID --key council",
        "salus council restore-doctor doc --key council",
        "salus council strike-doctor ID --key council",
        "salus council schedule-upgrade 2 --from-height 1000 --key council",
    ] {
        parse(&line.replace("ID", ID)).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_does_not_go_together_is_wrong_usage_here_too() {
    for line in [
        "salus guardian set me --threshold 2 --key me",
        "salus guardian set me --guardians ann --key me",
        "salus guardian set me --guardians ann --threshold 1 --powers relabel --key me",
        "salus guardian set me --guardians ann --threshold 300 --key me",
        "salus guardian set me --guardians ann --threshold 1 --excluded 00 --key me",
        "salus guardian cancel --key me",
        "salus recovery propose ID --key ann",
        "salus recovery finish --key ann",
        "salus consent grant --patient me --to-speciality 394579002 --key me",
        "salus consent grant --patient me --to-role pharmacist --at north --key me",
        "salus consent grant --patient me --to-role 1 --to-doctor doc --at north --key me",
        "salus consent grant --patient me --to-org north --at north --key me",
        "salus consent deny --patient me --everyone --at north --key me",
        "salus consent grant --patient me --to-org north --erase-by soon --key me",
        "salus consent revoke --patient me --rule 3 --to-role 1 --at north --key me",
        "salus consent revoke --patient me --rule 3 --to-org north --key me",
        "salus consent delegate --patient ID --to-org south --key privacy",
        "salus council change-org ID --key council",
        "salus council change-org ID --caps emergency --no-caps --key council",
        "salus council schedule-upgrade 2 --key council",
        "salus council schedule-upgrade two --from-height 5 --key council",
    ] {
        let error = parse(&line.replace("ID", ID)).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn guardians_recover_and_nothing_more_where_nothing_is_said() {
    let line = "salus guardian set me --guardians ann --threshold 1 --key me";
    let Command::Guardian(guardian::GuardianCommand::Set(said)) = parse(line).unwrap().command else {
        panic!("{line}")
    };
    assert_eq!(said.powers, [guardian::Power::Recover]);
    assert_eq!(guardian::power_names(Powers::ALL), ["recover", "act"]);
    assert_eq!(guardian::power_names(Powers::ACT), ["act"]);
}

#[tokio::test]
async fn a_recovery_by_registrars_gives_one_key_and_none_gives_three() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    let propose = async |rest: &str| {
        let line = format!("salus recovery propose {ID} --key registrar {rest}");
        let Command::Recovery(command) = parse(&line).unwrap().command else { panic!("{line}") };
        recovery::run(&session, command).await.unwrap_err()
    };
    let two = propose("--new-key one --new-key two --second-key other").await;
    assert!(two.to_string().starts_with("Registrars give one new key"), "{two}");
    for name in ["one", "two", "three"] {
        run_key(&session, &format!("salus key generate {name} --development")).await.unwrap();
    }
    let three = propose("--new-key one --new-key two --new-key three").await;
    assert_eq!((three.status(), three.to_string()), (2, "a recovery gives one key or two".to_owned()));
}

#[test]
fn what_became_of_a_recovery_is_told_in_words() {
    let keys = recovery_keys(vec![AccountId([1; 32])]).unwrap();
    let ripe = Moment(1_800_000_000_000);
    let by = salus_patients::types::RecoveredBy::Guardians;
    let begun = |vetoable| recovery::news_text(&RecoveryNews::Begun { keys: keys.clone(), by, ripe, vetoable });
    assert!(begun(true).contains("from 2027-01-15T08:00:00"), "{}", begun(true));
    assert!(begun(true).ends_with("any key of the patient cancels it."));
    assert!(begun(false).ends_with("nobody cancels it."));
    let approved = RecoveryNews::Approved { guardian: PatientId([2; 16]), keys: keys.clone() };
    assert!(recovery::news_text(&approved).starts_with("Noted."));
    assert!(recovery::news_text(&RecoveryNews::Recovered { keys }).contains("salus doctor set-kem"));
    assert!(recovery::news_text(&RecoveryNews::Vetoed).starts_with("Cancelled"));
}

/// What key `second` is shown before it agrees to `call`.
async fn shown(call: RuntimeCall) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, "right\n");
    for name in ["first", "second"] {
        run_key(&session, &format!("salus key generate {name} --development")).await.unwrap();
    }
    let (first, second) = (session.account("first").unwrap(), session.account("second").unwrap());
    let made = HandOver::new(Hash([9; 32]), first, 3, &call, vec![second]).unwrap();
    let file = folder.path().join("call.json");
    fs::write(&file, made.to_json()).unwrap();
    run_cosign(&session, &format!("salus cosign show {}", file.display())).await.unwrap().to_json()
}

#[tokio::test]
async fn a_second_officer_sees_who_is_to_stand_in_and_for_what() {
    let (patient, guardian) = (PatientId([1; 16]), PatientId([2; 16]));
    let terms = GuardianTerms {
        guardians: BoundedVec::try_from(vec![guardian]).unwrap(),
        threshold: 1,
        powers: Powers::ACT,
        excluded: BoundedVec::try_from(vec![Tag([3; 8])]).unwrap(),
        until: Moment(1_800_000_000_000),
    };
    let json = shown(change_call(patient, GuardianChange::Set(terms))).await;
    assert_eq!(
        (&json["call"], &json["patient"]),
        (&json!("name who stands in for a patient"), &json!(patient.to_string()))
    );
    assert_eq!(json["guardians"], json!([guardian.to_string()]));
    assert_eq!((&json["threshold"], &json["powers"]), (&json!(1), &json!(["act"])));
    assert_eq!(json["excluded"], json!(["0303030303030303"]));
    assert!(json["until"].as_str().unwrap().starts_with("2027-01-15"));
}

#[tokio::test]
async fn a_new_key_sees_whose_old_keys_it_replaces() {
    let keys = recovery_keys(vec![AccountId([2; 32]), AccountId([1; 32])]).unwrap();
    let json = shown(recover_call(PatientId([1; 16]), RecoveryStep::Propose(keys))).await;
    assert!(json["call"].as_str().unwrap().contains("replace all old ones"));
    assert_eq!(json["patient"], PatientId([1; 16]).to_string());
    let keys = [AccountId([1; 32]), AccountId([2; 32])].map(|key| key.to_string());
    assert_eq!(json["new_keys"], json!(keys));
}

#[tokio::test]
async fn who_agrees_to_an_emergency_sees_whose_records_and_how_much() {
    let call = AccessCall::EmergencyOpen {
        patient: PatientId([1; 16]),
        organisation: OrganisationId([2; 16]),
        tier: Tier::Full,
        records: BoundedVec::try_from(vec![RecordId([3; 16])]).unwrap(),
        reason: 4,
        note: Hash([5; 32]),
        late: None,
        cosign: BoundedVec::new(),
    };
    let json = shown(RuntimeCall::Access(call)).await;
    assert_eq!((&json["tier"], &json["reason"], &json["happened"]), (&json!("full"), &json!(4), &Value::Null));
    assert_eq!(json["patient"], PatientId([1; 16]).to_string());
    assert_eq!(json["organisation"], OrganisationId([2; 16]).to_string());
    assert_eq!(json["records"], json!([RecordId([3; 16]).to_string()]));
}
