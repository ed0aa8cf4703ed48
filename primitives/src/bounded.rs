//! A vector with a length that decoding enforces: every collection on chain is one of these.

use core::{fmt, ops::Deref, slice};
use parity_scale_codec::{Compact, Decode, DecodeWithMemTracking, Encode, EncodeLike, Error, Input, MaxEncodedLen};
use scale_info::TypeInfo;

/// At most `MAX` items. To clients it is a `Vec<T>`, on the wire and in metadata.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundedVec<T, const MAX: u32>(Vec<T>);

/// The collection is full: it holds `max` items already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {max} items")]
pub struct Full {
    /// The bound.
    pub max: u32,
}

impl<T, const MAX: u32> BoundedVec<T, MAX> {
    /// The bound.
    pub const MAX: u32 = MAX;

    /// No items.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Append an item.
    ///
    /// # Errors
    /// [`Full`] when `MAX` items are there.
    pub fn try_push(&mut self, item: T) -> Result<(), Full> {
        if self.is_full() {
            return Err(Full { max: MAX });
        }
        self.0.push(item);
        Ok(())
    }

    /// Are `MAX` items there?
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX as usize
    }

    /// Take the item at `index` out, keeping order.
    ///
    /// # Panics
    /// When `index` is not below the length.
    pub fn remove(&mut self, index: usize) -> T {
        self.0.remove(index)
    }

    /// Keep the items that `keep` says yes to, in order.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Items, changeable; the length stays.
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// The item at `index`, changeable.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index)
    }

    /// Insert at `index`, keeping order.
    ///
    /// # Errors
    /// [`Full`] when `MAX` items are there.
    ///
    /// # Panics
    /// When `index` is above the length.
    pub fn try_insert(&mut self, index: usize, item: T) -> Result<(), Full> {
        if self.is_full() {
            return Err(Full { max: MAX });
        }
        self.0.insert(index, item);
        Ok(())
    }

    /// The plain vector.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T: PartialEq, const MAX: u32> BoundedVec<T, MAX> {
    /// Does any item stand twice? (A list on chain is short: this compares each pair.)
    pub fn has_duplicates(&self) -> bool {
        self.0.iter().enumerate().any(|(i, item)| self.0[..i].contains(item))
    }
}

impl<T, const MAX: u32> Default for BoundedVec<T, MAX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const MAX: u32> Deref for BoundedVec<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: u32> TryFrom<Vec<T>> for BoundedVec<T, MAX> {
    type Error = Full;

    fn try_from(items: Vec<T>) -> Result<Self, Full> {
        if items.len() > MAX as usize { Err(Full { max: MAX }) } else { Ok(Self(items)) }
    }
}

impl<T, const MAX: u32> IntoIterator for BoundedVec<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T, const MAX: u32> IntoIterator for &'a BoundedVec<T, MAX> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: fmt::Debug, const MAX: u32> fmt::Debug for BoundedVec<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T: Encode, const MAX: u32> Encode for BoundedVec<T, MAX> {
    fn size_hint(&self) -> usize {
        self.0.size_hint()
    }

    fn encode_to<W: parity_scale_codec::Output + ?Sized>(&self, dest: &mut W) {
        self.0.encode_to(dest);
    }
}

impl<T: Encode, const MAX: u32> EncodeLike for BoundedVec<T, MAX> {}

impl<T: Decode, const MAX: u32> Decode for BoundedVec<T, MAX> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let Compact(length) = Compact::<u32>::decode(input)?;
        if length > MAX {
            return Err(Error::from("collection is longer than its bound"));
        }
        // Reserve for what is surely there only, so that a lying length costs nothing.
        input.on_before_alloc_mem(size_of::<T>().saturating_mul(length as usize))?;
        input.descend_ref()?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(T::decode(input)?);
        }
        input.ascend_ref();
        Ok(Self(items))
    }
}

impl<T: DecodeWithMemTracking, const MAX: u32> DecodeWithMemTracking for BoundedVec<T, MAX> {}

impl<T: MaxEncodedLen, const MAX: u32> MaxEncodedLen for BoundedVec<T, MAX> {
    fn max_encoded_len() -> usize {
        Compact(MAX).encoded_size().saturating_add(T::max_encoded_len().saturating_mul(MAX as usize))
    }
}

impl<T: TypeInfo + 'static, const MAX: u32> TypeInfo for BoundedVec<T, MAX> {
    type Identity = <Vec<T> as TypeInfo>::Identity;

    fn type_info() -> scale_info::Type {
        <Vec<T> as TypeInfo>::type_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_refuses_one_item_too_many() {
        assert!(BoundedVec::<u8, 3>::decode(&mut &vec![1u8, 2, 3].encode()[..]).is_ok());
        assert!(BoundedVec::<u8, 3>::decode(&mut &vec![1u8, 2, 3, 4].encode()[..]).is_err());
    }

    #[test]
    fn a_full_collection_takes_no_more() {
        let mut items = BoundedVec::<u8, 1>::new();
        assert_eq!(items.try_push(1), Ok(()));
        assert_eq!(items.try_push(2), Err(Full { max: 1 }));
        assert_eq!(items.try_insert(0, 2), Err(Full { max: 1 }));
    }
}
