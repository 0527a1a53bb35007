//! One run for one resource: build, plan, apply, status. Everything else is elsewhere.

use std::sync::Arc;

use kubewright_core::children::{Desired, Owner};
use kubewright_core::condition::{Verdict, verdict};
use kubewright_core::observed::{ChildState, ObservedChild, Outcome};
use kubewright_core::plan::{Existing, Step, plan};
use kubewright_core::registry::{Built, Report, owner_of};
use kubewright_core::{Class, reason};

use crate::cache::parents::Parent;
use crate::cache::reads::ReadCache;
use crate::engine::{Engine, Running};
use crate::queue::WorkKey;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing more to do until something changes.
    Done,
    /// Something was looked up that changed meanwhile: run again at once.
    Again,
    /// It did not work; the class decides what follows.
    Failed(Class),
}

/// What one run has to do with.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) running: &'a Running,
    pub(crate) key: &'a WorkKey,
    pub(crate) parent: Parent,
    pub(crate) owner: Owner,
}

/// Reconciles one resource.
pub(crate) async fn reconcile(engine: &Engine, key: &WorkKey) -> End {
    let running = engine.running(key.controller);
    let Some(parent) = running.parents.get(&key.key) else { return End::Done };
    // Garbage collection must win: nothing is applied for what is being deleted.
    if parent.is_deleting() {
        return End::Done;
    }
    let owner = owner_of(running.kind.clone(), &*parent.object);
    Run { engine, running, key, parent, owner }.run().await
}

impl Run<'_> {
    async fn run(&self) -> End {
        let (built, fresh) = match self.build() {
            Ok(built) => built,
            Err(defect) => return self.defect(&defect).await,
        };
        let desired = match built {
            Ok(desired) => desired,
            Err(invalid) => {
                self.engine.events.warn(&self.owner, invalid.reason, &invalid.message);
                let told = self.tell(Vec::new(), Verdict::Stalled(invalid.reason, invalid.message)).await;
                return told.unwrap_or(End::Failed(Class::Invalid));
            }
        };
        let outcomes = self.apply(&desired).await;
        // The namespace is going away, and everything in it: there is nobody to tell.
        let Some(outcomes) = outcomes else { return End::Done };
        let end = self.status(&desired, &outcomes).await;
        if fresh { end } else { End::Again }
    }

    /// The desired children, and whether nothing changed that they were built from.
    fn build(&self) -> Result<(Result<Vec<Desired>, kubewright_core::Invalid>, bool), String> {
        let (built, changes) = {
            let reads = self.engine.reads.snapshot();
            let built = self.running.controller.build(self.engine.manager, &*self.parent.object, &*reads);
            (built, ReadCache::changes(&reads))
        };
        let Built { children, lookups } = built.map_err(|e| e.to_string())?;
        let fresh = self.engine.reads.record(self.key, lookups, changes);
        Ok((children, fresh))
    }

    /// Plans and executes; `None` when the namespace is being deleted.
    async fn apply(&self, desired: &[Desired]) -> Option<Vec<Outcome>> {
        let existing = self.existing(desired);
        let existing: Vec<Existing<'_>> = existing.iter().map(|(kind, child)| Existing { kind, child }).collect();
        let served = |kind: &_| self.running.child_cache(kind).is_none_or(|cache| cache.is_served());
        let steps = plan(&self.owner.uid, desired, &existing, served);
        if !steps.iter().any(Step::writes) {
            self.learn(&steps, desired, &existing);
        }
        self.execute(steps, desired).await
    }

    /// What is known of the objects that this resource controls, or that have the names of what it wants.
    fn existing(&self, desired: &[Desired]) -> Vec<(kubewright_core::KindInfo, Arc<ObservedChild>)> {
        let mut existing = Vec::with_capacity(desired.len());
        for cache in &self.running.children {
            let owned = cache.owned_by(&self.owner.uid);
            for want in desired.iter().filter(|d| d.kind == cache.kind) {
                if !owned.iter().any(|child| child.key == want.key)
                    && let Some(other) = cache.get(&want.key)
                {
                    existing.push((cache.kind.clone(), other));
                }
            }
            existing.extend(owned.into_iter().map(|child| (cache.kind.clone(), child)));
        }
        existing
    }

    /// Remembers what comparisons found out, so that nothing is compared twice.
    fn learn(&self, steps: &[Step], desired: &[Desired], existing: &[Existing<'_>]) {
        for step in steps {
            let Step::Keep { index, learned: true } = step else { continue };
            let want = &desired[*index];
            let have = existing.iter().find(|e| *e.kind == want.kind && e.child.key == want.key);
            if let (Some(have), Some(cache)) = (have, self.running.child_cache(&want.kind)) {
                cache.learned(have.child, want.hash);
            }
        }
    }

    async fn status(&self, desired: &[Desired], outcomes: &[Outcome]) -> End {
        let observed: Vec<Option<Arc<ObservedChild>>> = desired
            .iter()
            .map(|want| {
                let child = self.running.child_cache(&want.kind)?.get(&want.key)?;
                child.is_controlled_by(&self.owner.uid).then_some(child)
            })
            .collect();
        let states: Vec<ChildState<'_>> = desired
            .iter()
            .zip(&observed)
            .zip(outcomes)
            .map(|((desired, observed), outcome)| ChildState { desired, observed: observed.as_deref(), outcome })
            .collect();
        let verdict = verdict(&self.running.kind, &states);
        self.warn(&verdict, outcomes);
        let told = self.tell(states, verdict).await;
        told.unwrap_or_else(|| worst(outcomes).map_or(End::Done, End::Failed))
    }

    /// An Event for what a person must know: what was refused, and what the API server does not accept.
    fn warn(&self, verdict: &Verdict, outcomes: &[Outcome]) {
        match verdict {
            Verdict::Ready(_) => self.engine.events.clear(&self.owner.uid),
            Verdict::Stalled(reason, message) | Verdict::Progressing(reason, message) if worst(outcomes).is_some() => {
                self.engine.events.warn(&self.owner, reason, message);
            }
            _ => {}
        }
    }

    /// Reports and writes the status; `None` when that worked.
    pub(crate) async fn tell(&self, states: Vec<ChildState<'_>>, verdict: Verdict) -> Option<End> {
        let report = match self.running.controller.report(&*self.parent.object, &states) {
            Ok(report) => report,
            Err(error) => return Some(self.failed(&format!("the status cannot be written as JSON: {error}"))),
        };
        drop(states);
        self.write_status(report, &verdict).await
    }

    fn failed(&self, defect: &str) -> End {
        tracing::error!(resource = %self.key.key, controller = self.running.name, defect, "a defect in the operator");
        self.engine.events.warn(&self.owner, reason::INTERNAL, defect);
        End::Failed(Class::Bug)
    }

    /// A defect is told in the status too: the resource's owner should know that it is not their fault.
    pub(crate) async fn defect(&self, defect: &str) -> End {
        let end = self.failed(defect);
        let report = match self.running.controller.current(&*self.parent.object) {
            Ok((status, _)) => Report { status, conditions: Vec::new() },
            Err(_) => return end,
        };
        let _ = self.write_status(report, &Verdict::Progressing(reason::INTERNAL, defect.to_owned())).await;
        end
    }
}

/// The worst class among the outcomes. What only waits is not a failure: an event tells when it is over.
fn worst(outcomes: &[Outcome]) -> Option<Class> {
    let class = |outcome: &Outcome| match outcome {
        Outcome::Failed { class, .. } => Some(*class),
        Outcome::Refused(_) => Some(Class::Refused),
        Outcome::InSync | Outcome::Terminating | Outcome::NotServed => None,
    };
    // One that another try can help goes first: only when all wait for an edit is the resource parked.
    outcomes.iter().filter_map(class).min_by_key(|class| (*class == Class::Invalid, *class))
}

#[cfg(test)]
mod tests {
    use kubewright_core::observed::Holder;

    use super::*;

    #[test]
    fn what_another_try_can_help_is_not_parked_by_what_waits_for_an_edit() {
        let failed = |class| Outcome::Failed { class, message: String::new() };
        assert_eq!(worst(&[Outcome::InSync, Outcome::Terminating, Outcome::NotServed]), None);
        assert_eq!(worst(&[failed(Class::Invalid)]), Some(Class::Invalid));
        assert_eq!(worst(&[failed(Class::Invalid), Outcome::Refused(Holder::Nobody)]), Some(Class::Refused));
        assert_eq!(worst(&[Outcome::Refused(Holder::Nobody), failed(Class::Transient)]), Some(Class::Transient));
    }
}
