//! The world that every sequence begins in, made by calls like any other: three organisations, four practitioners and
//! five patients, who have guardians, rules and records.

use crate::{
    chain::{Chain, GENESIS},
    choose::{ROLES, SPECIALITIES},
    model::Model,
    words::*,
    world::World,
};

const COUNCIL: [Key; 3] = [0, 1, 2];
const VALIDATOR: [Key; 2] = [3, 4];
/// Where each practitioner works, who licenses them, their speciality, their role, and how long the licence runs.
const DOCTORS: [(&[Org], Org, usize, usize, u64); 4] =
    [(&[0], 0, 0, 0, 4 * YEAR), (&[1], 1, 1, 0, 2 * YEAR), (&[0, 1], 0, 0, 1, 90 * DAY), (&[2], 1, 2, 1, YEAR)];
/// Who invites each patient.
const INVITED_BY: [Org; 5] = [0, 1, 0, 2, 1];

impl World {
    /// A block of calls that all take effect.
    fn all_done(&mut self, deeds: Vec<Deed>) {
        let mut block = self.begin(SECOND);
        for deed in deeds {
            let words = format!("{deed:?}");
            assert_eq!(self.plan(&mut block, deed), Outcome::Done, "{words}");
        }
        self.finish(&block).unwrap();
    }

    fn officer(&self, org: Org, role: u8) -> Key {
        let keys = self.model.keys_of(Who::Org(org));
        keys.into_iter().find(|key| self.model.keys[*key].roles & role != 0).unwrap()
    }

    fn key(&self, whom: Who) -> Key {
        self.model.keys_of(whom)[0]
    }

    pub fn founded() -> Self {
        let mut model = Model::new(GENESIS, &COUNCIL, 3, 5, 7);
        while model.keys.len() <= VALIDATOR[1] {
            let key = model.new_key();
            model.keys[key].apart = true;
        }
        let chain = Chain::new(&COUNCIL, VALIDATOR);
        let genesis = chain.state.clone();
        let mut world = Self {
            chain,
            model,
            counts: Default::default(),
            gone: Default::default(),
            erased: Default::default(),
            story: Vec::new(),
            tells: false,
        };
        world.found_organisations();
        world.enrol_doctors();
        world.register_patients();
        world.grant_and_file();
        world.end().unwrap();
        world.chain.replay(genesis, 0).unwrap();
        world.chain.blocks.clear();
        world.counts = Default::default();
        world
    }

    fn found_organisations(&mut self) {
        let caps = [CUSTODIAN | LICENSING | EMERGENCY, CUSTODIAN | LICENSING | EMERGENCY, CUSTODIAN];
        for (org, caps) in caps.into_iter().enumerate() {
            let admin = self.model.new_key();
            let act = CouncilAct::Organisation { org, to: Standing::Active, caps };
            let propose = Deed { by: 0, along: vec![admin], what: What::Propose { act } };
            let vote = Deed { by: 1, along: vec![], what: What::Vote { motion: org as u32, aye: true } };
            self.all_done(vec![propose, vote]);
            // The smallest organisation has people with two roles.
            let roles = match org {
                2 => vec![REGISTRAR | REVIEWER, PRIVACY, REVIEWER, GATEWAY],
                _ => vec![REGISTRAR, PRIVACY, REVIEWER, GATEWAY],
            };
            let officer = |roles| {
                let account = self.model.new_key();
                Deed { by: admin, along: vec![account], what: What::OfficerSet { account, roles: Some(roles) } }
            };
            let deeds = roles.into_iter().map(officer).collect();
            self.all_done(deeds);
        }
    }

    fn enrol_doctors(&mut self) {
        for (doc, (places, licensing, speciality, role, licence)) in DOCTORS.into_iter().enumerate() {
            let (key, now) = (self.model.new_key(), self.model.now);
            let enrol = What::PractitionerSet {
                doc,
                account: Some(key),
                licence_until: now + licence,
                speciality: SPECIALITIES[speciality],
                status: Standing::Active,
            };
            let mut deeds = vec![Deed { by: self.officer(licensing, REGISTRAR), along: vec![key], what: enrol }];
            for org in places {
                let terms = Some((vec![ROLES[role]], now + 3 * YEAR));
                let what = What::AffiliationSet { doc, org: *org, terms };
                deeds.push(Deed { by: self.officer(*org, REGISTRAR), along: vec![key], what });
            }
            self.all_done(deeds);
        }
    }

    /// The last one is not confirmed. The first has one guardian, the second has two who act together.
    fn register_patients(&mut self) {
        for (pat, org) in INVITED_BY.into_iter().enumerate() {
            let (invite, own, by) = (self.model.new_key(), self.model.new_key(), self.officer(org, REGISTRAR));
            let until = self.model.now + DAY;
            let invited = What::Invite { key: invite, until, provisional: false };
            let mut deeds = vec![
                Deed { by, along: vec![], what: invited },
                Deed { by: own, along: vec![], what: What::Register { pat, invite, possession_of: invite } },
            ];
            if pat < 4 {
                deeds.push(Deed { by, along: vec![], what: What::Confirm { pat, level: 1 } });
            }
            self.all_done(deeds);
        }
        for (pat, who, excluded) in [(0, vec![3], vec![7]), (1, vec![2, 3], vec![])] {
            let (threshold, until) = (who.len() as u8, self.model.now + YEAR);
            let guards = Guards { who, threshold, recover: true, act: true, excluded, until };
            let deed = Deed { by: self.key(Who::Pat(pat)), along: vec![], what: What::SetGuardians { pat, guards } };
            self.all_done(vec![deed]);
        }
    }

    /// Each patient lets who invited them file and read; and for each who is confirmed there are records.
    fn grant_and_file(&mut self) {
        for (pat, org) in INVITED_BY.into_iter().enumerate() {
            let terms = Terms {
                deny: false,
                to: To::Org(org),
                kinds: 0b1_1111_1111,
                records: None,
                any_of: vec![],
                none_of: vec![],
                purposes: 1,
                actions: 0b1111,
                from: self.model.now,
                until: self.model.now + YEAR,
                max_uses: None,
                no_redisclose: false,
                local_only: false,
                erase_by: None,
            };
            let by = self.key(Who::Pat(pat));
            let grant = Deed { by, along: vec![], what: What::Grant { pat, terms, replaces: None } };
            self.all_done(vec![grant]);
            let Some(doc) = DOCTORS.iter().position(|doctor| doctor.0.contains(&org)).filter(|_| pat < 4) else {
                continue;
            };
            let mut deeds = Vec::new();
            let mut kinds = vec![(0, vec![]), (2, vec![1 + pat as Tag, 7]), (SUMMARY, vec![])];
            if pat == 0 {
                // Enough that reading all of them twice a day meets the limit of credits.
                kinds.extend([(1, vec![]), (3, vec![2]), (4, vec![])]);
            }
            for (kind, tags) in kinds {
                let rec = self.model.next_rec;
                self.model.next_rec += 1;
                let restricted = !tags.is_empty();
                let labels = Labels { tags, labelled: true, restricted };
                let second = (kind == 2).then_some((org + 1) % 3);
                let keepers = [org].into_iter().chain(second);
                let gateways = keepers.map(|org| self.officer(org, GATEWAY)).collect();
                let filing = Filing { pat, org, rec, prev: None, kind, labels, custodian: org, second, gateways };
                deeds.push(Deed { by: self.key(Who::Doc(doc)), along: vec![], what: What::Put(filing) });
            }
            self.all_done(deeds);
        }
    }
}
