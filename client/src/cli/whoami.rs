//! `salus whoami`: whom the keys in the folder speak for, and what their holders can do next.

use clap::Args;
use salus_access::types::OPENINGS_PER_DAY;
use salus_client::{
    actions::{
        identity::{self, Bearer, Doctor, Holder, Use},
        officers::roles_text,
    },
    fhir::instant,
    keystore::{KeyFile, KeyKind},
};
use salus_patients::{
    PatientState,
    types::{DECEASED_DELAY, FrozenBy},
};
use salus_primitives::{AccountId, Moment, OrganisationId, subject::Roles};
use salus_registry::types::{Organisation, OrganisationStatus, PractitionerStatus};
use salus_system::Ended;
use serde_json::Value;

use super::{
    error::CliError,
    output::{Output, moment_value},
    patient::state_text,
    session::Session,
};

/// `salus whoami`
#[derive(Args, Debug)]
pub struct WhoamiArgs {
    /// This key only, with all there is to say of it.
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
}

/// Run it.
pub async fn run(session: &Session, arguments: WhoamiArgs) -> Result<Output, CliError> {
    let files = if session.keys().exists() { KeyFile::list(session.keys())? } else { Vec::new() };
    if files.is_empty() && arguments.key.is_none() {
        let folder = session.keys().display();
        return Ok(Output::new(format!("No keys in {folder}: salus key generate NAME makes one.")).with_list(
            "keys",
            COLUMNS,
            Vec::new(),
        ));
    }
    if let Some(name) = &arguments.key {
        // One that is missing or damaged is told so.
        session.key_file(name)?;
    }
    let readable: Vec<&KeyFile> = files.iter().filter_map(|file| file.as_ref().ok()).collect();
    let accounts: Vec<AccountId> = readable.iter().filter_map(|file| account(file)).collect();
    let chain = session.chain().await?;
    let (now, holders) = identity::holders(&chain, &accounts).await?;
    let keys: Vec<Told> = readable
        .iter()
        .map(|file| {
            let holder = account(file).and_then(|account| holders.get(&account));
            let found = match holder {
                Some(holder) => held(holder, now),
                None => sealing(file, holders.values()),
            };
            Told { name: name_of(file), kind: kind_name(file.kind()), found }
        })
        .collect();
    match arguments.key {
        Some(name) => {
            let file = readable.iter().find(|file| name_of(file) == name);
            let holder = file.and_then(|file| account(file)).and_then(|account| holders.get(&account));
            let told = keys.into_iter().find(|told| told.name == name);
            let told = told.ok_or_else(|| CliError::Usage(format!("there is no key {name} in the folder")))?;
            Ok(one(told, file.and_then(|file| account(file)), holder, now))
        }
        None => {
            let broken = files.iter().filter_map(|file| file.as_ref().err());
            let broken = broken.map(|error| {
                let mut cells = vec![Value::Null; COLUMNS.len()];
                if let Some(last) = cells.last_mut() {
                    *last = error.to_string().into();
                }
                cells
            });
            let rows = keys.into_iter().map(Told::row).chain(broken).collect();
            Ok(Output::new(format!("Keys in {}", session.keys().display())).with_list("keys", COLUMNS, rows))
        }
    }
}

const COLUMNS: &[&str] =
    &["key", "kind", "speaks_for", "id", "roles", "status", "until", "used_today", "quota_today", "next"];

/// A key of the folder, and what is said of it.
struct Told {
    name: String,
    kind: &'static str,
    found: Found,
}

/// Whom a key speaks for, and what comes next.
#[derive(Default)]
struct Found {
    speaks_for: Option<&'static str>,
    id: Option<String>,
    roles: Option<String>,
    status: Option<String>,
    until: Option<Moment>,
    used: Option<u64>,
    quota: Option<u64>,
    next: String,
}

impl Told {
    fn row(self) -> Vec<Value> {
        let Found { speaks_for, id, roles, status, until, used, quota, next } = self.found;
        vec![
            self.name.into(),
            self.kind.into(),
            speaks_for.into(),
            id.into(),
            roles.into(),
            status.into(),
            until.map(moment_value).into(),
            used.into(),
            quota.into(),
            next.into(),
        ]
    }
}

/// One key with all there is to say.
fn one(told: Told, account: Option<AccountId>, holder: Option<&Holder>, now: Moment) -> Output {
    let mut output = Output::new(told.found.next.clone());
    for (name, value) in COLUMNS.iter().zip(told.row()) {
        output = output.with(name, value);
    }
    output = output.with("address", account.map(|account| account.to_string()));
    let Some(holder) = holder else { return output };
    output = output.with("encryption_key", holder.kem.map(|kem| format!("0x{}", hex::encode(kem.key))));
    match &holder.bearer {
        Bearer::Organisation(_, Some(entry)) => {
            output.with("organisation_name", String::from_utf8_lossy(&entry.display_name).into_owned())
        }
        Bearer::Patient(_, Some(entry)) => output.with("assurance", entry.assurance),
        Bearer::Practitioner(doctor) => {
            let place = |place: &identity::Place| {
                let acts = place.active && now < place.affiliation.until;
                let roles = place.affiliation.roles.to_vec();
                vec![
                    place.organisation.to_string().into(),
                    roles.into(),
                    moment_value(place.affiliation.until),
                    acts.into(),
                ]
            };
            output
                .with("licence_until", doctor.entry.as_ref().map(|entry| moment_value(entry.licence_until)))
                .with("openings_today", doctor.today.openings)
                .with("openings_a_day", OPENINGS_PER_DAY)
                .with("overdue", doctor.overdue)
                .with_list(
                    "affiliations",
                    &["organisation", "roles", "until", "acts_there"],
                    doctor.places.iter().map(place).collect(),
                )
        }
        _ => output,
    }
}

fn account(file: &KeyFile) -> Option<AccountId> {
    let public = <[u8; 32]>::try_from(file.public()).ok()?;
    (file.kind() == KeyKind::Account).then_some(AccountId(public))
}

fn name_of(file: &KeyFile) -> String {
    file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn kind_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Account => "account",
        KeyKind::Kem => "kem",
        KeyKind::Tag => "tag",
    }
}

/// A key that signs nothing: whose records are sealed to it, of those whom the folder's keys speak for.
fn sealing<'h>(file: &KeyFile, mut holders: impl Iterator<Item = &'h Holder>) -> Found {
    if file.kind() == KeyKind::Tag {
        return Found { next: "Blinds a patient's labels; the chain does not know it.".to_owned(), ..Found::default() };
    }
    let set = holders.find(|holder| holder.kem.is_some_and(|kem| kem.key[..] == *file.public()));
    let Some(holder) = set else {
        let next = "Nobody of this folder has set it: `salus doctor set-kem`, or `salus org update --kem-key` as an \
                    organisation's Admin.";
        return Found { next: next.to_owned(), ..Found::default() };
    };
    let (speaks_for, id) = named(&holder.bearer);
    Found { speaks_for, id, next: "Records' keys are sealed to it.".to_owned(), ..Found::default() }
}

/// What a key speaks for in a word, and the id.
fn named(bearer: &Bearer) -> (Option<&'static str>, Option<String>) {
    match bearer {
        Bearer::Nobody(_) => (None, None),
        Bearer::Council { .. } => (Some("council"), None),
        Bearer::Organisation(id, _) => (Some("organisation"), Some(id.to_string())),
        Bearer::Practitioner(doctor) => (Some("doctor"), Some(doctor.id.to_string())),
        Bearer::Patient(id, _) => (Some("patient"), Some(id.to_string())),
    }
}

fn held(holder: &Holder, now: Moment) -> Found {
    let data = &holder.data;
    let (speaks_for, id) = named(&holder.bearer);
    let until = match data.ended {
        Ended::At(end) => Some(data.until.map_or(end, |until| until.min(end))),
        Ended::No | Ended::Yes => data.until,
    };
    let gone = data.subject.is_some() && data.speaks_for(now).is_none();
    let (status, next) = if gone { (None, ended(data.ended, data.until)) } else { standing(holder, now) };
    Found {
        speaks_for,
        id,
        roles: (data.roles != Roles::NONE).then(|| roles_text(data.roles)),
        status: if gone { Some("ended".to_owned()) } else { status },
        until,
        used: holder.used,
        quota: holder.quota,
        next,
    }
}

fn ended(ended: Ended, until: Option<Moment>) -> String {
    match (ended, until) {
        (Ended::No, Some(until)) => {
            format!("A session key that ran out at {}: `salus key add NEW --session 8h` adds another.", instant(until))
        }
        _ => "It speaks for nobody any more, for good: use another of your keys.".to_owned(),
    }
}

/// How whom a live key speaks for stands, in a word, and what its holder can do next.
fn standing(holder: &Holder, now: Moment) -> (Option<String>, String) {
    let session = holder.data.until.is_some();
    match &holder.bearer {
        Bearer::Nobody(used) => (None, unbound(*used, now)),
        Bearer::Council { members, threshold } => {
            (None, format!("Propose and vote, {threshold} of {members} ayes pass: `salus council --help`."))
        }
        Bearer::Organisation(_, None) => (None, "The organisation is not on this chain.".to_owned()),
        Bearer::Organisation(_, Some(entry)) => {
            (Some(format!("{:?}", entry.status).to_lowercase()), officer(entry, holder.data.roles))
        }
        Bearer::Practitioner(entry) => doctor(entry, session, now),
        Bearer::Patient(_, None) => (None, "The patient is not on this chain.".to_owned()),
        Bearer::Patient(_, Some(entry)) => {
            let state = entry.state_at(now);
            (Some(state_text(&state).0.to_owned()), patient(&state, entry.assurance, entry.inviting, now))
        }
    }
}

fn unbound(used: Use, now: Moment) -> String {
    match used {
        Use::Nothing => {
            "Nobody knows it yet. A Registrar enrols a doctor (`salus doctor register`), an invitation makes \
                         a patient (`salus patient register`), an Admin appoints an officer (`salus officer set`)."
                .to_owned()
        }
        Use::Validator(_) => "A validator's, or its node's: it speaks for no person.".to_owned(),
        Use::Invitation(invitation) if invitation.spent => {
            "An invitation that a patient registered with: it has done its work.".to_owned()
        }
        Use::Invitation(invitation) if invitation.until <= now => {
            "An invitation that ran out: ask the Registrar for another.".to_owned()
        }
        Use::Invitation(invitation) => {
            let until = instant(invitation.until);
            format!("An invitation, until {until}: `salus patient register --invite-key NAME` makes a patient.")
        }
        Use::Booking(slot) => format!(
            "It took the hours of doctor {} at {}: `salus appointment give-back` gives them back.",
            slot.practitioner,
            instant(slot.from)
        ),
    }
}

fn officer(entry: &Organisation, roles: Roles) -> String {
    match entry.status {
        OrganisationStatus::Removed => return "The organisation was removed for good.".to_owned(),
        OrganisationStatus::Suspended => {
            return "The organisation is suspended: its Gateway reports what it released, and nothing else.".to_owned();
        }
        OrganisationStatus::Active => {}
    }
    let can = [
        (Roles::ADMIN, "appoint officers (`salus officer set`) and redeem credits (`salus credits redeem`)"),
        (
            Roles::REGISTRAR,
            "enrol doctors (`salus doctor`), invite patients (`salus patient`) and book (`salus appointment`)",
        ),
        (Roles::PRIVACY, "answer who wants records erased (`salus record erase`)"),
        (Roles::REVIEWER, "review emergencies (`salus emergency cases`)"),
        (Roles::GATEWAY, "keep and release records (`salus-gateway`)"),
    ];
    let can: Vec<&str> = can.iter().filter(|(role, _)| roles.contains(*role)).map(|(_, text)| *text).collect();
    match can[..] {
        [] => "An officer without a role: sign along in an emergency.".to_owned(),
        _ => format!("Can {}.", can.join("; ")),
    }
}

fn doctor(doctor: &Doctor, session: bool, now: Moment) -> (Option<String>, String) {
    let Some(entry) = &doctor.entry else { return (None, "The doctor is not on this chain.".to_owned()) };
    let status = Some(format!("{:?}", entry.status).to_lowercase());
    let next = match entry.status {
        PractitionerStatus::Struck => "Struck off the register for good.".to_owned(),
        PractitionerStatus::Suspended if doctor.by_council => {
            "Suspended by the council, which alone lifts that.".to_owned()
        }
        PractitionerStatus::Suspended => {
            format!("Suspended: a Registrar of {} lifts that (`salus doctor restore`).", entry.licensing)
        }
        PractitionerStatus::Active if entry.licence_until <= now => {
            format!("The licence ran out at {}: {} enters a new one.", instant(entry.licence_until), entry.licensing)
        }
        PractitionerStatus::Active => match doctor.acts_at(now).map(|place| place.organisation).collect::<Vec<_>>()[..]
        {
            [] => "Works nowhere at the moment: a Registrar employs you (`salus doctor affiliate`).".to_owned(),
            ref places => acting(doctor, places, session),
        },
    };
    (status, next)
}

/// What a doctor can do who acts for these.
fn acting(doctor: &Doctor, places: &[OrganisationId], session: bool) -> String {
    let places = places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let overdue = if doctor.overdue { " An emergency of yours waits for its review for too long." } else { "" };
    let can = if session { "ask for access and open records" } else { "ask for access, open and file records" };
    format!("Can {can} for {places} (`salus request make`, `salus access open`).{overdue}")
}

fn patient(state: &PatientState, assurance: u8, inviting: OrganisationId, now: Moment) -> String {
    match state {
        PatientState::Provisional { until } => {
            format!("Provisional until {}: {inviting} holds its keys, confirm the person before.", instant(*until))
        }
        PatientState::Active if assurance == 0 => {
            format!("Not confirmed yet: show yourself to a Registrar of {inviting} (`salus patient confirm`).")
        }
        PatientState::Active => {
            "Can grant and revoke (`salus consent`), answer requests (`salus request list`) and see who looked (`salus \
             access history`)."
                .to_owned()
        }
        PatientState::Frozen { until, by } => {
            let lifts = match by {
                FrozenBy::Patient => "you thaw it",
                FrozenBy::Guardian => "your guardians together lift it",
            };
            format!("Frozen until {}, unless {lifts} (`salus patient status`): revoking goes on.", instant(*until))
        }
        PatientState::Recovering { until, .. } => {
            format!(
                "New keys are on their way, until {}: if that is not you, stop it with this key now.",
                instant(*until)
            )
        }
        PatientState::Deceased { declared } if now < declared.plus(DECEASED_DELAY) => {
            let until = instant(declared.plus(DECEASED_DELAY));
            format!("Declared dead: if you live, say so before {until} (`salus patient status`).")
        }
        PatientState::Deceased { declared } => format!("Declared dead at {}, for good.", instant(*declared)),
        PatientState::Closed => "Closed for good: nothing is granted, opened or filed any more.".to_owned(),
    }
}

#[cfg(test)]
#[path = "whoami_tests.rs"]
mod tests;
