//! `run`: installs the log, starts the engine, stops on signals.

use kubewright_core::Registry;
use kubewright_core::internals::shard::{Shard, ShardError};
use kubewright_runtime::{Connect, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Listen, RunArgs};
use crate::error::Error;
use crate::log;

/// The engine mostly waits for the API server: a second thread shortens the start, and more threads
/// only add wake-ups.
const MAX_THREADS: usize = 2;
/// Shells report 128 plus the signal number for a process that a signal ended.
const SIGNAL_EXIT_CODE: i32 = 128;

pub(crate) fn run(registry: Registry, args: RunArgs) -> Result<(), Error> {
    log::install(&args);
    let registry =
        if args.controllers.is_empty() { registry } else { registry.only(&args.controllers)? };
    let shard = shard(args.shard_count, args.shard_index, pod_name())?;
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
        shard,
        expirations_per_minute: args.expirations_per_minute,
        rollouts_per_minute: args.rollouts_per_minute,
        rollout_burst: args.rollout_burst,
    };
    let threads =
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(Error::Threads)?;
    let ended = runtime.block_on(async {
        let stop = stop_signal().map_err(Error::Signals)?;
        kubewright_runtime::run(registry, connect, settings, stop).await?;
        Ok(())
    });
    // Do not wait for what cannot be cancelled: a DNS lookup, a program that prints a token.
    runtime.shutdown_background();
    ended
}

/// Name of the Pod that the process runs in.
fn pod_name() -> Option<String> {
    ["POD_NAME", "HOSTNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// The shard of this process; `None` without `--shard-count`.
fn shard(
    count: Option<u16>,
    index: Option<u16>,
    pod: Option<String>,
) -> Result<Option<Shard>, Error> {
    let Some(count) = count else { return Ok(None) };
    let shard = match (index, pod) {
        (Some(index), _) => Shard::new(count, index),
        (None, Some(pod)) => Shard::of_pod(count, &pod),
        (None, None) => return Err(Error::NoPod),
    };
    match shard {
        Err(ShardError::NoOrdinal(pod)) => Err(Error::NoOrdinal(pod)),
        shard => Ok(Some(shard?)),
    }
}

/// Resolves at the first SIGTERM or SIGINT. The second signal ends the process immediately.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    let (first, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let kind = signals.next().await;
        tracing::info!(
            signal = kind.as_raw_value(),
            "stopping; send the signal again to stop immediately"
        );
        let _ = first.send(());
        let kind = signals.next().await;
        tracing::warn!("stopped immediately; the next start continues unfinished reconciles");
        std::process::exit(SIGNAL_EXIT_CODE + kind.as_raw_value());
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_index_comes_from_the_flag_or_from_the_pod_name() {
        assert_eq!(shard(None, None, Some("operator-1".to_owned())).unwrap(), None);
        assert_eq!(
            shard(Some(3), Some(2), Some("operator-1".to_owned())).unwrap(),
            Some(Shard::new(3, 2).unwrap())
        );
        assert_eq!(
            shard(Some(3), None, Some("operator-1".to_owned())).unwrap(),
            Some(Shard::new(3, 1).unwrap())
        );
    }

    #[test]
    fn an_invalid_shard_is_rejected_with_what_to_write() {
        let error =
            |index, name: Option<String>| shard(Some(3), index, name).unwrap_err().to_string();
        assert!(error(Some(3), None).contains("the numbers 0 to 2"), "{}", error(Some(3), None));
        assert!(error(None, Some("operator-3".to_owned())).contains("shard 3 does not exist"));
        for error in [error(None, Some("operator-5d8f9-x2x7k".to_owned())), error(None, None)] {
            assert!(error.contains("--shard-index") && error.contains("StatefulSet"), "{error}");
        }
    }
}
