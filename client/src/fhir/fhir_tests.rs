//! A bundle's labels decide what a rule opens, and rules and receipts come back from FHIR as they were.

use super::*;
use crate::envelope::{self, Compression, RecordRef};
use proptest::prelude::*;
use salus_consent::{
    Action, Actions, Attribute, Denial, Effect, Grantee, Kinds, Obligations, Purpose, Purposes, Reason, RecordView,
    RuleRef, Scope, Servable, Tags, Terms, Verdict,
};
use salus_primitives::{
    BoundedVec, Hash, Height, OrganisationId, PatientId, PractitionerId, RecordId, Subject, Window, crypto::sha256,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::PathBuf};

const KEY: [u8; 32] = [7; 32];
const HOSPITAL: OrganisationId = OrganisationId([3; 16]);

fn key() -> TagKey {
    TagKey::from_bytes(KEY)
}

/// A bundle of one laboratory result under this label, as it would be filed.
fn filed(label: Option<&str>) -> RecordView {
    let mut result = json!({
        "resourceType": "Observation",
        "category": [{"coding": [{"code": "laboratory"}]}],
    });
    if let Some(label) = label {
        let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        result["meta"] = json!({"security": [{"system": system, "code": label}]});
    }
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": result}]});
    let info = parse_bundle(serde_json::to_vec(&bundle).unwrap()).unwrap();
    RecordView {
        id: RecordId([1; 16]),
        kind: chain_kind(info.kind),
        tags: Tags::try_from(tags_of(&info, &key())).unwrap(),
        labelled: !info.labels.unknown,
        restricted: info.labels.restricted(),
        custodian: HOSPITAL,
        servable: Servable::Yes,
    }
}

#[test]
fn a_grant_for_laboratory_results_opens_them_and_no_others() {
    let labs = Scope::kinds(Kinds::of(&[salus_consent::Kind::Lab]));
    let images = Scope::kinds(Kinds::of(&[salus_consent::Kind::Imaging]));
    assert!(labs.opens(&filed(None)) && !images.opens(&filed(None)));
    assert!(labs.opens(&filed(Some("PSY"))), "kinds alone say nothing of labels");
}

#[test]
fn a_denial_of_psychiatry_holds_for_what_is_labelled_so_and_for_what_nobody_can_tell() {
    let psychiatry = Tag(key().tag(TagCode::Sensitivity(Sensitivity::Psychiatry)).0);
    let tagged = |any_of: Vec<Tag>| Scope { any_of: Tags::try_from(any_of).unwrap(), ..Scope::kinds(Kinds::ALL) };
    let denial = tagged(vec![psychiatry]);
    assert!(denial.closes(&filed(Some("PSY"))));
    assert!(!denial.closes(&filed(Some("HIV"))) && !denial.closes(&filed(None)));
    assert!(denial.closes(&filed(Some("GDIS"))), "a label that is not known may be this one");
    assert!(filed(Some("PSY")).restricted && filed(Some("GDIS")).restricted && !filed(None).restricted);
    let only = tagged(vec![psychiatry]);
    assert!(only.opens(&filed(Some("PSY"))) && !only.opens(&filed(None)) && !only.opens(&filed(Some("GDIS"))));
}

#[test]
fn an_encounter_has_a_tag_of_its_own() {
    let bundle = generated(40, 3).into_iter().find(|bundle| bundle.info.encounter.is_some()).unwrap().info;
    let encounter = Tag(key().tag(TagCode::Encounter(bundle.encounter.unwrap())).0);
    let tags = tags_of(&bundle, &key());
    assert!(tags.contains(&encounter));
    assert_eq!(tags.len(), 1 + bundle.labels.sensitivity.len());
    assert!(!tags_of(&bundle, &TagKey::from_bytes([8; 32])).contains(&encounter), "another patient's is another");
}

/// The folder of realistic patients, or generated ones where there is none.
fn patients() -> Vec<NamedBundle> {
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/synthea-r4");
    let folder = std::env::var_os("SALUS_FHIR_DIR").map(PathBuf::from).or_else(|| usual.is_dir().then_some(usual));
    match folder {
        Some(folder) => read_folder(&folder, None).unwrap(),
        None => {
            println!("no folder of bundles is here: using generated ones");
            generated(12, 1)
        }
    }
}

#[test]
fn realistic_patients_come_back_whole_out_of_their_envelope() {
    let of = RecordRef { patient: PatientId([1; 16]), record: RecordId([2; 16]), version: 1 };
    for patients in [patients(), generated(12, 1)] {
        let smallest = patients.iter().min_by_key(|bundle| bundle.info.bytes.len()).unwrap();
        let bytes = &smallest.info.bytes;
        let mut blob = Vec::new();
        let sealed = envelope::seal(of, Compression::Zlib, &bytes[..], &mut blob).unwrap();
        assert!(blob.len() < bytes.len() / 2, "a bundle of {} bytes is a blob of {}", bytes.len(), blob.len());
        let mut out = Vec::new();
        envelope::open(&sealed.key, &of, envelope::PLAIN_BYTES_MAX, &blob[..], &mut out).unwrap();
        assert_eq!(sha256(&out), sha256(bytes));
    }
}

fn terms() -> Terms {
    let psychiatry = Tag(key().tag(TagCode::Sensitivity(Sensitivity::Psychiatry)).0);
    Terms {
        effect: Effect::Permit,
        grantee: Grantee::Organisation(HOSPITAL),
        scope: Scope {
            none_of: Tags::try_from(vec![psychiatry, Tag([9; 8])]).unwrap(),
            ..Scope::kinds(Kinds::of(&[salus_consent::Kind::Lab, salus_consent::Kind::Summary]))
        },
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View]),
        window: Window { from: Moment(1000), until: Moment(2000) },
        max_uses: None,
        obligations: Obligations::default(),
    }
}

fn exported(terms: &Terms, key: Option<&TagKey>) -> Grant {
    grant_of(PatientId([1; 16]), terms, true, key)
}

#[test]
fn tags_are_told_by_name_to_whoever_has_the_key_and_to_nobody_else() {
    let with = exported(&terms(), Some(&key()));
    assert_eq!(with.none_of, [Label::Class(Sensitivity::Psychiatry), Label::Tag([9; 8])].into());
    let without = exported(&terms(), None);
    assert!(without.none_of.iter().all(|label| matches!(label, Label::Tag(_))));
    assert_eq!(terms_of(&with, None), Err(MappingError::NoTagKey(Sensitivity::Psychiatry)));
    let tags = |terms: Terms| terms.scope.none_of.iter().copied().collect::<BTreeSet<Tag>>();
    for grant in [with, without] {
        assert_eq!(terms_of(&grant, Some(&key())).map(tags), Ok(tags(terms())));
    }
}

#[test]
fn what_the_chain_would_not_take_is_refused_before_it_is_asked() {
    let grant = exported(&terms(), None);
    let many: BTreeSet<Label> = (0..9).map(|number| Label::Tag([number; 8])).collect();
    let labels = Grant { any_of: many, ..grant.clone() };
    assert_eq!(terms_of(&labels, None), Err(MappingError::TooMany { what: "labels", found: 9, max: 8 }));
    let ids: BTreeSet<Id> = (0..65).map(|number| Id([number; 16])).collect();
    let records = Grant { records: Some(ids), ..grant.clone() };
    assert_eq!(terms_of(&records, None), Err(MappingError::TooMany { what: "records", found: 65, max: 64 }));
    let everyone = Grant { grantee: salus_fhir::Grantee::Everyone, ..grant };
    assert_eq!(terms_of(&everyone, None), Err(MappingError::Terms(salus_consent::Fault::Everyone)));
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let grantee = (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u64>(), 0..3).prop_map(|(one, other, code, which)| {
        let organisation = OrganisationId(other);
        match which {
            0 => Grantee::Practitioner(PractitionerId(one), organisation),
            1 => Grantee::Organisation(organisation),
            _ => Grantee::Attribute(Attribute { organisation, speciality: Some(code), role: None }),
        }
    });
    let scope = (1..=Kinds::ALL.0, proptest::option::of(proptest::collection::btree_set(any::<[u8; 16]>(), 1..9)));
    let times = (0u64..1 << 41, 1u64..1 << 37, proptest::option::of(1u32..), any::<(bool, bool)>());
    (grantee, scope, 1..=Purposes::ALL.0, any::<[u8; 8]>(), times).prop_map(|(grantee, scope, purposes, tag, times)| {
        let records = scope.1.map(|ids| ids.into_iter().map(RecordId).collect::<Vec<_>>());
        let (from, length, max_uses, (no_redisclose, local_only)) = times;
        Terms {
            effect: Effect::Permit,
            grantee,
            scope: Scope {
                kinds: Kinds(scope.0),
                records: records.map(|ids| BoundedVec::try_from(ids).expect("few")),
                any_of: Tags::try_from(vec![Tag(tag)]).expect("one"),
                none_of: Tags::new(),
            },
            purposes: Purposes(purposes),
            actions: Actions::of(&[Action::View, Action::Share]),
            window: Window { from: Moment(from), until: Moment(from + length) },
            max_uses,
            obligations: Obligations { no_redisclose, erase_by: Some(Moment(from + length)), local_only },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_rule_comes_back_from_its_consent(terms in any_terms()) {
        let grant = exported(&terms, Some(&key()));
        for release in [Release::R4, Release::R5] {
            let back = Grant::from_consent(&grant.to_consent(release, 1, "urn:example:policy")).expect("it is ours");
            prop_assert_eq!(terms_of(&back, Some(&key())), Ok(terms.clone()));
        }
    }
}

#[test]
fn a_receipt_says_who_and_why_and_names_who_released() {
    let entry = |number: u8, verdict: Verdict, served: u8| salus_access::Entry {
        record: RecordId([number; 16]),
        verdict,
        served: salus_access::types::ServedBy(served),
    };
    let rule = RuleRef { grantee: Grantee::Organisation(HOSPITAL).key(), id: 6 };
    let denial = Verdict::Denied(Denial { reason: Reason::DenyRule, rule: Some(rule) });
    let permit = Verdict::Permit(salus_consent::Basis::Rule(rule));
    let receipt = salus_access::Receipt {
        opener: Subject::Practitioner(PractitionerId([2; 16])),
        organisation: HOSPITAL,
        purpose: Purpose::CareManagement,
        height: Height(9),
        at: Moment(1000),
        until: Moment(2000),
        entries: BoundedVec::try_from(vec![entry(4, permit, 1), entry(5, permit, 0), entry(6, denial, 0)]).unwrap(),
    };
    let custodian = |_| Some(OrganisationId([8; 16]));
    let access = access_of(Hash([1; 32]), PatientId([1; 16]), 3, &receipt, custodian);
    assert_eq!((access.opener, access.purpose.code()), (Opener::Practitioner(Id([2; 16])), "CAREMGT"));
    let told: Vec<_> = access.entries.iter().map(|entry| (entry.rule, entry.released_by)).collect();
    assert_eq!(told, [(Some(6), Some(Id([8; 16]))), (Some(6), None), (Some(6), None)]);
    assert_eq!(access.entries[2].decision, Decision::Denied("a rule of the patient denies it".to_owned()));
    let bundle: Value = audit_bundle(&[access]);
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 3);
}
