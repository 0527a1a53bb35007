//! The part of an operator that is known from its types alone.
//!
//! [`View`](crate::View), [`Children`](crate::Children) and [`Observed`](crate::Observed) need only
//! this part. Every [`Operator`](crate::Operator) has it. Implement it by hand only in a unit test
//! that needs no whole operator.

use std::hash::Hash;

use crate::kind::{Kinds, ReadKinds};

/// A value that `build` computes and `report` needs: see [`Operator::Facts`].
///
/// `Default` is the value for an invalid resource. `Hash` lets the engine skip a status whose
/// inputs did not change.
///
/// [`Operator::Facts`]: crate::Operator::Facts
pub trait Facts: Default + Hash + Send + Sync + 'static {}

impl<F: Default + Hash + Send + Sync + 'static> Facts for F {}

/// What an operator owns, reads and hands from `build` to `report`.
pub trait Declaration: 'static {
    /// The kinds that `build` returns.
    type Owns: Kinds;
    /// The kinds that `build` looks up.
    type Reads: ReadKinds;
    /// The value that `build` hands to `report`.
    type Facts: Facts;
}
