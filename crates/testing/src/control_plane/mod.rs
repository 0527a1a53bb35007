//! The local control plane: a real Kubernetes API server with etcd, controller manager, scheduler
//! and kwok, as processes of the user, listening on 127.0.0.1 alone. Where the binaries come from
//! is `assets`' business; what is run on the cluster is the caller's.
//!
//! - [`ControlPlane`]: the way in. [`Spec`]: what it is to be like. [`Status`]: how it is.
//! - `up` decides between reusing, restarting and making; `ready` waits; `state` is what is written
//!   down.
//! - `kwokctl`, `kubectl`, `processes`, `ports`, `nodes`, `kubeconfig`, `logs`: one thing of the
//!   outside world each.
//!
//! # Guarantees
//! - A kubeconfig of the user is touched by [`ControlPlane::export_kubeconfig`] alone.
//! - Processes that work on the same cluster take turns; clusters of different names do not meet.
//! - Components outlive the process that started them, also when that one gets an interrupt.
//! - After [`ControlPlane::down`] no process and no file of the cluster is left.
//! - An interrupted `up` is repaired by the next one.

mod component;
mod error;
mod handle;
mod kubeconfig;
mod kubectl;
mod kwokctl;
mod logs;
mod nodes;
mod ports;
mod processes;
mod ready;
mod remove;
mod spec;
mod state;
mod status;
mod up;

pub use component::Component;
pub use error::Error;
pub use handle::{ControlPlane, Disposable};
pub use ports::Ports;
pub use spec::Spec;
pub use status::{ComponentStatus, Health, Status};
