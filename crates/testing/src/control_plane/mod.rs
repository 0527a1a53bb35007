//! The local control plane: API server, etcd, controller manager, scheduler and kwok as processes
//! of the user, listening on 127.0.0.1 only.
//!
//! - [`ControlPlane`]: the entry point; [`Spec`]: its settings; [`Status`]: its state
//! - `up`: creates, restarts or repairs a cluster; `ready`: waits; `remove`: removes it
//! - `state`: the state file; `kwokctl`, `kubectl`, `processes`, `ports`, `nodes`, `kubeconfig`,
//!   `logs`: the outside world
//!
//! # Guarantees
//! - Only [`ControlPlane::export_kubeconfig`] changes a kubeconfig of the user.
//! - Processes that work on one cluster take turns. Clusters with different names are independent.
//! - Components outlive the process that started them, also when it is interrupted.
//! - After [`ControlPlane::down`] no process and no file of the cluster is left.
//! - The next `up` repairs an interrupted `up`.

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
