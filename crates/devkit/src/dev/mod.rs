//! `dev`: runs the operator from source with its samples on a local control plane until Ctrl-C.
//!
//! - `operator`: builds and runs the operator; `follow`: its log
//! - `readiness`: waits for the samples with a live table; `hints`: commands to try next
//! - `lock`: one session per control plane

mod error;
mod follow;
mod hints;
mod lock;
mod operator;
mod readiness;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kubewright_manifests::{Artifact, samples};
use kubewright_testing::control_plane::{ControlPlane, Health, Spec};

pub(crate) use error::DevError;

use self::follow::Follow;
use self::lock::SessionLock;
use self::operator::Operator;
use crate::arguments::{DEFAULT_CLUSTER, DevArguments, named};
use crate::cluster;
use crate::deploy::APPLY;
use crate::generate::{self, GenerateError, Scope};
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::project::Project;
use crate::terminal;

/// The interval of checks.
const POLL: Duration = Duration::from_millis(200);

pub(crate) fn command(project: &Project, arguments: &DevArguments) -> Result<ExitCode, DevError> {
    let interrupt = Interrupt::listen()?;
    let name = &arguments.cluster.name;
    let home = cluster::home()?;
    let mut lock = SessionLock::acquire(&home, name)?;
    // A control plane that already runs is used and kept.
    let found = running(name);
    let stays = arguments.keep || found.is_some();
    let exists = || ControlPlane::list(&home).contains(name);
    let existed = exists();
    let control_plane = match found.map_or_else(|| cluster::bring_up(&Spec::new(name)), Ok) {
        Ok(control_plane) => control_plane,
        Err(error) => {
            let outcome = after_signal(&interrupt, Err(error.into()));
            // The user may need the data of a control plane that existed before.
            return if existed || !exists() { outcome } else { end(name, stays, outcome) };
        }
    };
    let session =
        Session { project, arguments, control_plane: &control_plane, interrupt: &interrupt };
    let outcome = after_signal(&interrupt, session.run(&mut lock));
    let outcome = end(name, stays, outcome);
    lock.release();
    outcome
}

/// A command that runs when the signal arrives receives the signal, too, and fails.
fn after_signal(
    interrupt: &Interrupt,
    outcome: Result<ExitCode, DevError>,
) -> Result<ExitCode, DevError> {
    match outcome {
        Err(_) if interrupt.requested() => Ok(ExitCode::from(EXIT_CODE)),
        outcome => outcome,
    }
}

/// Removes the control plane, unless it is kept.
fn end(name: &str, stays: bool, outcome: Result<ExitCode, DevError>) -> Result<ExitCode, DevError> {
    if stays {
        let command = named("cargo xtask cluster down", name, DEFAULT_CLUSTER);
        terminal::note(format_args!(
            "control plane `{name}` still runs; remove it with `{command}`"
        ));
        return outcome;
    }
    let removed = cluster::home().and_then(|home| Ok(ControlPlane::remove(&home, name)?));
    match (removed, outcome) {
        (Ok(()), outcome) => {
            terminal::done(format_args!("control plane `{name}` removed"));
            outcome
        }
        (Err(error), Ok(_)) => Err(error.into()),
        (Err(error), Err(first)) => Err(DevError::NotRemoved {
            first: Box::new(first),
            error,
            command: named("cargo xtask cluster down", name, DEFAULT_CLUSTER),
        }),
    }
}

fn running(name: &str) -> Option<ControlPlane> {
    let attached = cluster::home().ok().and_then(|home| ControlPlane::attach(&home, name).ok());
    attached.filter(|control_plane| control_plane.status().health == Health::Ready)
}

struct Session<'a> {
    project: &'a Project,
    arguments: &'a DevArguments,
    control_plane: &'a ControlPlane,
    interrupt: &'a Interrupt,
}

impl Session<'_> {
    fn run(&self, lock: &mut SessionLock) -> Result<ExitCode, DevError> {
        let root = self.project.root()?;
        let binary = operator::build(self.project, &root)?;
        self.apply_crds()?;
        lock.stop_leftover(self.control_plane.kubeconfig(), lock::LIMIT);
        // Outside of the cluster's files, so that it can be read after the cluster is removed.
        let log = root.join("target/kubewright").join(format!("{}.log", self.control_plane.name()));
        let mut operator = Operator::start(&binary, self.control_plane, log)?;
        lock.record_operator(operator.pid())?;
        terminal::done(format_args!(
            "operator started (process {}); its log is {}",
            operator.pid(),
            operator.log().display()
        ));
        let outcome = self.show_samples(&mut operator);
        operator.stop();
        outcome
    }

    fn show_samples(&self, operator: &mut Operator) -> Result<ExitCode, DevError> {
        let samples = samples::resource_samples(&self.project.registry, &self.project.options)
            .map_err(GenerateError::from)?;
        let samples = self.apply(&samples)?;
        let samples =
            readiness::Resource::read_all(&samples).map_err(|source| DevError::Json { source })?;
        let ready = readiness::wait(
            self.control_plane,
            samples,
            operator,
            self.interrupt,
            Duration::from_secs(self.arguments.timeout),
        )?;
        if !ready {
            return Ok(ExitCode::from(EXIT_CODE));
        }
        hints::print(self.project, self.control_plane, operator)?;
        if self.arguments.exit_when_ready {
            return Ok(ExitCode::SUCCESS);
        }
        self.follow(operator)
    }

    /// Prints the operator's log until Ctrl-C.
    fn follow(&self, operator: &mut Operator) -> Result<ExitCode, DevError> {
        terminal::heading("Log of the operator (stop everything with Ctrl-C):");
        let mut log = Follow::open(operator.log())?;
        while !self.interrupt.requested() {
            log.show_new()?;
            operator.check()?;
            thread::sleep(POLL);
        }
        eprintln!();
        operator.stop();
        log.show_new()?;
        Ok(ExitCode::SUCCESS)
    }

    fn apply_crds(&self) -> Result<(), DevError> {
        let crds = generate::wanted(self.project, Scope::Crds)?;
        self.apply(&crds)?;
        let definitions = self.project.registry.definitions();
        let names: Vec<String> = definitions
            .iter()
            .map(|definition| format!("crd/{}", definition.kind.resource()))
            .collect();
        cluster::kubectl_on(self.control_plane)
            .args(["wait", "--for=condition=Established", "--timeout=60s"])
            .args(&names)
            .capture()?;
        terminal::done(format_args!("{} CustomResourceDefinitions are established", names.len()));
        Ok(())
    }

    /// Applies `files` and returns the objects as JSON.
    fn apply(&self, files: &[Artifact]) -> Result<String, DevError> {
        let documents: Vec<&str> = files.iter().map(|file| file.content.as_str()).collect();
        let apply =
            cluster::kubectl_on(self.control_plane).args(APPLY).args(["-o", "json", "-f", "-"]);
        Ok(apply.stdin_text(documents.join("\n---\n")).capture()?)
    }
}
