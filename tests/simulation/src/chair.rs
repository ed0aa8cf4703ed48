//! The chair of the council: lets a clinic in, then a further hospital,
//! takes its validator up, drops one, takes it up again.

use parity_scale_codec::Encode;
use salus_council::{Call, types::Act};
use salus_primitives::{
    AccountId, Hash,
    crypto::KeyPair,
    signed::{CoSign, CoSigns, cosign},
};
use salus_registry::types::{Caps, DisplayName, OrganisationStatus};
use salus_runtime::RuntimeCall;
use salus_validators::types::NewValidator;

use crate::{
    chance::Chance,
    oracles::Oracles,
    setup::{self, Setup},
    ward::CLINIC,
};

/// What the chair is about.
pub struct Chair {
    /// All keys that may be validators, by node.
    keys: Vec<KeyPair>,
    liars: Vec<AccountId>,
    busy: bool,
    /// The organisations that were registered.
    registered: Vec<usize>,
    dropped: Vec<usize>,
}

impl Chair {
    /// By the setup: where no node is spare, there is nothing to do.
    pub fn new(setup: &Setup) -> Self {
        let keys = setup::authorities(setup.validators + setup.spares);
        Self {
            liars: setup.liars.iter().map(|(liar, _)| keys[*liar].public()).collect(),
            dropped: (setup.validators..keys.len()).collect(),
            busy: setup.spares > 0,
            registered: Vec::new(),
            keys,
        }
    }

    /// Was the clinic's registration sent?
    pub fn has_clinic(&self) -> bool {
        self.registered.contains(&CLINIC)
    }

    /// The next motion, under this nonce.
    pub fn next(&mut self, nonce: u32, genesis: &Hash, chance: &mut Chance, oracles: &Oracles) -> Option<RuntimeCall> {
        if chance.permille(300) {
            return None;
        }
        if !self.registered.contains(&CLINIC) {
            self.registered.push(CLINIC);
            return Some(self.register(CLINIC, nonce, genesis));
        }
        if !self.busy {
            return None;
        }
        let set = oracles.newest_set()?;
        if let Some(node) = self.dropped.first().copied() {
            if !self.registered.contains(&node) {
                self.registered.push(node);
                return Some(self.register(node, nonce, genesis));
            }
            self.dropped.remove(0);
            return Some(motion(self.add(node)));
        }
        // Those who stay must outnumber the liars among them as before.
        let here = self.liars.iter().filter(|liar| set.index_of(liar).is_some()).count();
        if set.len() < 2 || (set.len() - 2) / 3 < here {
            return None;
        }
        let honest: Vec<usize> = (0..self.keys.len())
            .filter(|node| {
                let key = self.keys[*node].public();
                set.index_of(&key).is_some() && !self.liars.contains(&key)
            })
            .collect();
        if honest.len() < 2 {
            return None;
        }
        let node = chance.pick(&honest);
        self.dropped.push(node);
        let drop = vec![self.keys[node].public()].try_into().ok()?;
        Some(motion(Act::ValidatorsSet { add: Default::default(), drop }))
    }

    fn add(&self, node: usize) -> Act {
        let entry = setup::validator(&self.keys[node], node);
        let new = NewValidator { authority: entry.authority, peer_id: entry.peer_id, organisation: entry.organisation };
        Act::ValidatorsSet { add: vec![new].try_into().expect("one is fewer than 33"), drop: Default::default() }
    }

    /// Register the organisation of a node, whose Admin signs along.
    fn register(&self, node: usize, nonce: u32, genesis: &Hash) -> RuntimeCall {
        let admin = setup::admin(node);
        let act = Act::OrganisationSet {
            id: setup::organisation(node),
            status: OrganisationStatus::Active,
            display_name: DisplayName::try_from(b"Hospital".to_vec()).expect("a short name"),
            caps: Caps::ALL,
            admin: Some(admin.public()),
        };
        let chair = setup::user(0).public();
        let bytes = cosign(genesis, &chair, nonce, &motion(act.clone()).encode());
        let agreed = CoSign { account: admin.public(), signature: admin.sign(&bytes) };
        RuntimeCall::Council(Call::Propose { act, cosign: CoSigns::try_from(vec![agreed]).expect("one") })
    }
}

fn motion(act: Act) -> RuntimeCall {
    RuntimeCall::Council(Call::Propose { act, cosign: CoSigns::new() })
}
