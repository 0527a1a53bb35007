//! Exclusive groups: a resource has at most one object of a group of kinds at a time.
//!
//! An example is a route that is either an Ingress or an `HTTPRoute`. If `build` returns an object
//! with [`Children::add_exclusive`](crate::Children::add_exclusive), then the engine first deletes
//! an object of another kind of the group. It creates the new object when the old one is gone. A
//! delete request alone is not enough: a finalizer may keep the old object. Until then the resource
//! is not Ready and its message names the old object
//! ([`Outcome::AwaitsDeletion`](crate::observed::Outcome::AwaitsDeletion)).
//!
//! The group is a tuple of kinds, all of them in `type Owns`:
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use k8s_openapi::api::networking::v1::Ingress;
//! use kubewright_core::{Children, of};
//! # use kubewright_core::Declaration;
//! # struct Previews;
//! # impl Declaration for Previews {
//! #     type Owns = (Ingress, ConfigMap); // in `impl Operator for Previews`
//! #     type Reads = ();
//! #     type Facts = ();
//! # }
//! // The route is an Ingress, or an entry in a ConfigMap that another proxy reads.
//! type Routes = (Ingress, ConfigMap);
//!
//! fn add_route(children: &mut Children<Previews>, ingress: Ingress) {
//!     children.add_exclusive(of::<Routes>(), ingress);
//! }
//! ```

use crate::internals::child::ChildError;
use crate::internals::desired::Desired;
use crate::kind::OwnedKind;

/// Checks the exclusive groups of all children: `build` returns one object of each group, and the
/// operator owns all kinds of the group, so that it sees when an old object is gone.
pub(crate) fn check(children: &[Desired], owns: &[OwnedKind]) -> Result<(), ChildError> {
    let name = |child: &Desired| format!("{} {}", child.kind, child.key).into();
    for child in children.iter().filter(|child| !child.exclusive().is_empty()) {
        let group = child.exclusive();
        if !group.contains(&child.kind) {
            return Err(ChildError::NotInGroup(name(child)));
        }
        if let Some(kind) = group.iter().find(|kind| !owns.iter().any(|o| o.info == **kind)) {
            return Err(ChildError::GroupNotOwned(name(child), kind.resource()));
        }
        let is_other = |other: &&Desired| (&other.kind, &other.key) != (&child.kind, &child.key);
        let mut others = children.iter().filter(is_other);
        if let Some(other) = others.find(|other| group.contains(&other.kind)) {
            return Err(ChildError::NotExclusive(name(child), name(other)));
        }
    }
    Ok(())
}
