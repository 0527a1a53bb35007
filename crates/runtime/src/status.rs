//! Writes the status of a resource: only when it changed, only from what was observed.

use std::hash::Hasher as _;
use std::sync::Arc;

use jiff::Timestamp;
use kubewright_core::condition::{Condition, READY, STANDARD, Verdict, merge, warnings};
use kubewright_core::observed::decode_identity;
use kubewright_core::registry::{Observation, Report};
use kubewright_core::{Class, hash};
use serde_json::{Value, json};

use crate::cache::parents::Parent;
use crate::events::Tone;
use crate::reconcile::{End, Run};

/// Hash of all that a status is made from: while that is the same, so is the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inputs(u64);

impl Run<'_> {
    /// What the status is made from, where that can be told; what `build` told it cannot be hashed.
    pub(crate) fn inputs(&self, of: Observation<'_>) -> Option<Inputs> {
        let mut hasher = hash::hasher();
        if !of.facts.is_empty() {
            return None;
        }
        self.parent.add_to(&mut hasher)?;
        of.children.iter().for_each(|child| child.add_to(&mut hasher));
        Some(Inputs(hasher.finish().max(1)))
    }

    /// Whether the status is known to tell what it is made from.
    pub(crate) fn has_told(&self, Inputs(inputs): Inputs) -> bool {
        let (shown, ahead) = self.latest();
        ahead.is_none() && shown.tells(inputs)
    }

    /// Warns of what went wrong, unless the status says it already: then this process did so
    /// before, or one before it.
    ///
    /// What the status was made from before that may come again, and end the warning: it is not
    /// taken for known then.
    pub(crate) fn warn(&self, reason: &str, message: &str) {
        if !self.says(reason, message) {
            self.engine.events.warn(&self.owner, reason, message);
        }
        self.latest().0.settle(0);
    }

    /// Whether that is why the resource is not ready, as its status has it.
    fn says(&self, reason: &str, message: &str) -> bool {
        let Ok(status) = self.current() else { return false };
        let told =
            json!({ "type": READY, "status": "False", "reason": reason, "message": message });
        let is_told = |condition: &Value| {
            told.as_object()
                .is_some_and(|told| told.iter().all(|(field, said)| condition[field] == *said))
        };
        status["conditions"].as_array().is_some_and(|conditions| conditions.iter().any(is_told))
    }

    /// Writes the status if it says something new; `None` when all is well. `inputs` is what it was
    /// made from, where the same can only lead to the same again.
    pub(crate) async fn write_status(
        &self,
        report: Report,
        verdict: &Verdict,
        inputs: Option<Inputs>,
    ) -> Option<End> {
        let key = &self.key.key;
        let (shown, ahead) = self.latest();
        let told = inputs.map_or_else(
            || told(&report, verdict, self.parent.generation().filter(|_| self.recorded)),
            |Inputs(inputs)| inputs,
        );
        if ahead.is_none() && shown.tells(told) {
            return None;
        }
        let Change { current, status, warnings } = match self.change(&shown, ahead, report, verdict)
        {
            Ok(change) => change,
            Err(error) => return Some(self.unreadable(&error)),
        };
        if status == *current {
            shown.settle(told);
            return None;
        }
        if let Err(wait) = self.running.written.may_differ(key, &current, &status) {
            self.engine.queue.add_after(self.key.clone(), wait);
            return None;
        }
        let answer =
            self.engine.api.apply_status(&self.owner.kind, key, &status, &self.owner.uid).await;
        let version = match answer {
            Ok(answer) => {
                decode_identity(&answer).map(|(_, _, version)| version).unwrap_or_default()
            }
            // It is gone, or another one of that name: its own events tell what to do.
            Err(error) if error.is_not_found() || error.is_identity_conflict() => {
                tracing::debug!(controller = self.running.name, resource = %key, %error, "there is no such status to write");
                // Unless only this API server does not know its kind yet.
                return Some(End::Waits);
            }
            Err(error) => {
                tracing::warn!(controller = self.running.name, resource = %key, %error, "the status was not written");
                self.heed(&error);
                return Some(End::Failed(match error.class() {
                    // A status that the schema refuses is our defect, not the resource's.
                    Class::Invalid => Class::Bug,
                    class => class,
                }));
            }
        };
        self.engine.metrics.wrote(self.running.name, &self.owner.kind.kind, "status");
        // The status remembers what was told, also for the next process.
        for warning in warnings {
            self.engine.events.tell(&self.owner, Tone::Warning, warning.reason, &warning.message);
        }
        // Somebody else may keep a condition of their own beside ours: then the cached status never
        // equals ours although all of ours is there, and the version stays. What we wrote
        // counts until the resource changes.
        let changed = version != shown.version;
        let until = if changed { version } else { version + 1 };
        self.running.written.remember(key.clone(), until, status, changed.then_some(told));
        None
    }

    /// The resource as the watch showed it last, and the status that we wrote since.
    ///
    /// It may have been shown after this run began; by an event of our own status, which is no
    /// reason for another run.
    fn latest(&self) -> (Arc<Parent>, Option<Arc<Value>>) {
        let key = &self.key.key;
        // In this order: an event takes the former away only after it brought the latter.
        let ahead = self.running.written.last(key);
        let shown = self.running.parents.get(key).filter(|shown| shown.uid() == self.parent.uid());
        let shown = shown.unwrap_or_else(|| Arc::clone(&self.parent));
        let ahead = ahead.filter(|(version, _)| *version > shown.version).map(|(_, status)| status);
        (shown, ahead)
    }

    /// The status as it is in the cluster, as far as we know.
    pub(crate) fn current(&self) -> Result<Arc<Value>, serde_json::Error> {
        let (shown, ahead) = self.latest();
        self.status_of(&shown, ahead)
    }

    fn status_of(
        &self,
        shown: &Parent,
        ahead: Option<Arc<Value>>,
    ) -> Result<Arc<Value>, serde_json::Error> {
        ahead.map_or_else(|| self.running.controller.status(&*shown.object).map(Arc::new), Ok)
    }

    /// The status as it is, and the one to write, with times taken over from that.
    fn change(
        &self,
        shown: &Parent,
        ahead: Option<Arc<Value>>,
        report: Report,
        verdict: &Verdict,
    ) -> Result<Change, serde_json::Error> {
        let current = self.status_of(shown, ahead)?;
        let Report { mut status, conditions } = report;
        let before: Vec<_> = match current.get("conditions") {
            Some(conditions) => serde_json::from_value(conditions.clone())?,
            None => Vec::new(),
        };
        let wanted: Vec<_> = verdict
            .conditions()
            .into_iter()
            .chain(conditions.into_iter().filter(|c| !STANDARD.contains(&c.type_)))
            .collect();
        let generation = self.parent.generation();
        // The API server keeps whole seconds.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        status["conditions"] = serde_json::to_value(merge(&before, &wanted, generation, now))?;
        let about = if self.recorded {
            generation
        } else {
            current.get("observedGeneration").and_then(Value::as_i64)
        };
        if let Some(about) = about {
            status["observedGeneration"] = about.into();
        }
        let warnings = warnings(&before, &wanted).cloned().collect();
        Ok(Change { current, status, warnings })
    }

    fn unreadable(&self, error: &serde_json::Error) -> End {
        tracing::error!(controller = self.running.name, resource = %self.key.key, %error, "the status does not have its own form");
        End::Failed(Class::Bug)
    }
}

/// What a status is to become.
struct Change {
    /// As it is.
    current: Arc<Value>,
    /// As it should be.
    status: Value,
    /// Conditions to warn of that become true by it.
    warnings: Vec<Condition>,
}

/// Hash of all that decides what a status says but its times; never 0.
///
/// The generation is part of it: a status may be written after an edit that its writer did not know
/// of.
fn told(report: &Report, verdict: &Verdict, generation: Option<i64>) -> u64 {
    let mut text = format!("{}{generation:?}", report.status);
    for condition in verdict.conditions().iter().chain(&report.conditions) {
        let status = match condition.status {
            Some(true) => '+',
            Some(false) => '-',
            None => '?',
        };
        // What is in none of them stands between them.
        for part in [condition.type_, condition.reason, &condition.message] {
            text.push('\0');
            text.push_str(part);
        }
        text.push(status);
    }
    hash::of(text.as_bytes()).max(1)
}

#[cfg(test)]
mod tests;
