//! Settings of the caller: how to connect and how to run.

use std::net::SocketAddr;
use std::time::Duration;

use crate::write::limiter::Rate;
pub use kubewright_connect::Connect;
use kubewright_core::internals::shard::Shard;

/// How to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// The number of resources reconciled at once, at least 1. A run that lasts longer than a
    /// second makes room for another one, up to twice this number; one namespace never has more
    /// runs than this number.
    pub workers: usize,
    /// The address of /livez, /readyz and /metrics; `None` for no server.
    pub listen: Option<SocketAddr>,
    /// How long running reconciles may take after a signal to stop.
    pub shutdown_deadline: Duration,
    /// How often every resource is reconciled without a change; `None` and zero for never.
    ///
    /// Events are never missed without a resync. It sends no request for what is in sync, because
    /// it compares caches. It is for operators whose `build` depends on something unwatched.
    pub resync: Option<Duration>,
    /// The share of all resources that this process reconciles; `None` for all. With any `Some`,
    /// children carry the label [`SHARD`](kubewright_core::labels::SHARD).
    pub shard: Option<Shard>,
    /// Maximum number of expired resources deleted per minute, evenly spread; zero for none.
    pub expirations_per_minute: u32,
    /// Maximum number of resources per minute and controller that get a disruptive change without
    /// an edit of their own; zero for none. A disruptive change deletes an object, or replaces or
    /// stops pods.
    pub rollouts_per_minute: u32,
    /// How many of them get their change at once after a time without changes, at least 1.
    pub rollout_burst: u32,
}

/// Measured on two cores: 4, 8 and 16 workers have the same throughput. With writes of 10 ms, as on
/// etcd with disks, 8 workers reconcile about 400 resources per second.
const DEFAULT_WORKERS: usize = 8;
/// Enough for daily expiry, and few enough that a person can stop a mistake.
const DEFAULT_EXPIRATIONS: u32 = 30;
/// How many deletions an idle limiter saves.
const EXPIRATION_BURST: u32 = 5;
/// A bad version or policy harms five resources, and a person has minutes to stop it.
const DEFAULT_ROLLOUTS: Rate = Rate { per_minute: 10, burst: 5 };
/// With what follows, a process ends within ten seconds. The next start repeats what was cancelled.
const DEFAULT_SHUTDOWN: Duration = Duration::from_secs(8);

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            workers: DEFAULT_WORKERS,
            listen: None,
            shutdown_deadline: DEFAULT_SHUTDOWN,
            resync: None,
            shard: None,
            expirations_per_minute: DEFAULT_EXPIRATIONS,
            rollouts_per_minute: DEFAULT_ROLLOUTS.per_minute,
            rollout_burst: DEFAULT_ROLLOUTS.burst,
        }
    }
}

impl Settings {
    pub(crate) fn expirations(&self) -> Rate {
        Rate { per_minute: self.expirations_per_minute, burst: EXPIRATION_BURST }
    }

    pub(crate) fn rollouts(&self) -> Rate {
        Rate { per_minute: self.rollouts_per_minute, burst: self.rollout_burst.max(1) }
    }
}
