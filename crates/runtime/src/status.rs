//! Writes the status of a resource: only when it changed, only from what was observed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use kubewright_core::condition::{Verdict, merge};
use kubewright_core::observed::decode_identity;
use kubewright_core::registry::Report;
use kubewright_core::{Class, ObjectKey};
use serde_json::{Value, json};

use crate::reconcile::{End, Run};

/// The status that we wrote last for a resource, and the version that it gave.
///
/// A cached resource may be older than that; then this is what counts. It is dropped as soon as the cache has caught up.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<HashMap<ObjectKey, (u64, Value)>>);

impl Written {
    /// The status as of our last write, if the cached version is older than that.
    fn newer_than(&self, key: &ObjectKey, version: u64) -> Option<Value> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(key) {
            Some((at, status)) if *at > version => Some(status.clone()),
            Some(_) => {
                written.remove(key);
                None
            }
            None => None,
        }
    }

    fn remember(&self, key: ObjectKey, version: u64, status: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (version, status));
    }

    /// The resource is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl Run<'_> {
    /// Writes the status if it says something new; `None` when all is well.
    pub(crate) async fn write_status(&self, report: Report, verdict: &Verdict) -> Option<End> {
        let key = &self.key.key;
        let current = match self.running.controller.current(&*self.parent.object) {
            Ok((status, _)) => self.running.written.newer_than(key, self.parent.version).unwrap_or(status),
            Err(error) => return Some(self.unreadable(&error)),
        };
        let status = match self.next(&current, report, verdict) {
            Ok(status) => status,
            Err(error) => return Some(self.unreadable(&error)),
        };
        if status == current {
            return None;
        }
        let body = json!({
            "apiVersion": self.owner.kind.api_version(), "kind": self.owner.kind.kind,
            "metadata": { "name": &*key.name, "namespace": key.namespace() },
            "status": status,
        });
        let answer = self.engine.api.apply_status(&self.owner.kind, key, &body, &self.owner.uid).await;
        let version = match answer {
            Ok(answer) => decode_identity(&answer).map(|(_, _, version)| version).unwrap_or_default(),
            // It is gone, or another one of that name: its own events tell what to do.
            Err(error) if error.is_not_found() || error.is_identity_conflict() => return Some(End::Done),
            Err(error) => {
                tracing::warn!(controller = self.running.name, resource = %key, %error, "the status was not written");
                return Some(End::Failed(match error.class() {
                    // A status that the schema refuses is our defect, not the resource's.
                    Class::Invalid => Class::Bug,
                    class => class,
                }));
            }
        };
        self.engine.metrics.wrote(self.running.name, &self.owner.kind.kind, "status");
        self.running.written.remember(key.clone(), version, status);
        None
    }

    /// The status to write, with times taken over from `current`.
    fn next(&self, current: &Value, report: Report, verdict: &Verdict) -> Result<Value, serde_json::Error> {
        let Report { mut status, conditions } = report;
        let before = match current.get("conditions") {
            Some(conditions) => serde_json::from_value(conditions.clone())?,
            None => Vec::new(),
        };
        let wanted: Vec<_> = verdict.conditions().into_iter().chain(conditions).collect();
        let generation = self.parent.generation();
        // The API server keeps whole seconds.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        status["conditions"] = serde_json::to_value(merge(&before, &wanted, generation, now))?;
        if let Some(generation) = generation {
            status["observedGeneration"] = generation.into();
        }
        Ok(status)
    }

    fn unreadable(&self, error: &serde_json::Error) -> End {
        tracing::error!(controller = self.running.name, resource = %self.key.key, %error, "the status does not have its own form");
        End::Failed(Class::Bug)
    }
}
