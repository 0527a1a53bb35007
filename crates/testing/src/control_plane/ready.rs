//! Waits until a starting control plane is ready, and restarts components that exit.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::component::Component;
use super::error::Error;
use super::kubectl::Kubectl;
use super::kwokctl::{self, Action};
use super::spec::Spec;
use super::{logs, processes};
use crate::assets::Assets;
use crate::home::{Home, HomeError};
use crate::progress::Step;

/// The maximum number of restarts. On a busy machine the controller manager exits when the API
/// server does not answer within 10 s. A component that cannot work must be detected soon.
const RESTARTS: u32 = 3;
/// The interval of checks. The components need the processor more than this process.
const PAUSE: Duration = Duration::from_millis(50);
/// The time limit of one request.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// A control plane that starts.
pub(super) struct Starting<'a> {
    pub(super) home: &'a Home,
    pub(super) spec: &'a Spec,
    pub(super) assets: &'a Assets,
    pub(super) kubectl: &'a Kubectl,
}

impl Starting<'_> {
    /// Runs `action`, and returns when all components run and the API server is ready.
    pub(super) fn run(&self, action: Action, step: &Step<'_>) -> Result<(), Error> {
        let mut kwokctl = self.spawn(action)?;
        let result = self.wait(&mut kwokctl, step);
        if result.is_err() {
            kwokctl.stop();
        }
        result
    }

    fn wait(&self, kwokctl: &mut Running, step: &Step<'_>) -> Result<(), Error> {
        let deadline = Instant::now() + self.spec.timeout;
        let mut restarts = 0;
        loop {
            let kwokctl_is_done = kwokctl.is_done(self)?;
            if let Some(component) = self.exited() {
                restarts += 1;
                if restarts > RESTARTS {
                    return Err(self.crashed(component));
                }
                step.update(&format!("restarting {component}, which exited"));
                kwokctl.stop();
                processes::correct_pid_files(self.home, &self.spec.name);
                *kwokctl = self.spawn(Action::Start)?;
                continue;
            }
            // kwokctl also waits for the API server. After it exits, it starts no more processes.
            if kwokctl_is_done && self.all_run() && self.is_ready() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.timeout());
            }
            step.update(&self.describe());
            thread::sleep(PAUSE);
        }
    }

    fn spawn(&self, action: Action) -> Result<Running, Error> {
        Ok(Running(Some(kwokctl::spawn(self.home, &self.spec.name, self.assets, action)?)))
    }

    /// A component that was started and has exited.
    fn exited(&self) -> Option<Component> {
        let name = &self.spec.name;
        // The pid files come first: a component that starts in between must not count as exited.
        let started: Vec<Component> = self
            .spec
            .components()
            .into_iter()
            .filter(|component| processes::pid_file(self.home, name, *component).exists())
            .collect();
        let running = processes::find(self.home, name);
        started
            .into_iter()
            .find(|component| !running.iter().any(|process| process.component == Some(*component)))
    }

    fn all_run(&self) -> bool {
        let running = processes::find(self.home, &self.spec.name);
        let runs = |component: &Component| {
            running.iter().any(|process| process.component == Some(*component))
        };
        self.spec.components().iter().all(runs)
    }

    /// Whether the API server reports that it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.request_readyz().is_ok()
    }

    fn request_readyz(&self) -> Result<String, Error> {
        self.kubectl.run(&["get", "--raw", "/readyz"], REQUEST_LIMIT)
    }

    fn describe(&self) -> String {
        let running = processes::find(self.home, &self.spec.name);
        let components = running.iter().filter(|process| process.component.is_some()).count();
        format!("{components} of {} components run", self.spec.components().len())
    }

    fn crashed(&self, component: Component) -> Error {
        let log = logs::component_log(self.home, &self.spec.name, component);
        let detail = logs::errors(&log);
        Error::Crashed { component, log, detail }
    }

    fn timeout(&self) -> Error {
        let detail = self.request_readyz().err().map(|error| error.to_string()).unwrap_or_default();
        let logs = logs::folder(self.home, &self.spec.name);
        Error::Timeout { what: "the API server", limit: self.spec.timeout, logs, detail }
    }
}

/// kwokctl, or nothing after it exited.
struct Running(Option<Child>);

impl Running {
    /// Whether kwokctl exited. A failure is an error.
    fn is_done(&mut self, starting: &Starting<'_>) -> Result<bool, Error> {
        let Some(child) = &mut self.0 else { return Ok(true) };
        let log = logs::kwokctl_log(starting.home, &starting.spec.name);
        let Some(status) = child.try_wait().map_err(HomeError::at(&log))? else { return Ok(false) };
        self.0 = None;
        if status.success() {
            return Ok(true);
        }
        let detail = logs::errors(&log);
        Err(Error::Kwokctl { log, detail })
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // An error means that the process has exited.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
