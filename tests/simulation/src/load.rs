//! Users: they sign, send to one hospital or another, and send again what takes too long.

use salus_council::{Call, types::Act};
use salus_primitives::{
    Hash, Height, Moment, RawExtrinsic,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    signed::CoSigns,
};
use salus_runtime::RuntimeCall;

use crate::{
    chair::Chair,
    chance::Chance,
    node::EPOCH,
    oracles::Oracles,
    setup::{self, Setup},
    ward::{Person, Ward},
};

/// How many extrinsics of one user may be on the way: fewer than a pool takes.
const ON_THE_WAY: usize = 8;
/// After how many µs one is sent again.
const AGAIN_AFTER: u64 = 5_000_000;

struct Sent {
    raw: RawExtrinsic,
    hash: Hash,
    first: u64,
    last: u64,
}

struct User {
    /// None for a member of the council.
    person: Option<Person>,
    key: KeyPair,
    nonce: u32,
    on_the_way: Vec<Sent>,
}

/// All users of a world.
pub struct Load {
    users: Vec<User>,
    chair: Chair,
    ward: Ward,
    chain: ChainContext,
    genesis: Hash,
    /// When each that is final was first sent, µs, and where it stands.
    finals: Vec<(u64, Height)>,
}

impl Load {
    /// Users of the chain of `genesis`.
    pub fn new(genesis: Hash, setup: &Setup) -> Self {
        let version = salus_system::version();
        let chain = ChainContext {
            spec_version: version.spec_version,
            transaction_version: version.transaction_version,
            genesis,
        };
        let user = |number| User { person: None, key: setup::user(number), nonce: 0, on_the_way: Vec::new() };
        Self {
            users: (0..setup::USERS).map(user).collect(),
            chair: Chair::new(setup),
            ward: Ward::default(),
            chain,
            genesis,
            finals: Vec::new(),
        }
    }

    /// Is something final at `height` or below that a user first sent after `since`?
    pub fn fresh_by(&self, since: u64, height: Height) -> bool {
        self.finals.iter().any(|(first, at)| *first >= since && *at <= height)
    }

    /// What a user of chance sends at `now`: something new, or again what is not final yet; none where that would be
    /// too much.
    pub fn next(&mut self, now: u64, chance: &mut Chance, oracles: &Oracles) -> Vec<RawExtrinsic> {
        let index = chance.index(self.users.len());
        self.settle(oracles);
        let user = &mut self.users[index];
        let late: Vec<_> = user
            .on_the_way
            .iter_mut()
            .filter(|sent| now.saturating_sub(sent.last) > AGAIN_AFTER)
            .map(|sent| {
                sent.last = now;
                sent.raw.clone()
            })
            .collect();
        if !late.is_empty() {
            return late;
        }
        if self.users[index].person.is_some() || chance.permille(250) {
            return self.step(now, oracles);
        }
        // The first user chairs the council, and is at it one thing at a time.
        let quiet = index == 0 && self.users[0].on_the_way.is_empty();
        let chaired = if quiet { self.chair.next(self.users[0].nonce, &self.genesis, chance, oracles) } else { None };
        let call = match chaired {
            Some(call) => call,
            None if chance.permille(50) => parameters(),
            None => noop(),
        };
        self.send(index, call, now).into_iter().collect()
    }

    /// Something new of a user who has room for it.
    pub fn probe(&mut self, now: u64, chance: &mut Chance) -> Option<RawExtrinsic> {
        let members: Vec<_> = (0..self.users.len()).filter(|index| self.users[*index].person.is_none()).collect();
        let least = members.iter().map(|index| self.users[*index].on_the_way.len()).min()?;
        let free: Vec<_> = members.into_iter().filter(|index| self.users[*index].on_the_way.len() == least).collect();
        let index = chance.pick(&free);
        self.send(index, noop(), now)
    }

    /// The next step of the ward, if the one before is final.
    fn step(&mut self, now: u64, oracles: &Oracles) -> Vec<RawExtrinsic> {
        self.settle(oracles);
        let busy = self.users.iter().any(|user| user.person.is_some() && !user.on_the_way.is_empty());
        let open = self.chair.has_clinic() && self.users[0].on_the_way.is_empty();
        if busy || !open {
            return Vec::new();
        }
        let admin = self.users.iter().find(|user| user.person == Some(Person::Admin)).map_or(0, |user| user.nonce);
        let Some((person, call)) = self.ward.next(&self.genesis, admin, Moment(EPOCH + now / 1_000)) else {
            return Vec::new();
        };
        let known = self.users.iter().position(|user| user.person == Some(person));
        let index = known.unwrap_or_else(|| {
            self.users.push(User { person: Some(person), key: person.key(), nonce: 0, on_the_way: Vec::new() });
            self.users.len() - 1
        });
        self.send(index, call, now).into_iter().collect()
    }

    /// A user signs `call`, unless it has enough on the way.
    pub fn send(&mut self, index: usize, call: RuntimeCall, now: u64) -> Option<RawExtrinsic> {
        let user = &mut self.users[index];
        if user.on_the_way.len() >= ON_THE_WAY {
            return None;
        }
        let call = parity_scale_codec::Encode::encode(&call);
        let raw = sign(&user.key, call, Era::Immortal, user.nonce, &self.chain, &self.genesis);
        user.nonce += 1;
        user.on_the_way.push(Sent { raw: raw.clone(), hash: raw.hash(), first: now, last: now });
        Some(raw)
    }

    /// Look at what became final.
    pub fn settle(&mut self, oracles: &Oracles) {
        for index in 0..self.users.len() {
            self.heard(index, oracles);
        }
    }

    fn heard(&mut self, index: usize, oracles: &Oracles) {
        let finals = &mut self.finals;
        self.users[index].on_the_way.retain(|sent| {
            let Some(height) = oracles.included(&sent.hash) else { return true };
            finals.push((sent.first, height));
            false
        });
    }
}

fn noop() -> RuntimeCall {
    RuntimeCall::System(salus_system::Call::Noop {})
}

/// A motion that passes at once and changes nothing: it writes more of the state than a nonce.
fn parameters() -> RuntimeCall {
    let parameters = salus_system::types::Parameters { root_delay: 0, ..Default::default() };
    RuntimeCall::Council(Call::Propose { act: Act::ParametersSet { parameters }, cosign: CoSigns::new() })
}
