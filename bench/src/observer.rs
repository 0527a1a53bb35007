//! The bench's own view of the cluster: one metadata watch for each kind, the same in every run.
//!
//! An observed change costs the API server one small message and no request. If the API server
//! closes a watch because the machine is too busy, the watch continues from its last version.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::AsyncBufReadExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::client::Api;
use crate::error::Error;
use crate::workload::{NAMESPACE, Workload};

/// Index of the resources among the kinds of a workload.
pub(crate) const RESOURCE: usize = 0;
/// Index of the first children: Deployments for Echo.
pub(crate) const FIRST_CHILD: usize = 1;

/// Time between the end of a watch and its continuation.
const REOPEN: Duration = Duration::from_millis(20);

/// One observed object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) appeared: Instant,
    pub(crate) changed: Instant,
    /// The object's `metadata.generation`.
    pub(crate) generation: u64,
    /// Whether a status was written.
    pub(crate) has_status: bool,
}

/// All observed objects.
#[derive(Debug, Default)]
pub(crate) struct State {
    objects: [HashMap<String, Seen>; 3],
    events: [u64; 3],
    /// Resources that have all children and a status.
    complete: usize,
    /// When the last resource became complete.
    completed: Option<Instant>,
    error: Option<String>,
}

impl State {
    /// Objects of this kind.
    pub(crate) fn count(&self, kind: usize) -> usize {
        self.objects[kind].len()
    }

    /// Events of this kind so far.
    pub(crate) fn events(&self, kind: usize) -> u64 {
        self.events[kind]
    }

    pub(crate) fn object(&self, kind: usize, name: &str) -> Option<Seen> {
        self.objects[kind].get(name).copied()
    }

    /// When the last child of a resource appeared; `None` while one is missing.
    pub(crate) fn last_child(&self, name: &str) -> Option<Instant> {
        let appeared = self.objects[FIRST_CHILD..]
            .iter()
            .map(|objects| objects.get(name).map(|seen| seen.appeared));
        appeared.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn is_complete(&self, name: &str) -> bool {
        self.objects[RESOURCE].get(name).is_some_and(|resource| resource.has_status)
            && self.last_child(name).is_some()
    }

    /// Adds an event. Returns its version.
    fn add(&mut self, kind: usize, line: &[u8], now: Instant) -> Result<u64, String> {
        let event: Event<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let Meta { name, resource_version, generation, managed_fields } = event.object.metadata;
        let version = resource_version.parse().map_err(|_| {
            format!("an event has the resourceVersion {resource_version:?}, which is no number")
        })?;
        let was_complete = self.is_complete(&name);
        match &*event.type_ {
            "ADDED" | "MODIFIED" => {
                let has_status = managed_fields
                    .iter()
                    .any(|entry| entry.subresource.as_deref() == Some("status"));
                let appeared = self.objects[kind].get(&*name).map_or(now, |seen| seen.appeared);
                let seen = Seen { appeared, changed: now, generation, has_status };
                self.objects[kind].insert(name.clone().into_owned(), seen);
            }
            "DELETED" => drop(self.objects[kind].remove(&*name)),
            other => return Err(format!("an event has the type {other}")),
        }
        self.events[kind] += 1;
        match (was_complete, self.is_complete(&name)) {
            (false, true) => (self.complete, self.completed) = (self.complete + 1, Some(now)),
            (true, false) => self.complete -= 1,
            _ => {}
        }
        Ok(version)
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    type_: Cow<'a, str>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    metadata: Meta<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
    generation: u64,
    #[serde(borrow)]
    managed_fields: Vec<Managed<'a>>,
}

#[derive(Deserialize)]
struct Managed<'a> {
    #[serde(borrow, default)]
    subresource: Option<Cow<'a, str>>,
}

/// The watches. They end when this value is dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    shared: Arc<Shared>,
    _watches: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer {
    /// Observes every change from now on.
    pub(crate) async fn start(api: &Api, workload: Workload) -> Result<Self, Error> {
        let (shared, mut watches) = (Arc::<Shared>::default(), JoinSet::new());
        for (index, kind) in workload.kinds().iter().enumerate() {
            let path = kind.path(Some(NAMESPACE));
            let from = api.version(&path).await?;
            let (api, shared) = (api.clone(), Arc::clone(&shared));
            watches.spawn(async move {
                let error = follow(&api, &path, from, index, &shared).await;
                shared.state().error = Some(error);
                shared.changed.notify_waiters();
            });
        }
        Ok(Self { shared, _watches: watches })
    }

    /// Everything so far.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Waits until `count` resources are complete. Returns when the last one was.
    pub(crate) async fn all_complete(
        &self,
        within: Duration,
        count: usize,
    ) -> Result<Instant, Error> {
        let what = format!("{count} resources are complete");
        let is_reached = |state: &State| (state.complete >= count).then_some(state.completed);
        let reached = self.until(within, what, is_reached).await?;
        Ok(reached.unwrap_or_else(Instant::now))
    }

    /// Waits until `condition` returns something. `what` completes "waiting until ...".
    pub(crate) async fn until<T>(
        &self,
        within: Duration,
        what: impl Into<String>,
        mut condition: impl FnMut(&State) -> Option<T>,
    ) -> Result<T, Error> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let changed = self.shared.changed.notified();
            {
                let state = self.state();
                if let Some(found) = condition(&state) {
                    return Ok(found);
                }
                if let Some(error) = &state.error {
                    return Err(Error::Unmeasurable(format!("a watch of the bench: {error}")));
                }
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                let state = self.state();
                let counts = [0, 1, 2].map(|kind| state.count(kind));
                let seen = format!("{counts:?} objects, {} resources complete", state.complete);
                return Err(Error::Late { what: what.into(), within, seen });
            }
        }
    }
}

/// Watches until that fails. Returns why.
async fn follow(api: &Api, path: &str, mut version: u64, kind: usize, shared: &Shared) -> String {
    let mut line = Vec::new();
    loop {
        let mut lines = match api.watch(path, version).await {
            Ok(lines) => lines,
            Err(error) => return error.to_string(),
        };
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line).await {
                // A line that was cut off comes again, in full.
                Ok(_) if line.last() != Some(&b'\n') => break,
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
            match shared.state().add(kind, &line, Instant::now()) {
                Ok(seen) => version = seen,
                Err(error) => return error,
            }
            shared.changed.notify_waiters();
        }
        // A server that closes every watch at once must not be flooded.
        tokio::time::sleep(REOPEN).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(type_: &str, status: bool) -> Vec<u8> {
        let mut managers = vec![json!({ "manager": "a" })];
        if status {
            managers.push(json!({ "manager": "b", "subresource": "status" }));
        }
        let metadata = json!({ "name": "a", "resourceVersion": "7", "generation": 1,
            "managedFields": managers });
        json!({ "type": type_, "object": { "metadata": metadata } }).to_string().into()
    }

    #[test]
    fn a_resource_is_complete_once_it_has_all_children_and_a_status() {
        let (mut state, now) = (State::default(), Instant::now());
        state.add(RESOURCE, &event("ADDED", false), now).unwrap();
        state.add(FIRST_CHILD, &event("ADDED", false), now).unwrap();
        assert_eq!((state.complete, state.last_child("a")), (0, None), "a child is missing");
        state.add(2, &event("ADDED", false), now).unwrap();
        assert_eq!((state.complete, state.last_child("a")), (0, Some(now)), "no status");
        state.add(RESOURCE, &event("MODIFIED", true), now).unwrap();
        assert_eq!((state.complete, state.completed), (1, Some(now)));
        state.add(2, &event("MODIFIED", false), now).unwrap();
        assert_eq!((state.complete, state.events(2)), (1, 2), "it counts once");
        assert_eq!(state.add(2, &event("MODIFIED", false), now), Ok(7), "the event's version");
        state.add(FIRST_CHILD, &event("DELETED", false), now).unwrap();
        assert_eq!((state.complete, state.count(FIRST_CHILD)), (0, 0));
    }

    #[test]
    fn an_error_event_ends_the_watch() {
        let line = br#"{"type":"ERROR","object":{"kind":"Status","metadata":{}}}"#;
        assert!(State::default().add(RESOURCE, line, Instant::now()).is_err());
    }
}
