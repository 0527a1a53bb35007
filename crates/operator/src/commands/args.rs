//! The command line of these commands. `--help` prints the doc comments.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
