//! The pure core of kubewright: an operator is a function from a custom resource to the objects
//! that should exist.
//!
//! Nothing in this crate waits, connects, reads a clock or the environment: the same input always
//! gives the same output. The engine (`kubewright-runtime`) executes what is decided here.
//!
//! A first operator needs [`Operator`], [`View`], [`Children`] and [`Invalid`], and to report more
//! than readiness [`Report`], [`Observed`] and [`Condition`]. The rest is for special cases:
//!
//! | module | use it to |
//! |---|---|
//! | [`builders`] | write Deployments, containers and Services in a few lines |
//! | [`optional`], [`served`] | own kinds that a cluster may not have |
//! | [`selected`], [`part`], [`index`] | read less, or find objects by their content |
//! | [`exclusive`] | have one object of several kinds at a time |
//! | [`expiry`] | delete resources at a time |
//! | [`withdraw`] | refuse a resource and delete its objects |
//! | [`kstatus`] | compute the readiness of any object |
//! | [`registry`], [`controller`] | handle operators of any type |
//! | [`internals`] | nothing: the engine's own modules, without a promise |

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
pub mod part;
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
pub use part::Part;
pub use readiness::Readiness;
pub use registry::Registry;
pub use report::Report;
pub use selected::{Selected, Selector};
pub use served::Served;
pub use status::{Status, StatusFields};
pub use time::Timestamp;
pub use view::{FakeCluster, View};
