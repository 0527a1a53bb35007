//! Repeats the experiments, each on a control plane of its own, and prints a table.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use futures::{StreamExt, stream};
use tests::cluster::OwnCluster;
use tests::experiments::{BOUND, Experiment, Plan, Row, experiments, markdown, run};
use tokio::runtime::Handle;

/// Shows what a change that concerns all previews takes down.
#[derive(Parser)]
#[command(name = "experiments")]
struct Arguments {
    /// The number of previews in each experiment.
    #[arg(long, default_value_t = 50)]
    previews: usize,
    /// When to look at them, in seconds after the change.
    #[arg(long, value_delimiter = ',', default_value = "5,60,600")]
    after: Vec<u64>,
    /// How long to wait until all are up again, in seconds.
    #[arg(long, default_value_t = 600)]
    patience: u64,
    /// Only these experiments.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How many experiments run at one time.
    #[arg(long, default_value_t = 3)]
    at_a_time: usize,
    /// Prints the names of the experiments.
    #[arg(long)]
    list: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_chosen = |experiment: &Experiment| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == experiment.name)
    };
    let chosen: Vec<_> = experiments().into_iter().filter(is_chosen).collect();
    if arguments.list {
        for Experiment { name, about, .. } in &chosen {
            println!("{name}: {about}");
        }
        return ExitCode::SUCCESS;
    }
    let plan = Plan {
        previews: arguments.previews,
        after: arguments.after.iter().copied().map(Duration::from_secs).collect(),
        patience: Duration::from_secs(arguments.patience),
    };
    let names: Vec<_> = chosen.iter().map(|experiment| experiment.name).collect();
    // A thread for each: starting a control plane blocks, and a panic ends only its experiment.
    let runs = chosen.into_iter().map(|experiment| {
        let (handle, plan) = (Handle::current(), plan.clone());
        tokio::task::spawn_blocking(move || run_alone(&handle, &experiment, &plan))
    });
    let results: Vec<_> = stream::iter(runs).buffered(arguments.at_a_time.max(1)).collect().await;
    let mut rows: Vec<Row> = Vec::new();
    let mut failed = Vec::new();
    for (name, result) in names.into_iter().zip(results) {
        match result {
            Ok(row) => rows.push(row),
            Err(_) => failed.push(name),
        }
    }
    print!("{}", markdown(&rows, &plan.after));
    // A panic has printed why.
    for name in &failed {
        println!("The experiment {name} failed.");
    }
    let holds = failed.is_empty() && rows.iter().all(|row| row.lost() <= BOUND);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_alone(handle: &Handle, experiment: &Experiment, plan: &Plan) -> Row {
    let cluster = OwnCluster::start(experiment.name);
    handle.block_on(run(&cluster, experiment, plan))
}
