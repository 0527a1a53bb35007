//! Which watches are synced: a controller reconciles nothing before all caches that it decides from
//! are filled, and deletes nothing while one of them is stale.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::memory::lock;

/// A cache is stale when its watch has failed for longer than this. Until then, an API server that
/// restarts changes nothing.
const STALE: Duration = Duration::from_mins(2);

/// The state of one watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    /// Its objects are in the cache.
    Synced,
    /// Its API is not served.
    NotServed,
    /// It fails with this error.
    Failing(String),
}

/// A kind that builds look up and whose definition is missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undefined {
    /// The name of the definition.
    pub(crate) name: String,
    /// Whether the last known objects of the kind are cached.
    pub(crate) was_synced: bool,
}

struct Entry {
    name: String,
    /// The kind, for metrics.
    kind: String,
    controllers: Vec<usize>,
    optional: bool,
    /// Whether builds look the objects up.
    is_read: bool,
    state: State,
    /// Whether it was synced once: the cache stays usable while the watch is reopened.
    was_synced: bool,
    /// Since when a watch that was synced fails.
    failing_since: Option<Instant>,
}

impl Entry {
    fn is_missing(&self) -> bool {
        match self.state {
            State::Synced => false,
            State::NotServed => !self.optional,
            State::Starting | State::Failing(_) => !self.was_synced || self.is_stale(),
        }
    }

    /// Whether builds look up a kind that does not exist, and must not take that for the absence of
    /// its objects.
    fn is_undefined(&self) -> bool {
        self.is_read && !self.optional && self.state == State::NotServed
    }

    /// How long the cache has not been up to date.
    fn age(&self) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn is_stale(&self) -> bool {
        self.age() > STALE
    }

    fn describe(&self) -> String {
        match &self.state {
            State::Failing(error) if self.is_stale() => {
                format!("{} (not up to date for {} s: {error})", self.name, self.age().as_secs())
            }
            State::NotServed => {
                format!("{} (not served; install its CustomResourceDefinition)", self.name)
            }
            State::Failing(error) => format!("{} ({error})", self.name),
            State::Starting | State::Synced => self.name.clone(),
        }
    }
}

/// Which caches are filled: the state of all watches of an engine.
pub(crate) struct CacheSync {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<()>,
}

/// The entry of one watch.
#[derive(Clone)]
pub(crate) struct Token {
    sync: Arc<CacheSync>,
    index: usize,
}

impl CacheSync {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { entries: Mutex::default(), changed: watch::Sender::new(()) })
    }

    /// Registers a watch that these controllers need. `is_read` means that builds look its objects
    /// up.
    pub(crate) fn register(
        self: &Arc<Self>,
        name: String,
        kind: String,
        controllers: Vec<usize>,
        optional: bool,
        is_read: bool,
    ) -> Token {
        let mut entries = lock(&self.entries);
        let (state, was_synced, failing_since) = (State::Starting, false, None);
        let entry =
            Entry { name, kind, controllers, optional, is_read, state, was_synced, failing_since };
        entries.push(entry);
        Token { sync: Arc::clone(self), index: entries.len() - 1 }
    }

    /// The watches that a controller, or any controller, still waits for.
    pub(crate) fn missing(&self, controller: Option<usize>) -> Vec<String> {
        let entries = lock(&self.entries);
        let missing = entries.iter().filter(|entry| {
            entry.is_missing() && controller.is_none_or(|c| entry.controllers.contains(&c))
        });
        missing.map(Entry::describe).collect()
    }

    /// The name of a cache that this controller decides from, and that is stale. Nothing may be
    /// deleted because of what this cache shows.
    pub(crate) fn stale(&self, controller: usize) -> Option<String> {
        let entries = lock(&self.entries);
        let mut of_controller = entries.iter().filter(|e| e.controllers.contains(&controller));
        of_controller.find(|entry| entry.is_stale()).map(|entry| entry.name.clone())
    }

    /// The kinds, and how long the cache of each has not been up to date.
    pub(crate) fn ages(&self) -> Vec<(String, Duration)> {
        lock(&self.entries).iter().map(|entry| (entry.kind.clone(), entry.age())).collect()
    }

    /// A kind that builds of this controller look up and whose definition is missing. A kind
    /// without cached objects comes first.
    pub(crate) fn undefined(&self, controller: usize) -> Option<Undefined> {
        let entries = lock(&self.entries);
        let undefined =
            entries.iter().filter(|e| e.is_undefined() && e.controllers.contains(&controller));
        let first = undefined.min_by_key(|entry| entry.was_synced)?;
        Some(Undefined { name: first.name.clone(), was_synced: first.was_synced })
    }

    fn must_wait(&self, controller: usize) -> bool {
        let entries = lock(&self.entries);
        let mut of_controller = entries.iter().filter(|e| e.controllers.contains(&controller));
        of_controller.any(|entry| entry.is_missing() && !entry.is_undefined())
    }

    /// Waits until all watches of a controller are synced, except those of kinds that it looks up
    /// and that have no definition.
    pub(crate) async fn wait(&self, controller: usize) {
        let mut changed = self.changed.subscribe();
        while self.must_wait(controller) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Token {
    /// Sets the state. Returns whether its variant changed.
    pub(crate) fn set(&self, state: State) -> bool {
        let mut entries = lock(&self.sync.entries);
        let Some(entry) = entries.get_mut(self.index) else { return false };
        let is_change = std::mem::discriminant(&entry.state) != std::mem::discriminant(&state);
        entry.was_synced |= state == State::Synced;
        let is_failure = match state {
            State::Failing(_) => true,
            State::NotServed => !entry.optional,
            State::Starting | State::Synced => false,
        };
        let now = Instant::now();
        entry.failing_since =
            (is_failure && entry.was_synced).then(|| entry.failing_since.unwrap_or(now));
        entry.state = state;
        drop(entries);
        self.sync.changed.send_replace(());
        is_change
    }
}

#[cfg(test)]
mod tests;
