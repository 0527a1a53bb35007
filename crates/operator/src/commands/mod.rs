//! Commands of this program alone: `preview policy check`.
//!
//! - `check` reads the cluster and prints what a policy would change; `error`: why it fails

mod check;
mod error;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kubewright::cli::{CommandError, Streams};

/// The subcommands of this program.
#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    /// Commands for administrators of previews
    #[command(subcommand)]
    Preview(PreviewCommands),
}

/// Commands for administrators of previews.
#[derive(Debug, Subcommand)]
pub(crate) enum PreviewCommands {
    /// Commands for PreviewPolicies
    #[command(subcommand)]
    Policy(PolicyCommands),
}

/// Commands for policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommands {
    /// Print what PreviewPolicies of a file would change, before they are applied
    ///
    /// The command reads the namespaces, previews and policies of the cluster, with the rights of
    /// the user, and changes nothing. It names each preview that would lose its pods or its route,
    /// and the field of the policy that refuses it.
    Check(CheckArgs),
}

/// The arguments of `preview policy check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A file with PreviewPolicies; other objects in it are skipped
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The kubeconfig [default: $KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// Executes a command.
///
/// # Errors
/// The file or the cluster cannot be read, or the file has no policy.
pub(crate) fn run(command: Commands, streams: &mut Streams<'_>) -> Result<(), CommandError> {
    let Commands::Preview(PreviewCommands::Policy(PolicyCommands::Check(args))) = command;
    check::run(args, streams)
}
