//! A hospital with patients, and the extrinsics by which they come to be and grant: the load of every figure.

use std::collections::BTreeMap;

use parity_scale_codec::Encode;
use salus_consent::{
    Action, Actions, Effect, Grantee, GranteeKey, Kinds, Obligations, Purpose, Purposes, RuleRef, Scope, Terms,
};
use salus_council::types::Act;
use salus_primitives::{
    AccountId, Hash, Moment, OrganisationId, PatientId, RawExtrinsic, Window,
    crypto::{KeyPair, sha256_of},
    extrinsic::{ChainContext, Era, sign},
    signed::{self, CoSign, CoSigns},
    subject::Roles,
    time::{DAY, YEAR},
};
use salus_registry::{
    KemKey,
    types::{Caps, DisplayName, OrganisationStatus, SUITE_X25519},
};
use salus_runtime::RuntimeCall;
use salus_system::Parameters;

/// The hospital of the load.
pub const HOSPITAL: OrganisationId = OrganisationId([0x11; 16]);
/// The hospital that is granted to.
pub const GRANTEE: OrganisationId = OrganisationId([0x22; 16]);

/// Signs extrinsics and counts nonces.
pub struct World {
    chain: ChainContext,
    nonces: BTreeMap<AccountId, u32>,
    /// Block time to make windows by.
    now: Moment,
    /// Openings made so far.
    pub openings: usize,
}

/// A key of this load.
pub fn key(name: &str, number: usize) -> KeyPair {
    KeyPair::from_seed(&sha256_of(&[b"bench ", name.as_bytes(), &number.to_le_bytes()]).0)
}

/// A patient of this load.
pub fn patient(number: usize) -> PatientId {
    let mut id = [0x33; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    PatientId(id)
}

impl World {
    /// On the chain of `genesis`.
    pub fn new(genesis: Hash, now: Moment) -> Self {
        let version = salus_system::version();
        let chain = ChainContext {
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
            genesis,
        };
        Self { chain, nonces: BTreeMap::new(), now, openings: 0 }
    }

    /// The next extrinsic of `by`.
    pub fn signed(&mut self, by: &KeyPair, call: impl Into<RuntimeCall>) -> RawExtrinsic {
        let nonce = self.nonces.entry(by.public()).or_default();
        let raw = sign(by, call.into().encode(), Era::Immortal, *nonce, &self.chain, &self.chain.genesis);
        *nonce += 1;
        raw
    }

    /// Hash of the chain's genesis.
    pub fn genesis(&self) -> Hash {
        self.chain.genesis
    }

    /// The next extrinsic of `by`, with the agreement of `along`.
    pub fn with_cosign<C: Into<RuntimeCall>>(
        &mut self,
        by: &KeyPair,
        along: &KeyPair,
        call: impl Fn(CoSigns) -> C,
    ) -> RawExtrinsic {
        let nonce = self.nonces.get(&by.public()).copied().unwrap_or(0);
        let bare = call(CoSigns::new()).into().encode();
        let message = signed::cosign(&self.chain.genesis, &by.public(), nonce, &bare);
        let cosign = vec![CoSign { account: along.public(), signature: along.sign(&message) }];
        self.signed(by, call(cosign.try_into().expect("one co-signature is fewer than three")))
    }

    /// What makes the hospitals: quotas far above the defaults, two organisations, a Registrar. Each group can
    /// stand in one block; a group rests on those before it.
    pub fn founding(&mut self, council: &KeyPair) -> Vec<Vec<RawExtrinsic>> {
        let parameters = Parameters {
            root_delay: 0,
            organisation_weight: 1_000_000_000_000,
            patient_weight: 1_000_000_000_000,
            ..Parameters::default()
        };
        let set = salus_council::Call::Propose { act: Act::ParametersSet { parameters }, cosign: CoSigns::new() };
        let mut groups = vec![vec![self.signed(council, set)]];
        for (id, name) in [(HOSPITAL, "Aster"), (GRANTEE, "Linden")] {
            let admin = key(name, 0);
            let act = Act::OrganisationSet {
                id,
                status: OrganisationStatus::Active,
                display_name: DisplayName::try_from(name.as_bytes().to_vec()).expect("a short name"),
                caps: Caps::CUSTODIAN.with(Caps::LICENSING),
                admin: Some(admin.public()),
            };
            groups.push(vec![
                self.with_cosign(council, &admin, |cosign| salus_council::Call::Propose { act: act.clone(), cosign }),
            ]);
        }
        let (admin, registrar) = (key("Aster", 0), key("registrar", 0));
        groups.push(vec![self.with_cosign(&admin, &registrar, |cosign| salus_registry::Call::OfficerSet {
            account: registrar.public(),
            roles: Some(Roles::REGISTRAR),
            cosign,
        })]);
        groups
    }

    /// An invitation, a registration and a confirmation per patient, in three groups.
    pub fn patients(&mut self, numbers: std::ops::Range<usize>) -> Vec<Vec<RawExtrinsic>> {
        let registrar = key("registrar", 0);
        let until = self.now.plus(7 * DAY);
        let invites = numbers.clone().map(|number| {
            let call =
                salus_patients::Call::Invite { key: key("invitation", number).public(), until, provisional: false };
            self.signed(&registrar, call)
        });
        let invites = invites.collect();
        let registrations = numbers.clone().map(|number| {
            let (account, invite, id) = (key("patient", number), key("invitation", number), patient(number));
            let message = signed::possession(&self.chain.genesis, &account.public(), &id);
            let call = salus_patients::Call::Register {
                id,
                invite: invite.public(),
                possession: invite.sign(&message),
                kem: KemKey { suite: SUITE_X25519, key: sha256_of(&[b"kem", &id.0]).0 },
            };
            self.signed(&account, call)
        });
        let registrations = registrations.collect();
        let confirmations = numbers.map(|number| {
            self.signed(&registrar, salus_patients::Call::Confirm { patient: patient(number), assurance: 1 })
        });
        vec![invites, registrations, confirmations.collect()]
    }

    /// The next grant of a patient: it takes the place of the one before.
    pub fn grant(&mut self, number: usize) -> RawExtrinsic {
        let account = key("patient", number);
        // Nonce 0 registered; rules count up from the ledger's first.
        let made = self.nonces.get(&account.public()).copied().unwrap_or(1) - 1;
        let grantee = Grantee::Organisation(GRANTEE);
        let replaces = made.checked_sub(1).map(|id| RuleRef { grantee: GranteeKey::Organisation(GRANTEE), id });
        let call = salus_consent::Call::Grant { patient: patient(number), terms: self.terms(grantee), replaces };
        self.signed(&account, call)
    }

    /// View for treatment, for a year.
    pub fn terms(&self, grantee: Grantee) -> Terms {
        Terms {
            effect: Effect::Permit,
            grantee,
            scope: Scope::kinds(Kinds::ALL),
            purposes: Purposes::of(&[Purpose::Treatment]),
            actions: Actions::of(&[Action::View]),
            window: Window { from: self.now, until: self.now.plus(YEAR) },
            max_uses: None,
            obligations: Obligations::default(),
        }
    }
}
