//! Progress on a terminal: a live line, and a permanent line for each finished step.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::step::{Count, Outcome, Progress, elapsed};

/// A live line at the bottom of the terminal.
pub struct Bars {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    planned: usize,
    started: usize,
    open: Option<Open>,
}

struct Open {
    bar: ProgressBar,
    prefix: String,
    since: Instant,
}

/// The interval of redraws, for the clock and the spinner.
const TICK: Duration = Duration::from_millis(100);
const SPINNER: &str = "{spinner} {prefix} {elapsed} {wide_msg}";
const COUNTER: &str = "{spinner} {prefix} {elapsed} [{bar:24}] {pos}/{len} {wide_msg}";

impl Bars {
    /// A live line on standard error.
    pub fn new() -> Self {
        Self { state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("=> ")
}

impl Progress for Bars {
    fn plan(&self, steps: usize) {
        self.lock().planned += steps;
    }

    fn start(&self, title: &str) {
        let mut state = self.lock();
        state.started += 1;
        let number = format!("[{}/{}]", state.started, state.planned.max(state.started));
        let prefix = format!("{number} {title}");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style(SPINNER));
        bar.set_prefix(prefix.clone());
        bar.enable_steady_tick(TICK);
        state.open = Some(Open { bar, prefix, since: Instant::now() });
    }

    fn update(&self, detail: &str, count: Option<Count>) {
        let state = self.lock();
        let Some(open) = &state.open else { return };
        if let Some(count) = count {
            if open.bar.length() != Some(count.total as u64) {
                open.bar.set_length(count.total as u64);
                open.bar.set_style(style(COUNTER));
            }
            open.bar.set_position(count.done as u64);
        }
        open.bar.set_message(detail.to_owned());
    }

    fn finish(&self, outcome: Outcome<'_>) {
        let Some(open) = self.lock().open.take() else { return };
        open.bar.finish_and_clear();
        let took = elapsed(open.since.elapsed());
        match outcome {
            Outcome::Done("") => eprintln!("+ {} ({took})", open.prefix),
            Outcome::Done(result) => eprintln!("+ {}: {result} ({took})", open.prefix),
            Outcome::Failed => eprintln!("x {} (failed after {took})", open.prefix),
        }
    }

    fn note(&self, message: &str) {
        match &self.lock().open {
            Some(open) => open.bar.suspend(|| eprintln!("{message}")),
            None => eprintln!("{message}"),
        }
    }
}
