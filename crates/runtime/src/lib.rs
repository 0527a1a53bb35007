//! The engine of kubewright: caches, queue, reconcile loop, health and metrics.
//!
//! It knows no operator: it runs any [`Registry`](kubewright_core::Registry) of `kubewright-core`.
//! The walk of an event:
//!
//! 1. `reflector` reads a watch and hands objects on as bytes; `sinks` decode them into a `cache`
//! 2. the cache says whom a change concerns: the owner (children), who looked it up (reads), itself
//!    (resources)
//! 3. `queue`: each key once, never two runs of one key
//! 4. `worker`: `reconcile` = build, plan, `apply`, `status`
//! 5. what failed comes again with `backoff`; what is invalid waits for an edit

mod api;
mod apply;
mod backoff;
mod brake;
mod cache;
mod deadlines;
mod engine;
mod error;
mod events;
mod http;
mod manager;
mod metrics;
mod pace;
mod queue;
mod reconcile;
mod reflector;
mod retire;
mod settings;
mod shards;
mod sinks;
mod status;
mod sync;
#[cfg(test)]
mod testing;
pub mod transport;
mod watches;
mod worker;
mod yaml;

pub use error::{ApiError, Cause, Details, Failure, RunError};
pub use manager::run;
pub use settings::{Connect, Settings};
