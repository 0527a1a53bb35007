//! The engine of kubewright: watches, caches, queue, reconcile loop, health and metrics.
//!
//! It runs any [`Registry`](kubewright_core::Registry) and knows no operator. The path of an event:
//!
//! 1. `watch`: a reflector reads the event as bytes, and a feed decodes its object into a cache
//! 2. `cache`: answers which resources an object concerns
//! 3. `work`: the queue orders the resources, and a run reconciles each: build, expire, plan,
//!    apply, report
//! 4. `write`: the requests of a run, each with a precondition

mod agenda;
mod cache;
mod engine;
mod error;
mod http;
mod key;
mod manager;
mod memory;
mod metrics;
mod settings;
#[cfg(test)]
mod testing;
mod watch;
mod work;
mod write;

pub use error::RunError;
pub use manager::run;
pub use settings::{Connect, Settings};
pub use write::transport;
