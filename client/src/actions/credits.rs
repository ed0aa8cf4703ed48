//! Credits: what an organisation earned by sharing records, and more weight for a day.

use salus_credits::{
    Call, Event, balance,
    storage::AllTime,
    types::{CREDIT_WEIGHT, Totals},
};
use salus_primitives::{Moment, OrganisationId, Subject, crypto::KeyPair};
use salus_runtime::{RuntimeCall, RuntimeEvent};
use salus_support::StateReader;
use salus_system::usage;

use super::ActionError;
use crate::chain::{Chain, Receipt};

/// How an organisation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Credits it has.
    pub balance: u64,
    /// Weight units its people used today.
    pub used: u64,
    /// Weight units they may use today.
    pub quota: u64,
    /// How many of those were redeemed.
    pub raised: u64,
    /// What all organisations earned and redeemed, ever.
    pub all: Totals,
}

impl Standing {
    /// How many credits may be redeemed today: of those there are, as many as at most double the day's quota.
    pub fn redeemable(&self) -> u64 {
        let room = self.quota.saturating_sub(self.raised).saturating_sub(self.raised);
        self.balance.min(room / CREDIT_WEIGHT)
    }
}

/// How an organisation stands.
///
/// # Errors
/// What asking failed with.
pub async fn show(chain: &Chain, organisation: OrganisationId) -> Result<Standing, ActionError> {
    let read = |state: &dyn StateReader| {
        let (now, subject) = (Moment(salus_system::timestamp::Now::get(state)), Subject::Organisation(organisation));
        Standing {
            balance: balance(state, organisation),
            used: usage::used(state, &subject, now),
            quota: usage::quota(state, &subject, now).unwrap_or(u64::MAX),
            raised: usage::raised(state, &subject, now),
            all: AllTime::get(state),
        }
    };
    Ok(chain.view_now(read).await?)
}

/// Credits were redeemed.
#[derive(Clone, PartialEq, Debug)]
pub struct Redeemed {
    /// By whom.
    pub organisation: OrganisationId,
    /// Weight units its people may use today now.
    pub quota: u64,
    /// Where that stands.
    pub receipt: Receipt,
}

/// Give credits up for weight of today. By an Admin.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn redeem(chain: &Chain, admin: &KeyPair, credits: u64) -> Result<Redeemed, ActionError> {
    let receipt = chain.submit(admin, RuntimeCall::Credits(Call::Redeem { credits })).await?;
    let (organisation, quota) = receipt.find(|event| match event {
        RuntimeEvent::Credits(Event::Redeemed { organisation, quota, .. }) => Some((*organisation, *quota)),
        _ => None,
    })?;
    Ok(Redeemed { organisation, quota, receipt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_redeemable_than_there_is_or_doubles_the_quota() {
        let day = Standing { balance: 7, used: 0, quota: 100_000, raised: 0, all: Totals::default() };
        assert_eq!(day.redeemable(), 7);
        assert_eq!(Standing { balance: 70, ..day }.redeemable(), 10);
        // Of a base of 100,000 a part was given already.
        assert_eq!(Standing { balance: 70, quota: 165_000, raised: 65_000, ..day }.redeemable(), 3);
        assert_eq!(Standing { balance: 70, quota: 200_000, raised: 100_000, ..day }.redeemable(), 0);
    }
}
