//! How many bytes each organisation has in the store: counted when it is opened, and kept from there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use salus_primitives::OrganisationId;

use super::{config::QuotaConfig, error::StoreError};

/// What an organisation has in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// Bytes of ciphertext, uploads on their way included.
    pub bytes: u64,
    /// Those of them that are not on the chain yet.
    pub unanchored: u64,
}

#[derive(Debug)]
pub(super) struct Usage {
    quota: QuotaConfig,
    used: Mutex<BTreeMap<OrganisationId, Used>>,
}

impl Usage {
    pub(super) fn new(quota: QuotaConfig) -> Self {
        Self { quota, used: Mutex::default() }
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<OrganisationId, Used>> {
        // Sums of whole numbers: whoever panicked left none half-written.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> BTreeMap<OrganisationId, Used> {
        self.used().clone()
    }

    /// Count what is there.
    pub(super) fn count(&self, organisation: OrganisationId, bytes: u64, anchored: bool) {
        let mut used = self.used();
        let of = used.entry(organisation).or_default();
        of.bytes = of.bytes.saturating_add(bytes);
        of.unanchored = of.unanchored.saturating_add(if anchored { 0 } else { bytes });
    }

    /// It is on the chain now.
    pub(super) fn anchored(&self, organisation: OrganisationId, bytes: u64) {
        if let Some(of) = self.used().get_mut(&organisation) {
            of.unanchored = of.unanchored.saturating_sub(bytes);
        }
    }

    /// It is gone.
    pub(super) fn removed(&self, organisation: OrganisationId, bytes: u64, anchored: bool) {
        let mut used = self.used();
        let Some(of) = used.get_mut(&organisation) else { return };
        of.bytes = of.bytes.saturating_sub(bytes);
        of.unanchored = of.unanchored.saturating_sub(if anchored { 0 } else { bytes });
        if *of == Used::default() {
            used.remove(&organisation);
        }
    }

    /// Take room for an upload, until it is kept or the reservation is dropped.
    pub(super) fn reserve(self: &Arc<Self>, organisation: OrganisationId, declared: u64) -> Result<Reserved, StoreError> {
        let max = self.quota.blob_bytes;
        if declared > max {
            return Err(StoreError::TooLarge { declared, max });
        }
        let mut used = self.used();
        let of = used.get(&organisation).copied().unwrap_or_default();
        for (unanchored, used, quota) in [
            (false, of.bytes, self.quota.bytes_of(organisation)),
            (true, of.unanchored, self.quota.unanchored_bytes),
        ] {
            if used.checked_add(declared).is_none_or(|sum| sum > quota) {
                return Err(StoreError::Quota { organisation, used, quota, declared, unanchored });
            }
        }
        let sum = Used { bytes: of.bytes + declared, unanchored: of.unanchored + declared };
        used.insert(organisation, sum);
        Ok(Reserved { usage: Arc::clone(self), organisation, bytes: declared })
    }
}

/// Room taken for an upload; given back on drop.
#[derive(Debug)]
pub(super) struct Reserved {
    usage: Arc<Usage>,
    organisation: OrganisationId,
    bytes: u64,
}

impl Reserved {
    /// The upload is stored.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.usage.removed(self.organisation, self.bytes, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSPITAL: OrganisationId = OrganisationId([1; 16]);
    const OTHER: OrganisationId = OrganisationId([2; 16]);

    fn usage() -> Arc<Usage> {
        let organisations = BTreeMap::from([(OTHER, 10)]);
        Arc::new(Usage::new(QuotaConfig { blob_bytes: 60, bytes: 100, unanchored_bytes: 80, organisations }))
    }

    #[test]
    fn what_is_reserved_counts_until_it_is_dropped() {
        let usage = usage();
        let first = usage.reserve(HOSPITAL, 60).unwrap();
        let refused = usage.reserve(HOSPITAL, 21).unwrap_err();
        assert!(matches!(refused, StoreError::Quota { used: 60, quota: 80, declared: 21, unanchored: true, .. }));
        drop(first);
        assert_eq!(usage.all(), BTreeMap::new());
        usage.reserve(HOSPITAL, 60).unwrap().keep();
        usage.reserve(HOSPITAL, 20).unwrap().keep();
        assert_eq!(usage.all()[&HOSPITAL], Used { bytes: 80, unanchored: 80 });
    }

    #[test]
    fn both_quotas_and_the_size_of_a_blob_are_kept() {
        let usage = usage();
        assert!(matches!(usage.reserve(HOSPITAL, 61), Err(StoreError::TooLarge { declared: 61, max: 60 })));
        usage.count(HOSPITAL, 60, true);
        usage.reserve(HOSPITAL, 40).unwrap().keep();
        let refused = usage.reserve(HOSPITAL, 1).unwrap_err();
        assert!(matches!(refused, StoreError::Quota { used: 100, quota: 100, unanchored: false, .. }), "{refused}");
        usage.anchored(HOSPITAL, 40);
        usage.removed(HOSPITAL, 60, true);
        assert_eq!(usage.all()[&HOSPITAL], Used { bytes: 40, unanchored: 0 });
        usage.reserve(OTHER, 10).unwrap().keep();
        assert!(matches!(usage.reserve(OTHER, 1), Err(StoreError::Quota { quota: 10, unanchored: false, .. })));
    }
}
