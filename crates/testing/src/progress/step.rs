//! Steps: what a caller reports, and what an implementation of [`Progress`] receives.

use std::time::Duration;

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Things done.
    pub done: usize,
    /// Things to do in all.
    pub total: usize,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It did what it was to do; the text, if any, says with what result.
    Done(&'a str),
    /// It did not, and an error follows.
    Failed,
}

/// Receives what is going on. Steps follow each other; at most one is open at a time.
pub trait Progress: Send + Sync {
    /// `steps` more steps are about to follow.
    fn plan(&self, steps: usize);
    /// A step begins. Use `step`, which also ends it.
    fn start(&self, title: &str);
    /// The open step is at `detail` now.
    fn update(&self, detail: &str, count: Option<Count>);
    /// The open step ended.
    fn finish(&self, outcome: Outcome<'_>);
    /// Something worth knowing that is not a step.
    fn note(&self, message: &str);
}

impl dyn Progress + '_ {
    /// Begins a step that ends when the returned value goes: as failed, unless [`Step::done`] was
    /// called.
    pub fn step(&self, title: &str) -> Step<'_> {
        self.start(title);
        Step { progress: self, open: true }
    }
}

/// An open step.
pub struct Step<'a> {
    progress: &'a (dyn Progress + 'a),
    open: bool,
}

impl Step<'_> {
    /// What the step is at.
    pub fn update(&self, detail: &str) {
        self.progress.update(detail, None);
    }

    /// What the step is at, and how far.
    pub fn count(&self, detail: &str, done: usize, total: usize) {
        self.progress.update(detail, Some(Count { done, total }));
    }

    /// The step did what it was to do. `result` may be empty.
    pub fn done(mut self, result: &str) {
        self.open = false;
        self.progress.finish(Outcome::Done(result));
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if self.open {
            self.progress.finish(Outcome::Failed);
        }
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn plan(&self, _: usize) {}
    fn start(&self, _: &str) {}
    fn update(&self, _: &str, _: Option<Count>) {}
    fn finish(&self, _: Outcome<'_>) {}
    fn note(&self, _: &str) {}
}

/// `0.4s`, `12s`, `5m03s`.
pub(super) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        format!("{:.1}s", time.as_secs_f64())
    } else if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_to_read() {
        assert_eq!(elapsed(Duration::from_millis(430)), "0.4s");
        assert_eq!(elapsed(Duration::from_secs(12)), "12s");
        assert_eq!(elapsed(Duration::from_secs(303)), "5m03s");
    }
}
