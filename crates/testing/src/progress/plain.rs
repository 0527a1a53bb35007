//! Progress for logs: a line when a step starts and ends, and a heartbeat in between.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::step::{Count, Outcome, Progress, elapsed};

/// Plain lines without cursor movement.
pub struct Plain {
    shared: Arc<Shared>,
    heartbeat: Duration,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    out: Box<dyn Write + Send>,
    planned: usize,
    started: usize,
    open: Option<Open>,
}

struct Open {
    number: usize,
    title: String,
    since: Instant,
    detail: String,
    count: Option<Count>,
}

impl Plain {
    /// The maximum silence of a step. CI systems stop a job that prints nothing for some minutes.
    pub const HEARTBEAT: Duration = Duration::from_secs(30);

    /// Writes lines to `out`. A long step prints a line every `heartbeat`.
    pub fn new(out: Box<dyn Write + Send>, heartbeat: Duration) -> Self {
        let state = State { out, planned: 0, started: 0, open: None };
        Self {
            shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }),
            heartbeat,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints the progress of step `number` every `interval`, until the step ends.
    fn watch(&self, number: usize, interval: Duration) {
        let mut state = self.lock();
        loop {
            let is_open =
                |state: &mut State| state.open.as_ref().is_some_and(|open| open.number == number);
            let (guard, timeout) = self
                .changed
                .wait_timeout_while(state, interval, |state| is_open(state))
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if !timeout.timed_out() || !is_open(&mut state) {
                return;
            }
            state.print_heartbeat();
        }
    }
}

impl State {
    fn line(&mut self, text: &str) {
        // An error cannot be reported when standard error is closed.
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    fn prefix(&self, number: usize) -> String {
        format!("[{number}/{}]", self.planned.max(number))
    }

    fn print_heartbeat(&mut self) {
        let Some(open) = &self.open else { return };
        let count = open.count.map(|c| format!(" ({} of {})", c.done, c.total)).unwrap_or_default();
        let text = format!(
            "{} {}: {}{count}, {} so far",
            self.prefix(open.number),
            open.title,
            if open.detail.is_empty() { "running" } else { &open.detail },
            elapsed(open.since.elapsed()),
        );
        self.line(&text);
    }
}

impl Progress for Plain {
    fn plan(&self, steps: usize) {
        self.shared.lock().planned += steps;
    }

    fn start(&self, title: &str) {
        let mut state = self.shared.lock();
        state.started += 1;
        let number = state.started;
        let text = format!("{} {title} ...", state.prefix(number));
        state.line(&text);
        state.open = Some(Open {
            number,
            title: title.to_owned(),
            since: Instant::now(),
            detail: String::new(),
            count: None,
        });
        drop(state);
        let (shared, interval) = (Arc::clone(&self.shared), self.heartbeat);
        thread::spawn(move || shared.watch(number, interval));
    }

    fn update(&self, detail: &str, count: Option<Count>) {
        if let Some(open) = &mut self.shared.lock().open {
            detail.clone_into(&mut open.detail);
            open.count = count.or(open.count);
        }
    }

    fn finish(&self, outcome: Outcome<'_>) {
        let mut state = self.shared.lock();
        let Some(open) = state.open.take() else { return };
        let took = elapsed(open.since.elapsed());
        let result = match outcome {
            Outcome::Done("") => format!("done in {took}"),
            Outcome::Done(result) => format!("{result}, {took}"),
            Outcome::Failed => format!("failed after {took}"),
        };
        let text = format!("{} {}: {result}", state.prefix(open.number), open.title);
        state.line(&text);
        self.shared.changed.notify_all();
    }

    fn note(&self, message: &str) {
        self.shared.lock().line(message);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Lines(Sender<String>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn plain(heartbeat: Duration) -> (Plain, Receiver<String>) {
        let (sender, receiver) = channel();
        (Plain::new(Box::new(Lines(sender)), heartbeat), receiver)
    }

    #[test]
    fn a_step_prints_a_line_when_it_starts_and_when_it_ends() {
        let (plain, lines) = plain(Plain::HEARTBEAT);
        let progress: &dyn Progress = &plain;
        progress.plan(2);
        progress.step("Start etcd").done("");
        progress.step("Wait").done("3 nodes");
        drop(plain);
        let text: String = lines.try_iter().collect();
        assert_eq!(
            text,
            "[1/2] Start etcd ...\n[1/2] Start etcd: done in 0.0s\n\
             [2/2] Wait ...\n[2/2] Wait: 3 nodes, 0.0s\n"
        );
    }

    #[test]
    fn a_dropped_step_has_failed() {
        let (plain, lines) = plain(Plain::HEARTBEAT);
        let progress: &dyn Progress = &plain;
        drop(progress.step("Build"));
        let text: String = lines.try_iter().collect();
        assert!(text.ends_with("[1/1] Build: failed after 0.0s\n"), "{text}");
    }

    #[test]
    fn a_long_step_prints_its_progress_until_it_ends() {
        let (plain, lines) = plain(Duration::from_millis(5));
        let progress: &dyn Progress = &plain;
        let step = progress.step("Build");
        step.count("net/http", 3, 9);
        let deadline = Duration::from_secs(10);
        let heartbeat = std::iter::from_fn(|| lines.recv_timeout(deadline).ok())
            .find(|text| text.contains("net/http (3 of 9)"));
        assert!(heartbeat.unwrap().contains("so far"));
        step.done("");
        // The watching thread ends with the step. Then the channel has no sender.
        drop(plain);
        while lines.recv_timeout(deadline).is_ok() {}
        assert!(matches!(lines.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected)));
    }
}
