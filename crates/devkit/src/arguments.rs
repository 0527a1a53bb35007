//! The command line of `cargo xtask`. Each module implements its own command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The default cluster of `cluster`, `kubectl` and `dev`.
pub(crate) const DEFAULT_CLUSTER: &str = "dev";

/// The default cluster of `deploy-kind`.
pub(crate) const DEFAULT_KIND_CLUSTER: &str = "kubewright";

/// `command` with the option for a cluster other than the default one.
pub(crate) fn named(command: &str, name: &str, default: &str) -> String {
    if name == default { command.to_owned() } else { format!("{command} --name {name}") }
}

/// The developer commands of this project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the operator from source with its samples on a local control plane until Ctrl-C.
    #[command(after_help = "It needs no Docker and does not change your kubeconfig.\n\n\
        Examples:\
        \n  cargo xtask dev\
        \n  cargo xtask dev --exit-when-ready\
        \n  cargo xtask dev --name mine --keep")]
    Dev(DevArguments),
    /// Deploys the operator as an image to a kind cluster and shows how to reach the samples.
    #[command(after_help = "It needs docker and kind, and prints each command that it runs.\n\n\
        Examples:\
        \n  cargo xtask deploy-kind\
        \n  cargo xtask deploy-kind --node-image kindest/node:v1.36.3\
        \n  cargo xtask deploy-kind --dry-run\
        \n  cargo xtask deploy-kind --delete")]
    DeployKind(DeployArguments),
    /// Runs all tests on a temporary local control plane.
    #[command(after_help = "All arguments are passed to `cargo test`.\n\n\
        Examples:\
        \n  cargo xtask test\
        \n  cargo xtask test -p operator\
        \n  cargo xtask test drift -- --nocapture")]
    Test(TestArguments),
    /// Runs the project's benchmark of the release build on temporary control planes.
    #[command(
        after_help = "All arguments are passed to the bench; see `cargo xtask bench -- --help`. \
        `--rows` selects rows of the table in docs/performance.md.\n\n\
        Examples:\
        \n  cargo xtask bench\
        \n  cargo xtask bench --quick --json bench.json\
        \n  cargo xtask bench --rows 1,2"
    )]
    Bench(BenchArguments),
    /// Runs the steps of CI: format, lints, generated files, docs, dependencies, tests.
    #[command(after_help = "Examples:\
        \n  cargo xtask ci\
        \n  cargo xtask ci --list\
        \n  cargo xtask ci --only fmt,clippy\
        \n  cargo xtask ci --only tidy --within crates")]
    Ci(CiArguments),
    /// Writes all generated files: CRDs, RBAC, samples, API reference, install manifests.
    #[command(after_help = "Examples:\
        \n  cargo xtask gen\
        \n  cargo xtask gen --check")]
    Gen(GenArguments),
    /// Writes the generated CustomResourceDefinitions.
    #[command(after_help = "Examples:\
        \n  cargo xtask gen-crd\
        \n  cargo xtask gen-crd --check")]
    GenCrd(GenArguments),
    /// Writes the generated RBAC manifests.
    #[command(after_help = "Examples:\
        \n  cargo xtask gen-rbac\
        \n  cargo xtask gen-rbac --check")]
    GenRbac(GenArguments),
    /// Writes the generated sample resources.
    #[command(after_help = "Examples:\
        \n  cargo xtask gen-samples\
        \n  cargo xtask gen-samples --check")]
    GenSamples(GenArguments),
    /// Manages local control planes: a real Kubernetes API without Docker.
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Runs kubectl on a local control plane.
    #[command(after_help = "All arguments are passed to kubectl.\n\n\
        Examples:\
        \n  cargo xtask kubectl get pods\
        \n  cargo xtask kubectl --name mine get nodes -o wide")]
    Kubectl(KubectlArguments),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GenArguments {
    /// Compare only; fail if a file differs, is missing or is unexpected.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClusterName {
    /// Name of the control plane.
    #[arg(long, default_value = DEFAULT_CLUSTER)]
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Starts a control plane and waits until it is ready.
    #[command(after_help = "The first start downloads the binaries. If a download fails, the \
        command builds them, which takes some minutes.\n\n\
        Examples:\n  cargo xtask cluster up\n  cargo xtask cluster up --name mine --nodes 3")]
    Up(UpArguments),
    /// Stops a control plane and removes its files.
    #[command(
        after_help = "Examples:\n  cargo xtask cluster down\n  cargo xtask cluster down --name mine"
    )]
    Down(ClusterName),
    /// Shows the state, the processes and the versions of control planes.
    #[command(after_help = "Examples:\
        \n  cargo xtask cluster status\
        \n  cargo xtask cluster status --name mine")]
    Status {
        /// Name of one control plane; default: all.
        #[arg(long)]
        name: Option<String>,
    },
    /// Prints the path of a control plane's kubeconfig.
    #[command(after_help = "Examples:\n  export KUBECONFIG=$(cargo xtask cluster kubeconfig)\n  \
        cargo xtask cluster kubeconfig --name mine --raw > mine.yaml")]
    Kubeconfig {
        #[command(flatten)]
        cluster: ClusterName,
        /// Print the content of the file instead.
        #[arg(long)]
        raw: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterName,
    /// Number of simulated nodes.
    #[arg(long, default_value_t = 1)]
    pub(crate) nodes: u32,
    /// Replace an existing control plane that has other settings.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Add the control plane to a kubeconfig, and make it the current context; default file:
    /// $KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "clap's type for an option with an optional value")]
    pub(crate) export_kubeconfig: Option<Option<PathBuf>>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KubectlArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterName,
    /// Arguments of kubectl.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DeployArguments {
    /// Name of the kind cluster; it is created if it does not exist.
    #[arg(long, default_value = DEFAULT_KIND_CLUSTER)]
    pub(crate) name: String,
    /// Node image of a new cluster, which sets the Kubernetes version; default: kind's default.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) node_image: Option<String>,
    /// Add the cluster to your kubeconfig, and make it the current context.
    #[arg(long)]
    pub(crate) export_kubeconfig: bool,
    /// Time limit of each wait, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) timeout: u64,
    /// Print the commands and run none of them.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete the cluster.
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct TestArguments {
    /// Arguments of `cargo test`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArguments {
    /// Arguments of the bench.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CiArguments {
    /// Print the steps with their commands and run none of them.
    #[arg(long)]
    pub(crate) list: bool,
    /// Names of the steps to run, separated by commas; default: all.
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Let the step `tidy` (rules for lines, words and imports) report only problems in this
    /// folder, relative to the project. Other steps ignore this option. Default: the whole project.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) within: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DevArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterName,
    /// Exit when all samples are ready.
    #[arg(long)]
    pub(crate) exit_when_ready: bool,
    /// Keep the control plane after the end.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Time limit until all samples are ready, in seconds.
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
    fn every_command_has_one_sentence_and_examples() {
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
    fn a_command_names_a_cluster_other_than_the_default() {
        assert_eq!(named("cargo xtask cluster down", "dev", "dev"), "cargo xtask cluster down");
        assert_eq!(
            named("cargo xtask cluster down", "mine", "dev"),
            "cargo xtask cluster down --name mine"
        );
    }

    #[test]
    fn the_exported_kubeconfig_is_optional_and_so_is_its_path() {
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
    fn all_options_of_ci_are_optional() {
        let parse = |arguments: &[&str]| {
            let parsed = Arguments::try_parse_from(["xtask", "ci"].iter().chain(arguments));
            match parsed.unwrap().command {
                Command::Ci(ci) => ci,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(parse(&[]).within, None);
        let ci = parse(&["--only", "fmt,tidy", "--within", "crates"]);
        assert_eq!(ci.only, ["fmt", "tidy"]);
        assert_eq!(ci.within, Some(PathBuf::from("crates")));
    }

    #[test]
    fn all_arguments_after_bench_belong_to_the_bench() {
        let parsed =
            Arguments::try_parse_from(["xtask", "bench", "--quick", "--rows", "1,2"]).unwrap();
        let Command::Bench(bench) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!(bench.arguments, ["--quick", "--rows", "1,2"]);
    }

    #[test]
    fn all_arguments_after_kubectl_belong_to_kubectl() {
        let parsed =
            Arguments::try_parse_from(["xtask", "kubectl", "get", "pods", "-A", "--watch"])
                .unwrap();
        let Command::Kubectl(kubectl) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!(kubectl.arguments, ["get", "pods", "-A", "--watch"]);
        assert_eq!(kubectl.cluster.name, DEFAULT_CLUSTER);
    }
}
