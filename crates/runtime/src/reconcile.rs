//! One run for one resource: build, plan, apply, status. Everything else is elsewhere.

use std::sync::Arc;

use kubewright_core::children::Owner;
use kubewright_core::condition::{Verdict, verdict};
use kubewright_core::desired::Desired;
use kubewright_core::facts::Facts;
use kubewright_core::observed::{ChildState, Covered, ObservedChild, Outcome};
use kubewright_core::plan::{Existing, Step, plan};
use kubewright_core::registry::{Built, Observation, Report, owner_of};
use kubewright_core::{Class, Invalid, Timestamp, reason};

use crate::apply::{Applied, Left};
use crate::cache::parents::Parent;
use crate::cache::reads::Times;
use crate::engine::{BACKOFF, Engine, Running};
use crate::error::ApiError;
use crate::queue::WorkKey;
use crate::retire::{Kept, Retired};
use crate::status::Inputs;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing more to do until something changes.
    Done,
    /// The operator says that this cannot work: an edit, or a change of a child or of what was
    /// looked up, brings it back.
    Parked,
    /// Something must end first; no failure, but nobody may tell when it has ended.
    Waits,
    /// It did not work; the class decides what follows.
    Failed(Class),
}

/// What one run has to do with.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) running: &'a Running,
    pub(crate) key: &'a WorkKey,
    pub(crate) parent: Arc<Parent>,
    pub(crate) owner: Owner,
    /// Whether it is known when the resource was last changed, or nobody asks. Where not, its
    /// status is not about that change yet: that is what a later run, and a later process,
    /// know it by.
    pub(crate) recorded: bool,
}

/// Reconciles one resource.
pub(crate) async fn reconcile(engine: &Engine, key: &WorkKey) -> End {
    let running = engine.running(key.controller);
    let Some(parent) = running.parents.get(&key.key) else { return End::Done };
    // Garbage collection must win: nothing is applied for what is being deleted.
    if parent.is_deleting() {
        engine.brake.forget(key);
        return End::Done;
    }
    Run::new(engine, running, key, parent).run().await
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        running: &'a Running,
        key: &'a WorkKey,
        parent: Arc<Parent>,
    ) -> Self {
        let owner = owner_of(running.kind.clone(), &*parent.object);
        let recorded = !(running.controller.retires() && parent.is_unrecorded());
        Self { engine, running, key, parent, owner, recorded }
    }
}

impl Run<'_> {
    async fn run(mut self) -> End {
        let changed = self.changed_at().await;
        let Built { children, facts, moments, retire, .. } = match self.build(changed.at) {
            Err(defect) => return self.defect(&defect).await,
            Ok(built) => built,
        };
        let unsure = match self.record_change(changed, moments).await {
            Err(end) => return end,
            Ok(unsure) => unsure,
        };
        self.recorded = unsure.is_none();
        // Nothing is deleted from a time that is not known.
        let retire = retire.filter(|_| self.recorded);
        let Retired::Kept(mut kept) = self.retire(retire.as_ref(), moments).await else {
            return End::Done;
        };
        kept.failed = kept.failed.or(unsure);
        match children {
            Ok(desired) => {
                // The namespace is going away, and everything in it: there is nobody to tell.
                let Some(mut applied) = self.apply(&desired).await else { return End::Done };
                applied.left.extend(kept.failed);
                let end = self.status(&desired, &applied, &facts).await;
                if kept.changed && end == End::Done { End::Waits } else { end }
            }
            Err(invalid) => self.refused(invalid, &facts, kept).await,
        }
    }

    /// What the resource asks for cannot work, and was told why. What was made before is kept, or
    /// withdrawn: then nothing is desired.
    async fn refused(&self, invalid: Invalid, facts: &Facts, kept: Kept) -> End {
        let Invalid { reason, message, withdraw, .. } = invalid;
        let withdrawn = if withdraw { self.apply(&[]).await } else { None };
        let mut applied = withdrawn.unwrap_or_default();
        applied.left.extend(kept.failed);
        let end = match end_of(&applied) {
            End::Done if kept.changed => End::Waits,
            End::Done => End::Parked,
            end => end,
        };
        let message = and_left(message, &applied.left);
        if matches!(end, End::Failed(_)) {
            tracing::warn!(controller = self.running.name, resource = %self.key.key, reason, message, "refused, and not reconciled");
        }
        self.warn(reason, &message);
        let verdict = Verdict::Stalled(reason, message);
        let told = self.tell(Observation { children: &[], facts }, verdict, None).await;
        told.unwrap_or(end)
    }

    /// What the operator says; whatever changes from now on of what it says that from wakes the
    /// resource.
    fn build(&self, changed_at: Option<Timestamp>) -> Result<Built, String> {
        let times = Times { now: self.engine.deadlines.now(), changed_at };
        let reads = self.engine.reads.snapshot(times);
        let built =
            self.running.controller.build_for(self.engine.program(), &*self.parent.object, &reads);
        let mut built = built.map_err(|e| e.to_string())?;
        reads.record(self.key, std::mem::take(&mut built.lookups));
        self.engine.deadlines.record(self.key, built.moments.next);
        Ok(built)
    }

    /// Plans and executes; `None` when the namespace is being deleted.
    async fn apply(&self, desired: &[Desired]) -> Option<Applied> {
        let existing = self.existing(desired);
        let existing: Vec<Existing<'_>> =
            existing.iter().map(|(kind, child)| Existing { kind, child }).collect();
        let served =
            |kind: &_| self.running.child_cache(kind).is_none_or(|cache| cache.is_served());
        let steps = plan(&self.owner.uid, desired, &existing, served);
        if !steps.iter().any(Step::writes) {
            self.learn(&steps, desired, &existing);
        }
        self.execute(steps, desired).await
    }

    /// What is known of the objects that this resource controls, or that have the names of what it
    /// wants.
    fn existing(
        &self,
        desired: &[Desired],
    ) -> Vec<(kubewright_core::KindInfo, Arc<ObservedChild>)> {
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
                cache.learned(have.child, Covered::by(want));
            }
        }
    }

    async fn status(&self, desired: &[Desired], applied: &Applied, facts: &Facts) -> End {
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
            .zip(&applied.outcomes)
            .map(|((desired, observed), outcome)| ChildState {
                desired,
                observed: observed.as_deref(),
                outcome,
            })
            .collect();
        let of = Observation { children: &states, facts };
        let end = end_of(applied);
        // Who fails or waits comes again for that, whatever is told.
        let inputs = if end == End::Done { self.inputs(of) } else { None };
        if inputs.is_some_and(|inputs| self.has_told(inputs)) {
            return End::Done;
        }
        let derived = with_left(verdict(&self.running.kind, &states), &applied.left);
        let (verdict, end) = match self.judge(of, derived, end) {
            Ok(judged) => judged,
            Err(error) => return self.failed(&format!("there is no verdict: {error}")),
        };
        match self.tell(of, verdict, inputs.filter(|_| end == End::Done)).await {
            // Who has failed at more than the status comes again for that.
            None | Some(End::Waits) if end != End::Done => end,
            told => told.unwrap_or(end),
        }
    }

    /// The operator's last word on what was derived from the children, and how the run ends with
    /// it. An Event tells what a person must know: what was refused, what the API server does
    /// not accept, and what the operator says cannot work.
    fn judge(
        &self,
        of: Observation<'_>,
        derived: Verdict,
        end: End,
    ) -> Result<(Verdict, End), serde_json::Error> {
        let failed = matches!(end, End::Failed(_));
        if let Verdict::Stalled(reason, message) | Verdict::Progressing(reason, message) = &derived
            && failed
        {
            tracing::warn!(controller = self.running.name, resource = %self.key.key, reason, message, "not reconciled");
            self.warn(reason, message);
        }
        let stalled_by =
            if let Verdict::Stalled(reason, _) = derived { Some(reason) } else { None };
        let verdict = self.running.controller.verdict(&*self.parent.object, of, derived)?;
        let end = match &verdict {
            Verdict::Ready(_) if !failed => {
                self.engine.events.clear(&self.owner.uid);
                end
            }
            // What failed or waits comes again for that, whatever the operator says.
            Verdict::Stalled(reason, message)
                if end == End::Done && stalled_by != Some(*reason) =>
            {
                self.warn(reason, message);
                End::Parked
            }
            _ => end,
        };
        Ok((verdict, end))
    }

    /// Reports and writes the status; `None` when that worked.
    pub(crate) async fn tell(
        &self,
        of: Observation<'_>,
        verdict: Verdict,
        inputs: Option<Inputs>,
    ) -> Option<End> {
        let report = match self.running.controller.report(&*self.parent.object, of) {
            Ok(report) => report,
            Err(error) => {
                return Some(
                    self.failed(&format!("the status cannot be written as JSON: {error}")),
                );
            }
        };
        self.write_status(report, &verdict, inputs).await
    }

    /// An API server that asks to be left alone for a while is: see when this resource comes again.
    pub(crate) fn heed(&self, error: &ApiError) {
        if let Some(wait) = error.retry_after() {
            self.engine.retries.hold(self.key, wait, BACKOFF.0, BACKOFF.1);
        }
    }

    fn failed(&self, defect: &str) -> End {
        tracing::error!(resource = %self.key.key, controller = self.running.name, defect, "a defect in the operator");
        self.warn(reason::INTERNAL, defect);
        End::Failed(Class::Bug)
    }

    /// A defect is told in the status too: the resource's owner should know that it is not their
    /// fault.
    pub(crate) async fn defect(&self, defect: &str) -> End {
        // Whoever waits behind it to be deleted must not wait for a defect to be mended.
        self.engine.brake.forget(self.key);
        let end = self.failed(defect);
        let report = match self.current() {
            Ok(status) => Report { status: Arc::unwrap_or_clone(status), conditions: Vec::new() },
            Err(_) => return end,
        };
        let _ = self
            .write_status(report, &Verdict::Progressing(reason::INTERNAL, defect.to_owned()), None)
            .await;
        end
    }
}

/// How a run ends whose steps came to this.
fn end_of(applied: &Applied) -> End {
    let class = |outcome: &Outcome| match outcome {
        Outcome::Failed { class, .. } => Some(*class),
        Outcome::Refused(_) => Some(Class::Refused),
        Outcome::InSync | Outcome::Terminating | Outcome::Held(_) | Outcome::NotServed => None,
    };
    let classes =
        applied.outcomes.iter().filter_map(class).chain(applied.left.iter().map(|left| left.class));
    // One that another try soon can help goes first.
    match classes.min_by_key(|class| (*class == Class::Invalid, *class)) {
        Some(class) => End::Failed(class),
        None if applied.outcomes.contains(&Outcome::Terminating) => End::Waits,
        None => End::Done,
    }
}

/// What is left to do keeps a resource from being ready.
fn with_left(verdict: Verdict, left: &[Left]) -> Verdict {
    let Some(first) = left.first() else { return verdict };
    match verdict {
        Verdict::Stalled(..) => verdict,
        _ if first.class == Class::Invalid => Verdict::Stalled(first.reason(), first.to_string()),
        _ => Verdict::Progressing(first.reason(), first.to_string()),
    }
}

/// Why a resource is refused, and what is still there although it is.
fn and_left(why: String, left: &[Left]) -> String {
    match left.first() {
        Some(first) => format!("{why}; {first}"),
        None => why,
    }
}

#[cfg(test)]
mod refused;
#[cfg(test)]
mod words;

#[cfg(test)]
mod tests {
    use kubewright_core::observed::Holder;

    use super::*;
    use crate::apply::Undone;

    fn applied(outcomes: Vec<Outcome>) -> Applied {
        Applied { outcomes, left: Vec::new() }
    }

    fn failed(class: Class) -> Outcome {
        Outcome::Failed { class, message: String::new() }
    }

    #[test]
    fn what_another_try_soon_can_help_goes_before_what_needs_a_change() {
        assert_eq!(end_of(&applied(vec![Outcome::InSync, Outcome::NotServed])), End::Done);
        assert_eq!(end_of(&applied(vec![Outcome::InSync, Outcome::Terminating])), End::Waits);
        assert_eq!(end_of(&applied(vec![failed(Class::Invalid)])), End::Failed(Class::Invalid));
        let mixed = applied(vec![failed(Class::Invalid), Outcome::Refused(Holder::Nobody)]);
        assert_eq!(end_of(&mixed), End::Failed(Class::Refused));
        let mixed = applied(vec![Outcome::Refused(Holder::Nobody), failed(Class::Transient)]);
        assert_eq!(end_of(&mixed), End::Failed(Class::Transient));
    }

    #[test]
    fn what_could_not_be_deleted_is_told_and_tried_again_even_when_nothing_else_is_wanted() {
        let left = Left {
            what: Undone::Deletion,
            name: "ConfigMap old".into(),
            class: Class::Transient,
            message: "denied".into(),
        };
        let verdict = with_left(Verdict::Ready("all is well".into()), std::slice::from_ref(&left));
        let Verdict::Progressing(reason::DELETE_FAILED, message) = verdict else {
            panic!("{verdict:?}")
        };
        assert!(message.contains("ConfigMap old") && message.contains("denied"), "{message}");
        let applied = Applied { outcomes: Vec::new(), left: vec![left] };
        assert_eq!(end_of(&applied), End::Failed(Class::Transient));
    }
}
