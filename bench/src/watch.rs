//! The bench's own eyes: a watch of metadata for each kind, the same in every run, for bare client and operator alike.
//!
//! Counting costs the API server one small message for each change, and no request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::client::Api;
use crate::error::Error;
use crate::workload::{NAMESPACE, kinds};

/// Index of the resources among [`kinds`].
pub(crate) const ECHO: usize = 0;
/// Index of the Deployments among [`kinds`].
pub(crate) const DEPLOYMENT: usize = 1;

/// One object, as far as it was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When it was first seen.
    pub(crate) appeared: Instant,
    /// When it was last seen to change.
    pub(crate) changed: Instant,
    /// Counts changes of its spec.
    pub(crate) generation: u64,
    /// Whether somebody has written its status.
    pub(crate) has_status: bool,
}

/// All that was seen.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    objects: [HashMap<String, Seen>; 3],
    events: [u64; 3],
    complete: usize,
    completed: Option<Instant>,
    broken: Option<String>,
}

impl Sight {
    /// Resources with all children and a status.
    pub(crate) fn complete(&self) -> usize {
        self.complete
    }

    /// When the last one became complete.
    pub(crate) fn completed(&self) -> Option<Instant> {
        self.completed
    }

    /// How many objects of this kind there are.
    pub(crate) fn count(&self, kind: usize) -> usize {
        self.objects[kind].len()
    }

    /// Events of this kind so far.
    pub(crate) fn events(&self, kind: usize) -> u64 {
        self.events[kind]
    }

    /// One object.
    pub(crate) fn object(&self, kind: usize, name: &str) -> Option<Seen> {
        self.objects[kind].get(name).copied()
    }

    /// When the last child of a resource appeared, once all have.
    pub(crate) fn children(&self, name: &str) -> Option<Instant> {
        let appeared = self.objects[1..].iter().map(|objects| objects.get(name).map(|seen| seen.appeared));
        appeared.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn is_complete(&self, name: &str) -> bool {
        self.objects[ECHO].get(name).is_some_and(|echo| echo.has_status) && self.children(name).is_some()
    }

    fn take(&mut self, kind: usize, line: &[u8], now: Instant) -> Result<(), String> {
        let event: Event<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let Meta { name, generation, managed_fields } = event.object.metadata;
        let was_complete = self.is_complete(&name);
        match &*event.type_ {
            "ADDED" | "MODIFIED" => {
                let has_status = managed_fields.iter().any(|entry| entry.subresource.as_deref() == Some("status"));
                let appeared = self.objects[kind].get(&*name).map_or(now, |seen| seen.appeared);
                let seen = Seen { appeared, changed: now, generation, has_status };
                self.objects[kind].insert(name.clone().into_owned(), seen);
            }
            "DELETED" => drop(self.objects[kind].remove(&*name)),
            other => return Err(format!("a watch says {other}")),
        }
        self.events[kind] += 1;
        match (was_complete, self.is_complete(&name)) {
            (false, true) => (self.complete, self.completed) = (self.complete + 1, Some(now)),
            (true, false) => self.complete -= 1,
            _ => {}
        }
        Ok(())
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
    generation: u64,
    #[serde(borrow)]
    managed_fields: Vec<Managed<'a>>,
}

#[derive(Deserialize)]
struct Managed<'a> {
    #[serde(borrow, default)]
    subresource: Option<Cow<'a, str>>,
}

/// The watches; they end with this value.
#[derive(Debug)]
pub(crate) struct Eyes {
    shared: Arc<Shared>,
    _watches: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    sight: Mutex<Sight>,
    changed: Notify,
}

impl Shared {
    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Eyes {
    /// Sees everything that happens from now on.
    pub(crate) async fn open(api: &Api) -> Result<Self, Error> {
        let (shared, mut watches) = (Arc::<Shared>::default(), JoinSet::new());
        for (index, kind) in kinds().iter().enumerate() {
            let lines = api.watch(&kind.path(Some(NAMESPACE))).await?;
            watches.spawn(follow(lines, index, Arc::clone(&shared)));
        }
        Ok(Self { shared, _watches: watches })
    }

    /// What was seen so far.
    pub(crate) fn sight(&self) -> MutexGuard<'_, Sight> {
        self.shared.sight()
    }

    /// Waits until `holds` gives something; `what` completes "until ...".
    pub(crate) async fn until<T>(
        &self,
        within: Duration,
        what: impl Into<String>,
        mut holds: impl FnMut(&Sight) -> Option<T>,
    ) -> Result<T, Error> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let changed = self.shared.changed.notified();
            {
                let sight = self.sight();
                if let Some(found) = holds(&sight) {
                    return Ok(found);
                }
                if let Some(broken) = &sight.broken {
                    return Err(Error::Unmeasurable(format!("the bench cannot see: {broken}")));
                }
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                let sight = self.sight();
                let counts = [0, 1, 2].map(|kind| sight.count(kind));
                let seen = format!("{counts:?} objects, {} resources complete", sight.complete);
                return Err(Error::Late { what: what.into(), within, seen });
            }
        }
    }
}

async fn follow(mut lines: impl AsyncBufRead + Unpin, kind: usize, shared: Arc<Shared>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let taken = match lines.read_until(b'\n', &mut line).await {
            Ok(0) => Err("a watch ended".to_owned()),
            Ok(_) => shared.sight().take(kind, &line, Instant::now()),
            Err(error) => Err(error.to_string()),
        };
        let broken = taken.is_err();
        if let Err(error) = taken {
            shared.sight().broken = Some(error);
        }
        shared.changed.notify_waiters();
        if broken {
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn event(type_: &str, status: bool) -> Vec<u8> {
        let fields = if status { r#"[{"manager":"a"},{"manager":"b","subresource":"status"}]"# } else { r#"[{"manager":"a"}]"# };
        format!(r#"{{"type":"{type_}","object":{{"metadata":{{"name":"a","generation":1,"managedFields":{fields}}}}}}}"#).into()
    }

    #[test]
    fn a_resource_is_complete_once_it_has_all_children_and_a_status() {
        let (mut sight, now) = (Sight::default(), Instant::now());
        sight.take(ECHO, &event("ADDED", false), now).unwrap();
        sight.take(DEPLOYMENT, &event("ADDED", false), now).unwrap();
        assert_eq!((sight.complete(), sight.children("a").is_some()), (0, false), "the Service is missing");
        sight.take(2, &event("ADDED", false), now).unwrap();
        assert_eq!((sight.complete(), sight.children("a").is_some()), (0, true), "the status is missing");
        sight.take(ECHO, &event("MODIFIED", true), now).unwrap();
        assert_eq!((sight.complete(), sight.completed()), (1, Some(now)));
        sight.take(2, &event("MODIFIED", false), now).unwrap();
        assert_eq!((sight.complete(), sight.events(2)), (1, 2), "it is counted once");
        sight.take(DEPLOYMENT, &event("DELETED", false), now).unwrap();
        assert_eq!((sight.complete(), sight.count(DEPLOYMENT)), (0, 0));
    }

    #[test]
    fn a_watch_that_tells_of_an_error_is_broken() {
        let line = br#"{"type":"ERROR","object":{"kind":"Status","metadata":{}}}"#;
        assert!(Sight::default().take(ECHO, line, Instant::now()).is_err());
    }
}
