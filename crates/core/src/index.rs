//! Indexes: objects that are looked up by what is in them, such as previews by their host.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::kind::{AnyObject, Entry};

/// A way to find objects of a kind by keys that are in them: [`View::by`](crate::View::by).
///
/// N resources that look at each other do not wake all N: who asked for a key is woken by what has
/// it, or had it, alone. The index is kept while anybody asks by it.
///
/// ```
/// # use std::sync::Arc;
/// # use k8s_openapi::api::networking::v1::Ingress;
/// # use kubewright_core::{Index, View};
/// struct ByHost;
/// impl Index for ByHost {
///     type Of = Ingress;
///     fn keys(ingress: &Ingress) -> Vec<String> {
///         let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
///         rules.filter_map(|rule| rule.host.clone()).collect()
///     }
/// }
/// fn is_taken(view: &View<'_, (Ingress,)>, host: &str) -> bool {
///     !view.by::<ByHost, _>(host).is_empty()
/// }
/// ```
pub trait Index: 'static {
    /// What is found: a kind in `type Reads`, a [`Part`](crate::Part) or
    /// [`Selected`](crate::Selected) objects of one.
    type Of: Entry;

    /// The keys of an object: those of which any finds it.
    ///
    /// # Assumptions
    /// Deterministic, and cheap: it runs with every event.
    fn keys(object: &<Self::Of as Entry>::Kind) -> Vec<String>;
}

/// An [`Index`] whose type was forgotten. Two are the same when their types are.
#[derive(Clone, Copy)]
pub struct AnyIndex {
    id: TypeId,
    name: &'static str,
    keys: fn(&dyn AnyObject) -> Vec<String>,
}

impl AnyIndex {
    /// The index `I`.
    #[must_use]
    pub fn of<I: Index>() -> Self {
        Self { id: TypeId::of::<I>(), name: std::any::type_name::<I>(), keys: keys::<I> }
    }

    /// The keys of an object; none for one of another type.
    #[must_use]
    pub fn keys(&self, object: &dyn AnyObject) -> Vec<String> {
        (self.keys)(object)
    }
}

fn keys<I: Index>(object: &dyn AnyObject) -> Vec<String> {
    let object: &dyn Any = object;
    object.downcast_ref::<<I::Of as Entry>::Kind>().map(I::keys).unwrap_or_default()
}

impl PartialEq for AnyIndex {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for AnyIndex {}

impl Hash for AnyIndex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Debug for AnyIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
