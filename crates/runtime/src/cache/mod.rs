//! What the engine knows of the cluster, kept in step by watches: resources, owned children, read objects.
//!
//! Caches decide what an event means (new, older than our own write, nothing new) and whom it concerns. They send nothing.

pub(crate) mod children;
pub(crate) mod parents;
pub(crate) mod reads;
pub(crate) mod written;
