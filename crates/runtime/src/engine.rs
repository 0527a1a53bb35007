//! What all parts share: the controllers with their caches, the queue, and who is concerned by
//! what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::observed::ControllerRef;
use kubewright_core::registry::{Controller, Program};
use kubewright_core::{KindInfo, Shard};

use crate::api::Api;
use crate::backoff::Retries;
use crate::brake::Brake;
use crate::cache::children::ChildCache;
use crate::cache::parents::ParentCache;
use crate::cache::reads::ReadCache;
use crate::cache::written::Written;
use crate::deadlines::Deadlines;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::queue::{Priority, Queue, WorkKey};
use crate::retire::ServerClock;
use crate::sync::Sync;

/// First and longest delay between tries of one resource.
pub(crate) const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// One controller, running.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) name: &'static str,
    pub(crate) kind: KindInfo,
    pub(crate) parents: ParentCache,
    /// The kinds that it owns, in the order of its declaration.
    pub(crate) children: Vec<Arc<ChildCache>>,
    pub(crate) written: Written,
    /// Its caches are filled, and it works.
    started: AtomicBool,
}

impl Running {
    pub(crate) fn new(controller: Arc<dyn Controller>, children: Vec<Arc<ChildCache>>) -> Self {
        let (name, kind) = (controller.name(), controller.resource());
        Self {
            controller,
            name,
            kind,
            parents: ParentCache::default(),
            children,
            written: Written::default(),
            started: AtomicBool::new(false),
        }
    }

    pub(crate) fn child_cache(&self, kind: &KindInfo) -> Option<&Arc<ChildCache>> {
        self.children.iter().find(|c| c.kind == *kind)
    }
}

/// What all parts share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) api: Api,
    pub(crate) manager: &'static str,
    /// Which part of all resources is ours.
    pub(crate) shard: Option<Shard>,
    pub(crate) controllers: Vec<Running>,
    pub(crate) reads: ReadCache,
    pub(crate) events: Events,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) sync: Arc<Sync>,
    pub(crate) queue: Queue,
    pub(crate) pace: Pace,
    pub(crate) deadlines: Deadlines,
    pub(crate) brake: Brake,
    pub(crate) server_clock: ServerClock,
    /// Resources that are gone while children of theirs are not, by UID.
    former: Mutex<HashMap<Box<str>, WorkKey>>,
    pub(crate) retries: Retries,
}

impl Engine {
    pub(crate) fn new(
        api: Api,
        shard: Option<Shard>,
        controllers: Vec<Running>,
        events: Events,
        metrics: Arc<Metrics>,
        brake: Brake,
    ) -> Arc<Self> {
        Arc::new(Self {
            shard,
            manager: api.manager(),
            api,
            controllers,
            reads: ReadCache::default(),
            events,
            metrics,
            sync: Sync::new(),
            queue: Queue::default(),
            pace: Pace::default(),
            deadlines: Deadlines::default(),
            brake,
            server_clock: ServerClock::default(),
            former: Mutex::default(),
            retries: Retries::default(),
        })
    }

    /// What is the same for all children that we make.
    pub(crate) fn program(&self) -> Program<'static> {
        Program { manager: self.manager, sharded: self.shard.is_some() }
    }

    pub(crate) fn running(&self, controller: usize) -> &Running {
        &self.controllers[controller]
    }

    /// The resource with this UID, for the owner references of children.
    fn owner(&self, uid: &str) -> Option<WorkKey> {
        let of = |(controller, running): (usize, &Running)| {
            Some(WorkKey { controller, key: running.parents.with_uid(uid)? })
        };
        self.controllers.iter().enumerate().find_map(of)
    }

    /// Adds work, once the controller has started; until then the sweep at its start finds it.
    pub(crate) fn enqueue(&self, key: WorkKey, priority: Priority) {
        if self.running(key.controller).started.load(Ordering::Acquire) {
            self.queue.add(key, priority);
        }
    }

    /// A child of the resource with this UID changed.
    pub(crate) fn wake_owner(&self, uid: &str) {
        match self.owner(uid) {
            Some(key) => self.enqueue(key, Priority::Change),
            None => self.wake_successor(uid),
        }
    }

    /// A child of a resource that is gone changed: another resource of that name may wait for the
    /// child to go.
    fn wake_successor(&self, uid: &str) {
        let Some(key) = self.former().get(uid).cloned() else { return };
        self.forget_childless(uid, &key);
        if self.running(key.controller).parents.get(&key.key).is_some() {
            self.enqueue(key, Priority::Change);
        }
    }

    /// Whether this is a resource that we would know if it were there, and it is not.
    pub(crate) fn is_gone(&self, by: &ControllerRef) -> bool {
        // Of a kind that another process has (`run --controllers`) nobody here knows what there is.
        let is_known = self.controllers.iter().any(|running| running.kind.is(&by.kind));
        is_known && self.is_ours(&by.uid) && self.owner(&by.uid).is_none()
    }

    /// Whether this is an earlier resource of the same name, whose children are about to go.
    pub(crate) fn is_predecessor(&self, by: &ControllerRef, key: &WorkKey) -> bool {
        if self.is_ours(&by.uid) {
            return self.former().get(&by.uid) == Some(key);
        }
        // Another shard had it, and knows when it went. But one name has one resource at a time,
        // and that is this one now.
        self.running(key.controller).kind.is(&by.kind) && *by.name == *key.key.name
    }

    /// A resource that could not be read for a while is no former one.
    pub(crate) fn is_back(&self, uid: &str) {
        self.former().remove(uid);
    }

    fn former(&self) -> MutexGuard<'_, HashMap<Box<str>, WorkKey>> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_childless(&self, uid: &str, key: &WorkKey) {
        if self.running(key.controller).children.iter().all(|cache| cache.owned_by(uid).is_empty())
        {
            self.former().remove(uid);
        }
    }

    /// A kind appeared or disappeared.
    pub(crate) fn serve(&self, kind: &KindInfo, served: bool) {
        for key in self.reads.serve(kind, served) {
            self.enqueue(key, Priority::Sweep);
        }
    }

    fn sweep(&self, controller: usize, priority: Priority) {
        for key in self.running(controller).parents.keys() {
            self.enqueue(WorkKey { controller, key }, priority);
        }
    }

    /// The controller's caches are filled: everything that exists is reconciled, and from now on
    /// every change.
    pub(crate) fn start(&self, controller: usize) {
        let running = self.running(controller);
        running.started.store(true, Ordering::Release);
        self.sweep(controller, Priority::Sweep);
        tracing::info!(controller = running.name, resources = running.parents.len(), "started");
    }

    /// Looks at everything again, for ever; no period is never.
    pub(crate) async fn resync(&self, controller: usize, period: Duration) {
        while !period.is_zero() {
            tokio::time::sleep(period).await;
            self.sweep(controller, Priority::Resync);
        }
    }

    /// Wakes everybody at the moment that they wait for, for ever.
    pub(crate) async fn keep_time(&self) {
        loop {
            for key in self.deadlines.next().await {
                self.enqueue(key, Priority::Change);
            }
        }
    }

    /// No resource has this UID any more.
    pub(crate) fn owner_gone(&self, key: &WorkKey, uid: &str) {
        // First in, then perhaps out again: the last child may go this very moment.
        self.former().insert(uid.into(), key.clone());
        self.forget_childless(uid, key);
        self.events.clear(uid);
    }

    /// The resource is gone; garbage collection takes its children.
    pub(crate) fn parent_gone(&self, key: &WorkKey, uid: &str) {
        self.owner_gone(key, uid);
        self.forget(key);
    }

    /// What was remembered about a resource that is gone.
    pub(crate) fn forget(&self, key: &WorkKey) {
        self.queue.forget(key);
        self.retries.forget(key);
        self.reads.forget_reader(key);
        self.deadlines.record(key, None);
        self.brake.forget(key);
        self.running(key.controller).written.forget(&key.key);
    }

    /// What readiness waits for, in words.
    pub(crate) fn waiting_for(&self) -> Vec<String> {
        self.sync.waiting(None)
    }

    /// The metrics as text, with what is only looked at when somebody asks.
    pub(crate) fn scrape(&self) -> String {
        self.metrics.queue(self.queue.depths(), self.queue.running());
        self.metrics.ready(self.waiting_for().is_empty());
        self.metrics.held(self.brake.held());
        for running in &self.controllers {
            self.metrics.resources(running.name, running.parents.len());
        }
        self.metrics.encode()
    }

    /// No more work is given out; gives how many runs go on.
    pub(crate) fn close(&self) -> usize {
        self.queue.close();
        self.queue.running()
    }

    pub(crate) fn running_now(&self) -> usize {
        self.queue.running()
    }
}
