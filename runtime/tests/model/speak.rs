//! From plain numbers to what the chain speaks: ids, terms and calls. The only place that knows both.

use std::sync::LazyLock;

use parity_scale_codec::{Decode, Encode};
use salus_access::{Evidence, RequestRef};
use salus_consent::{
    Actions, Attribute, Effect, Grantee, GranteeKey, Kinds, Obligations, Purposes, RuleRef, Scope, Tier, Withdrawal,
};
use salus_council::types::Act;
use salus_patients::types::{GuardianChange, GuardianTerms, Powers, RecoveryStep};
use salus_primitives::{
    AccountId, BoundedVec, Hash, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject, Window,
    crypto::{KeyPair, sha256_of},
    signed::{self, CoSign, CoSigns, EmergencyRelease},
    subject::Roles,
};
use salus_records::CustodyReceipt;
use salus_registry::{
    KemKey,
    types::{Caps, DisplayName, NewKey, OrganisationStatus, PractitionerStatus, SUITE_X25519, Url},
};
use salus_runtime::RuntimeCall;
use salus_system::{Parameters, Policy};

use crate::{fixtures, words::*};

/// Keys by number: made once, for making one costs as much as a signature.
static KEYS: LazyLock<Vec<KeyPair>> = LazyLock::new(|| {
    (0u16..512).map(|number| KeyPair::from_seed(&sha256_of(&[b"model", &number.to_be_bytes()]).0)).collect()
});

/// The key pair of this number.
pub fn pair(key: Key) -> &'static KeyPair {
    &KEYS[key]
}

pub fn account(key: Key) -> AccountId {
    static ACCOUNTS: LazyLock<Vec<AccountId>> = LazyLock::new(|| KEYS.iter().map(KeyPair::public).collect());
    ACCOUNTS[key]
}

pub fn org_id(org: Org) -> OrganisationId {
    OrganisationId([0xA0 + org as u8; 16])
}

pub fn doc_id(doc: Doc) -> PractitionerId {
    PractitionerId([0xB0 + doc as u8; 16])
}

pub fn pat_id(pat: Pat) -> PatientId {
    PatientId([0xC0 + pat as u8; 16])
}

pub fn rec_id(rec: Rec) -> RecordId {
    let mut id = [0xEC; 16];
    id[..2].copy_from_slice(&rec.to_be_bytes());
    RecordId(id)
}

pub fn tag(tag: Tag) -> salus_consent::Tag {
    salus_consent::Tag([tag; 8])
}

pub fn subject(who: Who) -> Subject {
    match who {
        Who::Council => Subject::Council,
        Who::Org(org) => Subject::Organisation(org_id(org)),
        Who::Doc(doc) => Subject::Practitioner(doc_id(doc)),
        Who::Pat(pat) => Subject::Patient(pat_id(pat)),
    }
}

pub fn bounded<T, const MAX: u32>(items: impl IntoIterator<Item = T>) -> BoundedVec<T, MAX> {
    BoundedVec::try_from(items.into_iter().collect::<Vec<T>>()).expect("the generator keeps to the bounds")
}

/// The value whose variant has this index on the wire.
pub fn indexed<T: Decode>(index: u8) -> T {
    T::decode(&mut &[index][..]).expect("the generator draws indexes that exist")
}

pub fn org_status(standing: Standing) -> OrganisationStatus {
    indexed(standing as u8)
}

pub fn doc_status(standing: Standing) -> PractitionerStatus {
    indexed(standing as u8)
}

pub fn page(page: Page) -> GranteeKey {
    match page {
        Page::Doc(doc, org) => GranteeKey::Practitioner(doc_id(doc), org_id(org)),
        Page::Org(org) => GranteeKey::Organisation(org_id(org)),
        Page::Everyone => GranteeKey::Everyone,
        Page::Attributes => GranteeKey::ByAttribute,
    }
}

pub fn rule_ref((at, id): RuleName) -> RuleRef {
    RuleRef { grantee: page(at), id }
}

fn scope(terms: &Terms) -> Scope {
    Scope {
        kinds: Kinds(terms.kinds),
        records: terms.records.as_ref().map(|list| bounded(list.iter().map(|rec| rec_id(*rec)))),
        any_of: bounded(terms.any_of.iter().map(|label| tag(*label))),
        none_of: bounded(terms.none_of.iter().map(|label| tag(*label))),
    }
}

fn window(terms: &Terms) -> Window {
    Window { from: Moment(terms.from), until: Moment(terms.until) }
}

pub fn terms(terms: &Terms) -> salus_consent::Terms {
    salus_consent::Terms {
        effect: if terms.deny { Effect::Deny } else { Effect::Permit },
        grantee: match terms.to {
            To::Doc(doc, org) => Grantee::Practitioner(doc_id(doc), org_id(org)),
            To::Org(org) => Grantee::Organisation(org_id(org)),
            To::Everyone => Grantee::Everyone,
            To::Attribute { org, speciality, role } => {
                Grantee::Attribute(Attribute { organisation: org_id(org), speciality, role })
            }
        },
        scope: scope(terms),
        purposes: Purposes(terms.purposes),
        actions: Actions(terms.actions),
        window: window(terms),
        max_uses: terms.max_uses,
        obligations: Obligations {
            no_redisclose: terms.no_redisclose,
            erase_by: terms.erase_by.map(Moment),
            local_only: terms.local_only,
        },
    }
}

pub fn guardian_terms(guards: &Guards) -> GuardianTerms {
    let power = |given: bool, power| if given { power } else { Powers(0) };
    GuardianTerms {
        guardians: bounded(guards.who.iter().map(|pat| pat_id(*pat))),
        threshold: guards.threshold,
        powers: power(guards.recover, Powers::RECOVER).with(power(guards.act, Powers::ACT)),
        excluded: bounded(guards.excluded.iter().map(|label| tag(*label))),
        until: Moment(guards.until),
    }
}

fn parameters(custodians_treat: bool, patient_weight: u64) -> Parameters {
    let policy = if custodians_treat { Policy::CustodianTreatment } else { Policy::DenyAll };
    Parameters { policy, patient_weight, ..Parameters::default() }
}

fn act(act: CouncilAct, admin: Option<Key>) -> Act {
    match act {
        CouncilAct::Organisation { org, to, caps } => Act::OrganisationSet {
            id: org_id(org),
            status: org_status(to),
            display_name: DisplayName::try_from(format!("Hospital {org}").into_bytes()).expect("a short name"),
            caps: Caps(caps),
            admin: admin.map(account),
        },
        CouncilAct::Practitioner { doc, to } => Act::PractitionerStatus { id: doc_id(doc), status: doc_status(to) },
        CouncilAct::Parameters { custodians_treat, patient_weight } => {
            Act::ParametersSet { parameters: parameters(custodians_treat, patient_weight) }
        }
        CouncilAct::Successor { removed, new } => Act::Successor { removed: org_id(removed), new: org_id(new) },
        CouncilAct::Cancel { motion } => Act::CancelMotion { motion },
    }
}

/// A KEM key, of small order where it is to be refused.
fn kem(weak: bool) -> KemKey {
    KemKey { suite: SUITE_X25519, key: [if weak { 0 } else { 0x11 }; 32] }
}

fn put(genesis: &Hash, filing: &Filing, author: Subject) -> salus_records::Call {
    let (patient, id, size) = (pat_id(filing.pat), rec_id(filing.rec), 4_096);
    let digest = fixtures::digest(filing.pat, filing.rec);
    let message = signed::custody_receipt(genesis, &patient, &id, &digest, size, &author);
    let receipt = |key: &Key| CustodyReceipt { account: account(*key), signature: pair(*key).sign(&message) };
    salus_records::Call::Put {
        patient,
        organisation: org_id(filing.org),
        id,
        prev: filing.prev.map(rec_id),
        kind: indexed(filing.kind),
        tags: bounded(filing.labels.tags.iter().map(|label| tag(*label))),
        labelled: filing.labels.labelled,
        restricted: filing.labels.restricted,
        digest,
        size,
        custodian: org_id(filing.custodian),
        second: filing.second.map(org_id),
        receipts: bounded(filing.gateways.iter().map(receipt)),
    }
}

/// What gives a call its co-signatures: it stands before them.
pub struct Speaker<'a> {
    pub genesis: &'a Hash,
    /// Whom the caller's key speaks for, if for anybody.
    pub author: Option<Who>,
    pub nonce: u32,
}

impl Speaker<'_> {
    /// The call, signed along.
    pub fn call(&self, deed: &Deed) -> RuntimeCall {
        let stem = self.with(deed, CoSigns::new());
        if deed.along.is_empty() {
            return stem;
        }
        let message = signed::cosign(self.genesis, &account(deed.by), self.nonce, &stem.encode());
        let sign = |key: &Key| CoSign { account: account(*key), signature: pair(*key).sign(&message) };
        self.with(deed, bounded(deed.along.iter().map(sign)))
    }

    fn with(&self, deed: &Deed, cosign: CoSigns) -> RuntimeCall {
        match &deed.what {
            What::Noop => salus_system::Call::Noop {}.into(),
            What::OrganisationUpdate { .. }
            | What::OfficerSet { .. }
            | What::PractitionerSet { .. }
            | What::AffiliationSet { .. }
            | What::AddKey { .. }
            | What::DropKey { .. }
            | What::KeepKey { .. }
            | What::NewKem { .. } => registry(&deed.what, cosign).into(),
            What::Put(filing) => {
                let author = self.author.map_or(Subject::Council, subject);
                put(self.genesis, filing, author).into()
            }
            What::Mark { .. } | What::Relabel { .. } | What::Shred { .. } | What::Custody { .. } => {
                records(&deed.what, cosign).into()
            }
            What::Grant { .. } | What::Revoke { .. } | What::RevokePages { .. } | What::Delegate { .. } => {
                consent(&deed.what).into()
            }
            What::Request { .. }
            | What::Respond { .. }
            | What::Open { .. }
            | What::Serve { .. }
            | What::Emergency { .. }
            | What::LateEmergency { .. }
            | What::Review { .. }
            | What::Dispute { .. } => self.access(&deed.what, cosign).into(),
            What::Publish { .. } | What::Book { .. } | What::Slot { .. } => self.appointments(&deed.what).into(),
            What::Redeem { credits } => salus_credits::Call::Redeem { credits: *credits }.into(),
            What::Propose { act: proposed } => {
                let act = act(*proposed, deed.along.first().copied());
                salus_council::Call::Propose { act, cosign }.into()
            }
            What::Vote { motion, aye } => salus_council::Call::Vote { motion: *motion, aye: *aye }.into(),
            _ => self.patients(deed, cosign).into(),
        }
    }

    fn patients(&self, deed: &Deed, cosign: CoSigns) -> salus_patients::Call {
        use salus_patients::Call;
        let guardians = |pat: &Pat, change, cosign| Call::GuardiansSet { patient: pat_id(*pat), change, cosign };
        let recover = |pat: &Pat, step, cosign| Call::Recover { patient: pat_id(*pat), step, cosign };
        match &deed.what {
            What::Invite { key, until, provisional } => {
                Call::Invite { key: account(*key), until: Moment(*until), provisional: *provisional }
            }
            What::Register { pat, invite, possession_of } => {
                let message = signed::possession(self.genesis, &account(deed.by), &pat_id(*pat));
                let possession = pair(*possession_of).sign(&message);
                Call::Register { id: pat_id(*pat), invite: account(*invite), possession, kem: kem(false) }
            }
            What::Confirm { pat, level } => Call::Confirm { patient: pat_id(*pat), assurance: *level },
            What::SetGuardians { pat, guards } => guardians(pat, GuardianChange::Set(guardian_terms(guards)), cosign),
            What::EndGuardians { pat } => guardians(pat, GuardianChange::End, cosign),
            What::KeepGuardians { pat } => guardians(pat, GuardianChange::Cancel, cosign),
            What::Recover { pat, key } => recover(pat, RecoveryStep::Propose(bounded([account(*key)])), cosign),
            What::FinishRecovery { pat } => recover(pat, RecoveryStep::Finish, cosign),
            What::Veto { pat } => recover(pat, RecoveryStep::Cancel, cosign),
            What::Patient { pat, to } => Call::StatusSet { patient: pat_id(*pat), to: indexed(*to as u8), cosign },
            other => panic!("{other:?} is another pallet's"),
        }
    }

    fn access(&self, what: &What, cosign: CoSigns) -> salus_access::Call {
        use salus_access::{Answer as Said, Call};
        let recs = |recs: &[Rec]| bounded(recs.iter().map(|rec| rec_id(*rec)));
        match what {
            What::Request { pat, org, terms: asked } => Call::Request {
                patient: pat_id(*pat),
                organisation: org_id(*org),
                scope: scope(asked),
                purposes: Purposes(asked.purposes),
                actions: Actions(asked.actions),
                window: window(asked),
                note: fixtures::note(*pat),
            },
            What::Respond { pat, doc, number, answer } => Call::Respond {
                patient: pat_id(*pat),
                request: RequestRef { requester: doc_id(*doc), number: *number },
                answer: match answer {
                    Answer::Approve(given) => Said::Approve(terms(given)),
                    Answer::Refuse => Said::Refuse(1),
                    Answer::Withdraw => Said::Withdraw,
                },
            },
            What::Open { pat, org, purpose, recs: named } => Call::Open {
                patient: pat_id(*pat),
                organisation: org_id(*org),
                purpose: indexed(*purpose),
                records: recs(named),
            },
            What::Serve { pat, receipt, entries } => Call::Serve {
                patient: pat_id(*pat),
                receipt: *receipt,
                entries: *entries,
                digest: fixtures::note(*pat),
            },
            What::Emergency { pat, org, full, recs: named } => Call::EmergencyOpen {
                patient: pat_id(*pat),
                organisation: org_id(*org),
                tier: if *full { Tier::Full } else { Tier::Summary },
                records: recs(named),
                reason: 1,
                note: fixtures::note(*pat),
                late: None,
                cosign,
            },
            What::LateEmergency { pat, org, doc, rec, happened, opener, officer } => {
                let (patient, organisation, note) = (pat_id(*pat), org_id(*org), fixtures::note(*pat));
                let (practitioner, happened) = (doc_id(*doc), Moment(*happened));
                let record = rec_id(*rec);
                let release =
                    EmergencyRelease { patient, organisation, practitioner, record, reason: 1, note, happened };
                let message = signed::emergency_receipt(self.genesis, &release);
                let sign = |key: &Key| CoSign { account: account(*key), signature: pair(*key).sign(&message) };
                let evidence = Evidence { practitioner, happened, opener: sign(opener), officer: sign(officer) };
                Call::EmergencyOpen {
                    patient,
                    organisation,
                    tier: Tier::Summary,
                    records: recs(&[*rec]),
                    reason: 1,
                    note,
                    late: Some(evidence),
                    cosign,
                }
            }
            What::Review { pat, receipt, finding } => Call::Review {
                patient: pat_id(*pat),
                receipt: *receipt,
                finding: indexed(*finding as u8),
                note: fixtures::note(*pat),
            },
            What::Dispute { pat, receipt } => {
                Call::Dispute { patient: pat_id(*pat), receipt: *receipt, note: fixtures::note(*pat) }
            }
            other => panic!("{other:?} is another pallet's"),
        }
    }

    fn appointments(&self, what: &What) -> salus_appointments::Call {
        use salus_appointments::{Call, Change, SlotRef};
        let name = |doc: &Doc, from: &u64| SlotRef { practitioner: doc_id(*doc), from: Moment(*from) };
        match what {
            What::Publish { doc, org, hours } => Call::Publish {
                practitioner: doc_id(*doc),
                organisation: org_id(*org),
                hours: bounded(hours.iter().map(|(from, until)| Window { from: Moment(*from), until: Moment(*until) })),
            },
            What::Book { doc, org, hours: (from, until), key, signed_by } => {
                let (practitioner, sealed) = (doc_id(*doc), fixtures::note(0));
                let hours = Window { from: Moment(*from), until: Moment(*until) };
                let message = signed::booking(self.genesis, &practitioner, &org_id(*org), &hours, &sealed);
                let signature = pair(*signed_by).sign(&message);
                Call::Book { slot: name(doc, from), key: account(*key), signature, sealed }
            }
            What::Slot { doc, org, hours: (from, until), to } => {
                let to = match to {
                    SlotChange::Confirm => Change::Confirm,
                    SlotChange::Decline => Change::Decline,
                    SlotChange::CheckIn => Change::CheckIn,
                    SlotChange::Complete => Change::Complete,
                    SlotChange::NoShow => Change::NoShow,
                    SlotChange::Cancel => Change::Cancel,
                    SlotChange::GiveBack { key } => {
                        let hours = Window { from: Moment(*from), until: Moment(*until) };
                        let message = signed::booking_cancelled(self.genesis, &doc_id(*doc), &org_id(*org), &hours);
                        Change::GiveBack { signature: pair(*key).sign(&message) }
                    }
                };
                Call::Set { slot: name(doc, from), to }
            }
            other => panic!("{other:?} is another pallet's"),
        }
    }
}

fn registry(what: &What, cosign: CoSigns) -> salus_registry::Call {
    use salus_registry::{Call, types::Terms as Employment};
    let keys = |add: Option<NewKey>, drop: Option<Key>, kem: Option<KemKey>| Call::KeysSet {
        add: bounded(add),
        drop: bounded(drop.map(account)),
        kem,
        cosign: cosign.clone(),
    };
    match what {
        What::OrganisationUpdate { bad_url } => Call::OrganisationUpdate {
            profile: fixtures::note(0),
            url: Url::try_from(if *bad_url { b"two words".to_vec() } else { b"https://g.example".to_vec() })
                .expect("a short address"),
            kem: Some(kem(false)),
            peer_ids: BoundedVec::new(),
        },
        What::OfficerSet { account: key, roles } => {
            Call::OfficerSet { account: account(*key), roles: roles.map(Roles), cosign }
        }
        What::PractitionerSet { doc, account: key, licence_until, speciality, status } => Call::PractitionerSet {
            id: doc_id(*doc),
            account: key.map(account),
            licence: fixtures::licence(*doc),
            licence_until: Moment(*licence_until),
            speciality: *speciality,
            status: doc_status(*status),
            cosign,
        },
        What::AffiliationSet { doc, org, terms } => Call::AffiliationSet {
            practitioner: doc_id(*doc),
            organisation: org_id(*org),
            terms: terms
                .as_ref()
                .map(|(roles, until)| Employment { roles: bounded(roles.iter().copied()), until: Moment(*until) }),
            cosign,
        },
        What::AddKey { key, until } => {
            keys(Some(NewKey { account: account(*key), until: until.map(Moment) }), None, None)
        }
        What::DropKey { key } => keys(None, Some(*key), None),
        What::KeepKey { key } => keys(Some(NewKey { account: account(*key), until: None }), None, None),
        What::NewKem { weak } => keys(None, None, Some(kem(*weak))),
        other => panic!("{other:?} is another pallet's"),
    }
}

fn records(what: &What, cosign: CoSigns) -> salus_records::Call {
    use salus_records::Call;
    match what {
        What::Mark { pat, rec, to, basis } => {
            Call::StatusSet { patient: pat_id(*pat), id: rec_id(*rec), to: indexed(*to as u8), basis: *basis }
        }
        What::Relabel { pat, rec, labels } => Call::Relabel {
            patient: pat_id(*pat),
            id: rec_id(*rec),
            tags: bounded(labels.tags.iter().map(|label| tag(*label))),
            labelled: labels.labelled,
            restricted: labels.restricted,
        },
        What::Shred { pat, rec, epoch } => {
            Call::ShredAttest { patient: pat_id(*pat), id: rec_id(*rec), key_epoch: *epoch }
        }
        What::Custody { records, to } => Call::CustodySet {
            records: bounded(records.iter().map(|(pat, rec)| (pat_id(*pat), rec_id(*rec)))),
            organisation: org_id(*to),
            cosign,
        },
        other => panic!("{other:?} is another pallet's"),
    }
}

fn consent(what: &What) -> salus_consent::Call {
    use salus_consent::Call;
    match what {
        What::Grant { pat, terms: said, replaces } => {
            Call::Grant { patient: pat_id(*pat), terms: terms(said), replaces: replaces.map(rule_ref) }
        }
        What::Revoke { pat, rules } => {
            let rules = bounded(rules.iter().map(|name| rule_ref(*name)));
            Call::Revoke { patient: pat_id(*pat), what: Withdrawal::Rules(rules) }
        }
        What::RevokePages { pat, pages } => {
            let pages = bounded(pages.iter().map(|at| page(*at)));
            Call::Revoke { patient: pat_id(*pat), what: Withdrawal::Pages(pages) }
        }
        What::Delegate { pat, parent, terms: said } => {
            Call::Delegate { patient: pat_id(*pat), parent: rule_ref(*parent), terms: terms(said) }
        }
        other => panic!("{other:?} is another pallet's"),
    }
}
