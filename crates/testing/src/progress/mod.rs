//! Shows progress while binaries are built and clusters start.
//!
//! - [`Progress`], [`Step`]: the interface for callers
//! - [`Bars`]: a live line on a terminal; [`Plain`]: lines for logs; [`Silent`]: nothing
//! - [`detect`]: chooses between [`Bars`] and [`Plain`]

mod bars;
mod detect;
mod plain;
mod step;

pub use bars::Bars;
pub use detect::detect;
pub use plain::Plain;
pub use step::{Count, Outcome, Progress, Silent, Step};
