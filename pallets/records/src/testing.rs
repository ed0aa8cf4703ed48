//! Records ready made, for tests of this pallet and of those above: filed by calls, as on a real chain.

use salus_consent::{Kind, Tags};
use salus_primitives::{
    AccountId, Hash, OrganisationId, PatientId, RecordId, Subject,
    crypto::{KeyPair, sha256},
    signed,
};
use salus_support::{table::RuntimeTable, testing::TestChain};

use crate::{
    Call,
    types::{CustodyReceipt, CustodyReceipts},
};

/// A record to be filed: change what a test is about, then [`Draft::file`] it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose.
    pub patient: PatientId,
    /// For whom the author acts.
    pub organisation: OrganisationId,
    /// Under which id.
    pub id: RecordId,
    /// What it amends.
    pub prev: Option<RecordId>,
    /// What sort of document.
    pub kind: Kind,
    /// Its labels.
    pub tags: Tags,
    /// Complete?
    pub labelled: bool,
    /// Restricted?
    pub restricted: bool,
    /// Of the ciphertext.
    pub digest: Hash,
    /// Of the ciphertext.
    pub size: u64,
    /// Who keeps it.
    pub custodian: OrganisationId,
    /// Who keeps it too.
    pub second: Option<OrganisationId>,
}

impl Draft {
    /// A labelled laboratory record without tags, number `number` of this patient, filed and kept by `organisation`.
    pub fn lab(patient: PatientId, organisation: OrganisationId, number: u16) -> Self {
        let mut id = [0xEC; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        Self {
            patient,
            organisation,
            id: RecordId(id),
            prev: None,
            kind: Kind::Lab,
            tags: Tags::new(),
            labelled: true,
            restricted: false,
            digest: sha256(&id),
            size: 4_096,
            custodian: organisation,
            second: None,
        }
    }

    /// What the custodian's Gateway officer, who holds `gateway`, signs for this draft of `author`.
    pub fn receipt(&self, genesis: &Hash, author: &Subject, gateway: &KeyPair) -> CustodyReceipt {
        let message = signed::custody_receipt(genesis, &self.patient, &self.id, &self.digest, self.size, author);
        CustodyReceipt { account: gateway.public(), signature: gateway.sign(&message) }
    }

    /// The call by which `author` files this, with a receipt of each of `gateways`.
    ///
    /// # Panics
    /// When there are more than two.
    pub fn call(&self, genesis: &Hash, author: &Subject, gateways: &[&KeyPair]) -> Call {
        let receipts: Vec<_> = gateways.iter().map(|gateway| self.receipt(genesis, author, gateway)).collect();
        let receipts = CustodyReceipts::try_from(receipts).expect("a record has at most two custodians");
        let Self {
            patient,
            organisation,
            id,
            prev,
            kind,
            ref tags,
            labelled,
            restricted,
            digest,
            size,
            custodian,
            second,
        } = *self;
        let tags = tags.clone();
        Call::Put {
            patient,
            organisation,
            id,
            prev,
            kind,
            tags,
            labelled,
            restricted,
            digest,
            size,
            custodian,
            second,
            receipts,
        }
    }

    /// File this as `author`, who signs with `account`; gives the record's id.
    ///
    /// # Panics
    /// When the call is refused: the author needs consent first.
    #[track_caller]
    pub fn file<R: RuntimeTable<Call: From<Call>>>(
        &self,
        chain: &mut TestChain<R>,
        account: AccountId,
        author: &Subject,
        gateways: &[&KeyPair],
    ) -> RecordId {
        let call = self.call(&chain.genesis(), author, gateways);
        chain.ok(account, call);
        self.id
    }
}
