//! What a change of an organisation leaves as it is.

use super::*;

fn present() -> Organisation {
    Organisation {
        status: OrganisationStatus::Suspended,
        display_name: display_name("North").unwrap(),
        caps: Caps::CUSTODIAN,
        profile: Default::default(),
        url: Default::default(),
        peer_ids: Default::default(),
    }
}

fn act(changes: &OrganisationChanges, admin: Option<AccountId>) -> (OrganisationStatus, Vec<u8>, Caps) {
    let id = OrganisationId([1; 16]);
    match changes.act(id, present(), admin).unwrap() {
        Act::OrganisationSet { id: same, status, display_name, caps, admin: further } => {
            assert_eq!((same, further), (id, admin));
            (status, display_name.to_vec(), caps)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_changed_of_an_organisation_stays() {
    let (stays, north) = (OrganisationStatus::Suspended, b"North".to_vec());
    let admin = Some(AccountId([2; 32]));
    let none = OrganisationChanges { name: None, caps: vec![], no_caps: false, admin_key: Some("new".into()) };
    assert_eq!(act(&none, admin), (stays, north.clone(), Caps::CUSTODIAN));
    let name = OrganisationChanges { name: Some("South".into()), admin_key: None, ..none };
    assert_eq!(act(&name, None), (stays, b"South".to_vec(), Caps::CUSTODIAN));
    let caps = OrganisationChanges { name: None, caps: vec![Caps::EMERGENCY, Caps::LICENSING], ..name };
    assert_eq!(act(&caps, None), (stays, north.clone(), Caps::EMERGENCY.with(Caps::LICENSING)));
    let no_caps = OrganisationChanges { caps: vec![], no_caps: true, ..caps };
    assert_eq!(act(&no_caps, None), (stays, north, Caps::NONE));
    let long = OrganisationChanges { name: Some("x".repeat(65)), ..no_caps };
    assert_eq!(long.act(OrganisationId([1; 16]), present(), None).unwrap_err().status(), 2);
}
