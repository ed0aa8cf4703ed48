//! `salus appointment`: hours that doctors offer, and taking them without a name on the chain.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use salus_appointments::{Change, Hours, Slot, SlotRef, Status};
use salus_client::{
    actions::{
        ActionError,
        appointments::{self, divide, sealed_to},
        booking::Booking,
        consent::{self, permit},
        fresh_key,
    },
    chain::Chain,
    envelope::Appointment,
    keystore::StoredKey,
};
use salus_consent::{Action, Grantee, Kinds, Purpose};
use salus_primitives::{Moment, OrganisationId, PatientId, PractitionerId, Window, crypto::KeyPair};
use serde_json::Value;

use super::{
    error::CliError,
    files,
    output::{Output, moment_value},
    parse,
    refs::Ref,
    session::Session,
};

/// What became of a slot.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// You expect whoever booked: before it begins.
    Confirm,
    /// You do not want the booking.
    Decline,
    /// Whoever booked is there: from 4 hours before it begins to its end.
    CheckIn,
    /// It took place.
    Complete,
    /// It is over, and nobody came.
    NoShow,
    /// You take the hours back: before they begin.
    Cancel,
}

/// `salus appointment`
#[derive(Subcommand, Debug)]
pub enum AppointmentCommand {
    /// Offer hours of a doctor, as the doctor or a Registrar: at most 64 slots at once.
    ///
    /// Slots begin from now on and within 366 days, last at most 12 hours, and overlap no other hours of the doctor.
    Publish {
        /// The doctor's id.
        #[arg(long)]
        doctor: Ref<PractitionerId>,
        /// Where.
        #[arg(long, value_name = "ORG")]
        org: Ref<OrganisationId>,
        /// When the first slot begins, as 2026-12-01T09:00:00Z.
        #[arg(long, value_parser = parse::moment, value_name = "TIME")]
        from: Moment,
        /// When the last one ends.
        #[arg(long, value_parser = parse::moment, value_name = "TIME")]
        until: Moment,
        /// How long each is; they fill the hours without a rest.
        #[arg(long, value_parser = parse::duration, default_value = "30m", value_name = "TIME")]
        each: u64,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// List a doctor's slots that begin from today on: which are free, and what became of the others.
    Slots {
        /// The doctor's id.
        doctor: Ref<PractitionerId>,
        /// For how many days.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=367), value_name = "N")]
        days: u32,
        /// Those that can be booked only.
        #[arg(long)]
        free: bool,
    },
    /// Take a slot, as whoever comes: with a key made for it, and who you are sealed to the organisation.
    ///
    /// The chain learns a key that is used once and nothing of you. The organisation's desk enters the booking: name
    /// its key with --desk-key where it is here, or hand it the file that --out makes (`salus appointment enter`). Keep
    /// the booking key: with it you give the hours back.
    ///
    /// With --grant a patient also lets the doctor view their records during the visit, and not a minute longer: an
    /// ordinary consent, made by a call of its own after the booking. If the visit does not come about, end it with
    /// `salus consent revoke --rule N`. Whoever sees the chain sees that the times of both agree.
    Book(Box<BookArgs>),
    /// Give a slot back that you took, before it begins.
    GiveBack {
        #[command(flatten)]
        slot: SlotArgs,
        /// Name of the key that took it.
        #[arg(long, value_name = "NAME")]
        booking_key: String,
        #[command(flatten)]
        desk: DeskArgs,
    },
    /// Enter a booking that somebody handed in, as a Registrar or the Gateway; or that they give their hours back.
    Enter {
        /// The file, as `salus appointment book --out` made it.
        file: PathBuf,
        /// Name of the desk's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Read who booked, as the organisation: no node is needed.
    Identify {
        /// The file, as `salus appointment book --out` made it.
        file: PathBuf,
        /// Name of the organisation's encryption key.
        #[arg(long, value_name = "NAME")]
        kem_key: String,
    },
    /// Say what became of a slot, as its doctor.
    Set {
        /// What.
        #[arg(value_enum)]
        to: To,
        #[command(flatten)]
        slot: SlotArgs,
        /// Name of the doctor's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Show a slot.
    Show {
        #[command(flatten)]
        slot: SlotArgs,
    },
}

/// Names a slot.
#[derive(Args, Debug)]
pub struct SlotArgs {
    /// The doctor's id.
    #[arg(long)]
    pub doctor: Ref<PractitionerId>,
    /// When it begins, as `salus appointment slots` lists it.
    #[arg(long, value_parser = parse::moment, value_name = "TIME")]
    pub from: Moment,
}

/// How a booking reaches the organisation.
#[derive(Args, Debug)]
pub struct DeskArgs {
    /// Name of the key of a Registrar or the Gateway of the organisation, which enters it at once.
    #[arg(long, value_name = "NAME", conflicts_with = "out", required_unless_present = "out")]
    pub desk_key: Option<String>,
    /// Write what the desk enters to this new file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What is booked.
#[derive(Args, Debug)]
pub struct BookArgs {
    #[command(flatten)]
    pub slot: SlotArgs,
    /// File that says who comes, at most 4,092 bytes: it is sealed to the organisation.
    #[arg(long, value_name = "FILE")]
    pub identity_file: PathBuf,
    /// Name for the booking's key in the folder: a new one is made. One that took no slot yet is taken as it is.
    #[arg(long, value_parser = parse::key_name, value_name = "NAME")]
    pub booking_key: String,
    /// Protect the new key by next to nothing: for tests and demonstrations only.
    #[arg(long)]
    pub development: bool,
    #[command(flatten)]
    pub desk: DeskArgs,
    /// Also let the doctor view the patient's records during the visit.
    #[arg(long, requires = "patient", requires = "key")]
    pub grant: bool,
    /// The patient who grants it.
    #[arg(long, requires = "grant")]
    pub patient: Option<Ref<PatientId>>,
    /// Name of the patient's key that signs the grant.
    #[arg(long, value_name = "NAME", requires = "grant")]
    pub key: Option<String>,
}

/// Run it.
pub async fn run(session: &Session, command: AppointmentCommand) -> Result<Output, CliError> {
    match command {
        AppointmentCommand::Publish { doctor, org, from, until, each, key } => {
            let hours = hours(Window { from, until }, each)?;
            let count = hours.len();
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let (doctor, org) = (session.id(&chain, &doctor).await?, session.id(&chain, &org).await?);
            let done = appointments::publish(&chain, &key, doctor, org, hours);
            let receipt = session.wait("publishing", done).await?;
            Ok(Output::new(format!("Offered: {count} slots can be booked."))
                .with_text("doctor", doctor)
                .with_text("organisation", org)
                .with("slots", count)
                .with_receipt(&receipt))
        }
        AppointmentCommand::Slots { doctor, days, free } => {
            let chain = session.chain().await?;
            let doctor = session.id(&chain, &doctor).await?;
            let (now, slots) = (chain.now().await?, appointments::slots(&chain, doctor, days).await?);
            let bookable = |slot: &&Slot| !free || (slot.status == Status::Free && now < slot.hours.from);
            let rows = slots.iter().filter(bookable).map(|slot| row(slot, now)).collect();
            Ok(Output::new(format!("Slots of doctor {doctor}")).with_list("slots", SLOT_COLUMNS, rows))
        }
        AppointmentCommand::Book(arguments) => book(session, *arguments).await,
        AppointmentCommand::GiveBack { slot, booking_key, desk } => {
            let key = session.key(&booking_key)?;
            let desk_key = desk.desk_key.as_deref().map(|name| session.key(name)).transpose()?;
            let chain = session.chain().await?;
            let (appointment, _) = find(session, &chain, &slot).await?;
            let booking = Booking::give_back(chain.genesis(), appointment, &key);
            let output = enter_or_write(session, &chain, desk_key, desk.out.as_deref(), &booking).await?;
            Ok(output)
        }
        AppointmentCommand::Enter { file, key } => {
            let booking = Booking::from_json(&files::read(&file)?).map_err(ActionError::from)?;
            let desk = session.key(&key)?;
            let chain = session.chain().await?;
            enter_or_write(session, &chain, Some(desk), None, &booking).await
        }
        AppointmentCommand::Identify { file, kem_key } => {
            let booking = Booking::from_json(&files::read(&file)?).map_err(ActionError::from)?;
            let secret = session.kem(&kem_key)?;
            let who = booking.identity(&secret).map_err(ActionError::from)?;
            let title = "Who booked, as they say themselves: nobody has checked it.";
            Ok(described(Output::new(title), &booking).with_text("identity", String::from_utf8_lossy(&who).trim_end()))
        }
        AppointmentCommand::Set { to, slot, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let doctor = session.id(&chain, &slot.doctor).await?;
            let name = SlotRef { practitioner: doctor, from: slot.from };
            let receipt = session.wait("setting", appointments::set(&chain, &key, name, to.into())).await?;
            let slot = appointments::show(&chain, name).await?;
            Ok(shown(Output::new("Set."), doctor, &slot, receipt.at).with_receipt(&receipt))
        }
        AppointmentCommand::Show { slot } => {
            let chain = session.chain().await?;
            let (appointment, slot) = find(session, &chain, &slot).await?;
            Ok(shown(Output::new(""), appointment.practitioner, &slot, chain.now().await?))
        }
    }
}

/// The slots that fill these hours.
fn hours(hours: Window, each: u64) -> Result<Hours, CliError> {
    let slots = divide(hours, each).ok_or_else(|| {
        CliError::Usage("the hours are not filled by slots of that length: change --until or --each".to_owned())
    })?;
    let count = slots.len();
    Hours::try_from(slots).map_err(|_| {
        CliError::Usage(format!("these are {count} slots, at most 64 are offered at once: give fewer hours"))
    })
}

/// A slot there is, as an appointment at its organisation.
async fn find(session: &Session, chain: &Chain, slot: &SlotArgs) -> Result<(Appointment, Slot), CliError> {
    let practitioner = session.id(chain, &slot.doctor).await?;
    let found = appointments::show(chain, SlotRef { practitioner, from: slot.from }).await?;
    Ok((Appointment { practitioner, organisation: found.organisation, hours: found.hours }, found))
}

async fn book(session: &Session, arguments: BookArgs) -> Result<Output, CliError> {
    let BookArgs { slot, identity_file, booking_key, development, desk, patient, key, .. } = arguments;
    let identity = zeroize::Zeroizing::new(files::read_bytes(&identity_file)?);
    let desk_key = desk.desk_key.as_deref().map(|name| session.key(name)).transpose()?;
    let patient_key = key.as_deref().map(|name| session.key(name)).transpose()?;
    let chain = session.chain().await?;
    let (appointment, found) = find(session, &chain, &slot).await?;
    let patient = session.maybe_id(&chain, patient.as_ref()).await?;
    if found.status != Status::Free {
        return Err(CliError::Usage(format!(
            "the slot is {}: `salus appointment slots --free` lists those that can be booked",
            status_name(found.status)
        )));
    }
    let recipient = sealed_to(&chain, appointment.organisation).await?;
    let once = one_time(session, &booking_key, development)?;
    let booking =
        Booking::take(chain.genesis(), appointment, &once, &identity, &recipient).map_err(ActionError::from)?;
    let mut output = enter_or_write(session, &chain, desk_key, desk.out.as_deref(), &booking)
        .await?
        .with("booking_key", booking_key);
    if let (Some(patient), Some(key)) = (patient, patient_key) {
        let granted = session.wait("granting", grant(&chain, &key, patient, &appointment)).await?;
        output = output.with_text("patient", patient).with("rule", granted.rule.id);
    }
    Ok(output)
}

/// The booking's key: made and kept before anything is submitted, for hours whose key is lost cannot be given back.
fn one_time(session: &Session, name: &str, development: bool) -> Result<KeyPair, CliError> {
    if session.key_path(name)?.exists() {
        return session.key(name);
    }
    let key = fresh_key()?;
    session.store(name, &StoredKey::Account(key.clone()), development)?;
    Ok(key)
}

/// Let the doctor view the patient's records during the visit.
async fn grant(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    appointment: &Appointment,
) -> Result<consent::Granted, ActionError> {
    let grantee = Grantee::Practitioner(appointment.practitioner, appointment.organisation);
    let terms = permit(grantee, Kinds::ALL, &[Purpose::Treatment], &[Action::View], appointment.hours);
    consent::grant(chain, key, patient, terms, None).await
}

/// Submit a booking with the desk's key, or write it for the desk.
async fn enter_or_write(
    session: &Session,
    chain: &Chain,
    desk: Option<KeyPair>,
    out: Option<&Path>,
    booking: &Booking,
) -> Result<Output, CliError> {
    match (desk, out) {
        (Some(desk), _) => {
            let receipt = session.wait("booking", appointments::enter(chain, &desk, booking)).await?;
            let title = if booking.gives_back() {
                "Given back: the hours are free to be offered anew."
            } else {
                "Booked: the doctor confirms or declines."
            };
            Ok(described(Output::new(title), booking).with_receipt(&receipt))
        }
        (None, Some(path)) => {
            files::create(path, &booking.to_json())?;
            let path = path.display();
            let title = format!(
                "Nothing is entered yet. Hand {path} to the organisation's desk, which runs: salus appointment enter {path}"
            );
            Ok(described(Output::new(title), booking).with_text("file", path))
        }
        (None, None) => Err(CliError::Usage("give --desk-key NAME or --out FILE".to_owned())),
    }
}

fn described(output: Output, booking: &Booking) -> Output {
    let Appointment { practitioner, organisation, hours } = booking.appointment();
    output
        .with_text("doctor", practitioner)
        .with_text("organisation", organisation)
        .with_moment("from", hours.from)
        .with_moment("until", hours.until)
        .with("asks", if booking.gives_back() { "give back" } else { "book" })
        .with_text("booked_by", booking.key())
        .with("sealed_identity", booking.digest().map(|digest| digest.to_string()))
}

const SLOT_COLUMNS: &[&str] = &["from", "until", "organisation", "status", "booked_by"];

fn row(slot: &Slot, now: Moment) -> Vec<Value> {
    vec![
        moment_value(slot.hours.from),
        moment_value(slot.hours.until),
        slot.organisation.to_string().into(),
        standing(slot, now).into(),
        slot.booking.map(|booking| booking.key.to_string()).into(),
    ]
}

fn shown(output: Output, doctor: PractitionerId, slot: &Slot, now: Moment) -> Output {
    output
        .with_text("doctor", doctor)
        .with_text("organisation", slot.organisation)
        .with_moment("from", slot.hours.from)
        .with_moment("until", slot.hours.until)
        .with("status", standing(slot, now))
        .with("booked_by", slot.booking.map(|booking| booking.key.to_string()))
        .with("sealed_identity", slot.booking.map(|booking| booking.sealed.to_string()))
}

/// Where a slot stands: one that nobody took and that has begun cannot be booked any more.
fn standing(slot: &Slot, now: Moment) -> &'static str {
    if slot.status == Status::Free && slot.hours.from <= now { "past" } else { status_name(slot.status) }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Free => "free",
        Status::Held => "held",
        Status::Confirmed => "confirmed",
        Status::CheckedIn => "checked in",
        Status::Completed => "completed",
        Status::Cancelled => "cancelled",
        Status::Declined => "declined",
        Status::NoShow => "no show",
    }
}

impl From<To> for Change {
    fn from(to: To) -> Self {
        match to {
            To::Confirm => Self::Confirm,
            To::Decline => Self::Decline,
            To::CheckIn => Self::CheckIn,
            To::Complete => Self::Complete,
            To::NoShow => Self::NoShow,
            To::Cancel => Self::Cancel,
        }
    }
}

#[cfg(test)]
#[path = "appointment_tests.rs"]
mod tests;
