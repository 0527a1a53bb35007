//! `dev`: the operator from source on a local control plane with the samples, until Ctrl-C.
//!
//! - here: the order of things, and that what was started is stopped.
//! - `operator`: building and running the operator. `follow`: its log. `readiness`: what the
//!   resources say, shown as a live table. `hints`: what to try next. `turn`: one session per
//!   control plane.

mod error;
mod follow;
mod hints;
mod operator;
mod readiness;
mod turn;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kubewright_manifests::{Artifact, samples};
use kubewright_testing::control_plane::{ControlPlane, Health, Spec};

pub use error::DevError;

use self::follow::Follow;
use self::operator::Operator;
use self::turn::Turn;
use crate::arguments::DevArguments;
use crate::cluster;
use crate::error::Error;
use crate::generate::{self, GenerateError, Scope};
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::invocation::{ask, feed};
use crate::project::Project;
use crate::terminal;

/// How often things that change are looked at.
const POLL: Duration = Duration::from_millis(200);
/// Under which name we write; kubectl's own would mix with what a person does by hand.
const FIELD_MANAGER: &str = "--field-manager=kubewright-devkit";

pub(crate) fn command(project: &Project, arguments: &DevArguments) -> Result<ExitCode, Error> {
    let interrupt = Interrupt::listen().map_err(|source| Error::Signals { source })?;
    let name = &arguments.cluster.name;
    let mut turn = Turn::take(cluster::home()?.root(), name)?;
    // One that runs already is used as it is, and left as it was: somebody brought it up for a
    // reason.
    let found = running(name);
    let stays = arguments.keep || found.is_some();
    let control_plane = match found.map_or_else(|| cluster::bring_up(&Spec::new(name)), Ok) {
        Ok(control_plane) => control_plane,
        Err(_) if interrupt.requested() => return end(name, stays, Ok(ExitCode::from(EXIT_CODE))),
        Err(error) => return Err(error.into()),
    };
    let session =
        Session { project, arguments, control_plane: &control_plane, interrupt: &interrupt };
    let outcome = match session.run(&mut turn) {
        // Whatever was under way got the signal too, and failed for that reason.
        Err(_) if interrupt.requested() => Ok(ExitCode::from(EXIT_CODE)),
        outcome => outcome,
    };
    let outcome = end(name, stays, outcome);
    turn.give_back();
    outcome
}

/// Takes the control plane down, unless it is to stay.
fn end(name: &str, stays: bool, outcome: Result<ExitCode, Error>) -> Result<ExitCode, Error> {
    if stays {
        let command = cluster_command("down", name);
        terminal::note(format_args!(
            "the control plane `{name}` goes on; `{command}` takes it down"
        ));
        return outcome;
    }
    let removed = cluster::home().and_then(|home| Ok(ControlPlane::remove(&home, name)?));
    terminal::done(format_args!("the control plane `{name}` is gone"));
    // What went wrong first is what counts.
    let code = outcome?;
    removed?;
    Ok(code)
}

/// What one types to do something with a cluster.
fn cluster_command(verb: &str, name: &str) -> String {
    let other = name != crate::arguments::DEFAULT_CLUSTER;
    if other {
        format!("cargo xtask cluster {verb} --name {name}")
    } else {
        format!("cargo xtask cluster {verb}")
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
    fn run(&self, turn: &mut Turn) -> Result<ExitCode, Error> {
        let root = self.project.root()?;
        let binary = operator::build(self.project, &root)?;
        self.apply_crds()?;
        turn.end_left_over(self.control_plane.kubeconfig());
        // Not with the cluster's files: when something went wrong, it is read after the cluster is
        // gone.
        let log = root.join("target/kubewright").join(format!("{}.log", self.control_plane.name()));
        let mut operator = Operator::start(&binary, self.control_plane, log)?;
        turn.note(operator.pid())?;
        terminal::done(format_args!(
            "the operator runs (process {}), its log is {}",
            operator.pid(),
            operator.log().display()
        ));
        let outcome = self.with(&mut operator);
        operator.stop();
        outcome
    }

    fn with(&self, operator: &mut Operator) -> Result<ExitCode, Error> {
        let samples = samples::resource_samples(&self.project.registry, &self.project.options)
            .map_err(GenerateError::from)?;
        let samples = self.apply(&samples)?;
        let samples =
            readiness::Resource::all_in(&samples).map_err(|source| DevError::Json { source })?;
        let ready = readiness::wait(
            self.control_plane,
            samples,
            operator,
            self.interrupt,
            self.deadline(),
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

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.arguments.timeout)
    }

    /// Shows the operator's log until Ctrl-C.
    fn follow(&self, operator: &mut Operator) -> Result<ExitCode, Error> {
        terminal::heading("The operator's log (Ctrl-C stops everything):");
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

    fn apply_crds(&self) -> Result<(), Error> {
        let crds = generate::wanted(self.project, Scope::Crds)?;
        self.apply(&crds)?;
        let definitions = self.project.registry.definitions();
        let names: Vec<String> = definitions
            .iter()
            .map(|definition| format!("crd/{}", definition.kind.resource()))
            .collect();
        let mut wait = self.control_plane.kubectl();
        ask(wait.args(["wait", "--for=condition=Established", "--timeout=60s"]).args(&names))?;
        terminal::done(format_args!("{} CustomResourceDefinitions are established", names.len()));
        Ok(())
    }

    /// Applies all of `files` and returns the objects as JSON.
    fn apply(&self, files: &[Artifact]) -> Result<String, Error> {
        let documents: Vec<&str> = files.iter().map(|file| file.content.as_str()).collect();
        let mut apply = self.control_plane.kubectl();
        apply.args([
            "apply",
            "--server-side",
            "--force-conflicts",
            FIELD_MANAGER,
            "-o",
            "json",
            "-f",
            "-",
        ]);
        Ok(feed(&mut apply, &documents.join("\n---\n"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_is_named_is_about_the_cluster_in_question() {
        assert_eq!(cluster_command("down", "dev"), "cargo xtask cluster down");
        assert_eq!(cluster_command("down", "mine"), "cargo xtask cluster down --name mine");
    }
}
