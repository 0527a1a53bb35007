//! Kubernetes Events (events.k8s.io/v1): warnings, once per problem, and the deletion of expired
//! resources. After a restart, the status shows which warnings were already sent.
//!
//! A background task sends them; a failure to send never delays a reconcile.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use kubewright_core::internals::hash;
use kubewright_core::internals::owner::Owner;
use kubewright_core::names;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::api::Api;
use crate::memory::{Shrink as _, lock};

/// Events that wait to be sent. More are dropped and logged.
const CAPACITY: usize = 256;
/// The longest note in bytes (events.k8s.io/v1).
const MAX_NOTE: usize = 1024;
/// In this time, at most [`MAX_SENT`] warnings about one object with one reason are sent.
const PAUSE: Duration = Duration::from_mins(1);
/// A problem that comes again at once is worth a warning; one that comes and goes is not.
const MAX_SENT: u32 = 3;

/// The type of an Event.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum EventType {
    Normal,
    Warning,
}

/// The warnings that are remembered for one object. Reasons are few.
const MAX_WARNINGS: usize = 8;

/// The last warning about an object with one reason.
struct LastWarning {
    reason: u64,
    note: u64,
    /// When the current minute began, and how many warnings were sent in it.
    since: Instant,
    sent: u32,
    /// Whether the problem ended, so that it is new if it comes again.
    is_over: bool,
}

/// Records Events.
pub(crate) struct Events {
    /// `None` once the process stops.
    queue: Mutex<Option<mpsc::Sender<(String, Value)>>>,
    reporter: &'static str,
    instance: String,
    /// By UID.
    last_warnings: Mutex<HashMap<Box<str>, Vec<LastWarning>>>,
}

impl Events {
    /// The recorder, and the task that sends.
    pub(crate) fn new(api: Api) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, mut waiting) = mpsc::channel::<(String, Value)>(CAPACITY);
        let reporter = api.manager();
        let send = async move {
            while let Some((namespace, event)) = waiting.recv().await {
                let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
                if let Err(error) = api.create(path, &event).await {
                    tracing::debug!(%error, "could not create an Event");
                }
            }
        };
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| reporter.to_owned());
        let queue = Mutex::new(Some(queue));
        (Self { queue, reporter, instance, last_warnings: Mutex::default() }, send)
    }

    /// Warns about a problem of an object, unless this was the last warning about the object.
    pub(crate) fn warn(&self, about: &Owner, reason: &str, note: &str) {
        self.send_warning(about, reason, note, false);
    }

    /// Warns about a problem of an object that is known to be new.
    pub(crate) fn warn_anew(&self, about: &Owner, reason: &str, note: &str) {
        self.send_warning(about, reason, note, true);
    }

    /// Sends a warning, but only some per minute about one object with one reason: problems that
    /// alternate must not flood the namespace.
    fn send_warning(&self, about: &Owner, reason: &str, note: &str, is_new: bool) {
        let mut now = LastWarning {
            reason: hash::of(reason.as_bytes()),
            note: hash::of(note.as_bytes()),
            since: Instant::now(),
            sent: 1,
            is_over: false,
        };
        let mut last_warnings = lock(&self.last_warnings);
        let of_object = last_warnings.entry(about.uid.as_str().into()).or_default();
        let last = of_object.iter_mut().find(|last| last.reason == now.reason);
        let is_repeated = last.is_some_and(|last| {
            let is_same = !is_new && last.note == now.note && !last.is_over;
            last.is_over = false;
            if last.since.elapsed() < PAUSE {
                (now.since, now.sent) = (last.since, last.sent + 1);
            }
            is_same || now.sent > MAX_SENT
        });
        // A problem with another reason has ended.
        let others = of_object.iter_mut().filter(|last| last.reason != now.reason);
        others.for_each(|last| last.is_over = true);
        // A dropped Event does not count as a warning.
        if !is_repeated && self.record(about, EventType::Warning, reason, note) {
            of_object.retain(|last| last.reason != now.reason);
            if of_object.len() == MAX_WARNINGS {
                of_object.remove(0);
            }
            of_object.push(now);
        }
        if of_object.is_empty() {
            last_warnings.remove(about.uid.as_str());
        }
    }

    /// Records an Event in any case. Returns `false` if the queue was full.
    pub(crate) fn record(&self, about: &Owner, type_: EventType, reason: &str, note: &str) -> bool {
        // Events of cluster-scoped objects live in `default`.
        let namespace = about.key.namespace().unwrap_or("default").to_owned();
        let now = Timestamp::now();
        let name = format!("{}.{:x}", names::child_name(&[&about.key.name]), now.as_nanosecond());
        let event = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": { "name": name, "namespace": namespace },
            "eventTime": format!("{now:.6}"), "type": type_, "reason": reason,
            "action": "Reconcile", "note": &note[..note.floor_char_boundary(MAX_NOTE)],
            "reportingController": self.reporter,
            "reportingInstance": names::child_name(&[&self.instance]),
            "regarding": {
                "apiVersion": about.kind.api_version(), "kind": about.kind.kind, "uid": about.uid,
                "name": &*about.key.name, "namespace": about.key.namespace(),
            },
        });
        let queue = lock(&self.queue);
        let is_queued =
            queue.as_ref().is_some_and(|queue| queue.try_send((namespace, event)).is_ok());
        if !is_queued {
            tracing::warn!(resource = %about.key, reason, note, "dropped an Event: too many wait");
        }
        is_queued
    }

    /// Accepts no more Events: the task that sends ends when it has sent those that wait.
    pub(crate) fn close(&self) {
        lock(&self.queue).take();
    }

    /// Records that an object is healthy: its next problem is new.
    pub(crate) fn clear(&self, uid: &str) {
        let mut last_warnings = lock(&self.last_warnings);
        let Some(of_object) = last_warnings.get_mut(uid) else { return };
        of_object.retain(|last| last.since.elapsed() < PAUSE);
        for last in of_object.iter_mut() {
            last.is_over = true;
        }
        if of_object.is_empty() {
            last_warnings.remove(uid);
            last_warnings.shrink_if_sparse();
        }
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        let mut last_warnings = lock(&self.last_warnings);
        last_warnings.remove(uid);
        last_warnings.shrink_if_sparse();
    }

    /// The number of objects with warnings.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.last_warnings).len()
    }
}

#[cfg(test)]
mod tests;
