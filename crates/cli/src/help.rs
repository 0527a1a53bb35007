//! Help texts that depend on the registry.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use kubewright_core::Registry;
use kubewright_core::controller::Controller;

use crate::args::Cli;

/// The command line of a program. Examples show `called`, the name that the user typed, so they can
/// be copied.
pub(crate) fn command(
    registry: &Registry,
    called: Option<&str>,
    version: &'static str,
    about: Option<&'static str>,
) -> Command {
    let name = called.unwrap_or(registry.name());
    let about = about
        .map_or_else(|| format!("Kubernetes operator for {}.", kinds(registry)), str::to_owned);
    let controllers: Vec<&'static str> = registry.controllers().iter().map(|c| c.name()).collect();
    let with_examples = |command: Command| {
        let examples = examples(name, command.get_name());
        command.after_help(examples)
    };
    Cli::command()
        .name(registry.name())
        .bin_name(name)
        .version(version)
        .about(about.clone())
        .long_about(format!("{about}\n\n{}", describe_controllers(registry)))
        .after_help(examples(name, ""))
        .mut_subcommand("run", |c| {
            let parser = PossibleValuesParser::new(&controllers);
            with_examples(c.mut_arg("controllers", |arg| arg.value_parser(parser)))
        })
        .mut_subcommand("render", with_examples)
        .mut_subcommand("crds", with_examples)
        .mut_subcommand("rbac", with_examples)
        .mut_subcommand("samples", with_examples)
        .mut_subcommand("install", with_examples)
}

/// `Echo (example.com/v1) and PreviewEnvironment (platform9.com/v1)`.
pub(crate) fn kinds(registry: &Registry) -> String {
    let kinds: Vec<String> = registry.controllers().iter().map(|c| describe_kind(&**c)).collect();
    match kinds.split_last() {
        None => "no kind".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `Echo (example.com/v1)`.
fn describe_kind(controller: &dyn Controller) -> String {
    let info = controller.resource();
    format!("{} ({})", info.kind, info.api_version())
}

/// One line per controller: its kind, and the kinds that it owns and reads, each once.
fn describe_controllers(registry: &Registry) -> String {
    let mut text = "Controllers:".to_owned();
    for controller in registry.controllers() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {}: {}", controller.name(), describe_kind(&**controller));
        if controller.expires() {
            text.push_str("; expires");
        }
        let (owns, reads) = (controller.owns(), controller.reads());
        let owns = owns.iter().map(|owned| (&*owned.info.kind, owned.optional));
        let reads = reads.iter().map(|read| (&*read.info.kind, read.optional));
        text.push_str(&list("owns", owns));
        text.push_str(&list("reads", reads));
    }
    text
}

/// `; owns Deployment, Mapping (optional)`; empty without kinds.
fn list<'a>(verb: &str, kinds: impl Iterator<Item = (&'a str, bool)>) -> String {
    let mut seen = BTreeSet::new();
    let names: Vec<String> = kinds
        .filter(|(kind, _)| seen.insert(*kind))
        .map(|(kind, optional)| format!("{kind}{}", if optional { " (optional)" } else { "" }))
        .collect();
    if names.is_empty() { String::new() } else { format!("; {verb} {}", names.join(", ")) }
}

fn examples(name: &str, subcommand: &str) -> String {
    let lines: &[(&str, &str)] = match subcommand {
        "" => &[
            ("Print sample resources", "samples"),
            ("Print the children of a resource, without a cluster", "render -f resource.yaml"),
            (
                "Run against the cluster of your kubeconfig",
                "crds | kubectl apply --server-side -f - && {} run",
            ),
        ],
        "run" => &[
            ("Run against the cluster of your kubeconfig", "run"),
            ("Watch only two namespaces", "run -n team-a -n team-b"),
            ("Use another port and log more", "run --listen 127.0.0.1:9090 --log debug"),
            (
                "Run the second of three processes that share the resources",
                "run --shard-count 3 --shard-index 1",
            ),
        ],
        "render" => &[
            ("Render one file", "render -f resource.yaml"),
            ("Render a folder in the namespace team-a", "render -f folder/ -n team-a"),
            ("Render the samples", "samples | {} render -f -"),
            (
                "Render for a cluster that serves an optional kind",
                "render -f resource.yaml --served HTTPRoute.gateway.networking.k8s.io",
            ),
            ("Render the resources of a cluster", "render -f - < <(kubectl get KIND -A -o yaml)"),
        ],
        "crds" => &[("Install or update the CRDs", "crds | kubectl apply --server-side -f -")],
        "rbac" => &[
            ("Grant rights in the whole cluster", "rbac"),
            ("Grant rights only in two namespaces", "rbac -n team-a -n team-b"),
            (
                "Grant rights to an existing ServiceAccount",
                "rbac --service-account ops:robot | kubectl apply -f -",
            ),
        ],
        "samples" => &[("Apply all samples", "samples | kubectl apply -f -")],
        "install" => &[(
            "Install the operator",
            "install --image registry.example.com/operator:1.0 | kubectl apply --server-side -f -",
        )],
        _ => &[],
    };
    let mut text = "Examples:".to_owned();
    for (purpose, arguments) in lines {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  # {purpose}\n  {name} {}", arguments.replace("{}", name));
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
