//! The bench's own eyes: a watch of metadata for each kind, the same in every run, for bare client
//! and operator alike.
//!
//! Counting costs the API server one small message for each change, and no request. Where the
//! machine is so busy that a watch does not keep up, the API server ends it: then it goes on from
//! the last version, and nothing is missed.

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
use crate::workload::{NAMESPACE, kinds};

/// Index of the resources among [`kinds`].
pub(crate) const ECHO: usize = 0;
/// Index of the Deployments among [`kinds`].
pub(crate) const DEPLOYMENT: usize = 1;

/// Time between the end of a watch and its continuation.
const REOPEN: Duration = Duration::from_millis(20);

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
        let appeared =
            self.objects[1..].iter().map(|objects| objects.get(name).map(|seen| seen.appeared));
        appeared.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn is_complete(&self, name: &str) -> bool {
        self.objects[ECHO].get(name).is_some_and(|echo| echo.has_status)
            && self.children(name).is_some()
    }

    /// Notes an event; gives the version that it is about.
    fn take(&mut self, kind: usize, line: &[u8], now: Instant) -> Result<u64, String> {
        let event: Event<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let Meta { name, resource_version, generation, managed_fields } = event.object.metadata;
        let version = resource_version
            .parse()
            .map_err(|_| format!("a watch tells of version {resource_version:?}"))?;
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
            other => return Err(format!("a watch says {other}")),
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
            let path = kind.path(Some(NAMESPACE));
            let from = api.position(&path).await?;
            let (api, shared) = (api.clone(), Arc::clone(&shared));
            watches.spawn(async move {
                let broken = follow(&api, &path, from, index, &shared).await;
                shared.sight().broken = Some(broken);
                shared.changed.notify_waiters();
            });
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

/// Watches whole objects as the operator does, and throws away what comes: what the API server does
/// for that is in its figures.
#[derive(Debug)]
pub(crate) struct Onlookers(JoinSet<()>);

impl Onlookers {
    /// Follows what happens from now on.
    pub(crate) async fn open(api: &Api) -> Result<Self, Error> {
        let mut watches = JoinSet::new();
        for (index, kind) in kinds().iter().enumerate() {
            let path = kind.path(None);
            let selector = if index == ECHO { String::new() } else { ours() };
            let from = api.position(&path).await?;
            let mut lines = api.watch_whole(&path, &selector, from).await?;
            watches.spawn(async move {
                let mut line = Vec::new();
                while matches!(lines.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
                    line.clear();
                }
            });
        }
        Ok(Self(watches))
    }

    /// Ends the watches.
    ///
    /// # Errors
    /// One of them had ended before.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        match self.0.try_join_next() {
            Some(_) => Err(Error::Unmeasurable("a watch of whole objects ended".to_owned())),
            None => Ok(()),
        }
    }
}

/// Selects what the operator made.
fn ours() -> String {
    format!("&labelSelector={}%3D{}", kubewright::labels::MANAGED_BY, operator::NAME)
}

/// Watches for ever; what it gives is why that is not possible.
async fn follow(api: &Api, path: &str, mut position: u64, kind: usize, shared: &Shared) -> String {
    let mut line = Vec::new();
    loop {
        let mut lines = match api.watch(path, position).await {
            Ok(lines) => lines,
            Err(error) => return error.to_string(),
        };
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line).await {
                // The rest of a line that was cut off comes again.
                Ok(_) if line.last() != Some(&b'\n') => break,
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
            match shared.sight().take(kind, &line, Instant::now()) {
                Ok(version) => position = version,
                Err(error) => return error,
            }
            shared.changed.notify_waiters();
        }
        // A server that ends every watch at once must not be flooded.
        tokio::time::sleep(REOPEN).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn event(type_: &str, status: bool) -> Vec<u8> {
        let fields = if status {
            r#"[{"manager":"a"},{"manager":"b","subresource":"status"}]"#
        } else {
            r#"[{"manager":"a"}]"#
        };
        format!(r#"{{"type":"{type_}","object":{{"metadata":{{"name":"a","resourceVersion":"7","generation":1,"managedFields":{fields}}}}}}}"#).into()
    }

    #[test]
    fn a_resource_is_complete_once_it_has_all_children_and_a_status() {
        let (mut sight, now) = (Sight::default(), Instant::now());
        sight.take(ECHO, &event("ADDED", false), now).unwrap();
        sight.take(DEPLOYMENT, &event("ADDED", false), now).unwrap();
        assert_eq!(
            (sight.complete(), sight.children("a").is_some()),
            (0, false),
            "the Service is missing"
        );
        sight.take(2, &event("ADDED", false), now).unwrap();
        assert_eq!(
            (sight.complete(), sight.children("a").is_some()),
            (0, true),
            "the status is missing"
        );
        sight.take(ECHO, &event("MODIFIED", true), now).unwrap();
        assert_eq!((sight.complete(), sight.completed()), (1, Some(now)));
        sight.take(2, &event("MODIFIED", false), now).unwrap();
        assert_eq!((sight.complete(), sight.events(2)), (1, 2), "it is counted once");
        assert_eq!(sight.take(2, &event("MODIFIED", false), now), Ok(7), "where a watch goes on");
        sight.take(DEPLOYMENT, &event("DELETED", false), now).unwrap();
        assert_eq!((sight.complete(), sight.count(DEPLOYMENT)), (0, 0));
    }

    #[test]
    fn a_watch_that_tells_of_an_error_is_broken() {
        let line = br#"{"type":"ERROR","object":{"kind":"Status","metadata":{}}}"#;
        assert!(Sight::default().take(ECHO, line, Instant::now()).is_err());
    }
}
