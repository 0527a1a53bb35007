//! Rights, derived from the declarations of the operators alone: a kind that nobody declares gets
//! no rule.
//!
//! - [`grants`]: which rights a controller needs, and which declaration needs them
//! - `render`: the objects that grant them

mod grants;
mod render;

pub use grants::{Grant, Reach, grants};
pub use render::{documents, rbac};
