//! Errors of a control plane, each with a remedy.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::component::Component;
use crate::assets::{AssetsError, Binary};
use crate::home::HomeError;

/// A control plane cannot be started, inspected or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is invalid.
    #[error(
        "`{name}` is no valid name for a cluster: use up to {max} lower-case letters, digits \
         and dashes, with a letter or digit at the beginning and the end"
    )]
    Name {
        /// The name.
        name: String,
        /// The maximum number of characters.
        max: usize,
    },
    /// Nodes were requested, but kwok is disabled.
    #[error("{nodes} nodes need kwok: enable it, or request 0 nodes")]
    NodesWithoutKwok {
        /// The requested number.
        nodes: u32,
    },
    /// There are fewer pod ranges than requested nodes.
    #[error("{nodes} nodes are too many: request at most {max}")]
    TooManyNodes {
        /// The requested number.
        nodes: u32,
        /// The maximum number.
        max: u32,
    },
    /// No cluster has this name.
    #[error("cluster `{name}` does not exist; {}", existing(.known))]
    NotFound {
        /// The name.
        name: String,
        /// The names of all clusters.
        known: Vec<String>,
    },
    /// The cluster exists with another spec.
    #[error(
        "cluster `{name}` exists with other settings ({what}): remove it first, \
         replace it, or use another name"
    )]
    Differs {
        /// The cluster.
        name: String,
        /// The settings that differ.
        what: String,
    },
    /// The assets lack a binary that the spec needs.
    #[error("{binary} is missing in the given assets: locate the assets for this spec")]
    NoBinary {
        /// The binary.
        binary: Binary,
    },
    /// Too few ports are free.
    #[error(
        "127.0.0.1 has fewer than {needed} free ports between {from} and {to}: \
         remove other clusters"
    )]
    Ports {
        /// The number of needed ports.
        needed: usize,
        /// The first port of the range.
        from: u16,
        /// The first port after the range.
        to: u16,
    },
    /// A program cannot be started.
    #[error(
        "cannot run {}: {source}; was it removed after it was located?",
        .path.display()
    )]
    Run {
        /// The program.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// kwokctl failed.
    #[error("kwokctl failed; its log is {}:\n{detail}", .log.display())]
    Kwokctl {
        /// The path of its log.
        log: PathBuf,
        /// The last lines of the log.
        detail: String,
    },
    /// A component exits repeatedly.
    #[error("{component} exits repeatedly; its log is {}:\n{detail}", .log.display())]
    Crashed {
        /// The component.
        component: Component,
        /// The path of its log.
        log: PathBuf,
        /// The last lines of the log.
        detail: String,
    },
    /// The start takes too long.
    #[error(
        "{what} did not become ready within {} s; increase the timeout on a busy machine, \
         otherwise read the logs in {}{}",
        .limit.as_secs(), .logs.display(), last_answer(.detail)
    )]
    Timeout {
        /// What did not become ready.
        what: &'static str,
        /// The time limit.
        limit: Duration,
        /// The folder of the components' logs.
        logs: PathBuf,
        /// The last answer, if any.
        detail: String,
    },
    /// kubectl failed.
    #[error("kubectl {command} failed: {detail}")]
    Kubectl {
        /// The arguments.
        command: String,
        /// The error output.
        detail: String,
    },
    /// Processes do not end.
    #[error("the processes {pids:?} of cluster `{name}` do not end; kill them and try again")]
    StillRunning {
        /// The cluster.
        name: String,
        /// The process ids.
        pids: Vec<u32>,
    },
    /// The state file of a cluster is invalid.
    #[error("{} is invalid ({detail}): remove the cluster", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The reason.
        detail: String,
    },
    /// A file or folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A binary cannot be provided.
    #[error(transparent)]
    Assets(#[from] AssetsError),
}

fn existing(names: &[String]) -> String {
    if names.is_empty() {
        "start it first".to_owned()
    } else {
        format!("existing clusters: {}", names.join(", "))
    }
}

fn last_answer(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("; the last answer was:\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_unknown_name_lists_the_existing_clusters() {
        let error = Error::NotFound { name: "x".into(), known: vec!["dev".into(), "test".into()] };
        let text = error.to_string();
        assert_eq!(text, "cluster `x` does not exist; existing clusters: dev, test");
    }

    #[test]
    fn the_error_for_a_crashed_component_ends_with_its_log() {
        let error = Error::Crashed {
            component: Component::Etcd,
            log: PathBuf::from("/logs/etcd.log"),
            detail: "bind: address already in use".into(),
        };
        let text = error.to_string();
        assert!(text.contains("etcd exits repeatedly; its log is /logs/etcd.log"), "{text}");
        assert!(text.ends_with("bind: address already in use"), "{text}");
    }
}
