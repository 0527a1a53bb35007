//! Deletes a resource that had its time, as its operator says: exactly the version that the
//! operator saw, not before the API server's clock agrees, and not too many at once. And has every
//! edit recorded that such a time may count from.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kubewright_core::children::Retire;
use kubewright_core::observed::decode_identity;
use kubewright_core::time::{Moments, note};
use kubewright_core::{Class, Timestamp, labels};
use tokio::time::Instant;

use crate::apply::{Left, Undone};
use crate::error::ApiError;
use crate::events::Tone;
use crate::reconcile::{End, Run};

/// What became of it.
pub(crate) enum Retired {
    /// It is gone, or goes.
    Gone,
    /// It stays for now.
    Kept(Kept),
}

/// Why it stays for now.
#[derive(Default)]
pub(crate) struct Kept {
    /// It changed meanwhile: look again soon.
    pub(crate) changed: bool,
    /// What the API server did not want.
    pub(crate) failed: Option<Left>,
}

/// When a resource was last changed, as far as that is known.
pub(crate) struct ChangedAt {
    pub(crate) at: Option<Timestamp>,
    /// Why that is not sure.
    unsure: Option<Left>,
}

/// The API server's clock as it was last seen. It says whole seconds.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<(Instant, Timestamp)>>);

/// How long a look at the clock does: that of this machine may stand still meanwhile.
const FRESH: Duration = Duration::from_mins(1);
/// The server's clock says whole seconds, and an answer takes its time.
const DOUBT: Duration = Duration::from_secs(3);
/// What changes requests on their way to the API server took the annotation away again.
const NOT_KEPT: &str = "the API server took it, and it is not there: an admission webhook or a mutating policy removes it; have that leave \
    annotations of kubewright.dev alone";
/// Of an API server, or of something before it.
const NO_TIME: &str = "the API server does not say what time it is";
/// The shortest and the longest wait for the server's clock.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));

impl ServerClock {
    fn saw(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), at));
    }

    /// What it says at most now, where that was seen lately.
    fn at_most(&self) -> Option<Timestamp> {
        let (seen, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = Some(seen.elapsed()).filter(|passed| *passed < FRESH)?;
        Some(at + passed + DOUBT)
    }
}

/// How long to wait until a clock that says `now` says `moment`; `None` where it does.
fn until(moment: Timestamp, now: Timestamp) -> Option<Duration> {
    (now < moment).then(|| {
        Duration::try_from(moment.duration_since(now)).unwrap_or_default().clamp(WAITS.0, WAITS.1)
    })
}

impl Run<'_> {
    /// When the spec was last changed, and no later than now: a time that is yet to come was
    /// written by somebody into `managedFields`. It is the API server that wrote the others, so
    /// its clock is asked where that of this machine has not come to the time.
    pub(crate) async fn changed_at(&self) -> ChangedAt {
        let (at, now) = (self.parent.changed_at(), self.engine.deadlines.now());
        let known = |at| ChangedAt { at, unsure: None };
        let Some(later) = at.filter(|at| *at > now && self.running.controller.retires()) else {
            return known(at);
        };
        if self.engine.server_clock.at_most().is_some_and(|server| later <= server) {
            return known(at);
        }
        let (kind, key) = (&self.owner.kind, &self.key.key);
        let unsure = match self.engine.api.look(kind, key).await {
            Ok((_, Some(server))) => {
                self.engine.server_clock.saw(server);
                let latest = now.max(server + DOUBT);
                return known(Some(
                    later.min(Timestamp::from_second(latest.as_second()).unwrap_or(latest)),
                ));
            }
            Ok((_, None)) => self.not_recorded(Class::Transient, NO_TIME.to_owned()),
            Err(error) => {
                self.heed(&error);
                self.not_recorded(error.class(), error.to_string())
            }
        };
        ChangedAt { at: Some(now), unsure: Some(unsure) }
    }

    /// Has the API server record an edit of which it records no time, before anything is decided
    /// from an older one: the end of a resource would be earlier than whoever made the edit
    /// expects. Only where `build` asked for the time; gives why it is still not known, if so.
    ///
    /// # Errors
    /// How the run ends that another one follows at once.
    pub(crate) async fn record_change(
        &self,
        changed: ChangedAt,
        asked: Moments,
    ) -> Result<Option<Left>, End> {
        if !asked.since_change {
            return Ok(None);
        }
        let Some(generation) = self.parent.generation().filter(|_| !self.recorded) else {
            return Ok(changed.unsure);
        };
        let (kind, key, noted) =
            (&self.owner.kind, &self.key.key, note(generation, &self.owner.uid));
        match self
            .engine
            .api
            .annotate(kind, key, &self.owner.uid, (labels::CHANGED_IN, &noted))
            .await
        {
            Ok(false) => Ok(Some(self.not_recorded(Class::Invalid, NOT_KEPT.to_owned()))),
            Ok(true) => {
                self.engine.metrics.wrote(self.running.name, &kind.kind, "note");
                // The event of this brings it back at once.
                Err(End::Waits)
            }
            Err(error) if error.is_not_found() || error.is_identity_conflict() => Err(End::Waits),
            Err(error) => {
                self.heed(&error);
                Ok(Some(self.not_recorded(error.class(), error.to_string())))
            }
        }
    }

    fn not_recorded(&self, class: Class, message: String) -> Left {
        tracing::warn!(controller = self.running.name, resource = %self.key.key, message, "when it was changed is not known for sure");
        Left { what: Undone::Recording, name: self.itself(), class, message }
    }

    fn itself(&self) -> String {
        format!("this {}", self.owner.kind)
    }

    /// Deletes the resource, if it has had its time and may be deleted now.
    pub(crate) async fn retire(&self, retire: Option<&Retire>, moments: Moments) -> Retired {
        let Some(retire) = retire else {
            self.engine.brake.forget(self.key);
            return Retired::Kept(Kept::default());
        };
        let moment = moments.past;
        if let Some(wait) = moment
            .zip(self.engine.server_clock.at_most())
            .and_then(|(moment, now)| until(moment, now))
        {
            return self.later(wait);
        }
        if let Err(held) = self.engine.brake.allows(self.key) {
            if let Some(waiting) = held.tell {
                tracing::warn!(
                    waiting,
                    "more resources have had their time than may be deleted yet; they wait for their turn"
                );
            }
            return self.later(held.wait);
        }
        let retired = self.retire_now(retire, moment).await;
        if !matches!(retired, Retired::Gone) {
            self.engine.brake.came_to_nothing();
        }
        retired
    }

    async fn retire_now(&self, retire: &Retire, moment: Option<Timestamp>) -> Retired {
        let (kind, key) = (&self.owner.kind, &self.key.key);
        let (answer, date) = match self.engine.api.look(kind, key).await {
            Ok(answer) => answer,
            Err(error) => return self.not_deleted(&error),
        };
        // An edit that no watch has shown yet wins.
        if !decode_identity(&answer).is_ok_and(|(_, uid, version)| {
            *uid == *self.owner.uid && version == self.parent.version
        }) {
            return Retired::Kept(Kept { changed: true, failed: None });
        }
        match (moment, date) {
            (None, _) => {}
            (Some(moment), Some(now)) => {
                self.engine.server_clock.saw(now);
                if let Some(wait) = until(moment, now) {
                    tracing::info!(controller = self.running.name, resource = %key, %moment, server = %now, "not yet, by the API server's clock");
                    return self.later(wait);
                }
            }
            (Some(_), None) => return self.left(Class::Transient, NO_TIME.to_owned()),
        }
        match self.engine.api.delete(kind, key, &self.owner.uid, self.parent.version).await {
            Ok(_) => {
                let Retire { reason, message } = retire;
                tracing::info!(controller = self.running.name, resource = %key, reason, message, "deleted: it has had its time");
                self.engine.metrics.wrote(self.running.name, &kind.kind, "delete");
                // Only now is it true.
                self.engine.events.tell(&self.owner, Tone::Normal, reason, message);
                Retired::Gone
            }
            Err(error) => self.not_deleted(&error),
        }
    }

    fn not_deleted(&self, error: &ApiError) -> Retired {
        if error.is_not_found() {
            return Retired::Gone;
        }
        if error.is_identity_conflict() {
            return Retired::Kept(Kept { changed: true, failed: None });
        }
        self.heed(error);
        self.left(error.class(), error.to_string())
    }

    fn left(&self, class: Class, message: String) -> Retired {
        let left = Left { what: Undone::Deletion, name: self.itself(), class, message };
        Retired::Kept(Kept { changed: false, failed: Some(left) })
    }

    fn later(&self, wait: Duration) -> Retired {
        self.engine.queue.add_after(self.key.clone(), wait);
        Retired::Kept(Kept::default())
    }
}

#[cfg(test)]
mod tests;
