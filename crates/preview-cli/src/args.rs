//! What can be asked for. The comments here are what `--help` says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use kubewright::manifests::validate::{is_dns_label, is_dns_subdomain};
use operator_api::duration::{self, DurationError};

/// How the names of previews are written by `-o name`, and by `kubectl get -o name`; also with the
/// shorter names that people type.
const KINDS: [&str; 6] = [
    "previewenvironment.platform9.com",
    "previewenvironment",
    "previewenvironments",
    "previewenv",
    "preview",
    "pe",
];

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(subcommand)]
    pub(crate) command: PreviewCommand,
}

/// Where the previews are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace; by default the one of the context
    #[arg(long, short, global = true, value_name = "NAME", value_parser = namespace)]
    pub(crate) namespace: Option<String>,

    /// The context in the kubeconfig; by default its current one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The kubeconfig file; by default $KUBECONFIG or ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PreviewCommand {
    /// List previews
    #[command(visible_alias = "ls", after_help = examples(&[
        ("Those of the namespace", "list"),
        ("Of all namespaces, with images and what is missing", "list -A -o wide"),
        ("Those of one team, by a label", "list -l team=web"),
        ("Everything that there is to know, for programs", "list -o json"),
    ]))]
    List(ListArgs),
    /// Show all about one preview: address, conditions, objects, pods, events
    #[command(after_help = examples(&[("What is the matter with it", "status pr-17"), ("The resource itself", "status pr-17 -o yaml")]))]
    Status(StatusArgs),
    /// Wait until a preview is ready, and print its URL
    ///
    /// It is ready when the operator says so about the spec as it is now, so it can follow an apply
    /// at once, and when whoever serves its route takes that, where it is to have one. What
    /// changes on the way is told on standard error; standard output has the URL alone. It
    /// fails early where the operator says that only an edit can help; where another preview
    /// has to go first (HostConflict, TooManyPreviews), it waits for that.
    #[command(after_help = examples(&[
        ("In a CI job", "wait pr-17 --timeout 10m"),
        ("Its address, once there is one", "wait pr-17 --quiet"),
    ]))]
    Wait(WaitArgs),
    /// Open a preview in the browser
    #[command(after_help = examples(&[("Look at it", "open pr-17"), ("Ask it something", "open pr-17 --print")]))]
    Open(OpenArgs),
    /// Keep a preview longer
    ///
    /// Sets spec.expiresAt, which wins over spec.ttl: from then on the preview ends at that moment,
    /// and a change of its spec, such as a new revision, no longer begins its time anew. It is
    /// never set to an earlier moment than the present end: a preview that is kept
    /// longer already stays as it is. To go back to its spec.ttl, remove spec.expiresAt.
    #[command(after_help = examples(&[
        ("A day more than it would have", "extend pr-17 --by 24h"),
        ("Until a certain moment", "extend pr-17 --until 2030-01-31T12:00Z"),
    ]))]
    Extend(ExtendArgs),
    /// Keep a preview until it is unpinned, whatever its time says
    #[command(after_help = examples(&[("Before a demonstration", "pin pr-17")]))]
    Pin(NamesArgs),
    /// Let a preview end when its time has come
    ///
    /// Where its spec.expiresAt has passed, the operator deletes it at once. A spec.ttl begins
    /// anew, as with every change of the spec.
    #[command(after_help = examples(&[("After it", "unpin pr-17")]))]
    Unpin(NamesArgs),
    /// Stop the pods of a preview, and keep the rest
    #[command(after_help = examples(&[("Over the weekend", "sleep pr-17 pr-18")]))]
    Sleep(NamesArgs),
    /// Start the pods of a preview again
    #[command(after_help = examples(&[("And wait until it answers", "wake pr-17 && {} wait pr-17")]))]
    Wake(NamesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// In all namespaces
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,

    /// Those with these labels alone: KEY=VALUE, separated by commas
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,

    /// How to print them; by default a table
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: Option<ListOutput>,
}

/// How to print several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// A table with more columns
    Wide,
    /// The resources, as JSON
    Json,
    /// The resources, as YAML
    Yaml,
    /// Names alone, as other commands and kubectl take them
    Name,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The preview
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// How to print it; by default as text for people
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: Option<ObjectOutput>,
}

/// How to print one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectOutput {
    /// The resource, as JSON
    Json,
    /// The resource, as YAML
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The preview
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// How long at most: 90s, 5m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub(crate) timeout: Duration,

    /// Do not tell what changes on the way
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The preview
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// Print the URL, and open nothing
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExtendArgs {
    #[command(flatten)]
    pub(crate) names: NamesArgs,

    #[command(flatten)]
    pub(crate) end: EndArgs,
}

/// Until when: one of these.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EndArgs {
    /// This much longer than now planned; where that moment has passed, from now: 24h, 1h30m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) by: Option<Duration>,

    /// Until this moment, with its offset from UTC: 2030-01-31T12:00Z, 2030-01-31T13:00+01:00
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// The preview; several are changed one after another
    #[arg(value_name = "NAME", required = true, value_parser = name)]
    pub(crate) names: Vec<String>,
}

/// An argument that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error(
        "the name of a namespace has a-z, 0-9 and -, with a letter or digit at both ends, at most 63 characters"
    )]
    Namespace,
    #[error(
        "the name of a preview has a-z, 0-9, - and dots, with a letter or digit at both ends: `list` shows what there is"
    )]
    Name,
    #[error("that is a time and no moment: write --by {0}")]
    Duration(String),
    #[error(
        "write a moment before the year 9999 with its offset from UTC, like 2030-01-31T12:00Z or 2030-01-31T13:00+01:00"
    )]
    Moment,
}

fn namespace(text: &str) -> Result<String, ArgumentError> {
    if is_dns_label(text) { Ok(text.to_owned()) } else { Err(ArgumentError::Namespace) }
}

/// `pr-17`, or as `-o name` writes it.
fn name(text: &str) -> Result<String, ArgumentError> {
    let name = match text.split_once('/') {
        Some((kind, name)) if KINDS.contains(&kind) => name,
        _ => text,
    };
    if is_dns_subdomain(name) { Ok(name.to_owned()) } else { Err(ArgumentError::Name) }
}

/// RFC 3339; seconds may be left out, and what is less than one is dropped.
fn moment(text: &str) -> Result<Timestamp, ArgumentError> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Timestamp::from_second(moment.as_second()).map_err(|_| ArgumentError::Moment),
        Err(_) if is_duration(text) => Err(ArgumentError::Duration(text.to_owned())),
        Err(_) => Err(ArgumentError::Moment),
    }
}

/// Whether somebody wrote a time in place of a moment.
fn is_duration(text: &str) -> bool {
    matches!(duration::parse(text), Ok(_) | Err(DurationError::LongerUnit { .. }))
}

/// `{}` is how the program is called; it is filled in when the command is made.
fn examples(lines: &[(&str, &str)]) -> String {
    let lines: Vec<String> =
        lines.iter().map(|(what, arguments)| format!("\n  # {what}\n  {{}} {arguments}")).collect();
    format!("Examples:{}", lines.concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_its_kind_before_it() {
        for text in
            ["web", "previewenvironment.platform9.com/web", "pe/web", "previewenvironments/web"]
        {
            assert_eq!(name(text).unwrap(), "web", "{text}");
        }
        for text in ["", "Web", "pods/web", "a/b", "-a", "pe/", "a b"] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_may_lack_seconds_but_not_its_offset() {
        let second = |text: &str| moment(text).unwrap().to_string();
        assert_eq!(second("2030-01-31T12:00Z"), "2030-01-31T12:00:00Z");
        assert_eq!(second("2030-01-31T13:00+01:00"), "2030-01-31T12:00:00Z");
        assert_eq!(second("2030-01-31T12:00:01.9Z"), "2030-01-31T12:00:01Z");
        for text in [
            "",
            "2030-01-31",
            "2030-01-31T12:00",
            "tomorrow",
            "2030-02-30T12:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            let said = moment(text).unwrap_err().to_string();
            assert!(
                said.starts_with("write a moment before the year 9999 with its offset"),
                "{text}: {said}"
            );
        }
    }

    #[test]
    fn who_writes_a_time_in_place_of_a_moment_is_told_of_the_other_flag() {
        assert_eq!(
            moment("24h").unwrap_err().to_string(),
            "that is a time and no moment: write --by 24h"
        );
    }
}
