//! Which watches are synced: a controller reconciles nothing before all caches that it decides from
//! are filled.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::memory::lock;

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

struct Entry {
    name: String,
    controllers: Vec<usize>,
    optional: bool,
    state: State,
    /// Whether it was synced once: the cache stays usable while the watch is reopened.
    was_synced: bool,
}

impl Entry {
    fn is_missing(&self) -> bool {
        match self.state {
            State::Synced => false,
            State::NotServed => !self.optional,
            State::Starting | State::Failing(_) => !self.was_synced,
        }
    }

    fn describe(&self) -> String {
        match &self.state {
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

    /// Registers a watch that these controllers need.
    pub(crate) fn register(
        self: &Arc<Self>,
        name: String,
        controllers: Vec<usize>,
        optional: bool,
    ) -> Token {
        let mut entries = lock(&self.entries);
        let state = State::Starting;
        entries.push(Entry { name, controllers, optional, state, was_synced: false });
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

    /// Waits until all watches of a controller are synced.
    pub(crate) async fn wait(&self, controller: usize) {
        let mut changed = self.changed.subscribe();
        while !self.missing(Some(controller)).is_empty() {
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
        entry.state = state;
        drop(entries);
        self.sync.changed.send_replace(());
        is_change
    }
}

#[cfg(test)]
mod tests;
