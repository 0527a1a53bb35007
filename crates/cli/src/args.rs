//! What can be asked for. The comments here are what `--help` says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kubewright_core::{Timestamp, shard};
use kubewright_manifests::validate::is_dns_label;

#[derive(Debug, Parser)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reconcile: watch the cluster and make it so, until a signal says stop
    Run(RunArgs),
    /// Print what resources would become, without a cluster
    ///
    /// The resources are checked as the API server checks them: fields, types, bounds, rules. Every
    /// problem of every document is listed with its line, and then nothing is printed. Objects
    /// of other kinds are what operators may look up, where one reads that kind. What is
    /// printed is what the operator would apply, but for the UIDs of owners, which are made up: to
    /// look at and to compare, not to be applied.
    Render(RenderArgs),
    /// Print the definitions of the resources (CRDs)
    Crds,
    /// Print the rights that the operator needs: ServiceAccount, roles, bindings
    Rbac(RbacArgs),
    /// Print example resources
    Samples,
    /// Print all that a cluster needs to run the operator
    Install(InstallArgs),
}

/// An argument that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("write ADDRESS:PORT (0.0.0.0:8080, [::]:8080, :8080 for all addresses), or off")]
    Listen,
    #[error("write a number with a unit: 20s, 1m30s, 500ms")]
    Duration,
    #[error("write at least 1s")]
    Period,
    #[error(
        "the name of a namespace has a-z, 0-9 and -, with a letter or digit at both ends, at most 63 characters"
    )]
    Namespace,
    #[error(
        "write a moment with its offset from UTC: 2030-01-31T12:00:00Z, 2030-01-31T13:00:00+01:00"
    )]
    Moment,
    #[error("write NAMESPACE:NAME")]
    ServiceAccount,
    #[error(
        "{0}; write a level (error, warn, info, debug, trace), or target=level, separated by commas"
    )]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The kubeconfig file; by default $KUBECONFIG, ~/.kube/config, or the Pod's ServiceAccount
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The context in the kubeconfig; by default its current one
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Work in this namespace alone; more than once, or with commas, for several; by default in
    /// all
    #[arg(long, short, value_name = "NAME", env = "WATCH_NAMESPACE", hide_env_values = true, value_delimiter = ',', value_parser = namespace_or_nothing)]
    pub(crate) namespace: Vec<String>,

    /// Run these controllers alone; by default all
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,

    /// Where /livez, /readyz and /metrics answer: ADDRESS:PORT, or off. Within a Pod the kubelet
    /// asks from outside, so that 127.0.0.1 would not do there
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080", value_parser = listen)]
    pub(crate) listen: Listen,

    /// How many resources are worked on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: u16,

    /// How long reconciles may go on after a signal. Keep it below the Pod's
    /// terminationGracePeriodSeconds
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) shutdown_deadline: Duration,

    /// Look at every resource again this often, although nothing happened; by default never,
    /// because no event is missed. It costs no request while everything is as it should be; it
    /// is for an operator that depends on something that nobody watches
    #[arg(long, value_name = "TIME", value_parser = period)]
    pub(crate) resync: Option<Duration>,

    /// Divide all resources among this many processes, 1 to 256. Run exactly one for each index,
    /// all with the same count: change the count only while none of them runs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(shard::MOST)))]
    pub(crate) shard_count: Option<u16>,

    /// Which of them this is, 0 to N-1; by default the number at the end of the Pod's name
    /// ($POD_NAME, $HOSTNAME), as the Pods of a StatefulSet have it
    #[arg(long, value_name = "I", requires = "shard_count")]
    pub(crate) shard_index: Option<u16>,

    /// How many resources may be deleted in a minute because they had their time; the others wait
    /// for their turn, in order, and metrics and the log say how many. In its first minute a
    /// process spreads them over that minute. 0 deletes none
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) deletions_per_minute: u32,

    /// What is logged: a level, or target=level, separated by commas
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", hide_env_values = true, default_value = "info", value_parser = filter)]
    pub(crate) log: String,

    /// How log lines look, on standard error
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOG_FORMAT",
        hide_env_values = true,
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

/// Where to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Off,
    At(SocketAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// A file of YAML or JSON documents, a folder of such files, or - for standard input; more
    /// than once for several
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The namespace of resources that do not say theirs
    #[arg(long, short, value_name = "NAME", default_value = "default", value_parser = namespace)]
    pub(crate) namespace: String,

    /// An optional kind that the cluster would serve, as KIND.GROUP or PLURAL.GROUP; more than
    /// once, or with commas, for several. A CustomResourceDefinition in the files says the
    /// same. By default none is: an operator that asks is told so
    #[arg(long, value_name = "KIND.GROUP", value_delimiter = ',')]
    pub(crate) served: Vec<String>,

    /// What time it is, in RFC 3339 (2030-01-31T12:00:00Z), for resources that end at some time;
    /// without it, nothing is past
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct RbacArgs {
    #[command(flatten)]
    pub(crate) reach: Reach,

    /// The ServiceAccount that the operator runs as, as NAMESPACE:NAME; by default the
    /// installation's own
    #[arg(long, value_name = "NAMESPACE:NAME", value_parser = service_account)]
    pub(crate) service_account: Option<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The image of the operator
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,

    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// How far rights reach.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Give rights in this namespace alone; more than once, or with commas, for several; by
    /// default in all
    #[arg(long, short, value_name = "NAME", value_delimiter = ',', value_parser = namespace)]
    pub(crate) namespace: Vec<String>,

    /// Allow rights to every Secret of the cluster, where an operator declares Secret
    #[arg(long)]
    pub(crate) allow_secrets: bool,
}

fn listen(text: &str) -> Result<Listen, ArgumentError> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    full.parse().map(Listen::At).map_err(|_| ArgumentError::Listen)
}

fn duration(text: &str) -> Result<Duration, ArgumentError> {
    let signed: jiff::SignedDuration = text.parse().map_err(|_| ArgumentError::Duration)?;
    Duration::try_from(signed).map_err(|_| ArgumentError::Duration)
}

fn period(text: &str) -> Result<Duration, ArgumentError> {
    duration(text).and_then(|period| {
        if period < Duration::from_secs(1) { Err(ArgumentError::Period) } else { Ok(period) }
    })
}

fn moment(text: &str) -> Result<Timestamp, ArgumentError> {
    text.parse().map_err(|_| ArgumentError::Moment)
}

fn namespace(text: &str) -> Result<String, ArgumentError> {
    if is_dns_label(text) { Ok(text.to_owned()) } else { Err(ArgumentError::Namespace) }
}

/// An environment variable that is set to nothing asks for nothing.
fn namespace_or_nothing(text: &str) -> Result<String, ArgumentError> {
    if text.is_empty() { Ok(String::new()) } else { namespace(text.trim()) }
}

fn service_account(text: &str) -> Result<(String, String), ArgumentError> {
    let (space, name) = text.split_once(':').ok_or(ArgumentError::ServiceAccount)?;
    let name = Some(name).filter(|n| kubewright_manifests::validate::is_dns_subdomain(n));
    match (namespace(space), name) {
        (Ok(space), Some(name)) => Ok((space, name.to_owned())),
        _ => Err(ArgumentError::ServiceAccount),
    }
}

fn filter(text: &str) -> Result<String, ArgumentError> {
    tracing_subscriber::EnvFilter::builder().parse(text)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let at = |text: &str| listen(text).ok();
        assert_eq!(at("off"), Some(Listen::Off));
        assert_eq!(at(":8080"), Some(Listen::At(([0, 0, 0, 0], 8080).into())));
        assert_eq!(at("127.0.0.1:1"), Some(Listen::At(([127, 0, 0, 1], 1).into())));
        assert!(at("[::]:8080").is_some());
        assert!(at("8080").is_none() && at("localhost:8080").is_none());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("20s").ok(), Some(Duration::from_secs(20)));
        assert_eq!(duration("1m30s").ok(), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms").ok(), Some(Duration::from_millis(500)));
        assert!(duration("20").is_err() && duration("-5s").is_err() && duration("").is_err());
    }

    #[test]
    fn a_resync_that_never_rests_is_not_accepted() {
        assert_eq!(period("1s").ok(), Some(Duration::from_secs(1)));
        assert!(
            matches!(period("0s"), Err(ArgumentError::Period))
                && matches!(period("999ms"), Err(ArgumentError::Period))
        );
        assert!(matches!(period("soon"), Err(ArgumentError::Duration)));
    }

    #[test]
    fn a_moment_has_an_offset() {
        assert_eq!(moment("1970-01-01T01:00:00+01:00").ok(), Some(Timestamp::UNIX_EPOCH));
        assert!(moment("2030-01-31T12:00:00").is_err() && moment("tomorrow").is_err());
    }

    #[test]
    fn a_service_account_has_a_namespace() {
        assert_eq!(service_account("a:b.c").ok(), Some(("a".to_owned(), "b.c".to_owned())));
        assert!(
            service_account("b").is_err()
                && service_account(":b").is_err()
                && service_account("a:").is_err()
        );
    }

    #[test]
    fn filters_are_checked_at_once() {
        assert!(filter("info,kube=debug").is_ok());
        assert!(filter("info=loud=x").is_err());
    }
}
