//! Experiments: what does a change that concerns everything take down? Each one runs with the
//! limits that users get, on a real control plane.
//!
//! - `experiment`: what an experiment is; `list`: the experiments
//! - `lab`: one experiment with its previews and its operator
//! - `survey`: which previews are up; `table`: the results as Markdown
//!
//! `cargo run --package tests --bin experiments -- --help` runs them. The test
//! `cluster_experiments` runs a slice of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod experiment;
mod lab;
mod list;
mod survey;
mod table;

pub use experiment::{BOUND, Experiment, Plan, Spread, Step};
pub use lab::run;
pub use list::experiments;
pub use table::{Row, markdown};
