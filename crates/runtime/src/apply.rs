//! Executes the steps of a plan: the only place that writes children.
//!
//! Every write carries a precondition on the object's identity. When one does not hold, the object
//! is read and planned anew, with the same pure function.

use std::fmt;

use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::core::PartialObjectMeta;
use kubewright_core::desired::Desired;
use kubewright_core::observed::{self, Covered, DecodeError, Holder, ObservedChild, Outcome};
use kubewright_core::ownership::{self, Missing, Taker};
use kubewright_core::plan::{Existing, Step, Why, plan};
use kubewright_core::{Class, KindInfo, ObjectKey, labels, reason};

use crate::api::{Form, Precondition};
use crate::error::ApiError;
use crate::queue::Priority;
use crate::reconcile::Run;

/// How often one child is planned anew in one run, when others keep changing it.
const ROUNDS: usize = 4;

/// What a person should know who wonders why a child is not made at once.
const MADE_TOO_OFTEN: &str = "it is deleted by somebody again and again; it is made less often now: find them in the audit log of the \
    API server, and stop them (another version of this operator that runs beside this one, perhaps)";
/// The same of what is not deleted at once.
const DELETED_TOO_OFTEN: &str = "it is made again and again by somebody; it is deleted less often now: find them in the audit log of \
    the API server, and stop them (another version of this operator that runs beside this one, perhaps)";

/// What a step came to, or that the whole namespace is going away.
type Executed = Option<Outcome>;

/// What the steps of one run came to.
#[derive(Default)]
pub(crate) struct Applied {
    /// One for each desired child, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// What could not be done beside that.
    pub(crate) left: Vec<Left>,
}

/// What is left to do of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// It is no longer wanted, and is to be deleted.
    Deletion,
    /// When it was changed is to be known, before it is deleted for that.
    Recording,
}

/// Something that could not be done.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) what: Undone,
    /// Which one, for messages.
    pub(crate) name: String,
    /// Whether another try can help.
    pub(crate) class: Class,
    /// What the API server said.
    pub(crate) message: String,
}

impl Left {
    /// For the conditions.
    pub(crate) fn reason(&self) -> &'static str {
        match self.what {
            Undone::Deletion => reason::DELETE_FAILED,
            Undone::Recording => reason::APPLY_FAILED,
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, message, .. } = self;
        match self.what {
            Undone::Deletion => {
                write!(f, "{name} is no longer wanted and could not be deleted: {message}")
            }
            Undone::Recording => write!(
                f,
                "when {name} was changed could not be recorded in its annotation {}, and until it is, no time ends it: {message}",
                labels::CHANGED_IN
            ),
        }
    }
}

/// What became of an object that is no longer wanted.
enum Pruned {
    /// It is not there any more.
    Gone,
    /// It goes when its finalizers are taken away; its event will tell.
    Going,
    /// It could not be deleted.
    Left(Left),
}

impl Run<'_> {
    /// Deletes first, then all other steps side by side. `None` when the namespace is being
    /// deleted.
    pub(crate) async fn execute(&self, steps: Vec<Step>, desired: &[Desired]) -> Option<Applied> {
        let (deletes, others): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|s| matches!(s, Step::Delete { .. }));
        let pruned = join_all(deletes.iter().map(|step| self.prune(step))).await;
        let (mut gone, mut left) = (Vec::new(), Vec::new());
        for (step, pruned) in deletes.iter().zip(pruned) {
            match (pruned, step) {
                (Pruned::Gone, Step::Delete { kind, key, .. }) => gone.push((kind, key)),
                (Pruned::Left(it), _) => left.push(it),
                _ => {}
            }
        }
        // One step for each desired child, in their order.
        let outcomes = join_all(
            others.into_iter().zip(desired).map(|(step, want)| self.one(step.without(&gone), want)),
        )
        .await;
        Some(Applied { outcomes: outcomes.into_iter().collect::<Option<_>>()?, left })
    }

    async fn one(&self, step: Step, want: &Desired) -> Executed {
        let (mut step, mut watched) = (step, true);
        for _ in 0..ROUNDS {
            let (precondition, action) = match &step {
                Step::Create { .. } if !self.engine.pace.allows(&want.kind, &want.key) => {
                    return Some(transient(MADE_TOO_OFTEN));
                }
                Step::Create { .. } => (Precondition::Absent, "create"),
                Step::Apply { why, .. } if !self.engine.pace.allows(&want.kind, &want.key) => {
                    return Some(transient(&self.contested(want, why).await));
                }
                Step::Apply { uid, why, .. } => {
                    tracing::info!(controller = self.running.name, resource = %self.key.key, child = %describe(want), %why, "applying");
                    (
                        Precondition::Uid(uid),
                        if matches!(why, Why::Drift(_)) { "repair" } else { "update" },
                    )
                }
                // Made by this operator for a resource that is gone: garbage collection takes it,
                // and nobody has to do anything.
                Step::Refuse { holder: Holder::Controller(by), .. }
                    if watched && self.engine.is_gone(by) =>
                {
                    return Some(Outcome::Terminating);
                }
                Step::Refuse { holder, .. } => return Some(Outcome::Refused(holder.clone())),
                Step::Wait { .. } => return Some(Outcome::Terminating),
                // The event of the deletion brings the resource back, or that the API of its kind
                // is gone.
                Step::Hold { before, .. } => return Some(Outcome::Held(names(before).into())),
                Step::Skip { .. } => return Some(Outcome::NotServed),
                Step::Keep { .. } | Step::Delete { .. } => return Some(Outcome::InSync),
            };
            let error = match self.write(want, precondition, action).await {
                Ok(()) => return Some(Outcome::InSync),
                Err(error) => error,
            };
            if error.is_namespace_terminating() {
                // The resource goes with its namespace; one of the whole cluster stays, and has
                // other children.
                return if self.owner.key.namespace().is_some() {
                    None
                } else {
                    Some(self.outcome_of(&error))
                };
            }
            let cache = self.running.child_cache(&want.kind);
            if error.is_not_found()
                && cache.is_some_and(|cache| cache.optional && !cache.is_served())
            {
                // Its API has just gone; the watch on its definition tells when it is back. While
                // that says that it is there, something else is not: a namespace,
                // or one API server of several is behind.
                return Some(Outcome::NotServed);
            }
            if !error.is_identity_conflict() {
                return Some(self.outcome_of(&error));
            }
            self.engine.pace.came_to_nothing(&want.kind, &want.key);
            match self.look(&want.kind, &want.key).await {
                // No watch shows this one (it lost our label), so no event will tell when it is
                // gone: look again later.
                Ok(Some(found)) if self.is_about_to_go(&found) => {
                    return Some(transient("an older one is still being deleted"));
                }
                // Whether others of its group are there was not looked at: next time.
                Ok(None)
                    if !want.is_alone_among().is_empty()
                        && !matches!(step, Step::Create { .. }) =>
                {
                    return Some(transient("it was deleted by somebody; it is made again"));
                }
                Ok(found) => (step, watched) = (self.plan_again(want, found.as_ref()), false),
                Err(error) => return Some(self.outcome_of(&error)),
            }
        }
        Some(transient("others change it at the same time"))
    }

    fn outcome_of(&self, error: &ApiError) -> Outcome {
        self.heed(error);
        Outcome::Failed { class: error.class(), message: error.to_string() }
    }

    /// Whether an object is ours, or an earlier resource's of our name, and only waits for its end.
    fn is_about_to_go(&self, found: &ObservedChild) -> bool {
        found.controller.as_ref().is_some_and(|by| {
            found.deleting && *by.uid == *self.owner.uid || self.engine.is_predecessor(by, self.key)
        })
    }

    async fn write(
        &self,
        want: &Desired,
        precondition: Precondition<'_>,
        action: &'static str,
    ) -> Result<(), ApiError> {
        // A child of a kind without a cache does not compile.
        let Some(cache) = self.running.child_cache(&want.kind) else { return Ok(()) };
        let write = cache.writes(&want.key, &self.owner.uid);
        let answer = self.engine.api.apply(want, precondition).await;
        let child = answer.and_then(|answer| Ok(observed::decode(&answer, self.engine.manager)?));
        let (is_last_word, written) = match child {
            Ok(child) => {
                self.engine.metrics.wrote(self.running.name, &want.kind.kind, action);
                (write.taken(child, Covered::by(want)), Ok(()))
            }
            Err(error) => (write.failed(), Err(error)),
        };
        // What happened meanwhile woke nobody.
        if !is_last_word {
            self.engine.enqueue(self.key.clone(), Priority::Change);
        }
        written
    }

    /// The object as it is now, if it is.
    async fn look(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
    ) -> Result<Option<ObservedChild>, ApiError> {
        match self.engine.api.get(kind, key, Form::Metadata).await {
            Ok(bytes) => Ok(Some(observed::decode(&bytes, self.engine.manager)?)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Two who want different things of one field must not do so in a hot loop: what a person
    /// should know about it.
    ///
    /// The words are the same as long as the fight is: whatever changes in a status is written.
    async fn contested(&self, want: &Desired, why: &Why) -> String {
        let pace = &self.engine.pace;
        if let Some(story) = pace.story(&want.kind, &want.key) {
            return story;
        }
        let story = match why {
            Why::Changed => "what this operator wants of it changes again and again, by edits, by what it looks up, or by \
                another version of it that runs beside this one; it is written less often now: look which of these it is"
                .to_owned(),
            Why::Unknown => "metadata.managedFields is cleared again and again by somebody else; it is repaired less often now: \
                stop them"
                .to_owned(),
            Why::Drift(path) => self.fight(want, path).await,
        };
        pace.remember(&want.kind, &want.key, story.clone());
        story
    }

    /// A field that somebody else changes again and again, with their name where that can be found
    /// out.
    async fn fight(&self, want: &Desired, path: &Missing) -> String {
        let less = "it is repaired less often now";
        let taker = match self
            .engine
            .api
            .get(&want.kind, &want.key, Form::Metadata)
            .await
            .and_then(|bytes| managers(&bytes))
        {
            Ok(entries) => ownership::taker(&entries, self.engine.manager, &want.tree(), path),
            Err(error) => {
                tracing::debug!(child = %describe(want), %error, "cannot find out who changes it");
                Taker::Unknown
            }
        };
        match taker {
            Taker::Holds(by) => {
                format!(
                    "{path} is changed again and again by {by}; {less}: stop that, or have it leave this field alone"
                )
            }
            Taker::Probably(by) => format!(
                "{path} is removed again and again, probably by {by}, who wrote last; {less}: stop that, or have it leave this \
                 field alone"
            ),
            Taker::Unknown => format!(
                "{path} is changed again and again by somebody who left no name in metadata.managedFields; {less}: find them in \
                 the audit log of the API server, and stop them"
            ),
        }
    }

    fn plan_again(&self, want: &Desired, found: Option<&ObservedChild>) -> Step {
        let existing: Vec<Existing<'_>> =
            found.iter().map(|child| Existing { kind: &want.kind, child }).collect();
        let steps = plan(&self.owner.uid, std::slice::from_ref(want), &existing, |_| true);
        // Only one name is looked at: nothing is pruned here.
        steps
            .into_iter()
            .find(|s| !matches!(s, Step::Delete { .. }))
            .unwrap_or(Step::Keep { index: 0, learned: false })
    }

    /// Deletes what is no longer wanted.
    async fn prune(&self, step: &Step) -> Pruned {
        let Step::Delete { kind, key, uid, resource_version } = step else { return Pruned::Going };
        let left = |class, message| {
            Pruned::Left(Left {
                what: Undone::Deletion,
                name: format!("{kind} {}", key.name),
                class,
                message,
            })
        };
        if !self.engine.pace.allows(kind, key) {
            return left(Class::Transient, DELETED_TOO_OFTEN.to_owned());
        }
        tracing::info!(controller = self.running.name, resource = %self.key.key, child = %format!("{kind} {key}"), "deleting");
        match self.engine.api.delete(kind, key, uid, *resource_version).await {
            Ok(is_gone) => {
                self.engine.metrics.wrote(self.running.name, &kind.kind, "delete");
                if is_gone { Pruned::Gone } else { Pruned::Going }
            }
            Err(error) if error.is_not_found() => Pruned::Gone,
            Err(error) => {
                self.heed(&error);
                left(
                    if error.is_identity_conflict() { Class::Transient } else { error.class() },
                    error.to_string(),
                )
            }
        }
    }
}

fn transient(message: &str) -> Outcome {
    Outcome::Failed { class: Class::Transient, message: message.to_owned() }
}

/// `metadata.managedFields` of an object.
fn managers(json: &[u8]) -> Result<Vec<ManagedFieldsEntry>, ApiError> {
    let object: PartialObjectMeta = serde_json::from_slice(json).map_err(DecodeError::from)?;
    Ok(object.metadata.managed_fields.unwrap_or_default())
}

/// `Ingress web and Mapping web`.
fn names(objects: &[(KindInfo, ObjectKey)]) -> String {
    objects
        .iter()
        .map(|(kind, key)| format!("{kind} {}", key.name))
        .collect::<Vec<_>>()
        .join(" and ")
}

fn describe(want: &Desired) -> String {
    format!("{} {}", want.kind, want.key.name)
}

#[cfg(test)]
mod tests;
