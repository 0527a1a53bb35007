//! Looking objects up by their content, such as previews by their host.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::kind::{AnyObject, Entry};
use crate::rank::Rank;

/// A way to find objects of a kind by keys that are computed from them: see
/// [`View::list_by`](crate::View::list_by).
///
/// When an object changes, the engine calls `build` again only for the resources that asked for a
/// key that the object had before the change or has after it. The engine keeps the index while a
/// resource uses it.
///
/// Where many objects have one key and only the first of them count, use an
/// [ordered look-up](crate::ordered).
///
/// ```
/// use k8s_openapi::api::networking::v1::Ingress;
/// use kubewright_core::{Index, View, of};
/// # use kubewright_core::Declaration;
/// # struct Previews;
/// # impl Declaration for Previews {
/// #     type Owns = ();
/// #     type Reads = (Ingress,); // in `impl Operator for Previews`
/// #     type Facts = ();
/// # }
/// struct ByHost;
/// impl Index for ByHost {
///     type Of = Ingress;
///     fn keys(ingress: &Ingress) -> Vec<String> {
///         let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
///         rules.filter_map(|rule| rule.host.clone()).collect()
///     }
/// }
/// fn is_taken(view: &View<'_, Previews>, host: &str) -> bool {
///     !view.list_by(of::<ByHost>(), host).is_empty()
/// }
/// ```
pub trait Index: 'static {
    /// The entry of `type Reads` whose objects the index finds.
    type Of: Entry;

    /// The keys of an object. Each of them finds the object.
    ///
    /// # Assumptions
    /// Deterministic, and cheap: it runs with every event.
    fn keys(object: &<Self::Of as Entry>::Kind) -> Vec<String>;
}

/// An [`Index`] of any type, with or without an order. Two are equal if their types are, and both
/// or neither have an order.
#[derive(Clone, Copy)]
pub struct AnyIndex {
    id: TypeId,
    name: &'static str,
    keys: fn(&dyn AnyObject) -> Vec<String>,
    rank: Option<fn(&dyn AnyObject) -> Rank>,
}

impl AnyIndex {
    /// The index `I`.
    #[must_use]
    pub fn of<I: Index>() -> Self {
        let name = std::any::type_name::<I>();
        Self { id: TypeId::of::<I>(), name, keys: keys::<I>, rank: None }
    }

    /// The same index with an order.
    pub(crate) fn with_rank(self, rank: fn(&dyn AnyObject) -> Rank) -> Self {
        Self { rank: Some(rank), ..self }
    }

    /// Whether the objects of a key have an order.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.rank.is_some()
    }

    /// The rank of an object; `None` in an index without an order.
    #[must_use]
    pub fn rank(&self, object: &dyn AnyObject) -> Option<Rank> {
        self.rank.map(|rank| rank(object))
    }

    /// The keys of an object; none for an object of another type.
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
        (self.id, self.is_ordered()) == (other.id, other.is_ordered())
    }
}

impl Eq for AnyIndex {}

impl Hash for AnyIndex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.is_ordered()).hash(state);
    }
}

impl fmt::Debug for AnyIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
