//! The bench: proves that the engine is at the limit. `cargo xtask bench`.
//!
//! | module | what lives there |
//! |---|---|
//! | `args`, `plan` | what is asked for, how much of it is measured |
//! | `plane`, `operator` | the processes: a control plane for each run, the operator as it is released |
//! | `client`, `workload`, `load`, `bare`, `lister` | requests, what is written, by whom |
//! | `watch`, `requests`, `proc`, `prometheus` | what is seen: objects, counters, CPU time and memory |
//! | `cells` | the questions |
//! | `figures`, `rows`, `stats`, `table`, `report` | the answers |
//!
//! The limit is a bare client: it sends the writes that the operator sends, over the same client
//! library, and nothing else.

mod args;
mod bare;
mod cells;
mod client;
mod error;
mod figures;
mod lister;
mod load;
mod operator;
mod plan;
mod plane;
mod proc;
mod prometheus;
mod report;
mod requests;
mod rows;
mod stats;
mod table;
mod watch;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Arguments, Command};
use crate::cells::Bench;
use crate::error::Error;
use crate::report::{Machine, Report};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Some(Command::List { kubeconfig }) => lister::list(kubeconfig).await.map(|()| true),
        None => bench(&arguments).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and reports; whether every bound was kept.
async fn bench(arguments: &Arguments) -> Result<bool, Error> {
    let operator = match &arguments.operator {
        Some(operator) => operator.clone(),
        None => beside("operator")?,
    };
    plane::remove_left_behind()?;
    let mut bench = Bench::new(arguments.plan(), operator);
    let failed = tokio::select! {
        biased;
        interrupted = interrupted() => Some(interrupted),
        done = bench.run() => done.err(),
    };
    let rows = rows::rows(&bench.figures, &bench.plan);
    let report = Report {
        machine: Machine::here(),
        kubernetes: bench.kubernetes.as_deref(),
        version: env!("CARGO_PKG_VERSION"),
        plan: &bench.plan,
        gate: failed.map(|error| error.to_string()),
        failures: &bench.failures,
        rows: &rows,
        figures: &bench.figures,
    };
    print!("{}", report.text());
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    Ok(report.holds())
}

/// Resolves at Ctrl-C and its relatives; then everything that was started goes.
async fn interrupted() -> Error {
    let signals =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let waiting = signals
        .into_iter()
        .filter_map(Result::ok)
        .map(|mut signal| Box::pin(async move { signal.recv().await }));
    futures::future::select_all(waiting).await;
    Error::Interrupted
}

/// The program of this name in our own folder.
fn beside(name: &str) -> Result<PathBuf, Error> {
    let here = std::env::current_exe()
        .map_err(|source| Error::File { path: "/proc/self/exe".into(), source })?;
    Ok(here.with_file_name(name))
}
