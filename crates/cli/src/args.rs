//! Subcommands and flags. `--help` prints the doc comments.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kubewright_core::Timestamp;
use kubewright_core::internals::shard;
use kubewright_manifests::validate::is_dns_label;

#[derive(Debug, Parser)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reconcile the resources of a cluster until a stop signal arrives
    Run(RunArgs),
    /// Validate resources and print their children, without a cluster
    ///
    /// The command validates resources like the API server: fields, types, bounds, rules. If there
    /// is any problem, the command lists every problem with its line and prints no object. The
    /// files may also contain objects that an operator looks up, such as Secrets. The output equals
    /// what the operator applies, except for the UIDs of owners, which are placeholders, and the
    /// desired-hash annotations, which depend on them: do not apply the output.
    Render(RenderArgs),
    /// Print the CustomResourceDefinitions
    Crds,
    /// Print the ServiceAccount, roles and role bindings of the operator
    Rbac(RbacArgs),
    /// Print sample resources
    Samples,
    /// Print everything that a cluster needs to run the operator
    Install(InstallArgs),
}

/// An invalid value of a flag, with the expected form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("write ADDRESS:PORT (0.0.0.0:8080, [::]:8080, :8080 for all addresses), or off")]
    Listen,
    #[error("write a number with a unit: 20s, 1m30s, 500ms")]
    Duration,
    #[error("write at least 1s")]
    Period,
    #[error(
        "write a namespace name: at most 63 characters of a-z, 0-9 and -, with a letter or digit \
         at both ends"
    )]
    Namespace,
    #[error("write a time with its UTC offset: 2030-01-31T12:00:00Z, 2030-01-31T13:00:00+01:00")]
    Time,
    #[error("write NAMESPACE:NAME")]
    ServiceAccount,
    #[error(
        "{0}; write a level (error, warn, info, debug, trace), or target=level, separated by commas"
    )]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Kubeconfig file. Default: $KUBECONFIG, ~/.kube/config, or the ServiceAccount of the Pod
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig. Default: the current context
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Namespaces to watch, separated by commas or in repeated flags. Default: all
    #[arg(
        long,
        short,
        value_name = "NAME",
        env = "WATCH_NAMESPACE",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = namespace_or_empty
    )]
    pub(crate) namespace: Vec<String>,

    /// Controllers to run, separated by commas or in repeated flags. Default: all
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,

    /// Address of /livez, /readyz and /metrics: ADDRESS:PORT, or off. The default in a Pod is
    /// 0.0.0.0:8080, because the kubelet cannot reach 127.0.0.1
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = default_listen(is_in_pod()),
        value_parser = listen
    )]
    pub(crate) listen: Listen,

    /// Number of resources reconciled in parallel
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub(crate) workers: u16,

    /// How long to wait for reconciles in progress after a stop signal. Choose less than
    /// terminationGracePeriodSeconds of the Pod
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = duration)]
    pub(crate) shutdown_deadline: Duration,

    /// Reconcile every resource at this interval, even if nothing changed; at least 1s. Only an
    /// operator that depends on unwatched state needs this. Default: never
    #[arg(long, value_name = "TIME", value_parser = period)]
    pub(crate) resync: Option<Duration>,

    /// Number of processes that share the resources, 1 to 256. Run exactly one process for each
    /// --shard-index. Stop all processes before you change the number. Default: one process without
    /// shards
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=i64::from(shard::MOST))
    )]
    pub(crate) shard_count: Option<u16>,

    /// Index of this process, 0 to N-1. Default: the number at the end of the Pod name ($POD_NAME,
    /// $HOSTNAME), which every Pod of a StatefulSet has
    #[arg(long, value_name = "I", requires = "shard_count")]
    pub(crate) shard_index: Option<u16>,

    /// Maximum number of expired resources deleted per minute; 0 deletes none
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) expirations_per_minute: u32,

    /// Maximum number of resources per minute and controller that get a disruptive change without
    /// an edit of their own: after an update of the operator, a policy or a label. A disruptive
    /// change deletes an object, or replaces or stops pods. 0 holds all of them back
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) rollouts_per_minute: u32,

    /// Number of such resources that are changed at once after a time without changes
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) rollout_burst: u32,

    /// Log filter: a level, or target=level pairs separated by commas
    #[arg(
        long,
        value_name = "FILTER",
        env = "RUST_LOG",
        hide_env_values = true,
        default_value = "info",
        value_parser = filter
    )]
    pub(crate) log: String,

    /// Format of log lines on standard error
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOG_FORMAT",
        hide_env_values = true,
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

/// Address of the health and metrics server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Off,
    At(SocketAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// File with YAML or JSON documents, folder of such files, or - for standard input; repeatable
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Namespace of resources without metadata.namespace
    #[arg(long, short, value_name = "NAME", default_value = "default", value_parser = namespace)]
    pub(crate) namespace: String,

    /// Optional kinds that the cluster is assumed to serve: KIND.GROUP or PLURAL.GROUP, separated
    /// by commas or in repeated flags. Only kinds that an operator asks about are accepted. A
    /// CustomResourceDefinition in the files has the same effect. Default: none
    #[arg(long, value_name = "KIND.GROUP", value_delimiter = ',')]
    pub(crate) served: Vec<String>,

    /// Time to use as the current time, in RFC 3339 (2030-01-31T12:00:00Z): resources whose expiry
    /// time is earlier are expired. Default: no resource is expired
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct RbacArgs {
    #[command(flatten)]
    pub(crate) scope: Scope,

    /// ServiceAccount of the operator, as NAMESPACE:NAME. Default: the one of `install`
    #[arg(long, value_name = "NAMESPACE:NAME", value_parser = service_account)]
    pub(crate) service_account: Option<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Image of the operator. Default: the name of the operator's Deployment, with the tag dev
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,

    #[command(flatten)]
    pub(crate) scope: Scope,
}

/// Scope of the granted rights.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Namespaces to grant rights in, separated by commas or in repeated flags. Default: the whole
    /// cluster
    #[arg(long, short, value_name = "NAME", value_delimiter = ',', value_parser = namespace)]
    pub(crate) namespace: Vec<String>,

    /// Allow rules for all Secrets of the cluster. Without this flag and without --namespace, the
    /// command fails if an operator reads or owns Secrets
    #[arg(long)]
    pub(crate) allow_secrets: bool,
}

/// Kubernetes sets this variable in each container.
fn is_in_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// Other machines reach the metrics of a Pod, and not those of a process on a person's machine.
fn default_listen(is_in_pod: bool) -> &'static str {
    if is_in_pod { "0.0.0.0:8080" } else { "127.0.0.1:8080" }
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

fn time(text: &str) -> Result<Timestamp, ArgumentError> {
    text.parse().map_err(|_| ArgumentError::Time)
}

fn namespace(text: &str) -> Result<String, ArgumentError> {
    if is_dns_label(text) { Ok(text.to_owned()) } else { Err(ArgumentError::Namespace) }
}

/// Accepts an empty text: an empty environment variable selects all namespaces.
fn namespace_or_empty(text: &str) -> Result<String, ArgumentError> {
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
    fn other_machines_reach_the_default_address_only_in_a_pod() {
        let reaches = |is_in_pod| match listen(default_listen(is_in_pod)) {
            Ok(Listen::At(address)) => !address.ip().is_loopback(),
            other => panic!("{other:?}"),
        };
        assert_eq!((reaches(true), reaches(false)), (true, false));
    }

    #[test]
    fn an_address_may_omit_the_host_but_not_the_port() {
        let at = |text: &str| listen(text).ok();
        assert_eq!(at("off"), Some(Listen::Off));
        assert_eq!(at(":8080"), Some(Listen::At(([0, 0, 0, 0], 8080).into())));
        assert_eq!(at("127.0.0.1:1"), Some(Listen::At(([127, 0, 0, 1], 1).into())));
        assert!(at("[::]:8080").is_some());
        assert!(at("8080").is_none() && at("localhost:8080").is_none());
    }

    #[test]
    fn durations_need_units() {
        assert_eq!(duration("20s").ok(), Some(Duration::from_secs(20)));
        assert_eq!(duration("1m30s").ok(), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms").ok(), Some(Duration::from_millis(500)));
        assert!(duration("20").is_err() && duration("-5s").is_err() && duration("").is_err());
    }

    #[test]
    fn a_resync_interval_below_one_second_is_rejected() {
        assert_eq!(period("1s").ok(), Some(Duration::from_secs(1)));
        assert!(
            matches!(period("0s"), Err(ArgumentError::Period))
                && matches!(period("999ms"), Err(ArgumentError::Period))
        );
        assert!(matches!(period("soon"), Err(ArgumentError::Duration)));
    }

    #[test]
    fn a_time_needs_an_offset() {
        assert_eq!(time("1970-01-01T01:00:00+01:00").ok(), Some(Timestamp::UNIX_EPOCH));
        assert!(time("2030-01-31T12:00:00").is_err() && time("tomorrow").is_err());
    }

    #[test]
    fn a_service_account_needs_a_namespace() {
        assert_eq!(service_account("a:b.c").ok(), Some(("a".to_owned(), "b.c".to_owned())));
        assert!(
            service_account("b").is_err()
                && service_account(":b").is_err()
                && service_account("a:").is_err()
        );
    }

    #[test]
    fn an_invalid_log_filter_is_rejected() {
        assert!(filter("info,kube=debug").is_ok());
        assert!(filter("info=loud=x").is_err());
    }
}
