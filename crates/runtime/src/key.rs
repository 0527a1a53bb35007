//! The unit of work: one resource of one controller.

use kubewright_core::ObjectKey;

/// One resource of one controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkKey {
    /// Index of the controller in the registry.
    pub(crate) controller: usize,
    /// Namespace and name of the resource.
    pub(crate) key: ObjectKey,
}
