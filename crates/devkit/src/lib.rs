//! The developer commands of every project built on kubewright: a project's `xtask` is a few lines
//! on [`main`].
//!
//! | module | what lives there |
//! |---|---|
//! | [`project`] | what a project tells us about itself |
//! | [`generate`] | `gen`, `gen-crd`, `gen-rbac`, `gen-samples`: writing and comparing the generated files |
//! | `cluster` | `cluster`, `kubectl`: the local control plane of `kubewright-testing` |
//! | `dev` | `dev`: that control plane, the operator from source and the samples, until Ctrl-C |
//! | `deploy` | `deploy-kind`: the operator as an image on a kind cluster |
//! | `test` | `test`: every test, on a control plane of its own |
//! | `bench` | `bench`: measuring the operator as it is released |
//! | `ci` | `ci`: what CI runs |
//! | `arguments`, `invocation`, `program`, `interrupt`, `terminal` | the command line, other programs and ours, signals, what a person sees |
//!
//! Everything is synchronous: what is done here is done by other programs, which are run and shown.

mod arguments;
mod bench;
mod ci;
mod cluster;
mod deploy;
mod dev;
mod error;
pub mod generate;
mod interrupt;
pub mod invocation;
mod program;
pub mod project;
mod terminal;
mod test;

use std::process::ExitCode;

use clap::Parser;

pub use ci::tidy;
pub use project::Project;
pub use test::KUBECONFIG_VARIABLE;

use crate::arguments::{Arguments, Command};
use crate::error::Error;
use crate::generate::Scope;

/// Runs the command that the process was called with. An error is printed, with what to do about
/// it.
pub fn main(project: &Project) -> ExitCode {
    match run(project, Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            terminal::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(project: &Project, command: Command) -> Result<ExitCode, Error> {
    Ok(match command {
        Command::Dev(arguments) => dev::command(project, &arguments)?,
        Command::DeployKind(arguments) => deploy::command(project, &arguments)?,
        Command::Test(arguments) => test::command(project, &arguments)?,
        Command::Bench(arguments) => bench::command(project, &arguments)?,
        Command::Ci(arguments) => ci::command(project, &arguments)?,
        Command::Gen(arguments) => generate::command(project, Scope::All, arguments.check)?,
        Command::GenCrd(arguments) => generate::command(project, Scope::Crds, arguments.check)?,
        Command::GenRbac(arguments) => generate::command(project, Scope::Rbac, arguments.check)?,
        Command::GenSamples(arguments) => {
            generate::command(project, Scope::Samples, arguments.check)?
        }
        Command::Cluster { command } => cluster::command(command)?,
        Command::Kubectl(arguments) => cluster::kubectl(&arguments)?,
    })
}
