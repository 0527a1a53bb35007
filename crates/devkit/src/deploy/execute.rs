//! Running the steps, each shown, and telling what happened where one fails.

use kubewright_testing::assets::{Assets, Binary, Environment, KUBERNETES, Wanted};
use kubewright_testing::progress;

use super::failure::{self, DeployError, Stage};
use super::steps::{Plan, Step};
use crate::cluster::{self, ClusterError};
use crate::error::Error;
use crate::terminal;

/// Runs all steps until one fails.
pub(super) fn all(steps: &[Step], plan: &Plan) -> Result<(), Error> {
    for (index, step) in steps.iter().enumerate() {
        terminal::heading(format_args!("\n[{}/{}] {}", index + 1, steps.len(), step.about));
        run(step, Some(plan))?;
    }
    Ok(())
}

/// Runs one step.
pub(super) fn one(step: &Step) -> Result<(), Error> {
    run(step, None)
}

fn run(step: &Step, plan: Option<&Plan>) -> Result<(), Error> {
    terminal::command(&step.call);
    let (status, printed) = match step.stage {
        // Cargo shows a progress bar where it has a terminal.
        Stage::Build { .. } => (step.call.status()?, String::new()),
        _ => step.call.tee()?,
    };
    if status.success() {
        return Ok(());
    }
    let mut advice = failure::advice(step.stage, &printed);
    if let Some(on_pods) = plan.and_then(|plan| diagnose(step.stage, plan)) {
        advice = format!("{advice}: {on_pods}");
    }
    Err(DeployError::Step { command: step.call.to_string(), status, advice }.into())
}

/// Shows what the cluster says about pods that did not become ready; what to do about it, if that
/// can be told.
fn diagnose(stage: Stage, plan: &Plan) -> Option<&'static str> {
    if !matches!(stage, Stage::Rollout | Stage::Samples) {
        return None;
    }
    let mut pods = None;
    for call in plan.diagnostics(stage) {
        terminal::command(&call);
        // What cannot be shown is no reason not to show the rest.
        let printed = call.tee().map(|(_, printed)| printed).unwrap_or_default();
        pods.get_or_insert(printed);
    }
    failure::advice_on_pods(&pods?)
}

/// The kubectl of the local control plane, for machines whose own does not fit.
pub(super) fn own_kubectl() -> Result<String, Error> {
    let wanted = Wanted { kubernetes: KUBERNETES, binaries: vec![Binary::Kubectl] };
    let home = cluster::home()?;
    let assets =
        Assets::locate(&Environment::from_process(), &home, &wanted, progress::detect().as_ref());
    let assets = assets.map_err(ClusterError::from)?;
    Ok(assets
        .path(Binary::Kubectl)
        .map_or_else(|| "kubectl".to_owned(), |path| path.to_string_lossy().into_owned()))
}
