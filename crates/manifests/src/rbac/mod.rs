//! RBAC, derived from the declarations of the operators: an undeclared kind gets no rule.
//!
//! - [`grants`]: the rights of a controller, each with the declaration that needs it
//! - `render`: the roles and bindings that grant these rights

mod grants;
mod render;

pub use grants::{Grant, Scope, grants};
pub use render::{documents, rbac};
