//! `run`: the engine, with a log, and an orderly end.

use std::io::IsTerminal;

use kubewright_core::Registry;
use kubewright_runtime::{Connect, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

use crate::args::{Listen, LogFormat, RunArgs};
use crate::error::Error;

/// What a shell reports for a process that a signal ended: 128 and the number of the signal.
const ENDED_BY_SIGNAL: i32 = 128;

pub(crate) fn run(registry: Registry, args: RunArgs) -> Result<(), Error> {
    log(&args);
    let registry = if args.controllers.is_empty() { registry } else { registry.only(&args.controllers)? };
    let connect = Connect { kubeconfig: args.kubeconfig, context: args.context };
    let settings = Settings {
        namespaces: args.namespace.into_iter().filter(|name| !name.is_empty()).collect(),
        workers: usize::from(args.workers),
        listen: match args.listen {
            Listen::Off => None,
            Listen::At(address) => Some(address),
        },
        shutdown_deadline: args.shutdown_deadline,
        resync: args.resync,
    };
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Threads)?;
    threads.block_on(async {
        let stop = stop().map_err(Error::Signals)?;
        kubewright_runtime::run(registry, connect, settings, stop).await?;
        Ok(())
    })
}

/// The log goes to standard error. Where one is installed already, that one stays.
fn log(args: &RunArgs) {
    // The filter was checked when the arguments were read.
    let filter = EnvFilter::builder().parse_lossy(&args.log);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let builder = Subscriber::builder().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match args.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(builder.with_ansi(colour).finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish()),
    };
    if installed.is_err() {
        tracing::debug!("a log was installed before; --log and --log-format are ignored");
    }
}

/// Resolves at the first SIGTERM or SIGINT. The second ends the process at once.
fn stop() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let (first, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let kind = signals.next().await;
        tracing::info!(signal = kind.as_raw_value(), "told to stop; once more to stop at once");
        let _ = first.send(());
        let kind = signals.next().await;
        tracing::warn!("told to stop at once; what was under way goes on at the next start");
        std::process::exit(ENDED_BY_SIGNAL + kind.as_raw_value());
    });
    Ok(async move {
        let _ = stopped.await;
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}
