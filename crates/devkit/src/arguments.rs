//! The command line: what can be asked for. Doing it is the modules' business.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The cluster of `cluster` and `dev`, unless another is named.
pub(crate) const DEFAULT_CLUSTER: &str = "dev";

/// The cluster of `deploy-kind`, unless another is named.
pub(crate) const DEFAULT_KIND_CLUSTER: &str = "kubewright";

/// The developer commands of this project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the operator from source on a local control plane with the samples, until Ctrl-C.
    #[command(after_help = "Needs no Docker and touches no kubeconfig of yours.\n\n\
        Examples:\n  cargo xtask dev\n  cargo xtask dev --exit-when-ready\n  cargo xtask dev --name mine --keep")]
    Dev(DevArguments),
    /// Runs the operator as an image on a kind cluster, and shows how to reach what it made.
    #[command(after_help = "Needs docker and kind. Each command is shown as it runs.\n\n\
        Examples:\n  cargo xtask deploy-kind\n  cargo xtask deploy-kind --node-image kindest/node:v1.36.3\n  \
        cargo xtask deploy-kind --dry-run\n  cargo xtask deploy-kind --delete")]
    DeployKind(DeployArguments),
    /// Runs every test, on a local control plane of its own.
    #[command(after_help = "What follows is for `cargo test`.\n\n\
        Examples:\n  cargo xtask test\n  cargo xtask test -p operator\n  cargo xtask test drift -- --nocapture")]
    Test(TestArguments),
    /// Measures the operator as it is released against a bare client, on control planes of its own.
    #[command(
        after_help = "What follows is for the project's bench; its own help: cargo xtask bench -- --help.\n\n\
        Examples:\n  cargo xtask bench\n  cargo xtask bench --quick --json bench.json\n  cargo xtask bench --rows 1,2"
    )]
    Bench(BenchArguments),
    /// Runs what CI runs: formatting, lints, generated files, documentation, licences,
    /// dependencies, tests.
    #[command(
        after_help = "Examples:\n  cargo xtask ci\n  cargo xtask ci --list\n  cargo xtask ci --only fmt,clippy"
    )]
    Ci(CiArguments),
    /// Writes everything that is generated from the types: CRDs, RBAC, samples, API reference,
    /// install manifest.
    #[command(after_help = "Examples:\n  cargo xtask gen\n  cargo xtask gen --check")]
    Gen(GenArguments),
    /// Writes the CustomResourceDefinitions alone.
    #[command(after_help = "Examples:\n  cargo xtask gen-crd\n  cargo xtask gen-crd --check")]
    GenCrd(GenArguments),
    /// Writes the RBAC manifests alone.
    #[command(after_help = "Examples:\n  cargo xtask gen-rbac\n  cargo xtask gen-rbac --check")]
    GenRbac(GenArguments),
    /// Writes the sample resources alone.
    #[command(
        after_help = "Examples:\n  cargo xtask gen-samples\n  cargo xtask gen-samples --check"
    )]
    GenSamples(GenArguments),
    /// Manages local control planes: a real Kubernetes API in seconds, without Docker.
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Runs kubectl on a local control plane.
    #[command(
        after_help = "Examples:\n  cargo xtask kubectl get pods\n  cargo xtask kubectl --name mine get nodes -o wide"
    )]
    Kubectl(KubectlArguments),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GenArguments {
    /// Compare only: fail on what differs, is missing or does not belong there.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClusterName {
    /// Which control plane; several can run beside each other.
    #[arg(long, default_value = DEFAULT_CLUSTER)]
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Starts a control plane, or makes sure that it runs.
    #[command(
        after_help = "The first time its binaries may have to be built, which takes some minutes.\n\n\
        Examples:\n  cargo xtask cluster up\n  cargo xtask cluster up --name mine --nodes 3"
    )]
    Up(UpArguments),
    /// Stops a control plane and removes everything that belongs to it.
    #[command(
        after_help = "Examples:\n  cargo xtask cluster down\n  cargo xtask cluster down --name mine"
    )]
    Down(ClusterName),
    /// Shows each control plane: its state, its processes, its versions.
    #[command(
        after_help = "Examples:\n  cargo xtask cluster status\n  cargo xtask cluster status --name mine"
    )]
    Status {
        /// Only this one; it is an error if it is not there.
        #[arg(long)]
        name: Option<String>,
    },
    /// Prints the path of a control plane's kubeconfig.
    #[command(after_help = "Examples:\n  export KUBECONFIG=$(cargo xtask cluster kubeconfig)\n  \
        cargo xtask cluster kubeconfig --name mine --raw > mine.yaml")]
    Kubeconfig {
        #[command(flatten)]
        cluster: ClusterName,
        /// Print the file's content instead.
        #[arg(long)]
        raw: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterName,
    /// How many nodes to pretend there are.
    #[arg(long, default_value_t = 1)]
    pub(crate) nodes: u32,
    /// Make it anew when it exists with other settings.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Also add it to a kubeconfig of yours as the current context ($KUBECONFIG or ~/.kube/config
    /// if no file is given).
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(
        clippy::option_option,
        reason = "absent, without a file, with a file: clap's form of an optional value"
    )]
    pub(crate) export_kubeconfig: Option<Option<PathBuf>>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KubectlArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterName,
    /// What to hand to kubectl.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DeployArguments {
    /// Which kind cluster; created if it is not there.
    #[arg(long, default_value = DEFAULT_KIND_CLUSTER)]
    pub(crate) name: String,
    /// The image of the node of a new cluster, as kind's --image; it decides the Kubernetes
    /// version.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) node_image: Option<String>,
    /// Also add the cluster to your kubeconfig as the current context.
    #[arg(long)]
    pub(crate) export_kubeconfig: bool,
    /// How long each wait may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) timeout: u64,
    /// Print the commands, and run nothing that changes anything.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete the cluster.
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct TestArguments {
    /// What to hand to `cargo test`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArguments {
    /// What to hand to the bench.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CiArguments {
    /// Show the steps and their commands, and run nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// Run these steps only.
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Folder whose files `tidy` reports, relative to the project; default: the whole project.
    #[arg(long, value_name = "FOLDER", default_value = "", hide_default_value = true)]
    pub(crate) within: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DevArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterName,
    /// End as soon as every sample is ready, for scripts.
    #[arg(long)]
    pub(crate) exit_when_ready: bool,
    /// Leave the control plane running, with everything on it.
    #[arg(long)]
    pub(crate) keep: bool,
    /// How long the samples may take to become ready, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) timeout: u64,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn all(command: &clap::Command) -> Vec<clap::Command> {
        let mut commands = vec![command.clone()];
        for sub in command.get_subcommands() {
            commands.extend(all(sub));
        }
        commands
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_in_one_sentence_and_shows_examples() {
        for command in all(&Arguments::command()) {
            let about = command.get_about().unwrap().to_string();
            assert!(!about.is_empty() && !about.contains('\n'), "{}: {about}", command.get_name());
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("cargo xtask"), "{} has no examples", command.get_name());
            }
        }
    }

    #[test]
    fn a_users_kubeconfig_is_named_or_left_to_the_environment_or_left_alone() {
        let exported = |arguments: &[&str]| {
            let arguments = ["xtask", "cluster", "up"].iter().chain(arguments);
            match Arguments::try_parse_from(arguments).unwrap().command {
                Command::Cluster { command: ClusterCommand::Up(up) } => up.export_kubeconfig,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(exported(&[]), None);
        assert_eq!(exported(&["--export-kubeconfig"]), Some(None));
        assert_eq!(exported(&["--export-kubeconfig", "f"]), Some(Some(PathBuf::from("f"))));
    }

    #[test]
    fn everything_after_bench_is_the_benchs() {
        let parsed =
            Arguments::try_parse_from(["xtask", "bench", "--quick", "--rows", "1,2"]).unwrap();
        let Command::Bench(bench) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!(bench.arguments, ["--quick", "--rows", "1,2"]);
    }

    #[test]
    fn everything_after_kubectl_is_kubectls() {
        let parsed =
            Arguments::try_parse_from(["xtask", "kubectl", "get", "pods", "-A", "--watch"])
                .unwrap();
        let Command::Kubectl(kubectl) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!(kubectl.arguments, ["get", "pods", "-A", "--watch"]);
        assert_eq!(kubectl.cluster.name, DEFAULT_CLUSTER);
    }
}
