//! Words on the command line as the chain's own values.

use salus_client::{
    fhir::{Release, Span},
    vitals::Pressure,
};
use salus_consent::{Action, Kind, Kinds, Purpose};
use salus_primitives::{
    AccountId, Moment, Window,
    peer::{PeerId, check_peer},
    subject::Roles,
    time::{DAY, HOUR, MINUTE, SECOND, YEAR},
};
use salus_registry::types::Caps;
use salus_validators::types::NewValidator;

const KINDS: [(&str, Kind); 9] = [
    ("general", Kind::General),
    ("encounter", Kind::Encounter),
    ("lab", Kind::Lab),
    ("imaging", Kind::Imaging),
    ("medication", Kind::Medication),
    ("document", Kind::Document),
    ("device", Kind::Device),
    ("summary", Kind::Summary),
    ("other", Kind::Other),
];

const PURPOSES: [Purpose; 9] = [
    Purpose::Treatment,
    Purpose::EmergencyTreatment,
    Purpose::Payment,
    Purpose::Operations,
    Purpose::CareManagement,
    Purpose::Research,
    Purpose::PublicHealth,
    Purpose::PatientRequest,
    Purpose::FamilyRequest,
];

const ACTIONS: [(&str, Action); 4] =
    [("view", Action::View), ("add", Action::Add), ("amend", Action::Amend), ("share", Action::Share)];

const CAPS: [(&str, Caps); 4] = [
    ("custodian", Caps::CUSTODIAN),
    ("licensing", Caps::LICENSING),
    ("emergency", Caps::EMERGENCY),
    ("validator", Caps::VALIDATOR),
];

fn one_of<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}", known.join(", "))
    })
}

/// A kind of record.
pub fn kind(text: &str) -> Result<Kind, String> {
    one_of(text, &KINDS)
}

/// The name of a kind.
pub fn kind_name(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, other)| *other == kind).map_or("other", |(name, _)| *name)
}

/// The names of kinds.
pub fn kind_names(kinds: Kinds) -> Vec<&'static str> {
    KINDS.iter().filter(|(_, kind)| kinds.contains(*kind)).map(|(name, _)| *name).collect()
}

/// A purpose by its HL7 code.
pub fn purpose(text: &str) -> Result<Purpose, String> {
    one_of(text, &PURPOSES.map(|purpose| (purpose.code(), purpose)))
}

/// The codes of purposes.
pub fn purpose_codes(purposes: salus_consent::Purposes) -> Vec<&'static str> {
    PURPOSES.iter().filter(|purpose| purposes.contains(**purpose)).map(|purpose| purpose.code()).collect()
}

/// An action.
pub fn action(text: &str) -> Result<Action, String> {
    one_of(text, &ACTIONS)
}

/// The names of actions.
pub fn action_names(actions: salus_consent::Actions) -> Vec<&'static str> {
    ACTIONS.iter().filter(|(_, action)| actions.contains(*action)).map(|(name, _)| *name).collect()
}

/// A capability of an organisation.
pub fn cap(text: &str) -> Result<Caps, String> {
    one_of(text, &CAPS)
}

/// The names of capabilities.
pub fn cap_names(caps: Caps) -> Vec<&'static str> {
    CAPS.iter().filter(|(_, cap)| caps.contains(*cap)).map(|(name, _)| *name).collect()
}

/// A role of an officer.
pub fn role(text: &str) -> Result<Roles, String> {
    one_of(text, &salus_client::actions::officers::ROLE_NAMES)
}

/// A length of time: a number with s, m, h, d or y. In milliseconds.
pub fn duration(text: &str) -> Result<u64, String> {
    let expected = || "expected a number with s, m, h, d or y, as 30d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => SECOND,
        Some('m') => MINUTE,
        Some('h') => HOUR,
        Some('d') => DAY,
        Some('y') => YEAR,
        _ => return Err(expected()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    number.checked_mul(unit).filter(|length| *length > 0).ok_or_else(expected)
}

/// A length of time that may be nothing, as `0s`.
pub fn delay(text: &str) -> Result<u64, String> {
    if ["0s", "0m", "0h", "0d"].contains(&text) { Ok(0) } else { duration(text) }
}

/// A moment, as `2026-12-01T09:00:00Z` or with another zone's offset.
pub fn moment(text: &str) -> Result<Moment, String> {
    let span = Span::parse(text).filter(|_| text.contains('T'));
    let moment = span.and_then(|span| u64::try_from(span.from).ok()).map(Moment);
    moment
        .ok_or_else(|| "expected a date and time with its zone, as 2026-12-01T09:00:00Z or …T10:00:00+01:00".to_owned())
}

/// From `now` for this long.
pub fn window(now: Moment, length: u64) -> Window {
    Window { from: now, until: now.plus(length) }
}

/// A tag as the chain has it.
pub fn tag(text: &str) -> Result<salus_consent::Tag, String> {
    text.parse::<salus_client::tags::Tag>().map(|tag| salus_consent::Tag(tag.0)).map_err(|error| error.to_string())
}

/// Tags as [`tag`] reads them.
pub fn tag_texts(tags: &[salus_consent::Tag]) -> Vec<String> {
    tags.iter().map(|tag| hex::encode(tag.0)).collect()
}

/// Systolic and diastolic pressure, as `118/76` or `16/10 kPa`: a unit is of both.
pub fn pressures(text: &str) -> Result<(Pressure, Pressure), String> {
    let (systolic, diastolic) = text.split_once('/').ok_or("expected systolic/diastolic, as 118/76")?;
    let unit = diastolic.trim().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let pressure = |text: &str| text.parse::<Pressure>().map_err(|error| error.to_string());
    let bare = systolic.trim().bytes().all(|c| c.is_ascii_digit() || c == b'.');
    let systolic = if bare { format!("{systolic}{unit}") } else { systolic.to_owned() };
    Ok((pressure(&systolic)?, pressure(diastolic)?))
}

/// A release of FHIR.
pub fn release(text: &str) -> Result<Release, String> {
    one_of(text, &[("r4", Release::R4), ("r5", Release::R5)])
}

/// The name of a key: it becomes a file's name.
pub fn key_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 64 || text.starts_with('.') || !text.chars().all(fits) {
        return Err("a key's name has 1 to 64 letters, digits, - _ and ., and does not begin with a dot".to_owned());
    }
    Ok(text.to_owned())
}

/// The peer id of a node, as `salus-node key show` prints it.
pub fn peer(text: &str) -> Result<PeerId, String> {
    let expected = "expected a peer id, as 12D3KooW…: the node's operator reads it off `salus-node key show`";
    let bytes = bs58::decode(text).into_vec().map_err(|_| expected.to_owned())?;
    check_peer(&bytes).map_err(|error| format!("{error}; {expected}"))?;
    PeerId::try_from(bytes).map_err(|_| expected.to_owned())
}

/// A peer id as people read it.
pub fn peer_text(peer: &[u8]) -> String {
    bs58::encode(peer).into_string()
}

/// A validator to be: authority key, peer id and organisation.
pub fn validator(text: &str) -> Result<NewValidator, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let [authority, peer_id, organisation] = parts.as_slice() else {
        return Err("expected AUTHORITY,PEER,ORGANISATION".to_owned());
    };
    Ok(NewValidator {
        authority: authority.parse().map_err(|error| format!("authority: {error}"))?,
        peer_id: peer(peer_id)?,
        organisation: organisation.parse().map_err(|error| format!("organisation: {error}"))?,
    })
}

/// The public key by which a validator votes.
pub fn authority(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|error| format!("{error}: `salus-node key show` prints it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_with_their_unit_and_not_without() {
        assert_eq!(duration("90s"), Ok(90_000));
        assert_eq!(duration("30d"), Ok(30 * DAY));
        assert_eq!((delay("0s"), delay("24h")), (Ok(0), Ok(DAY)));
        for bad in ["", "30", "d", "-1d", "0h", "1.5h", "99999999999999999y", "3ä"] {
            assert!(duration(bad).is_err(), "{bad}");
            assert!(bad == "0h" || delay(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_told_with_their_zone() {
        let nine = Ok(Moment(1_796_115_600_000));
        assert_eq!(moment("2026-12-01T09:00:00Z"), nine);
        assert_eq!(moment("2026-12-01T10:00:00+01:00"), nine);
        for bad in [
            "2026-12-01",
            "2026-12-01T09:00:00",
            "2026-12-01 09:00:00Z",
            "2026-02-30T09:00:00Z",
            "1969-12-31T09:00:00Z",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_kind_and_purpose_reads_back_from_its_name() {
        for kind_here in KINDS.map(|(_, kind)| kind) {
            assert_eq!(kind(kind_name(kind_here)), Ok(kind_here));
        }
        for one in PURPOSES {
            assert_eq!(purpose(one.code()), Ok(one));
            assert_eq!(purpose(&one.code().to_lowercase()), Ok(one));
        }
        assert_eq!(purpose("SPYING").unwrap_err().matches(',').count(), 8);
    }

    #[test]
    fn each_kind_that_bundles_have_is_a_kind_of_the_chain() {
        for kind_here in salus_client::fhir::Kind::ALL {
            assert_eq!(kind_name(salus_client::fhir::chain_kind(kind_here)), kind_here.name().to_lowercase());
        }
    }

    #[test]
    fn two_pressures_share_their_unit() {
        let hundredths = |text: &str| pressures(text).map(|(one, other)| (one.hundredths(), other.hundredths()));
        assert_eq!(hundredths("118/76"), Ok((11_800, 7600)));
        assert_eq!(hundredths("118 / 76 mmHg"), Ok((11_800, 7600)));
        assert_eq!(hundredths("16/10 kPa"), Ok((12_001, 7501)));
        for bad in ["118", "118/", "/76", "118/76 psi", "118 kPa/76", "118/76/50"] {
            assert!(pressures(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_keys_name_cannot_lead_out_of_its_folder() {
        assert!(key_name("dr-house.2").is_ok());
        for bad in ["", ".", "..", ".hidden", "a/b", "../x", "a b", "ä"] {
            assert!(key_name(bad).is_err(), "{bad}");
        }
    }
}
