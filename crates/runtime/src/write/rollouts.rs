//! Limits the disruptive changes that no edit of a resource causes: those of a new version of the
//! operator, of a changed policy, of a label.
//!
//! A rollout is what the limiter lets through while other resources wait. It stops while too many
//! of the resources that it changed are not Ready again: a bad change harms a few resources, and
//! the others wait until a person decides.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::limiter::{Rate, RateLimiter, Wait};
use crate::key::WorkKey;
use crate::memory::lock;

/// One of this many changed resources may be not Ready without stopping the rollout.
const TOLERANCE: usize = 5;
/// A rollout without a change and without waiting resources ends after this time.
const IDLE: Duration = Duration::from_mins(10);

/// The rollout limiter of one controller.
pub(crate) struct RolloutLimiter {
    rate: RateLimiter,
    progress: Mutex<Progress>,
}

/// What the current rollout changed.
#[derive(Default)]
struct Progress {
    /// The number of changed resources.
    changed: usize,
    /// The changed resources that were Ready before and are not Ready again.
    not_ready: HashSet<WorkKey>,
    latest: Option<Instant>,
}

/// Why a change must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The rate is zero: only a person lets changes through.
    Off,
    /// The slots of this minute are taken.
    Rate,
    /// This many of the changed resources are not Ready again.
    NotReady(usize),
}

/// A change that must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) cause: Cause,
    pub(crate) wait: Wait,
}

impl RolloutLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate: RateLimiter::new(rate), progress: Mutex::default() }
    }

    /// A limiter that was idle.
    #[cfg(test)]
    pub(crate) fn running(rate: Rate) -> Self {
        Self { rate: RateLimiter::running(rate), progress: Mutex::default() }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate.rate()
    }

    /// Lets the change of this resource pass, if it may pass now. `is_ready` is whether the
    /// resource works: only then can the change break it.
    ///
    /// # Errors
    /// Why and how long it must wait.
    pub(crate) fn acquire(&self, key: &WorkKey, is_ready: bool) -> Result<(), Pending> {
        let mut progress = lock(&self.progress);
        progress.end_if_idle(self.rate.waiting());
        let blocked = progress.blocked(key, self.rate().burst);
        if let Some(not_ready) = blocked
            && let Some(wait) = self.rate.wait(key)
        {
            return Err(Pending { cause: Cause::NotReady(not_ready), wait });
        }
        self.rate.acquire(key).map_err(|wait| {
            let cause = if self.rate().per_minute == 0 { Cause::Off } else { Cause::Rate };
            Pending { cause, wait }
        })?;
        progress.changed += 1;
        progress.latest = Some(Instant::now());
        if is_ready {
            progress.not_ready.insert(key.clone());
        }
        Ok(())
    }

    /// Records that a resource has no change that must wait: it is in sync, or its change passes
    /// without the limiter.
    pub(crate) fn passed(&self, key: &WorkKey) {
        self.rate.forget(key);
    }

    /// Records that the rollout has no part in the state of a resource any more: the resource is
    /// Ready, was edited, or is gone.
    pub(crate) fn forget(&self, key: &WorkKey) {
        self.rate.forget(key);
        lock(&self.progress).not_ready.remove(key);
    }

    /// Records that a resource is Ready.
    pub(crate) fn recovered(&self, key: &WorkKey) {
        lock(&self.progress).not_ready.remove(key);
    }

    /// The number of waiting resources.
    pub(crate) fn waiting(&self) -> usize {
        self.rate.waiting()
    }
}

impl Progress {
    fn end_if_idle(&mut self, waiting: usize) {
        let is_idle = waiting == 0 && self.latest.is_none_or(|latest| latest.elapsed() > IDLE);
        if is_idle || self.not_ready.is_empty() && waiting == 0 {
            *self = Self::default();
        }
    }

    /// The number of resources that are not Ready again, if the rollout must stop for it. A
    /// resource that the rollout itself changed may always go on: that repairs it.
    fn blocked(&self, key: &WorkKey, burst: u32) -> Option<usize> {
        let not_ready = self.not_ready.len();
        let is_first = self.changed < usize::try_from(burst).unwrap_or(usize::MAX);
        let is_blocked =
            !is_first && not_ready * TOLERANCE > self.changed && !self.not_ready.contains(key);
        is_blocked.then_some(not_ready)
    }
}

#[cfg(test)]
mod tests;
