//! Waiting until a control plane that was started answers, and starting again what ended meanwhile.

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

/// How often components that ended are started again. On a busy machine the controller manager
/// gives up when the API server does not answer within 10 s; a component that cannot work at all
/// must be found out soon.
const RESTARTS: u32 = 3;
/// Between two looks: the components need the processor more than we do.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);

/// A control plane that is starting.
pub(super) struct Starting<'a> {
    pub(super) home: &'a Home,
    pub(super) spec: &'a Spec,
    pub(super) assets: &'a Assets,
    pub(super) kubectl: &'a Kubectl,
}

impl Starting<'_> {
    /// Has kwokctl do `action`, and returns when all components run and the API server is ready.
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
            if let Some(component) = self.ended() {
                restarts += 1;
                if restarts > RESTARTS {
                    return Err(self.died(component));
                }
                step.update(&format!("{component} ended: starting it again"));
                kwokctl.stop();
                processes::correct_pid_files(self.home, &self.spec.name);
                *kwokctl = self.spawn(Action::Start)?;
                continue;
            }
            // kwokctl asks the same thing and ends soon after; when it has, nothing is started
            // behind our back.
            if kwokctl_is_done && self.all_run() && self.is_ready() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.too_late());
            }
            step.update(&self.doing());
            thread::sleep(PAUSE);
        }
    }

    fn spawn(&self, action: Action) -> Result<Running, Error> {
        Ok(Running(Some(kwokctl::spawn(self.home, &self.spec.name, self.assets, action)?)))
    }

    /// A component that was started and does not run any more.
    fn ended(&self) -> Option<Component> {
        let name = &self.spec.name;
        // The pid files first: what starts between the two looks must not seem to have ended.
        let started: Vec<Component> = self
            .spec
            .components()
            .into_iter()
            .filter(|component| processes::pid_file(self.home, name, *component).exists())
            .collect();
        let running = processes::of_cluster(self.home, name);
        started
            .into_iter()
            .find(|component| !running.iter().any(|process| process.component == Some(*component)))
    }

    fn all_run(&self) -> bool {
        let running = processes::of_cluster(self.home, &self.spec.name);
        let runs = |component: &Component| {
            running.iter().any(|process| process.component == Some(*component))
        };
        self.spec.components().iter().all(runs)
    }

    /// Whether the API server says that it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.ask_ready().is_ok()
    }

    fn ask_ready(&self) -> Result<String, Error> {
        self.kubectl.run(&["get", "--raw", "/readyz"], QUESTION)
    }

    fn doing(&self) -> String {
        let running = processes::of_cluster(self.home, &self.spec.name);
        let components = running.iter().filter(|process| process.component.is_some()).count();
        format!("{components} of {} components run", self.spec.components().len())
    }

    fn died(&self, component: Component) -> Error {
        let log = logs::of_component(self.home, &self.spec.name, component);
        let detail = logs::reason(&log);
        Error::Died { component, log, detail }
    }

    fn too_late(&self) -> Error {
        let detail = self.ask_ready().err().map(|error| error.to_string()).unwrap_or_default();
        let logs = logs::folder(self.home, &self.spec.name);
        Error::Timeout { what: "the API server", limit: self.spec.timeout, logs, detail }
    }
}

/// A kwokctl that was started; nothing once it has ended.
struct Running(Option<Child>);

impl Running {
    /// Whether it ended. That it failed is an error.
    fn is_done(&mut self, starting: &Starting<'_>) -> Result<bool, Error> {
        let Some(child) = &mut self.0 else { return Ok(true) };
        let log = logs::of_kwokctl(starting.home, &starting.spec.name);
        let Some(status) = child.try_wait().map_err(HomeError::at(&log))? else { return Ok(false) };
        self.0 = None;
        if status.success() {
            return Ok(true);
        }
        let detail = logs::reason(&log);
        Err(Error::Kwokctl { log, detail })
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself; then there is nothing to do.
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
