//! Ordered look-ups: see [`crate::ordered`].

use std::any::TypeId;
use std::sync::Arc;

use super::source::{Query, Source};
use super::{View, downcast};
use crate::declaration::Declaration;
use crate::index::AnyIndex;
use crate::kind::{AnyObject, Entry, ObjectKey, Of, Reads};
use crate::ordered::{Last, Ordered, Place};

/// The objects that an ordered index finds.
type Found<I> = <<I as crate::Index>::Of as Entry>::Kind;

impl<O: Declaration> View<'_, O> {
    /// The first object of all namespaces that has `key` in the index `I` and that `fits`. See
    /// [`ordered`](crate::ordered).
    ///
    /// `fits` is called for one object after the other, from the first to the one that fits.
    #[must_use]
    pub fn first<I: Ordered, At>(
        &self,
        _: Of<I>,
        key: &str,
        mut fits: impl FnMut(&Found<I>) -> bool,
    ) -> Option<Arc<Found<I>>>
    where
        O::Reads: Reads<I::Of, At>,
    {
        let mut sequence = Sequence::<I>::new(self.source, key);
        let mut position = 0;
        let (last, found) = loop {
            let Some((place, object)) = sequence.at(position) else { break (Last::End, None) };
            self.note_allowances(std::slice::from_ref(&object));
            if fits(&object) {
                break (Last::Until(place), Some(object));
            }
            position += 1;
        };
        self.record::<I::Of>(Query::First { index: sequence.index, key: key.to_owned(), last });
        found
    }

    /// Whether less than `most` objects of all namespaces with `key` in the index `I` are before
    /// the object `own`. See [`ordered`](crate::ordered).
    ///
    /// The answer does not depend on whether the cluster has `own`: a resource may know of itself
    /// before it can look itself up.
    #[must_use]
    pub fn is_among_first<I: Ordered, At>(
        &self,
        _: Of<I>,
        key: &str,
        most: usize,
        own: &Found<I>,
    ) -> bool
    where
        O::Reads: Reads<I::Of, At>,
    {
        let Some(end) = most.checked_sub(1) else { return false };
        let own = place::<I>(own);
        let mut sequence = Sequence::<I>::new(self.source, key);
        let is_among = sequence.at(end).is_none_or(|(last, _)| own <= last);
        let (index, key) = (sequence.index, key.to_owned());
        self.record::<I::Of>(Query::AmongFirst { index, key, most, own });
        is_among
    }
}

fn place<I: Ordered>(object: &Found<I>) -> Place {
    let object_key = ObjectKey::of(kube_core::Resource::meta(object));
    Place::new(I::rank(object), object_key)
}

/// The objects with one key, in their order.
struct Sequence<'a, I: Ordered> {
    source: &'a dyn Source,
    index: AnyIndex,
    key: &'a str,
    /// All of them, if the source has no index.
    sorted: Option<Vec<(Place, Arc<Found<I>>)>>,
}

impl<'a, I: Ordered> Sequence<'a, I> {
    fn new(source: &'a dyn Source, key: &'a str) -> Self {
        Self { source, index: AnyIndex::ordered::<I>(), key, sorted: None }
    }

    fn at(&mut self, position: usize) -> Option<(Place, Arc<Found<I>>)> {
        if let Some(sorted) = &self.sorted {
            return sorted.get(position).cloned();
        }
        let (type_id, index, key) = (TypeId::of::<I::Of>(), self.index, self.key);
        if let Some(found) = self.source.ordered(type_id, index, key, position..position + 1) {
            return found.into_iter().find_map(with_place::<I>);
        }
        let all = self.source.indexed(type_id, index, key).into_iter();
        let mut sorted: Vec<_> = all
            .filter(|object| index.keys(&**object).iter().any(|other| other == key))
            .filter_map(with_place::<I>)
            .collect();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.sorted.insert(sorted).get(position).cloned()
    }
}

fn with_place<I: Ordered>(object: Arc<dyn AnyObject>) -> Option<(Place, Arc<Found<I>>)> {
    let object: Arc<Found<I>> = downcast(object)?;
    Some((place::<I>(&object), object))
}
