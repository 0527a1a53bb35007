//! The shared state of all parts: the controllers with their caches, the queue, and which resources
//! an event concerns.

use std::any::TypeId;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubewright_core::controller::{Controller, ManagedBy};
use kubewright_core::internals::shard::Shard;
use kubewright_core::kind::ReadKind;
use kubewright_core::observed::ControllerRef;
use kubewright_core::{KindInfo, ObjectKey};

use crate::cache::children::ChildCache;
use crate::cache::reads::ReadCache;
use crate::cache::resources::ResourceCache;
use crate::cache::unreadable::UnreadableResources;
use crate::key::WorkKey;
use crate::memory::lock;
use crate::metrics::Metrics;
use crate::watch::sync::CacheSync;
use crate::work::backoff::Retries;
use crate::work::deadlines::Deadlines;
use crate::work::queue::Queue;
use crate::work::schedule::Priority;
use crate::work::server_clock::ServerClock;
use crate::write::api::Api;
use crate::write::events::Events;
use crate::write::limiter::{Rate, RateLimiter};
use crate::write::rollouts::RolloutLimiter;
use crate::write::throttle::WriteThrottle;
use crate::write::written::WrittenStatuses;

/// One controller with its caches.
pub(crate) struct ControllerState {
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) name: &'static str,
    pub(crate) kind: KindInfo,
    pub(crate) resources: ResourceCache,
    /// Resources that exist and cannot be decoded. They are not in `resources`.
    pub(crate) unreadable: UnreadableResources,
    /// One cache for each owned kind, in the order of the declaration.
    pub(crate) children: Vec<Arc<ChildCache>>,
    /// The last status that this process wrote for each resource.
    pub(crate) written_statuses: WrittenStatuses,
    /// Limits the disruptive changes that no edit of a resource causes.
    pub(crate) rollouts: RolloutLimiter,
    /// The type under which `build` looks namespaces up, if it does.
    namespaces: Option<TypeId>,
    /// Whether its caches are filled and it reconciles.
    is_started: AtomicBool,
}

impl ControllerState {
    pub(crate) fn new(
        controller: Arc<dyn Controller>,
        children: Vec<Arc<ChildCache>>,
        rollouts: Rate,
    ) -> Self {
        let namespaces = controller.reads().into_iter().find(ReadKind::is_all_namespaces);
        Self {
            name: controller.name(),
            kind: controller.resource(),
            namespaces: namespaces.map(|read| read.type_id),
            controller,
            resources: ResourceCache::default(),
            unreadable: UnreadableResources::default(),
            children,
            written_statuses: WrittenStatuses::default(),
            rollouts: RolloutLimiter::new(rollouts),
            is_started: AtomicBool::new(false),
        }
    }

    /// Whether a resource with this key exists.
    pub(crate) fn exists(&self, key: &ObjectKey) -> bool {
        self.resources.get(key).is_some() || self.unreadable.get(key).is_some()
    }

    pub(crate) fn child_cache(&self, kind: &KindInfo) -> Option<&Arc<ChildCache>> {
        self.children.iter().find(|cache| cache.kind == *kind)
    }
}

/// The shared state of all parts.
pub(crate) struct Engine {
    pub(crate) api: Api,
    pub(crate) manager: &'static str,
    /// The share of all resources that this process reconciles.
    pub(crate) shard: Option<Shard>,
    pub(crate) controllers: Vec<ControllerState>,
    pub(crate) reads: ReadCache,
    pub(crate) events: Events,
    pub(crate) metrics: Arc<Metrics>,
    /// Which caches are filled.
    pub(crate) sync: Arc<CacheSync>,
    pub(crate) queue: Queue,
    pub(crate) throttle: WriteThrottle,
    pub(crate) deadlines: Deadlines,
    /// Limits the deletions of expired resources.
    pub(crate) limiter: RateLimiter,
    pub(crate) server_clock: ServerClock,
    pub(crate) retries: Retries,
    /// Deleted resources that still have children, by UID. Garbage collection deletes the children.
    deleted_owners: Mutex<HashMap<Box<str>, WorkKey>>,
}

impl Engine {
    pub(crate) fn new(
        api: Api,
        shard: Option<Shard>,
        controllers: Vec<ControllerState>,
        events: Events,
        metrics: Arc<Metrics>,
        limiter: RateLimiter,
    ) -> Arc<Self> {
        Arc::new(Self {
            shard,
            manager: api.manager(),
            api,
            controllers,
            reads: ReadCache::default(),
            events,
            metrics,
            sync: CacheSync::new(),
            queue: Queue::default(),
            throttle: WriteThrottle::default(),
            deadlines: Deadlines::default(),
            limiter,
            server_clock: ServerClock::default(),
            retries: Retries::default(),
            deleted_owners: Mutex::default(),
        })
    }

    /// Whether `build` of a resource would look up its namespace before the cache has the
    /// namespace. What a namespace restricts would then not apply.
    pub(crate) fn lacks_namespace(&self, key: &WorkKey) -> bool {
        let (name, controller) = (&key.key.namespace, self.controller(key.controller));
        let is_missing =
            |type_id| !name.is_empty() && !self.reads.has(type_id, &ObjectKey::new("", &**name));
        controller.namespaces.is_some_and(is_missing)
    }

    /// The manager that all children of this program carry in their metadata.
    pub(crate) fn managed_by(&self) -> ManagedBy<'static> {
        ManagedBy { manager: self.manager, sharded: self.shard.is_some() }
    }

    pub(crate) fn controller(&self, index: usize) -> &ControllerState {
        &self.controllers[index]
    }

    /// Adds work for a started controller. Before that, the sweep at its start covers everything.
    pub(crate) fn enqueue(&self, key: WorkKey, priority: Priority) {
        if self.controller(key.controller).is_started.load(Ordering::Acquire) {
            self.queue.add(key, priority);
        }
    }

    /// Starts a controller whose caches are filled: reconciles all its resources, and from now on
    /// every change.
    pub(crate) fn start(&self, controller: usize) {
        let state = self.controller(controller);
        state.is_started.store(true, Ordering::Release);
        self.sweep(controller, Priority::Sweep);
        tracing::info!(controller = state.name, resources = state.resources.len(), "started");
        self.log_advice(state);
    }

    fn log_advice(&self, state: &ControllerState) {
        let reads = self.reads.snapshot(self.deadlines.now());
        let advice = || state.controller.advice(&reads);
        let Ok(advice) = catch_unwind(AssertUnwindSafe(advice)) else {
            return tracing::error!(controller = state.name, "the operator panicked in advice");
        };
        for advice in advice {
            tracing::warn!(controller = state.name, "{advice}");
        }
    }

    fn sweep(&self, controller: usize, priority: Priority) {
        let state = self.controller(controller);
        for key in state.resources.keys().into_iter().chain(state.unreadable.keys()) {
            self.enqueue(WorkKey { controller, key }, priority);
        }
    }

    /// Reconciles all resources of the controllers that look this type up: its definition appeared.
    pub(crate) fn sweep_readers(&self, type_id: TypeId) {
        for (controller, state) in self.controllers.iter().enumerate() {
            if state.controller.reads().iter().any(|read| read.type_id == type_id) {
                self.sweep(controller, Priority::Sweep);
            }
        }
    }

    /// Reconciles all resources once per period, for ever. A period of zero means never.
    pub(crate) async fn resync(&self, controller: usize, period: Duration) {
        while !period.is_zero() {
            tokio::time::sleep(period).await;
            self.sweep(controller, Priority::Resync);
        }
    }

    /// Wakes each resource at the time that its `build` asked about, for ever.
    pub(crate) async fn watch_deadlines(&self) {
        loop {
            for key in self.deadlines.next().await {
                self.enqueue(key, Priority::Change);
            }
        }
    }

    /// Wakes the readers of an optional kind whose API appeared or disappeared.
    pub(crate) fn set_served(&self, kind: &KindInfo, served: bool) {
        for key in self.reads.set_served(kind, served) {
            self.enqueue(key, Priority::Sweep);
        }
    }

    /// The resource with this UID.
    pub(crate) fn owner(&self, uid: &str) -> Option<WorkKey> {
        self.controllers.iter().enumerate().find_map(|(controller, state)| {
            Some(WorkKey { controller, key: state.resources.key_of(uid)? })
        })
    }

    /// Wakes the owner of a child that changed.
    pub(crate) fn wake_owner(&self, uid: &str) {
        if let Some(key) = self.owner(uid) {
            return self.enqueue(key, Priority::Change);
        }
        // The owner is deleted. A new resource with the owner's name may wait for the end of this
        // child.
        let Some(key) = lock(&self.deleted_owners).get(uid).cloned() else { return };
        self.forget_childless(uid, &key);
        if self.controller(key.controller).resources.get(&key.key).is_some() {
            self.enqueue(key, Priority::Change);
        }
    }

    /// Whether the resource with this UID belongs to our shard.
    fn is_in_shard(&self, uid: &str) -> bool {
        self.shard.is_none_or(|shard| shard.contains(uid))
    }

    /// Whether this owner is deleted: it belongs to this process, and it is not in the caches.
    pub(crate) fn is_deleted(&self, owner: &ControllerRef) -> bool {
        // Another process may have the kind (`run --controllers`).
        let is_known = self.controllers.iter().any(|state| state.kind.is(&owner.kind));
        is_known && self.is_in_shard(&owner.uid) && self.owner(&owner.uid).is_none()
    }

    /// Whether this owner is a deleted resource with the name of `key`, so that garbage collection
    /// will delete its children.
    pub(crate) fn is_predecessor(&self, owner: &ControllerRef, key: &WorkKey) -> bool {
        if self.is_in_shard(&owner.uid) {
            return lock(&self.deleted_owners).get(&owner.uid) == Some(key);
        }
        // The owner was in another shard. It has the name of `key`, so it must be deleted already.
        self.controller(key.controller).kind.is(&owner.kind) && *owner.name == *key.key.name
    }

    /// Records that no resource has this UID any more.
    pub(crate) fn owner_deleted(&self, key: &WorkKey, uid: &str) {
        for cache in &self.controller(key.controller).children {
            cache.forget_unwatched(uid);
        }
        // Inserted before the check: the last child may disappear at the same time.
        lock(&self.deleted_owners).insert(uid.into(), key.clone());
        self.forget_childless(uid, key);
    }

    /// Records that a resource exists: it could not be decoded for a while, and is readable again.
    pub(crate) fn owner_exists(&self, uid: &str) {
        lock(&self.deleted_owners).remove(uid);
    }

    fn forget_childless(&self, uid: &str, key: &WorkKey) {
        let caches = &self.controller(key.controller).children;
        if caches.iter().all(|cache| cache.owned_by(uid).is_empty()) {
            lock(&self.deleted_owners).remove(uid);
        }
    }

    /// Records that a resource is gone. Garbage collection deletes its children.
    pub(crate) fn resource_deleted(&self, key: &WorkKey, uid: &str) {
        self.resource_unreadable(key, uid);
        self.events.forget(uid);
    }

    /// Records that nothing is known about a resource. It may be gone.
    pub(crate) fn resource_unreadable(&self, key: &WorkKey, uid: &str) {
        self.owner_deleted(key, uid);
        self.forget(key);
    }

    /// Forgets everything about a resource that is gone.
    pub(crate) fn forget(&self, key: &WorkKey) {
        self.queue.cancel(key);
        self.retries.forget(key);
        self.reads.forget_reader(key);
        self.deadlines.record(key, None);
        self.limiter.forget(key);
        let controller = self.controller(key.controller);
        controller.rollouts.forget(key);
        controller.written_statuses.forget(&key.key);
    }

    /// The caches that are not filled yet, described for a person.
    pub(crate) fn missing_caches(&self) -> Vec<String> {
        self.sync.missing(None)
    }

    /// The text of all metrics, with current gauges.
    pub(crate) fn scrape(&self) -> String {
        self.metrics.queue(self.queue.depths(), self.queue.running());
        self.metrics.ready(self.missing_caches().is_empty());
        self.metrics.cache_ages(self.sync.ages());
        self.metrics.pending_expirations(self.limiter.waiting());
        for state in &self.controllers {
            self.metrics.resources(state.name, state.resources.len());
            self.metrics.pending_rollouts(state.name, state.rollouts.waiting());
        }
        self.metrics.encode()
    }
}

#[cfg(test)]
mod tests;
