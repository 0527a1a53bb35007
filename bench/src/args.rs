//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::plan::{Plan, ROWS};

/// Measures the operator against a bare client that sends the same writes, on control planes of its
/// own.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// Fewer repeats and resources: within five minutes
    #[arg(long)]
    quick: bool,

    /// A few resources, to see that everything works; the figures mean nothing
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,

    /// Only what these rows of the table need, for example 1,2
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(i64::from(*ROWS.start())..=i64::from(*ROWS.end())))]
    rows: Vec<u8>,

    /// Repeats of rows 1 and 2
    #[arg(long, value_name = "COUNT")]
    repeats: Option<usize>,

    /// Where to write everything that was measured
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// The operator's program; by default the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(crate) operator: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts, lists and decodes what the operator watches, and ends: what a restart is compared
    /// with
    #[command(hide = true)]
    List {
        #[arg(long)]
        kubeconfig: PathBuf,
    },
}

impl Arguments {
    /// What is to be measured.
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

    fn parsed(arguments: &[&str]) -> Result<Plan, clap::Error> {
        let all = std::iter::once(&"bench").chain(arguments);
        Arguments::try_parse_from(all).map(|arguments| arguments.plan())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn rows_can_be_chosen_among_those_that_there_are() {
        assert_eq!(parsed(&[]).unwrap().rows.len(), 10);
        assert_eq!(Vec::from_iter(parsed(&["--rows", "1,9"]).unwrap().rows), [1, 9]);
        assert!(parsed(&["--rows", "11"]).is_err() && parsed(&["--rows", "0"]).is_err());
    }

    #[test]
    fn a_quick_run_says_what_is_coarser() {
        assert!(parsed(&["--quick"]).unwrap().coarser.is_some());
        assert!(parsed(&[]).unwrap().coarser.is_none());
    }
}
