//! Hours, and bookings on their way to the desk.

use super::super::{Cli, Command, Common};
use super::*;
use clap::Parser as _;
use salus_client::envelope::KemSecret;
use salus_primitives::{
    Hash,
    time::{DAY, MINUTE},
};

const NINE: Moment = Moment(1_796_115_600_000);

fn parse_line(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn session(folder: &tempfile::TempDir) -> Session {
    let file = folder.path().join("passphrase");
    std::fs::write(&file, "right\n").unwrap();
    Session::new(Common {
        node: "ws://127.0.0.1:1".to_owned(),
        token_file: None,
        keys: Some(folder.path().join("keys")),
        passphrase_file: Some(file),
        json: true,
        only: None,
    })
    .unwrap()
}

#[test]
fn what_goes_together_is_taken_and_what_does_not_is_wrong_usage() {
    let slot = "--doctor house --from 2026-12-01T09:00:00Z";
    for line in [
        format!("salus appointment publish {slot} --until 2026-12-01T12:00:00Z --each 20m --org north --key house"),
        "salus appointment slots house --days 30 --free".to_owned(),
        format!("salus appointment book {slot} --identity-file me --booking-key visit --desk-key reg"),
        format!(
            "salus appointment book {slot} --identity-file me --booking-key visit --out visit.json --grant --patient ada --key ada"
        ),
        format!("salus appointment give-back {slot} --booking-key visit --out back.json"),
        "salus appointment enter visit.json --key reg".to_owned(),
        "salus appointment identify visit.json --kem-key gw-kem".to_owned(),
        format!("salus appointment set check-in {slot} --key house"),
        format!("salus appointment show {slot}"),
    ] {
        parse_line(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        format!("salus appointment publish {slot} --until 12:00 --org north --key house"),
        "salus appointment slots house --days 368".to_owned(),
        format!("salus appointment book {slot} --identity-file me --booking-key visit"),
        format!("salus appointment book {slot} --identity-file me --booking-key visit --out f --desk-key reg"),
        format!("salus appointment book {slot} --identity-file me --booking-key visit --out f --grant --patient ada"),
        format!("salus appointment book {slot} --identity-file me --booking-key visit --out f --patient ada"),
        format!("salus appointment book {slot} --identity-file me --booking-key ../visit --out f"),
        format!("salus appointment set give-back {slot} --key house"),
        "salus appointment show --doctor house --from today".to_owned(),
    ] {
        assert_eq!(parse_line(&line).expect_err(&line).exit_code(), 2, "{line}");
    }
}

#[test]
fn hours_become_slots_and_those_that_cannot_are_refused_before_anything_is_signed() {
    let whole = |length| Window { from: NINE, until: NINE.plus(length) };
    assert_eq!(hours(whole(180 * MINUTE), 30 * MINUTE).unwrap().len(), 6);
    let rest = hours(whole(100 * MINUTE), 30 * MINUTE).unwrap_err();
    assert_eq!(rest.status(), 2);
    assert!(rest.to_string().contains("--until or --each"), "{rest}");
    assert!(hours(Window { from: NINE, until: NINE }, MINUTE).is_err());
    assert!(hours(whole(64 * MINUTE), MINUTE).is_ok());
    let many = hours(whole(65 * MINUTE), MINUTE).unwrap_err();
    assert!(many.to_string().contains("these are 65 slots"), "{many}");
}

#[test]
fn a_free_slot_that_has_begun_is_past_and_a_taken_one_is_what_it_is() {
    let hours = Window { from: NINE, until: NINE.plus(30 * MINUTE) };
    let slot = Slot { organisation: OrganisationId([1; 16]), hours, status: Status::Free, booking: None };
    assert_eq!(standing(&slot, Moment(NINE.0 - 1)), "free");
    assert_eq!(standing(&slot, NINE), "past");
    let held = Slot { status: Status::Held, ..slot };
    assert_eq!(standing(&held, NINE.plus(DAY)), "held");
    assert_eq!(row(&held, NINE).len(), SLOT_COLUMNS.len());
}

#[tokio::test]
async fn the_organisation_reads_who_booked_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder);
    let secret = KemSecret::generate().unwrap();
    let recipient = secret.public();
    session.store("gw-kem", &StoredKey::Kem(secret), true).unwrap();
    session.store("other", &StoredKey::Kem(KemSecret::generate().unwrap()), true).unwrap();
    let appointment = Appointment {
        practitioner: PractitionerId([1; 16]),
        organisation: OrganisationId([2; 16]),
        hours: Window { from: NINE, until: NINE.plus(30 * MINUTE) },
    };
    let once = one_time(&session, "visit", true).unwrap();
    let booking = Booking::take(Hash([9; 32]), appointment, &once, b"Ada, ward 3\n", &recipient).unwrap();
    let file = folder.path().join("visit.json");
    std::fs::write(&file, booking.to_json()).unwrap();
    let identify = |key: &str| AppointmentCommand::Identify { file: file.clone(), kem_key: key.to_owned() };
    let told = run(&session, identify("gw-kem")).await.unwrap().to_json();
    assert_eq!((&told["identity"], &told["asks"]), (&"Ada, ward 3".into(), &"book".into()));
    assert_eq!(told["booked_by"], session.account("visit").unwrap().to_string());
    let sealed = run(&session, identify("other")).await.unwrap_err();
    assert!(sealed.to_string().contains("the identity does not open"), "{sealed}");

    let back = Booking::give_back(Hash([9; 32]), appointment, &once);
    std::fs::write(&file, back.to_json()).unwrap();
    let nobody = run(&session, identify("gw-kem")).await.unwrap_err();
    assert!(nobody.to_string().contains("hours are given back"), "{nobody}");
    // Entering is the first thing that needs a node.
    let enter = AppointmentCommand::Enter { file, key: "visit".to_owned() };
    assert_eq!(run(&session, enter).await.unwrap_err().status(), 3);
}

#[test]
fn a_bookings_key_is_made_once_and_taken_again_when_the_booking_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder);
    let made = one_time(&session, "visit", true).unwrap();
    assert_eq!(one_time(&session, "visit", true).unwrap().public(), made.public());
    assert_ne!(one_time(&session, "other-visit", true).unwrap().public(), made.public());
}

#[test]
fn every_group_of_appointment_commands_is_there() {
    let Command::Appointment(AppointmentCommand::Set { to, .. }) =
        parse_line("salus appointment set no-show --doctor house --from 2026-12-01T09:00:00Z --key house")
            .unwrap()
            .command
    else {
        panic!("what became of a slot")
    };
    assert_eq!(Change::from(to), Change::NoShow);
}
