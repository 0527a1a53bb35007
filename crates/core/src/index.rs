//! Looking objects up by their content, such as previews by their host.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::kind::{AnyObject, Entry};

/// A way to find objects of a kind by keys that are computed from them: see
/// [`View::list_by`](crate::View::list_by).
///
/// When an object changes, the engine calls `build` again only for the resources that asked for a
/// key that the object had before the change or has after it. The engine keeps the index while a
/// resource uses it.
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

/// An [`Index`] of any type. Two are equal if their types are.
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
