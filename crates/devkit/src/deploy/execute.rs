//! Runs the steps and explains a failed step.

use super::error::DeployError;
use super::failure::{self, Stage};
use super::steps::{Plan, Step};
use crate::terminal;

/// Runs all steps until one fails.
pub(super) fn run_all(steps: &[Step], plan: &Plan<'_>) -> Result<(), DeployError> {
    for (index, step) in steps.iter().enumerate() {
        terminal::heading(format_args!("\n[{}/{}] {}", index + 1, steps.len(), step.about));
        run(step, Some(plan))?;
    }
    Ok(())
}

/// Runs one step.
pub(super) fn run_step(step: &Step) -> Result<(), DeployError> {
    run(step, None)
}

fn run(step: &Step, plan: Option<&Plan<'_>>) -> Result<(), DeployError> {
    terminal::command(&step.call);
    let (status, printed) = match step.stage {
        // Cargo shows a progress bar on a terminal.
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
    Err(DeployError::Step { command: step.call.to_string(), status, advice })
}

/// Prints diagnostics about pods that did not become ready; returns advice if the reason is known.
fn diagnose(stage: Stage, plan: &Plan<'_>) -> Option<&'static str> {
    if !matches!(stage, Stage::Rollout | Stage::Samples) {
        return None;
    }
    let mut pods = None;
    for call in plan.diagnostics(stage) {
        terminal::command(&call);
        // A failed diagnosis does not prevent the next one.
        let printed = call.tee().map(|(_, printed)| printed).unwrap_or_default();
        pods.get_or_insert(printed);
    }
    failure::advice_on_pods(&pods?)
}
