//! The operator of `PreviewPolicy`. It owns no objects: it decides when an edit applies to previews
//! that exist, and counts what the policy refuses.
//!
//! - `operator`: the operator itself
//! - `check`: what a policy would refuse, before it is applied
//! - `schedule`: when an edit applies
//! - `tightening`: which fields an edit made stricter
//! - `census`: the namespaces and previews that a policy concerns, and those that it refuses

mod census;
mod check;
mod operator;
mod schedule;
mod tightening;

pub use check::{Check, Refused, check};
pub use operator::PolicyOperator;
