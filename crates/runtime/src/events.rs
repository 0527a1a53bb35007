//! Kubernetes Events (events.k8s.io/v1) about what a person must know: warnings, each told once
//! while it lasts, and what became of a resource that is gone. What was told by a process before
//! this one, the status itself knows.
//!
//! They are sent in the background; a failure to tell never holds up the work.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kubewright_core::children::Owner;
use kubewright_core::{hash, names};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::api::Api;

/// Events that wait to be sent; more are dropped, and that is logged.
const CAPACITY: usize = 256;
/// Longest note (events.k8s.io/v1), in bytes.
const MAX_NOTE: usize = 1024;

/// Why there is an Event about an object that is looked up: it cannot be read.
pub(crate) const UNREADABLE: &str = "Unreadable";

/// Between two Events about one resource for one reason, whatever their words.
const PAUSE: Duration = Duration::from_mins(1);

/// What was last told about a resource.
#[derive(Debug)]
struct Told {
    reason: u64,
    note: u64,
    at: Instant,
}

/// Whether a person has to do something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Normal,
    Warning,
}

/// Tells Events.
#[derive(Debug)]
pub(crate) struct Events {
    queue: mpsc::Sender<(String, Value)>,
    reporter: &'static str,
    instance: String,
    /// What was last told about a resource (by UID).
    told: Mutex<HashMap<Box<str>, Told>>,
}

impl Events {
    /// The teller, and the task that sends.
    pub(crate) fn new(api: Api) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, mut waiting) = mpsc::channel::<(String, Value)>(CAPACITY);
        let reporter = api.manager();
        let send = async move {
            while let Some((namespace, event)) = waiting.recv().await {
                let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
                if let Err(error) = api.create(path, &event).await {
                    tracing::debug!(%error, "an Event was not taken");
                }
            }
        };
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| reporter.to_owned());
        (Self { queue, reporter, instance, told: Mutex::default() }, send)
    }

    /// Warns about a resource, unless that was the last thing that was told about it.
    pub(crate) fn warn(&self, about: &Owner, reason: &str, note: &str) {
        let now = Told {
            reason: hash::of(reason.as_bytes()),
            note: hash::of(note.as_bytes()),
            at: Instant::now(),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.get(&*about.uid).filter(|before| before.reason == now.reason);
        if known.is_some_and(|before| before.note == now.note || before.at.elapsed() < PAUSE) {
            return;
        }
        // One that is dropped was not told.
        if self.tell(about, Tone::Warning, reason, note) {
            told.insert(about.uid.clone().into(), now);
        }
    }

    /// Tells something about a resource, whatever was told about it before; whether there was room
    /// for it.
    pub(crate) fn tell(&self, about: &Owner, tone: Tone, reason: &str, note: &str) -> bool {
        let tone = match tone {
            Tone::Normal => "Normal",
            Tone::Warning => "Warning",
        };
        // Events of cluster-scoped objects live in `default`.
        let namespace = about.key.namespace().unwrap_or("default").to_owned();
        let now = Timestamp::now();
        let unique = format!("{:x}", now.as_nanosecond());
        let event = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": { "name": format!("{}.{unique}", names::child_name(&[&about.key.name])), "namespace": namespace },
            "eventTime": format!("{now:.6}"), "type": tone, "reason": reason, "action": "Reconcile",
            "note": &note[..note.floor_char_boundary(MAX_NOTE)],
            "reportingController": self.reporter, "reportingInstance": names::child_name(&[&self.instance]),
            "regarding": {
                "apiVersion": about.kind.api_version(), "kind": about.kind.kind, "uid": about.uid,
                "name": &*about.key.name, "namespace": about.key.namespace(),
            },
        });
        let has_room = self.queue.try_send((namespace, event)).is_ok();
        if !has_room {
            tracing::warn!(resource = %about.key, reason, note, "too many Events wait; this one is only logged");
        }
        has_room
    }

    /// All is well: the same trouble is news again.
    pub(crate) fn clear(&self, uid: &str) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}
