//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, value_parser};

use crate::bare::Feed;
use crate::plan::{Plan, ROWS};
use crate::workload::Workload;

/// Compares the operator with a bare client that sends the same requests, on control planes of its
/// own.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench", version)]
pub(crate) struct Arguments {
    /// Use fewer repeats and resources; the report lists the differences
    #[arg(long)]
    quick: bool,

    /// Use 20 resources, to check that the bench works; the figures mean nothing
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,

    /// Measure only these rows of the table, for example 1,2
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        value_parser = value_parser!(u8).range(i64::from(*ROWS.start())..=i64::from(*ROWS.end()))
    )]
    rows: Vec<u8>,

    /// Repeats of the runs beside the bare client: rows 1, 2, 4, 9 and the small runs of row 10;
    /// row 11 has half
    #[arg(long, value_name = "COUNT")]
    repeats: Option<usize>,

    /// Write every measured value to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// The operator's program [default: the file `operator` beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) operator: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What a process of the bench runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replay the operator's requests: the bare client
    #[command(hide = true)]
    Bare {
        #[arg(long)]
        kubeconfig: PathBuf,
        #[arg(long)]
        script: PathBuf,
        #[arg(long)]
        feed: Feed,
    },
    /// List and decode what the operator caches, then exit: the comparison for a restart
    #[command(hide = true)]
    List {
        #[arg(long)]
        kubeconfig: PathBuf,
        #[arg(long)]
        script: PathBuf,
        #[arg(long)]
        workload: Workload,
    },
    /// Check that the operator and the bare client send the same requests; needs no cluster
    SameWork,
}

impl Arguments {
    /// What to measure.
    pub(crate) fn plan(&self) -> Plan {
        let plan = match (self.quick, self.smoke) {
            (true, _) => Plan::quick(),
            (_, true) => Plan::smoke(),
            _ => Plan::full(),
        };
        let rows =
            if self.rows.is_empty() { plan.rows } else { self.rows.iter().copied().collect() };
        Plan { rows, repeats: self.repeats.unwrap_or(plan.repeats).max(1), ..plan }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, clap::Error> {
        let all = std::iter::once(&"bench").chain(arguments);
        Arguments::try_parse_from(all).map(|arguments| arguments.plan())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_existing_rows_can_be_selected() {
        assert_eq!(plan(&[]).unwrap().rows.len(), 12);
        assert_eq!(Vec::from_iter(plan(&["--rows", "1,9"]).unwrap().rows), [1, 9]);
        assert!(plan(&["--rows", "13"]).is_err() && plan(&["--rows", "0"]).is_err());
    }

    #[test]
    fn a_command_accepts_the_operator_that_xtask_passes() {
        let arguments = ["bench", "--operator", "/t/operator", "same-work"];
        let parsed = Arguments::try_parse_from(arguments).unwrap();
        assert!(matches!(parsed.command, Some(Command::SameWork)));
    }

    #[test]
    fn a_quick_run_lists_its_differences() {
        let quick = plan(&["--quick"]).unwrap().differences().unwrap();
        for difference in [
            "resources of a small run: 300 instead of 500",
            "repeats of latencies: 1 instead of 3",
            "restarts: 2 instead of 7",
            "edits and deletions: 100 instead of 200",
            "largest level of memory: 1000 instead of 8000",
        ] {
            assert!(quick.contains(difference), "{quick}");
        }
        let repeats = plan(&["--repeats", "9"]).unwrap().differences();
        assert_eq!(repeats.as_deref(), Some("repeats of them: 9 instead of 5"));
        assert_eq!(plan(&["--rows", "3"]).unwrap().differences(), None);
    }
}
