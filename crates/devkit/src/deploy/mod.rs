//! `deploy-kind`: deploys the operator as an image to a kind cluster.
//!
//! - `facts`: the state of this machine; `problem`: what is missing
//! - `steps`: the commands as data; `image`: the operator's image; `samples`: the samples' images
//! - `execute`: runs the commands; `failure`: explains a failure
//! - `reach`: shows how to reach the samples

mod error;
mod execute;
pub(crate) mod facts;
mod failure;
mod image;
mod problem;
mod reach;
mod samples;
mod steps;

use std::process::ExitCode;

pub(crate) use error::DeployError;
pub(crate) use steps::APPLY;

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
    // A file of this crate: a kubeconfig of the user changes only on request.
    let folder = cluster::home()?.root().join("kind");
    std::fs::create_dir_all(&folder)
        .map_err(|source| DeployError::Folder { path: folder.clone(), source })?;
    let kubeconfig = folder.join(format!("{}.kubeconfig", arguments.name));
    if arguments.delete {
        let delete = steps::delete(&arguments.name, &kubeconfig);
        if arguments.dry_run {
            println!("{}", delete.call);
        } else {
            execute::run_step(&delete)?;
            let _ = std::fs::remove_file(&kubeconfig);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let facts = Facts::inspect(&arguments.name, arguments.node_image.as_deref());
    let kubectl = if facts.kubectl || arguments.dry_run {
        "kubectl".to_owned()
    } else {
        cluster::provide_kubectl()?
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
    require_none(&facts.problems())?;
    execute::run_all(&steps, &plan)?;
    reach::print(&plan)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints only the commands to standard output.
fn dry_run(facts: &Facts, steps: &[Step]) {
    for problem in facts.problems() {
        terminal::note(format_args!("required first: {problem}"));
    }
    for step in steps {
        println!("# {}\n{}\n", step.about, step.call);
    }
}

/// Reports all problems at once.
fn require_none(problems: &[Problem]) -> Result<(), DeployError> {
    if problems.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = problems.iter().map(|problem| format!("- {problem}")).collect();
    Err(DeployError::NotReady { problems: lines.join("\n") })
}
