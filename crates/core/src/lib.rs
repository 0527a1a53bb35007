//! The pure core of kubewright: an operator is a function from a custom resource to the objects
//! that should exist.
//!
//! Nothing in this crate waits, connects, reads a clock or an environment: the same input always
//! gives the same output. The engine (`kubewright-runtime`) executes what is decided here.
//!
//! | module | what it decides |
//! |---|---|
//! | [`operator`] | what a developer writes: [`Operator`], [`Invalid`] |
//! | [`kind`] | which kinds an operator owns and reads, as types |
//! | [`children`] | the objects that should exist, and what the engine adds to each |
//! | [`view`], [`index`] | what `build` may look up, and the record of what it looked up |
//! | [`time`] | what `build` asked about time, and when a resource was changed |
//! | [`facts`] | what `build` found out and `status` is to tell |
//! | [`observed`] | what the cluster says about a child, as small as can be |
//! | [`ownership`] | whether a child still is as we want it, from `managedFields` alone |
//! | [`plan`] | the steps that lead from what is observed to what should exist |
//! | [`health`], [`condition`], [`reason`] | what the status says about it |
//! | [`shard`] | which of several processes is responsible for a resource |
//! | [`tree`] | JSON that is read once and thrown away |
//! | [`registry`] | all operators of a program; everything generated is derived from it |

pub mod children;
pub mod condition;
pub mod desired;
pub mod error;
pub mod facts;
pub mod hash;
pub mod health;
pub mod index;
pub mod kind;
pub mod labels;
pub mod names;
pub mod observed;
pub mod operator;
pub mod ownership;
pub mod plan;
pub mod reason;
pub mod registry;
pub mod shard;
pub mod time;
pub mod tree;
pub mod view;

pub use children::Children;
pub use condition::{Condition, Verdict};
pub use error::Class;
pub use index::Index;
pub use kind::{KindInfo, Metadata, Object, ObjectKey, Optional, Part, Selected, Selector, Served};
pub use observed::Observed;
pub use operator::{Invalid, Operator, Sample, StatusOf};
pub use registry::Registry;
pub use shard::Shard;
pub use time::Timestamp;
pub use view::View;
