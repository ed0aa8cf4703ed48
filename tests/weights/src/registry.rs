//! Organisations, officers, practitioners, affiliations and keys.

use salus_primitives::{
    OrganisationId, PractitionerId, Subject,
    subject::Roles,
    time::{DAY, HOUR, YEAR},
};
use salus_registry::{
    Call,
    storage::{Hosts, KeyGuards, KeyLocks, Places},
    types::{AFFILIATIONS_MAX, HOSTS_MAX, NewKey, OrganisationStatus, PEERS_MAX, PractitionerStatus, Terms, URL_MAX},
};
use salus_system::keys::end_at;
use salus_validators::types::peer_of;

use crate::{
    people::{
        GRANTEE, HOSPITAL, NOTE, affiliate, doctor, id, kem, key, list, officer, organisation, patient, person_key,
    },
    scene::{Builder, NOW},
};

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    update(builder);
    let (admin, account) = (officer(HOSPITAL, Roles::ADMIN), key("new officer", 0));
    builder.cosigned("the 256th officer, whose binding looks at the 255 others", &admin, &[&account], |cosign| {
        Call::OfficerSet { account: account.public(), roles: Some(Roles::ALL), cosign }
    });
    let (lost, _) = doctor(builder, "lost all keys");
    let account = key("new practitioner key", 0);
    let registrar = officer(HOSPITAL, Roles::REGISTRAR);
    builder.cosigned("a new key in the place of six", &registrar, &[&account], |cosign| Call::PractitionerSet {
        id: lost,
        account: Some(account.public()),
        licence: NOTE,
        licence_until: NOW.plus(YEAR),
        speciality: 1,
        status: PractitionerStatus::Suspended,
        cosign,
    });
    affiliations(builder);
    keys(builder);
}

/// Room among 256 hosts is made by one that was removed, after each was looked at.
fn update(builder: &mut Builder<'_>) {
    let hosts = (0..HOSTS_MAX as usize).map(|number| OrganisationId(id("host", number)));
    for (number, host) in hosts.clone().enumerate() {
        let last = number + 1 == HOSTS_MAX as usize;
        let status = if last { OrganisationStatus::Removed } else { OrganisationStatus::Active };
        organisation(&mut builder.state, host, status);
    }
    Hosts::put(&mut builder.state, &list(hosts.collect()));
    let peers = (0..PEERS_MAX as usize).map(|number| peer_of(&key("full node", number).public()));
    builder.case(
        "eight full nodes, of the first host after 256 others of which one was removed",
        &officer(HOSPITAL, Roles::ADMIN),
        Call::OrganisationUpdate {
            profile: NOTE,
            url: list(vec![b'/'; URL_MAX as usize]),
            kem: Some(kem(1)),
            peer_ids: list(peers.collect()),
        },
    );
}

fn affiliations(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "worked everywhere");
    let places = (0..AFFILIATIONS_MAX as usize).map(|number| OrganisationId(id("place", number)));
    for place in places.clone() {
        affiliate(&mut builder.state, practitioner, place, 0);
    }
    Places::insert(&mut builder.state, &practitioner, &list(places.collect()));
    let terms = Terms { roles: list((1..=8).collect()), until: NOW.plus(YEAR) };
    builder.cosigned(
        "the 17th, where 16 ran out and are cleared",
        &officer(HOSPITAL, Roles::REGISTRAR),
        &[&signs],
        |cosign| Call::AffiliationSet { practitioner, organisation: HOSPITAL, terms: Some(terms.clone()), cosign },
    );
    let (practitioner, signs) = doctor(builder, "leaves");
    builder.case(
        "one of two ends",
        &signs,
        Call::AffiliationSet { practitioner, organisation: GRANTEE, terms: None, cosign: list(Vec::new()) },
    );
}

fn keys(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "changes all keys");
    let subject = Subject::Practitioner(PractitionerId(practitioner.0));
    // A lock and a guard that are over are read all the same.
    KeyLocks::insert(&mut builder.state, &subject, &NOW);
    KeyGuards::insert(&mut builder.state, &subject, &NOW);
    let new = [key("rotated", 0), key("rotated", 1)];
    let add = new.iter().map(|key| NewKey { account: key.public(), until: None }).collect::<Vec<_>>();
    let drop = (0..6).map(|number| person_key(subject, number).public()).collect::<Vec<_>>();
    builder.cosigned("six keys go, two come, and the KEM key", &signs, &[&new[0], &new[1]], |cosign| Call::KeysSet {
        add: list(add.clone()),
        drop: list(drop.clone()),
        kem: Some(kem(2)),
        cosign,
    });

    let (guarded, _) = patient(builder, "objects to drops");
    let subject = Subject::Patient(guarded);
    KeyLocks::insert(&mut builder.state, &subject, &NOW.plus(DAY));
    let going = [1, 2].map(|number| person_key(subject, number));
    for key in &going {
        end_at(&mut builder.state, key.public(), NOW, NOW.plus(HOUR));
    }
    let add = going.iter().map(|key| NewKey { account: key.public(), until: None }).collect::<Vec<_>>();
    let call = Call::KeysSet { add: list(add), drop: list(Vec::new()), kem: None, cosign: list(Vec::new()) };
    builder.case("two drops are cancelled by a session key, while keys are locked", &person_key(subject, 4), call);
}
