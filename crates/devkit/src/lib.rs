//! The developer commands of a project: its `xtask` calls [`main`].
//!
//! | module | content |
//! |---|---|
//! | [`project`] | the project's operators and settings |
//! | [`generate`] | `gen`, `gen-crd`, `gen-rbac`, `gen-samples`: the generated files |
//! | `cluster` | `cluster`, `kubectl`: local control planes |
//! | `dev` | `dev`: the operator from source on a local control plane |
//! | `deploy` | `deploy-kind`: the operator as an image on a kind cluster |
//! | `test` | `test`: all tests on a local control plane |
//! | `bench` | `bench`: the project's benchmark |
//! | `ci` | `ci`: the steps of CI; [`tidy`] is one of them |
//! | `arguments`, `terminal` | the command line, messages |
//! | `invocation`, `program`, `interrupt` | other programs, builds, signals |
//!
//! Everything is synchronous: the work is done by other programs.

mod arguments;
mod bench;
mod ci;
mod cluster;
mod deploy;
mod dev;
mod error;
pub mod generate;
mod interrupt;
mod invocation;
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

/// Runs the command of this process. An error is printed with its remedy.
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
