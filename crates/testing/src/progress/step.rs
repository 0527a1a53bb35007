//! Steps: what callers report, and what implementations of [`Progress`] receive.

use std::time::Duration;

/// The progress of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number of finished things.
    pub done: usize,
    /// The number of all things.
    pub total: usize,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Success, with an optional result.
    Done(&'a str),
    /// Failure; an error follows.
    Failed,
}

/// Receives progress. Steps follow each other: at most one is open at a time.
pub trait Progress: Send + Sync {
    /// Adds `steps` to the number of expected steps.
    fn plan(&self, steps: usize);
    /// Starts a step. Use `step`, which also ends the step.
    fn start(&self, title: &str);
    /// Reports what the open step does.
    fn update(&self, detail: &str, count: Option<Count>);
    /// Ends the open step.
    fn finish(&self, outcome: Outcome<'_>);
    /// Shows a message that belongs to no step.
    fn note(&self, message: &str);
}

impl dyn Progress + '_ {
    /// Starts a step. The step fails when the returned value is dropped without [`Step::done`].
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
    /// Reports what the step does.
    pub fn update(&self, detail: &str) {
        self.progress.update(detail, None);
    }

    /// Reports what the step does, with a count.
    pub fn count(&self, detail: &str, done: usize, total: usize) {
        self.progress.update(detail, Some(Count { done, total }));
    }

    /// Ends the step with success. `result` may be empty.
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

/// Shows nothing.
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
    fn times_are_short() {
        assert_eq!(elapsed(Duration::from_millis(430)), "0.4s");
        assert_eq!(elapsed(Duration::from_secs(12)), "12s");
        assert_eq!(elapsed(Duration::from_secs(303)), "5m03s");
    }
}
