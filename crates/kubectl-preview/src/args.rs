//! The command line. The doc comments of the arguments are the text of `--help`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use kubewright_core::names::{MAX_LABEL, is_dns_subdomain};
use operator_api::duration::{self, DurationError};

use crate::error::EXIT_CODES;
use crate::time;

/// Accepted before the `/` of a name: what `-o name` and `kubectl get -o name` print, and the
/// short names of the resource.
const KINDS: [&str; 7] = [
    "previewenvironment.platform9.com",
    "previewenvironments.platform9.com",
    "previewenvironment",
    "previewenvironments",
    "previewenv",
    "preview",
    "pe",
];

/// List previews, wait for them, open, stop, start and extend them
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-preview",
    bin_name = "kubectl preview",
    version,
    after_help = EXIT_CODES,
    max_term_width = 100
)]
pub(crate) struct PreviewArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(subcommand)]
    pub(crate) command: PreviewCommand,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace [default: the namespace of the context]
    #[arg(long, short, global = true, value_name = "NAME", value_parser = namespace)]
    pub(crate) namespace: Option<String>,

    /// The context of the kubeconfig [default: its current context]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The kubeconfig file [default: $KUBECONFIG or ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PreviewCommand {
    /// List previews
    #[command(visible_alias = "ls", after_help = examples(&[
        ("The previews of the current namespace", "list"),
        ("All namespaces, with images and messages", "list -A -o wide"),
        ("The previews with a label", "list -l team=web"),
        ("The complete resources, for programs", "list -o json"),
    ]))]
    List(ListArgs),
    /// Show one preview: address, conditions, objects, pods, Events
    #[command(after_help = examples(&[
        ("Find out why a preview does not work", "status pr-17"),
        ("The complete resource", "status pr-17 -o yaml"),
    ]))]
    Status(StatusArgs),
    /// Wait until a preview is ready, and print its URL
    ///
    /// A preview is ready when two things are true: the operator reports Ready for the current
    /// spec, and, if the preview has a route, the controller of the route has accepted the route.
    /// So `wait` can directly follow `kubectl apply`. Progress is written to standard error, and
    /// only the URL to standard output. `wait` fails early if the preview needs an edit. It keeps
    /// waiting if another preview must be deleted first (HostConflict, TooManyPreviews).
    #[command(after_help = examples(&[
        ("In a CI job", "wait pr-17 --timeout 10m"),
        ("Print the URL and no progress", "wait pr-17 --quiet"),
    ]))]
    Wait(WaitArgs),
    /// Open a preview in the browser
    #[command(after_help = examples(&[
        ("Open the browser", "open pr-17"),
        ("Print the URL", "open pr-17 --print"),
    ]))]
    Open(OpenArgs),
    /// Make a preview expire later
    ///
    /// Sets spec.expiresAt, which takes precedence over spec.ttl. From then on the preview expires
    /// at this time, or earlier if an administrator set an earlier limit. A change of its spec,
    /// such as a new revision, does not restart its ttl.
    /// If the current expiry is later, `extend` changes nothing. A preview without an expiry gets
    /// one with --until. Remove spec.expiresAt to use spec.ttl again.
    #[command(after_help = examples(&[
        ("One day longer", "extend pr-17 --by 24h"),
        ("Until a given time", "extend pr-17 --until 2030-01-31T12:00Z"),
    ]))]
    Extend(ExtendArgs),
    /// Keep a preview until it is unpinned, even after its expiry time
    #[command(after_help = examples(&[("Before a demonstration", "pin pr-17")]))]
    Pin(NamesArgs),
    /// Let a preview expire again
    ///
    /// Careful: if spec.expiresAt is in the past, the operator deletes the preview at once. With
    /// spec.ttl, the time starts again, as after every change of the spec.
    #[command(after_help = examples(&[("After the demonstration", "unpin pr-17")]))]
    Unpin(NamesArgs),
    /// Stop the pods of a preview; its route stays, unless spec.route.whenSuspended is Remove
    #[command(after_help = examples(&[("Over the weekend", "sleep pr-17 pr-18")]))]
    Sleep(NamesArgs),
    /// Start the pods of a preview again
    #[command(after_help = examples(&[
        ("Start the pods and wait for them", "wake pr-17 && kubectl preview wait pr-17"),
    ]))]
    Wake(NamesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// List the previews of all namespaces
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,

    /// Only previews with these labels: KEY=VALUE, separated by commas
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,

    /// The output format [default: a table]
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: Option<ListOutput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// A table with more columns
    Wide,
    /// The resources as JSON
    Json,
    /// The resources as YAML
    Yaml,
    /// Only names, which this program and kubectl accept
    Name,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The preview
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// The output format [default: text]
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: Option<ObjectOutput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectOutput {
    /// The resource as JSON
    Json,
    /// The resource as YAML
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The preview
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// The longest time to wait: 90s, 5m, 1h30m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    pub(crate) timeout: Duration,

    /// Write no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The preview
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// Print the URL instead of opening it
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExtendArgs {
    #[command(flatten)]
    pub(crate) names: NamesArgs,

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,
}

#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ExpiryArgs {
    /// Add this to the current expiry, or to now, if the expiry is in the past: 24h, 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) by: Option<Duration>,

    /// Expire at this time, with its offset from UTC: 2030-01-31T12:00Z, 2030-01-31T13:00+01:00
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// One or more previews
    #[arg(value_name = "NAME", required = true, value_parser = name)]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error(
        "the name of a namespace consists of a-z, 0-9 and -, starts and ends with a letter or \
         digit, and has at most 63 characters"
    )]
    Namespace,
    #[error(
        "the name of a preview consists of a-z, 0-9, - and dots, and starts and ends with a \
         letter or digit; `kubectl preview list` prints the names"
    )]
    Name,
    #[error("this is a duration, not a time; write --by {0}")]
    Duration(String),
    #[error(
        "write a time before the year 9999 with its offset from UTC, \
         like 2030-01-31T12:00Z or 2030-01-31T13:00+01:00"
    )]
    Time,
}

fn namespace(text: &str) -> Result<String, ArgumentError> {
    let valid = text.len() <= MAX_LABEL && !text.contains('.') && is_dns_subdomain(text);
    if valid { Ok(text.to_owned()) } else { Err(ArgumentError::Namespace) }
}

/// `pr-17`, or with its kind, as `-o name` prints it.
fn name(text: &str) -> Result<String, ArgumentError> {
    let name = match text.split_once('/') {
        Some((kind, name)) if KINDS.contains(&kind) => name,
        _ => text,
    };
    if is_dns_subdomain(name) { Ok(name.to_owned()) } else { Err(ArgumentError::Name) }
}

/// RFC 3339; seconds are optional, and their fraction is dropped.
fn time(text: &str) -> Result<Timestamp, ArgumentError> {
    match text.parse::<Timestamp>() {
        Ok(time) => time::from_second(time.as_second()).ok_or(ArgumentError::Time),
        Err(_) if is_duration(text) => Err(ArgumentError::Duration(text.to_owned())),
        Err(_) => Err(ArgumentError::Time),
    }
}

fn is_duration(text: &str) -> bool {
    matches!(duration::parse(text), Ok(_) | Err(DurationError::LongerUnit { .. }))
}

/// The end of the help of a subcommand.
fn examples(examples: &[(&str, &str)]) -> String {
    let lines: Vec<String> = examples
        .iter()
        .map(|(purpose, command)| format!("\n  # {purpose}\n  kubectl preview {command}"))
        .collect();
    format!("Examples:{}\n\n{EXIT_CODES}", lines.concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_finds_no_mistake_in_the_definition_of_the_command_line() {
        PreviewArgs::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_subcommand_has_an_example_and_the_exit_codes() {
        for subcommand in PreviewArgs::command().get_subcommands() {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("\n  kubectl preview {}", subcommand.get_name());
            assert!(help.contains(&example) && help.ends_with(EXIT_CODES), "{help}");
        }
    }

    #[test]
    fn a_name_may_start_with_its_kind() {
        for text in [
            "web",
            "previewenvironment.platform9.com/web",
            "previewenvironments.platform9.com/web",
            "pe/web",
            "previewenvironments/web",
        ] {
            assert_eq!(name(text).unwrap(), "web", "{text}");
        }
        for text in ["", "Web", "pods/web", "a/b", "-a", "pe/", "a b", "a..b", "a-.b"] {
            assert!(name(text).is_err(), "{text}");
        }
        assert!(name(&"a".repeat(253)).is_ok() && name(&"a".repeat(254)).is_err());
    }

    #[test]
    fn a_namespace_is_a_dns_label() {
        for text in ["team-a", "7", &"a".repeat(63)] {
            assert!(namespace(text).is_ok(), "{text}");
        }
        for text in ["", "Team", "a.b", "-a", "a-", &"a".repeat(64)] {
            assert!(namespace(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_may_omit_seconds_but_not_its_offset() {
        let parsed = |text: &str| time(text).unwrap().to_string();
        assert_eq!(parsed("2030-01-31T12:00Z"), "2030-01-31T12:00:00Z");
        assert_eq!(parsed("2030-01-31T13:00+01:00"), "2030-01-31T12:00:00Z");
        assert_eq!(parsed("2030-01-31T12:00:01.9Z"), "2030-01-31T12:00:01Z");
        for text in [
            "",
            "2030-01-31",
            "2030-01-31T12:00",
            "tomorrow",
            "2030-02-30T12:00Z",
            "9999-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            let error = time(text).unwrap_err().to_string();
            assert!(error.starts_with("write a time before the year 9999"), "{text}: {error}");
        }
    }

    #[test]
    fn a_duration_in_place_of_a_time_suggests_the_other_flag() {
        let error = time("24h").unwrap_err().to_string();
        assert_eq!(error, "this is a duration, not a time; write --by 24h");
    }
}
