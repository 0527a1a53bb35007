//! What `build` found out and `status` is to tell: values that go from one to the other within a
//! run.
//!
//! Nothing is kept of them after the run. Whatever a status says from them is in the status, and is
//! compared there.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Values that `build` told, one of each type. Clones have the very same values; those alone are
/// equal.
#[derive(Clone, Default)]
pub struct Facts(Vec<Arc<dyn Any + Send + Sync>>);

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Facts {}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Facts").field(&self.0.len()).finish()
    }
}

impl Facts {
    /// Nothing was told.
    pub const NONE: &'static Self = &Self(Vec::new());

    /// Adds a value, in place of an earlier one of its type.
    pub fn tell<T: Send + Sync + 'static>(&mut self, fact: T) {
        self.0.retain(|known| !known.is::<T>());
        self.0.push(Arc::new(fact));
    }

    /// Whether nothing was told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of this type, if one was told.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.iter().find_map(|fact| fact.downcast_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_each_type_is_what_was_told() {
        let mut facts = Facts::default();
        facts.tell(1_u8);
        facts.tell("text");
        facts.tell(2_u8);
        assert_eq!(
            (facts.get::<u8>(), facts.get::<&str>(), facts.get::<u16>()),
            (Some(&2), Some(&"text"), None)
        );
        assert_eq!(Facts::NONE.get::<u8>(), None);
    }
}
