//! What `--help` says, as far as it follows from the registry.

use std::fmt::Write as _;

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use kubewright_core::Registry;
use kubewright_core::registry::Controller;

use crate::args::Cli;

/// The command line of a program, which is `called` so by whoever runs it: examples are there to be
/// copied.
pub(crate) fn command(
    registry: &Registry,
    called: Option<&str>,
    version: &'static str,
    about: Option<&'static str>,
) -> Command {
    let name = called.unwrap_or(registry.name());
    let kinds = kinds(registry);
    let about = about
        .map_or_else(|| format!("A Kubernetes operator. It reconciles {kinds}."), str::to_owned);
    let controllers: Vec<&'static str> = registry.controllers().iter().map(|c| c.name()).collect();
    let examples = |command: Command| {
        let examples = examples_of(name, command.get_name());
        command.after_help(examples)
    };
    Cli::command()
        .name(registry.name())
        .bin_name(name)
        .version(version)
        .about(about.clone())
        .long_about(format!("{about}\n\n{}", reconciles(registry)))
        .after_help(examples_of(name, ""))
        .mut_subcommand("run", |c| {
            let named = |arg: clap::Arg| arg.value_parser(PossibleValuesParser::new(&controllers));
            examples(c.mut_arg("controllers", named))
        })
        .mut_subcommand("render", examples)
        .mut_subcommand("crds", examples)
        .mut_subcommand("rbac", examples)
        .mut_subcommand("samples", examples)
        .mut_subcommand("install", examples)
}

/// `Echo (example.com/v1) and PreviewEnvironment (platform9.com/v1)`.
pub(crate) fn kinds(registry: &Registry) -> String {
    let one = |controller: &std::sync::Arc<dyn Controller>| {
        let info = controller.resource();
        format!("{} ({})", info.kind, info.api_version())
    };
    let all: Vec<String> = registry.controllers().iter().map(one).collect();
    match all.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// One paragraph per controller: what it reconciles, owns and reads.
fn reconciles(registry: &Registry) -> String {
    // Writing to a String cannot fail.
    let mut text = "Controllers:".to_owned();
    for controller in registry.controllers() {
        let info = controller.resource();
        let mark = |optional: bool| if optional { " (where it is served)" } else { "" };
        let owns: Vec<String> = controller
            .owns()
            .iter()
            .map(|o| format!("{}{}", o.info.kind, mark(o.optional)))
            .collect();
        let reads: Vec<String> = controller
            .reads()
            .iter()
            .map(|r| format!("{}{}", r.info.kind, mark(r.optional)))
            .collect();
        let _ = write!(text, "\n  {}: {} of {}", controller.name(), info.kind, info.api_version());
        if controller.retires() {
            text.push_str(", deleted when it has had its time");
        }
        if !owns.is_empty() {
            let _ = write!(text, ", owns {}", owns.join(", "));
        }
        if !reads.is_empty() {
            let _ = write!(text, ", reads {}", reads.join(", "));
        }
    }
    text
}

fn examples_of(name: &str, subcommand: &str) -> String {
    let lines: &[(&str, &str)] = match subcommand {
        "" => &[
            ("What a resource looks like", "samples"),
            ("What it becomes, without a cluster", "render -f resource.yaml"),
            (
                "From here, in the cluster of your kubeconfig",
                "crds | kubectl apply --server-side -f - && {} run",
            ),
        ],
        "run" => &[
            ("In the cluster of your kubeconfig", "run"),
            ("In two namespaces alone", "run -n team-a -n team-b"),
            ("At another port, with more words", "run --listen 127.0.0.1:9090 --log debug"),
            (
                "The second of three processes that share the work",
                "run --shard-count 3 --shard-index 1",
            ),
        ],
        "render" => &[
            ("One file", "render -f resource.yaml"),
            ("All files of a folder, in the namespace team-a", "render -f folder/ -n team-a"),
            ("The samples", "samples | {} render -f -"),
            (
                "As in a cluster with an optional kind",
                "render -f resource.yaml --served HTTPRoute.gateway.networking.k8s.io",
            ),
            ("What is in the cluster now", "render -f - < <(kubectl get KIND -A -o yaml)"),
        ],
        "crds" => {
            &[("Install or update the definitions", "crds | kubectl apply --server-side -f -")]
        }
        "rbac" => &[
            ("In the whole cluster", "rbac"),
            ("In two namespaces alone", "rbac -n team-a -n team-b"),
            (
                "For a ServiceAccount of your own",
                "rbac --service-account ops:robot | kubectl apply -f -",
            ),
        ],
        "samples" => &[("Try all of them", "samples | kubectl apply -f -")],
        "install" => &[(
            "Run it in the cluster",
            "install --image registry.example.com/operator:1.0 | kubectl apply --server-side -f -",
        )],
        _ => &[],
    };
    let mut text = "Examples:".to_owned();
    for (what, arguments) in lines {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  # {what}\n  {name} {}", arguments.replace("{}", name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_passes_the_checks_of_its_parser() {
        command(&Registry::new("empty"), Some("called"), "1", None).debug_assert();
    }

    #[test]
    fn every_subcommand_has_an_example() {
        for subcommand in
            command(&Registry::new("empty"), Some("called"), "1", None).get_subcommands()
        {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("\n  called "), "{}", subcommand.get_name());
        }
    }
}
