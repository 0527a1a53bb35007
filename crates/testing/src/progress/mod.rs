//! Telling a person what is going on while binaries are built and clusters start. What is told is
//! decided by the callers; here is only how it reaches a terminal, a log, or nobody.
//!
//! - [`Progress`], [`Step`]: what callers use.
//! - [`Bars`]: a live line on a terminal. [`Plain`]: a line per event for logs. [`Silent`]:
//!   nothing.

mod bars;
mod detect;
mod plain;
mod step;

pub use bars::Bars;
pub use detect::detect;
pub use plain::Plain;
pub use step::{Count, Outcome, Progress, Silent, Step};
