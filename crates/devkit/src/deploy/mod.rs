//! `deploy-kind`: the operator as an image on a kind cluster, where containers really run.
//!
//! - `facts`: what this machine has. `problem`: what it lacks, and what to do about it.
//! - `steps`: what is done, as data; pure. `image`: what the operator's image is made of.
//! - `sample_images`: which images the samples' pods use.
//! - `execute`: doing it. `failure`: why a step failed, and what to do about it. `reach`: how to
//!   reach what runs.

mod error;
mod execute;
mod facts;
mod failure;
mod image;
mod kubectl;
mod problem;
mod reach;
mod samples;
mod steps;

use std::process::ExitCode;

pub(crate) use error::DeployError;

use self::facts::Facts;
use self::problem::Problem;
use self::steps::{Plan, Step};
use crate::arguments::DeployArguments;
use crate::cluster;
use crate::generate::{self, GenerateError, Scope};
use crate::project::Project;
use crate::terminal;

pub(crate) fn command(
    project: &Project,
    arguments: &DeployArguments,
) -> Result<ExitCode, DeployError> {
    let root = project.root()?;
    // Ours alone: a kubeconfig of the person is touched only when they ask for it.
    let folder = cluster::home()?.root().join("kind");
    std::fs::create_dir_all(&folder)
        .map_err(|source| DeployError::Folder { path: folder.clone(), source })?;
    let kubeconfig = folder.join(format!("{}.kubeconfig", arguments.name));
    if arguments.delete {
        let delete = steps::delete(&arguments.name, &kubeconfig);
        if arguments.dry_run {
            println!("{}", delete.call);
        } else {
            execute::one(&delete)?;
            let _ = std::fs::remove_file(&kubeconfig);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let facts = Facts::gather(&arguments.name, arguments.node_image.as_deref());
    let kubectl = if facts.kubectl || arguments.dry_run {
        "kubectl".to_owned()
    } else {
        kubectl::provided()?
    };
    let plan = Plan::new(project, arguments, &root, &kubeconfig, kubectl, &facts)?;
    let steps = plan.steps();
    if arguments.dry_run {
        dry_run(&facts, &steps);
        return Ok(ExitCode::SUCCESS);
    }
    let stale = generate::stale(project, Scope::All)?;
    if !stale.is_empty() {
        let command = Scope::All.command();
        return Err(GenerateError::Stale { count: stale.len(), command }.into());
    }
    refuse(&facts.problems())?;
    execute::all(&steps, &plan)?;
    reach::print(&plan)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the commands, and nothing else to standard output.
fn dry_run(facts: &Facts, steps: &[Step]) {
    for problem in facts.problems() {
        terminal::note(format_args!("before this works: {problem}"));
    }
    for step in steps {
        println!("# {}\n{}\n", step.about, step.call);
    }
}

/// Names everything that is missing at once, so that nobody finds out one by one.
fn refuse(problems: &[Problem]) -> Result<(), DeployError> {
    if problems.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = problems.iter().map(|problem| format!("- {problem}")).collect();
    Err(DeployError::NotReady { problems: lines.join("\n") })
}
