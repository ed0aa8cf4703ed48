//! Every rule comes back from its Consent as it was, and what a rule cannot say is refused at its path.

use super::*;
use crate::{
    Checker,
    grant::{Action, Effect, Grant, Grantee, Label, Purpose},
    identifier::Id,
    json::JsonError,
    kind::Kind,
    labels::Sensitivity,
    refusal::{Fault, Refusal},
};
use proptest::{collection::btree_set, option, prelude::*, sample::select};
use serde_json::{Value, json};

/// 22 November 2026, 14:00 UTC.
const MADE: u64 = 1_795_356_000_000;
const POLICY: &str = "urn:example:policy";

fn grant() -> Grant {
    Grant {
        patient: Id([1; 16]),
        effect: Effect::Permit,
        grantee: Grantee::Practitioner { practitioner: Id([2; 16]), organisation: Id([3; 16]) },
        kinds: [Kind::Lab, Kind::Imaging].into(),
        records: Some([Id([4; 16])].into()),
        any_of: [Label::Class(Sensitivity::Hiv)].into(),
        none_of: [Label::Class(Sensitivity::Psychiatry), Label::Tag([0xab; 8])].into(),
        purposes: [Purpose::Treatment, Purpose::CareManagement].into(),
        actions: [Action::View, Action::Share].into(),
        from: MADE,
        until: MADE + 86_400_000,
        max_uses: Some(3),
        no_redisclose: true,
        local_only: true,
        erase_by: Some(MADE + 90 * 86_400_000),
        active: true,
    }
}

fn r4() -> Value {
    grant().to_consent(Release::R4, MADE, POLICY)
}

fn any_id() -> impl Strategy<Value = Id> {
    any::<[u8; 16]>().prop_map(Id)
}

fn any_labels() -> impl Strategy<Value = std::collections::BTreeSet<Label>> {
    let label =
        prop_oneof![select(&Sensitivity::ALL[..]).prop_map(Label::Class), any::<[u8; 8]>().prop_map(Label::Tag),];
    btree_set(label, 0..=8)
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let grantee = prop_oneof![
        (any_id(), any_id())
            .prop_map(|(practitioner, organisation)| Grantee::Practitioner { practitioner, organisation }),
        any_id().prop_map(Grantee::Organisation),
        (any_id(), any::<u64>(), option::of(any::<u64>())).prop_map(|(organisation, speciality, role)| {
            Grantee::Attribute { organisation, speciality: Some(speciality), role }
        }),
        (any_id(), any::<u64>()).prop_map(|(organisation, role)| Grantee::Attribute {
            organisation,
            speciality: None,
            role: Some(role)
        }),
    ];
    let sets = (
        btree_set(select(&Kind::ALL[..]), 1..=9),
        option::of(btree_set(any_id(), 1..=64)),
        btree_set(select(Purpose::ALL), 1..=9),
        btree_set(select(Action::ALL), 1..=4),
    );
    // To the end of the year 9999.
    let window = (0u64..253_402_300_000_000, 1u64..400_000_000_000)
        .prop_map(|(from, length)| (from, (from + length).min(253_402_300_800_000)));
    let narrowing =
        (option::of(1u32..), any::<bool>(), any::<bool>(), option::of(0u64..253_402_300_000_000), any::<bool>());
    (any::<bool>(), any::<bool>(), any_id(), grantee, sets, (any_labels(), any_labels()), window, narrowing).prop_map(
        |(permit, everyone, patient, grantee, sets, labels, window, narrowing)| {
            let (kinds, records, purposes, actions) = sets;
            let (max_uses, no_redisclose, local_only, erase_by, active) = narrowing;
            Grant {
                patient,
                effect: if permit { Effect::Permit } else { Effect::Deny },
                grantee: if everyone && !permit { Grantee::Everyone } else { grantee },
                kinds,
                records,
                any_of: labels.0,
                none_of: if permit { labels.1 } else { Default::default() },
                purposes,
                actions,
                from: window.0,
                until: window.1,
                max_uses,
                no_redisclose,
                local_only,
                erase_by,
                active,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_rule_comes_back_from_its_consent(grant in any_grant()) {
        for release in [Release::R4, Release::R5] {
            let consent = grant.to_consent(release, MADE, POLICY);
            prop_assert_eq!(Grant::from_consent(&consent), Ok(grant.clone()), "{:?}: {}", release, consent);
            let bytes = serde_json::to_vec(&consent).expect("JSON is written");
            prop_assert_eq!(Grant::from_consent_bytes(&bytes), Ok(grant.clone()));
        }
    }

    #[test]
    fn every_consent_of_a_rule_is_one_of_r4(grant in any_grant()) {
        let consent = grant.to_consent(Release::R4, MADE, POLICY);
        let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": consent}]});
        let checker = Checker::shared().unwrap_or_else(|error| panic!("{error}"));
        let checked = checker.check(serde_json::to_vec(&bundle).expect("JSON is written"));
        prop_assert!(checked.is_ok(), "{:?}", checked);
    }
}

#[test]
fn the_two_releases_say_the_same_in_their_own_fields() {
    let (old, new) = (r4(), grant().to_consent(Release::R5, MADE, POLICY));
    assert_eq!(old["patient"], new["subject"]);
    assert_eq!((&old["provision"]["type"], &new["decision"]), (&json!("permit"), &json!("permit")));
    assert_eq!((&old["dateTime"], &new["date"]), (&json!("2026-11-22T14:00:00.000Z"), &json!("2026-11-22")));
    assert_eq!(old["provision"]["class"], new["provision"][0]["documentType"]);
    assert_eq!(old["provision"]["period"]["end"], "2026-11-23T13:59:59.999Z");
    assert_eq!(old["provision"]["provision"][0]["type"], "deny");
    assert_eq!(new["provision"][0]["provision"][0].get("type"), None);
    for field in ["scope", "patient", "dateTime", "performer", "policy"] {
        assert_eq!(new.get(field), None, "{field}");
    }
}

#[test]
fn a_day_that_a_consent_ends_on_is_inside() {
    let mut consent = r4();
    consent["provision"]["period"] = json!({"start": "2026-11-22", "end": "2026-11-22"});
    let grant = Grant::from_consent(&consent).unwrap();
    assert_eq!((grant.from, grant.until), (MADE - 14 * 3_600_000, MADE + 10 * 3_600_000));
}

#[test]
fn a_consent_without_actions_is_about_reading() {
    let mut consent = r4();
    consent["provision"].as_object_mut().unwrap().remove("action");
    assert_eq!(Grant::from_consent(&consent).unwrap().actions, [Action::View].into());
}

/// The consent with one thing changed is refused for that; null takes away.
#[track_caller]
fn refused(mut consent: Value, pointer: &str, value: Value, path: &str, fault: Fault) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = consent.pointer_mut(parent).unwrap();
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(field).unwrap();
    } else if let Ok(number) = field.parse::<usize>() {
        parent[number] = value;
    } else {
        parent[field] = value;
    }
    assert_eq!(Grant::from_consent(&consent), Err(Refusal::new(format!("Consent{path}"), fault)));
}

fn inexpressible(words: &'static str) -> Fault {
    Fault::Inexpressible { words }
}

fn not_in(found: &str, expected: &str) -> Fault {
    Fault::NotInList { found: found.to_owned(), expected: expected.to_owned() }
}

#[test]
fn two_levels_of_nesting_and_an_empty_purpose_are_refused() {
    let deeper = json!([{"type": "permit"}]);
    let words = "provisions within provisions within provisions: write a consent for each case";
    let path = ".provision.provision[0].provision";
    refused(r4(), "/provision/provision/0/provision", deeper, path, inexpressible(words));
    refused(r4(), "/provision/purpose", Value::Null, ".provision.purpose", Fault::Missing);
    refused(r4(), "/provision/purpose", json!([]), ".provision.purpose", Fault::Empty);
    let r5 = grant().to_consent(Release::R5, MADE, POLICY);
    let deeper = json!([{"securityLabel": []}]);
    let path = ".provision[0].provision[1].provision";
    refused(r5.clone(), "/provision/0/provision/1/provision", deeper, path, inexpressible(words));
    refused(r5, "/provision/0/purpose", Value::Null, ".provision[0].purpose", Fault::Missing);
}

#[test]
fn conditions_that_a_rule_does_not_have_are_refused_and_not_left_out() {
    let words = "a rule has no such condition, and without it would say something else";
    for (pointer, value, path) in [
        ("/provision/dataPeriod", json!({"start": "2020"}), ".provision.dataPeriod"),
        ("/provision/code", json!([{"text": "x"}]), ".provision.code"),
        ("/provision/provision/0/purpose", json!([]), ".provision.provision[0].purpose"),
        ("/modifierExtension", json!([]), ".modifierExtension"),
        ("/implicitRules", json!("urn:x"), ".implicitRules"),
        ("/contained/0/availableTime", json!([]), ".contained[0].availableTime"),
    ] {
        refused(r4(), pointer, value, path, inexpressible(words));
    }
    let words = "a rule names records themselves, not what belongs to them";
    let path = ".provision.data[0].meaning";
    refused(r4(), "/provision/data/0/meaning", json!("related"), path, inexpressible(words));
    let words = "a modifier that is not known here may turn the rule into its opposite";
    let path = ".provision.modifierExtension[0].url";
    refused(r4(), "/provision/modifierExtension/0/url", json!("urn:x"), path, inexpressible(words));
    let words = "a permission within a permission is a rule of its own";
    let path = ".provision.provision[0].type";
    refused(r4(), "/provision/provision/0/type", json!("permit"), path, inexpressible(words));
    let words = "a denial has no exceptions: deny by the labels it is about";
    refused(r4(), "/provision/type", json!("deny"), ".provision.provision", inexpressible(words));
}

#[test]
fn a_grantee_is_one_and_is_known() {
    let actor = r4()["provision"]["actor"][0].clone();
    let words = "a rule speaks to one: write a consent for each";
    refused(r4(), "/provision/actor", json!([actor, actor]), ".provision.actor", inexpressible(words));
    refused(r4(), "/provision/actor", Value::Null, ".provision.actor", Fault::Missing);
    let other = json!({"coding": [{"system": PARTICIPATION, "code": "AUT"}]});
    let path = ".provision.actor[0].role.coding";
    let fault = not_in("another role", "IRCP, who receives information");
    refused(r4(), "/provision/actor/0/role", other, path, fault);
    let path = ".provision.actor[0].reference.reference";
    refused(r4(), "/provision/actor/0/reference/reference", json!("#other"), path, Fault::Dangling);
    refused(r4(), "/provision/actor/0/reference/reference", json!("Practitioner/1"), path, Fault::Dangling);
    let stranger = json!({"identifier": {"system": "urn:example:hospital", "value": "1"}});
    let fault = not_in("another system", "urn:salus:organisation");
    let path = ".provision.actor[0].reference.identifier.system";
    refused(r4(), "/provision/actor/0/reference", stranger, path, fault);
    let words = "a person is a grantee at an organisation: contain a PractitionerRole that names both";
    let path = ".contained[0].resourceType";
    refused(r4(), "/contained/0/resourceType", json!("Practitioner"), path, inexpressible(words));
    refused(r4(), "/contained/0/organization", Value::Null, ".contained[0].organization", Fault::Missing);
    refused(r4(), "/contained/0/practitioner", Value::Null, ".contained[0].practitioner", Fault::Missing);
    let speciality = json!([{"coding": [{"system": "urn:salus:speciality", "code": "7"}]}]);
    let words = "a rule speaks to one practitioner or to an attribute";
    refused(r4(), "/contained/0/specialty", speciality, ".contained[0].practitioner", inexpressible(words));
}

#[test]
fn codes_and_dates_of_a_consent_are_the_known_ones() {
    refused(r4(), "/status", json!("rejected"), ".status", not_in("\"rejected\"", "active or inactive"));
    refused(r4(), "/provision/type", json!("maybe"), ".provision.type", not_in("\"maybe\"", "permit or deny"));
    let scope = json!({"coding": [{"system": SCOPE, "code": "research"}]});
    refused(r4(), "/scope", scope, ".scope.coding", not_in("\"research\"", "patient-privacy"));
    let fault = not_in("no such code", &crate::NotAPurpose.to_string());
    refused(r4(), "/provision/purpose/0/code", json!("SPYING"), ".provision.purpose[0].code", fault);
    let fault = not_in("no such code", &crate::NotAnAction.to_string());
    let path = ".provision.action[0].coding";
    refused(r4(), "/provision/action/0/coding/0/code", json!("use"), path, fault);
    let fault = not_in("no such label", "a sensitivity class of v3-ActCode, or a tag");
    let path = ".provision.securityLabel[0].code";
    refused(r4(), "/provision/securityLabel/0/code", json!("GDIS"), path, fault);
    let path = ".provision.period.end";
    refused(r4(), "/provision/period/end", json!("2026-02-30"), path, Fault::NotADate);
    refused(r4(), "/provision/period/end", json!("2025"), path, Fault::Order { other: "start" });
    refused(r4(), "/provision/period/end", Value::Null, path, Fault::Missing);
    refused(r4(), "/provision/period/start", json!("1969"), ".provision.period.start", Fault::NotADate);
    refused(r4(), "/patient/identifier/value", json!("4711"), ".patient.identifier.value", Fault::Form);
    refused(r4(), "/patient", json!("Jane"), ".patient", Fault::WrongType { expected: "object".to_owned() });
    let uses = json!({"url": MAX_USES, "valueUnsignedInt": 0});
    let path = ".provision.modifierExtension[0].valueUnsignedInt";
    refused(r4(), "/provision/modifierExtension/0", uses, path, Fault::Form);
    let fault = not_in("another type of resource", "Consent");
    refused(r4(), "/resourceType", json!("Contract"), ".resourceType", fault);
}

#[test]
fn a_consent_of_several_provisions_or_keys_is_refused() {
    let r5 = grant().to_consent(Release::R5, MADE, POLICY);
    let one = r5["provision"][0].clone();
    let words = "each provision is a rule of its own: write a consent for each";
    refused(r5.clone(), "/provision", json!([one, one]), ".provision", inexpressible(words));
    refused(r5, "/provision", Value::Null, ".provision", Fault::Missing);
    let twice = br#"{"resourceType": "Consent", "status": "active", "status": "inactive"}"#;
    let error = Grant::from_consent_bytes(twice);
    assert!(matches!(
        error,
        Err(ConsentError::Json(JsonError::DuplicateKey { at, .. })) if at == "Consent.status"
    ));
}
