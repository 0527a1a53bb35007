//! Which watches are in step: nothing is reconciled before everything is known that it is decided
//! from.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How far one watch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not there yet.
    Starting,
    /// Its initial state is in the cache.
    Synced,
    /// Its API is not there.
    NotServed,
    /// It fails; what the last error was.
    Failing(String),
}

#[derive(Debug)]
struct Entry {
    name: String,
    controllers: Vec<usize>,
    optional: bool,
    state: State,
    /// It was in step once: caches stay usable while a watch is being opened again.
    was_synced: bool,
}

impl Entry {
    fn holds_up(&self) -> bool {
        match self.state {
            State::Synced => false,
            State::NotServed => !self.optional,
            State::Starting | State::Failing(_) => !self.was_synced,
        }
    }
}

/// All watches of an engine.
#[derive(Debug)]
pub(crate) struct Sync {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<()>,
}

/// One watch's place in it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    sync: Arc<Sync>,
    index: usize,
}

impl Sync {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { entries: Mutex::default(), changed: watch::Sender::new(()) })
    }

    /// A watch that these controllers need.
    pub(crate) fn register(
        self: &Arc<Self>,
        name: String,
        controllers: Vec<usize>,
        optional: bool,
    ) -> Token {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(Entry {
            name,
            controllers,
            optional,
            state: State::Starting,
            was_synced: false,
        });
        Token { sync: Arc::clone(self), index: entries.len() - 1 }
    }

    /// What a controller (or all) still waits for, in words.
    pub(crate) fn waiting(&self, controller: Option<usize>) -> Vec<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let concerns = |e: &&Entry| controller.is_none_or(|c| e.controllers.contains(&c));
        let story = |e: &Entry| match &e.state {
            State::NotServed => {
                format!("{} (not served; install its CustomResourceDefinition)", e.name)
            }
            State::Failing(error) => format!("{} ({error})", e.name),
            State::Starting | State::Synced => e.name.clone(),
        };
        entries.iter().filter(|e| e.holds_up()).filter(concerns).map(story).collect()
    }

    /// Resolves when a controller waits for nothing.
    pub(crate) async fn wait(&self, controller: usize) {
        let mut changed = self.changed.subscribe();
        while !self.waiting(Some(controller)).is_empty() {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Token {
    /// Sets the state; `true` when it is another kind of state than before.
    pub(crate) fn set(&self, state: State) -> bool {
        let mut entries = self.sync.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get_mut(self.index) else { return false };
        let news = std::mem::discriminant(&entry.state) != std::mem::discriminant(&state);
        entry.was_synced |= state == State::Synced;
        entry.state = state;
        drop(entries);
        self.sync.changed.send_replace(());
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_controller_waits_for_its_own_watches_alone() {
        let sync = Sync::new();
        let (one, two) = (
            sync.register("a".into(), vec![0], false),
            sync.register("b".into(), vec![0, 1], false),
        );
        two.set(State::Synced);
        sync.wait(1).await;
        assert_eq!(sync.waiting(Some(0)), ["a"]);
        one.set(State::Failing("refused".into()));
        assert_eq!(sync.waiting(None), ["a (refused)"]);
        one.set(State::Synced);
        sync.wait(0).await;
        one.set(State::Failing("again".into()));
        assert!(sync.waiting(None).is_empty(), "a watch that is opened again holds up nothing");
    }

    #[test]
    fn an_optional_kind_that_is_not_served_holds_up_nothing() {
        let sync = Sync::new();
        sync.register("m".into(), vec![0], true).set(State::NotServed);
        assert!(sync.waiting(None).is_empty());
        sync.register("n".into(), vec![0], false).set(State::NotServed);
        assert_eq!(sync.waiting(None).len(), 1);
    }
}
