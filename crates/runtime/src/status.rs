//! Writes the status of a resource: only when it changed, only from what was observed.

use jiff::Timestamp;
use kubewright_core::condition::{STANDARD, Verdict, merge};
use kubewright_core::observed::decode_identity;
use kubewright_core::registry::Report;
use kubewright_core::{Class, hash};
use serde_json::Value;

use crate::reconcile::{End, Run};

impl Run<'_> {
    /// Writes the status if it says something new; `None` when all is well.
    pub(crate) async fn write_status(&self, report: Report, verdict: &Verdict) -> Option<End> {
        let key = &self.key.key;
        let ahead = self.running.written.newer_than(key, self.parent.version);
        let told = told(&report, verdict, self.parent.generation());
        if ahead.is_none() && self.parent.tells(told) {
            return None;
        }
        let (current, status) = match self.change(ahead, report, verdict) {
            Ok(change) => change,
            Err(error) => return Some(self.unreadable(&error)),
        };
        if status == current {
            self.parent.settle(told);
            return None;
        }
        if let Err(wait) = self.running.written.may_differ(key, &current, &status) {
            self.engine.queue.add_after(self.key.clone(), wait);
            return None;
        }
        let answer = self.engine.api.apply_status(&self.owner.kind, key, &status, &self.owner.uid).await;
        let version = match answer {
            Ok(answer) => decode_identity(&answer).map(|(_, _, version)| version).unwrap_or_default(),
            // It is gone, or another one of that name: its own events tell what to do.
            Err(error) if error.is_not_found() || error.is_identity_conflict() => {
                tracing::debug!(controller = self.running.name, resource = %key, %error, "there is no such status to write");
                return None;
            }
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
        // Somebody else may keep a condition of their own beside ours: then the cached status never equals ours although
        // all of ours is there, and the version stays. What we wrote counts until the resource changes.
        let changed = version != self.parent.version;
        let until = if changed { version } else { version + 1 };
        self.running.written.remember(key.clone(), until, status, changed.then_some(told));
        None
    }

    /// The status as it is, and as it should be.
    fn change(&self, ahead: Option<Value>, report: Report, verdict: &Verdict) -> Result<(Value, Value), serde_json::Error> {
        let current =
            ahead.map_or_else(|| self.running.controller.current(&*self.parent.object).map(|(status, _)| status), Ok)?;
        let status = self.next(&current, report, verdict)?;
        Ok((current, status))
    }

    /// The status to write, with times taken over from `current`.
    fn next(&self, current: &Value, report: Report, verdict: &Verdict) -> Result<Value, serde_json::Error> {
        let Report { mut status, conditions } = report;
        let before = match current.get("conditions") {
            Some(conditions) => serde_json::from_value(conditions.clone())?,
            None => Vec::new(),
        };
        let wanted: Vec<_> =
            verdict.conditions().into_iter().chain(conditions.into_iter().filter(|c| !STANDARD.contains(&c.type_))).collect();
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

/// Hash of all that decides what a status says but its times; never 0.
///
/// The generation is part of it: a status may be written after an edit that its writer did not know of.
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
mod tests {
    use kubewright_core::condition::Condition;
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_a_status_says_is_in_the_hash() {
        let report = |replicas: i32, conditions: Vec<Condition>| Report { status: json!({ "replicas": replicas }), conditions };
        let own = |status| Condition::new("Routed", status, "Accepted", "by the gateway");
        let ready = |message: &str| Verdict::Ready(message.to_owned());
        let hashes = [
            told(&report(1, Vec::new()), &ready("a"), Some(1)),
            told(&report(2, Vec::new()), &ready("a"), Some(1)),
            told(&report(1, Vec::new()), &ready("b"), Some(1)),
            told(&report(1, Vec::new()), &ready("a"), Some(2)),
            told(&report(1, Vec::new()), &Verdict::Stalled("Ready", "a".to_owned()), Some(1)),
            told(&report(1, vec![own(None)]), &ready("a"), Some(1)),
            told(&report(1, vec![own(Some(true))]), &ready("a"), Some(1)),
            told(&report(1, vec![own(Some(false))]), &ready("a"), Some(1)),
        ];
        let different: std::collections::HashSet<u64> = hashes.into_iter().collect();
        assert_eq!(different.len(), hashes.len());
        assert_eq!(hashes[0], told(&report(1, Vec::new()), &ready("a"), Some(1)));
    }
}
