//! `ci`: runs the steps of CI and prints a summary.
//!
//! - `steps`: the steps as data
//! - `tidy`: source files; `dependencies`: forbidden dependencies; `licences`, `spdx`: licences;
//!   `advisories`: known vulnerabilities

mod advisories;
mod dependencies;
mod error;
mod licences;
mod spdx;
mod steps;
pub mod tidy;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) use error::CiError;

use crate::arguments::CiArguments;
use crate::project::Project;
use crate::terminal;

/// The result of a step: details, or a failure that was printed.
type Outcome = Result<String, ()>;

pub(crate) fn command(project: &Project, arguments: &CiArguments) -> Result<ExitCode, CiError> {
    let root = project.root()?;
    let within = arguments.within.as_deref().unwrap_or(Path::new(""));
    let steps = steps::chosen(steps::all(project, &root, within), &arguments.only)?;
    if arguments.list {
        for step in &steps {
            println!("{}\n  {}", step.name, step.shown.join("\n  "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    let mut results = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let title = format!("[{}/{}] {}", index + 1, steps.len(), step.name);
        terminal::heading(format_args!("\n{title}: {}", step.about));
        let start = Instant::now();
        // A failed step does not stop the others, so that one run shows all problems.
        let outcome = (step.run)().map_err(|error| terminal::error(&error));
        terminal::note(format_args!("{title}: {}", describe(&outcome, start.elapsed())));
        results.push((step.name, outcome, start.elapsed()));
    }
    println!("\n{}", summary(&results, begin.elapsed()));
    let failed = results.iter().any(|(_, outcome, _)| outcome.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn describe(outcome: &Outcome, time: Duration) -> String {
    let time = time.as_secs_f64();
    match outcome {
        Ok(text) if text.is_empty() => format!("passed, {time:.1} s"),
        Ok(text) => format!("passed, {time:.1} s ({text})"),
        Err(()) => format!("FAILED, {time:.1} s"),
    }
}

fn summary(results: &[(&str, Outcome, Duration)], time: Duration) -> String {
    let width = results.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let mut lines: Vec<String> = results
        .iter()
        .map(|(name, outcome, time)| format!("  {name:width$}  {}", describe(outcome, *time)))
        .collect();
    let failed: Vec<&str> =
        results.iter().filter(|(_, outcome, _)| outcome.is_err()).map(|(name, ..)| *name).collect();
    let minutes = format!("{}m{:02}s", time.as_secs() / 60, time.as_secs() % 60);
    lines.insert(0, "Summary:".to_owned());
    lines.push(if failed.is_empty() {
        format!("No step failed. Time: {minutes}.")
    } else {
        format!(
            "{} of {} steps failed in {minutes}; repeat them: cargo xtask ci --only {}",
            failed.len(),
            results.len(),
            failed.join(",")
        )
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_lists_all_steps_and_the_command_for_failed_steps() {
        let second = Duration::from_millis(1040);
        let results = [
            ("fmt", Ok(String::new()), second),
            ("clippy", Err(()), second),
            ("licences", Ok("250 packages".into()), second),
        ];
        insta::assert_snapshot!(summary(&results, Duration::from_secs(64)), @r"
        Summary:
          fmt       passed, 1.0 s
          clippy    FAILED, 1.0 s
          licences  passed, 1.0 s (250 packages)
        1 of 3 steps failed in 1m04s; repeat them: cargo xtask ci --only clippy
        ");
    }
}
