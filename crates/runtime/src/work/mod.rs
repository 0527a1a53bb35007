//! Which resource is reconciled when, and how.
//!
//! - `queue`, `schedule`, `lanes`: the order of work; `deadlines`, `backoff`: its times
//! - `worker` takes keys; `run` reconciles one resource; `context` is what a run works with
//! - `expiry`: deletes expired resources; `unreadable`: reports what cannot be decoded;
//!   `undefined`: reports what a missing definition may limit
//! - `rollout`: whose change a run executes, and whether it waits; `edits`: what a status shows
//!   of the last edit

pub(crate) mod backoff;
pub(crate) mod context;
pub(crate) mod deadlines;
pub(crate) mod edits;
pub(crate) mod expiry;
mod lanes;
pub(crate) mod queue;
pub(crate) mod rollout;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod server_clock;
mod undefined;
pub(crate) mod unreadable;
pub(crate) mod worker;
