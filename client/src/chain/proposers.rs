//! Who proposed a block: the key at the header's index in the set that decided its height, and the organisation that
//! answers for it.

use salus_primitives::{AccountId, Header, Height, OrganisationId, header::Slot};
use salus_registry::storage::Organisations;
use salus_support::StateReader;
use salus_validators::storage::{Entries, Set};

use super::{Chain, ChainError};

/// For so many blocks the names that were read are taken to hold: an organisation is seldom registered or renamed.
const NAMES_HOLD: u32 = 64;

/// A validator, as people know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposer {
    /// The key that proposes and votes.
    pub authority: AccountId,
    /// Who answers for it; none when the chain does not say.
    pub organisation: Option<OrganisationId>,
    /// That organisation's name; none before it is registered.
    pub name: Option<String>,
}

/// Finds proposers, asking the node only when the set changed or the names grew old.
pub struct Proposers {
    chain: Chain,
    known: Option<Known>,
}

/// A set as it was read.
struct Known {
    set_id: u64,
    read_at: Height,
    members: Vec<Proposer>,
}

impl Proposers {
    /// Of this chain.
    pub fn new(chain: &Chain) -> Self {
        Self { chain: chain.clone(), known: None }
    }

    /// Who proposed this block, as its header states; none for genesis, which nobody proposed.
    ///
    /// # Errors
    /// What asking failed with, or [`ChainError::Malformed`] when header and state name different sets.
    pub async fn of(&mut self, header: &Header) -> Result<Option<Proposer>, ChainError> {
        let Ok(slot) = header.slot() else { return Ok(None) };
        let known = match self.known.take() {
            Some(known) if known.holds(&slot, header.number) => known,
            _ => self.read(header, &slot).await?,
        };
        let proposer = known.members.get(usize::from(slot.proposer_index)).cloned();
        let count = known.members.len();
        self.known = Some(known);
        match proposer {
            Some(proposer) => Ok(Some(proposer)),
            None => Err(malformed(format!("it names proposer {} of {count}", slot.proposer_index))),
        }
    }

    /// The set that decides a height stands in the state of the block before.
    async fn read(&self, header: &Header, slot: &Slot) -> Result<Known, ChainError> {
        let (set_id, members) = self.chain.view(header.parent_hash, members).await?;
        if set_id != slot.set_id {
            return Err(malformed(format!("it names validator set {}, the state before it {set_id}", slot.set_id)));
        }
        Ok(Known { set_id, read_at: header.number, members })
    }
}

impl Known {
    fn holds(&self, slot: &Slot, height: Height) -> bool {
        slot.set_id == self.set_id && height.0.abs_diff(self.read_at.0) < NAMES_HOLD
    }
}

fn malformed(reason: String) -> ChainError {
    ChainError::Malformed { what: "header", reason }
}

/// The set of a state, with its id.
fn members(state: &dyn StateReader) -> (u64, Vec<Proposer>) {
    let set = Set::get(state);
    let member = |authority: &AccountId| {
        let organisation = Entries::get(state, authority).map(|entry| entry.organisation);
        let entry = organisation.and_then(|id| Organisations::get(state, &id));
        let name = entry.map(|entry| String::from_utf8_lossy(&entry.display_name).into_owned());
        Proposer { authority: *authority, organisation, name }
    };
    (set.set_id, set.keys.iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::Moment;

    #[test]
    fn what_was_read_holds_for_its_set_and_for_a_while() {
        let known = Known { set_id: 3, read_at: Height(100), members: Vec::new() };
        let slot = |set_id| Slot { time: Moment(1), build_round: 0, proposer_index: 0, set_id };
        assert!(known.holds(&slot(3), Height(163)) && known.holds(&slot(3), Height(99)));
        assert!(!known.holds(&slot(3), Height(164)), "an organisation may have got its name since");
        assert!(!known.holds(&slot(4), Height(101)));
    }

    #[test]
    fn a_state_without_validators_has_no_members() {
        let empty = std::collections::BTreeMap::new();
        assert_eq!(members(&empty), (0, Vec::new()));
    }
}
