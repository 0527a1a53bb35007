//! The pure core of kubewright: an operator is a function from a custom resource to the objects
//! that should exist.
//!
//! This crate does not wait, does not connect, and reads neither a clock nor the environment. So
//! the same input always gives the same output. The engine (`kubewright-runtime`) executes what is
//! decided here.
//!
//! A first operator needs [`Operator`], [`View`], [`Children`], [`Invalid`] and [`Registry`]. An
//! operator that reports more than readiness also needs [`Report`], [`Observed`] and [`Condition`].
//! The modules:
//!
//! | module | use it to |
//! |---|---|
//! | [`builders`] | write Deployments, containers and Services in a few lines |
//! | [`labels`], [`names`] | select the pods of a resource, and name its children |
//! | [`condition`], [`reason`] | report conditions of your own, with their reasons |
//! | [`view`], [`observed`], [`time`] | look up objects, children and times |
//! | [`kind`] | name kinds and objects in `type Owns`, `type Reads` and look-ups |
//! | [`optional`], [`served`] | own kinds that a cluster may not have |
//! | [`selected`], [`part`] | watch only some objects of a kind, or keep a part of each object |
//! | [`index`] | find objects by their content |
//! | [`ordered`] | find the first object of a key, among many |
//! | [`exclusive`] | have at most one object of a group of kinds |
//! | [`expiry`] | delete resources after their expiry time |
//! | [`withdraw`] | delete the objects of an invalid resource |
//! | [`kstatus`] | compute the readiness of any object |
//! | [`operator`] | declare an operator; the traits and types behind [`Operator`] |
//! | [`registry`], [`controller`] | hold operators of different types in one list |
//! | [`internals`] | nothing: for the crates of kubewright only; may change in each release |

pub mod builders;
mod checks;
mod children;
pub mod condition;
pub mod controller;
mod declaration;
mod error;
pub mod exclusive;
pub mod expiry;
pub mod index;
pub mod internals;
mod invalid;
pub mod kind;
pub mod kstatus;
pub mod labels;
pub mod names;
pub mod observed;
pub mod operator;
pub mod optional;
pub mod ordered;
pub mod part;
mod rank;
mod readiness;
pub mod reason;
pub mod registry;
mod report;
pub mod selected;
pub mod served;
mod status;
pub mod time;
pub mod view;
pub mod withdraw;

pub use checks::RegistryError;
pub use children::Children;
pub use condition::{Condition, ConditionType};
pub use declaration::{Declaration, Facts};
pub use error::Class;
pub use index::Index;
pub use invalid::{Invalid, OrInvalid};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as MetaCondition;
pub use kind::{KindInfo, Metadata, Object, ObjectKey, Of, of};
pub use observed::Observed;
pub use operator::{CustomResource, Operator, Sample, StatusOf};
pub use optional::Optional;
pub use ordered::{Ordered, Rank};
pub use part::Part;
pub use readiness::Readiness;
pub use registry::Registry;
pub use report::Report;
pub use selected::{Selected, Selector};
pub use served::Served;
pub use status::{Status, StatusFields};
pub use time::Timestamp;
pub use view::{FakeCluster, View};
