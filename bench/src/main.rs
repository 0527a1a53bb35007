//! The bench: compares the engine with a bare client that sends the same requests.
//! `cargo xtask bench` builds and runs it.
//!
//! | module | contents |
//! |---|---|
//! | `args`, `plan` | the command line; sizes and repeats |
//! | `workload`, `website` | the two kinds of resources; the second operator |
//! | `plane`, `process`, `operator`, `bare_process` | the control plane and its clients |
//! | `request`, `recorder`, `script`, `same_work` | what the operator sends, as a script |
//! | `client`, `bare`, `lister`, `load` | clients of the API server |
//! | `observer`, `requests`, `prometheus` | objects and counters |
//! | `proc`, `other_load`, `wait` | CPU time, memory, the load of other programs, rest |
//! | `bench`, `cells` | the measurements |
//! | `figures`, `rows`, `stats`, `table`, `report` | the results |

mod args;
mod bare;
mod bare_process;
mod bench;
mod cells;
mod client;
mod difference;
mod error;
mod figures;
mod lister;
mod load;
mod observer;
mod operator;
mod other_load;
mod plan;
mod plane;
mod proc;
mod process;
mod prometheus;
mod recorder;
mod report;
mod request;
mod requests;
mod rows;
mod same_work;
mod script;
mod stats;
mod table;
mod wait;
mod website;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Arguments, Command};
use crate::bench::Bench;
use crate::error::Error;
use crate::report::{Machine, Report};
use crate::workload::Workload;

/// The engine runs on at most two threads; the clients that it is compared with do, too.
const ENGINE_THREADS: usize = 2;

fn main() -> ExitCode {
    if website::is_program_name() {
        return kubewright::cli::main(website::registry());
    }
    let arguments = Arguments::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match arguments.command {
        Some(Command::Bare { .. } | Command::List { .. }) => cores.min(ENGINE_THREADS),
        Some(Command::SameWork) | None => cores,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(&arguments)),
        Err(error) => Err(Error::Unmeasurable(format!("no threads: {error}"))),
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

/// Runs the command. Returns whether every bound holds.
async fn run(arguments: &Arguments) -> Result<bool, Error> {
    match &arguments.command {
        Some(Command::Bare { kubeconfig, script, feed }) => {
            bare::run(kubeconfig, script, *feed).await.map(|()| true)
        }
        Some(Command::List { kubeconfig, script, workload }) => {
            lister::list(kubeconfig, script, *workload).await.map(|()| true)
        }
        Some(Command::SameWork) => {
            let bench = Bench::new(arguments.plan(), operator(arguments)?);
            for workload in [Workload::Echo, Workload::Website] {
                bench.check_same_work(workload).await?;
            }
            Ok(true)
        }
        None => measure(arguments).await,
    }
}

/// Measures, prints the report, and returns whether every bound holds.
async fn measure(arguments: &Arguments) -> Result<bool, Error> {
    plane::remove_left_behind()?;
    let mut bench = Bench::new(arguments.plan(), operator(arguments)?);
    let failure = tokio::select! {
        biased;
        interrupted = interrupted() => Some(interrupted),
        done = cells::run(&mut bench) => done.err(),
    };
    let rows = rows::rows(&bench.figures, &bench.plan);
    let report = Report {
        machine: Machine::current(),
        kubernetes: bench.kubernetes.as_deref(),
        version: env!("CARGO_PKG_VERSION"),
        plan: &bench.plan,
        invalid: failure.map(|error| error.to_string()),
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

/// Resolves at SIGINT, SIGTERM or SIGHUP. Dropping the bench then stops every process it started.
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

/// The operator's program: the one that was named, or the one in the bench's own folder.
fn operator(arguments: &Arguments) -> Result<PathBuf, Error> {
    match &arguments.operator {
        Some(operator) => Ok(operator.clone()),
        None => Ok(process::own_program()?.with_file_name("operator")),
    }
}
