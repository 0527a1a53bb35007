//! What can go wrong with a control plane, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::component::Component;
use crate::assets::{AssetsError, Binary};
use crate::home::HomeError;

/// A control plane could not be brought up, asked or taken down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name cannot be used.
    #[error(
        "`{name}` cannot name a cluster: use up to {longest} lower-case letters, digits and dashes, \
         beginning and ending with a letter or digit"
    )]
    Name {
        /// The name that was given.
        name: String,
        /// How many characters it may have.
        longest: usize,
    },
    /// Nodes were asked for without what makes them.
    #[error("{nodes} nodes need kwok: leave it on, or ask for 0 nodes")]
    NodesWithoutKwok {
        /// How many were asked for.
        nodes: u32,
    },
    /// More nodes than there are pod ranges.
    #[error("{nodes} nodes are too many: ask for at most {most}")]
    TooManyNodes {
        /// How many were asked for.
        nodes: u32,
        /// How many there can be.
        most: u32,
    },
    /// No cluster has this name.
    #[error("there is no cluster `{name}`; {}", others(.known))]
    NotFound {
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The cluster exists and is not what is asked for now.
    #[error(
        "the cluster `{name}` exists, made with other settings ({what}): take it down first, \
         ask for it to be replaced, or use another name"
    )]
    Differs {
        /// Which cluster.
        name: String,
        /// Which settings.
        what: String,
    },
    /// The assets were located for another spec.
    #[error("no {binary} among the binaries that were given: locate them for this spec")]
    NoBinary {
        /// Which one.
        binary: Binary,
    },
    /// Too few free ports.
    #[error(
        "no {needed} free ports on 127.0.0.1 between {from} and {to}: take other clusters down"
    )]
    Ports {
        /// How many are needed.
        needed: usize,
        /// The first port that is tried.
        from: u16,
        /// The first port after those that are tried.
        to: u16,
    },
    /// A program could not be run.
    #[error("cannot run {}: {source}; it may have been removed since it was located", .path.display())]
    Run {
        /// Which program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// kwokctl did not do what it was to do.
    #[error("kwokctl failed; its output is in {}:\n{detail}", .log.display())]
    Kwokctl {
        /// Where its output is.
        log: PathBuf,
        /// The last lines of it.
        detail: String,
    },
    /// A component ends again and again.
    #[error("{component} does not stay up; its log is {}:\n{detail}", .log.display())]
    Died {
        /// Which one.
        component: Component,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of it.
        detail: String,
    },
    /// It takes too long.
    #[error(
        "{what} did not get ready within {} s; on a busy machine allow for more time, \
         otherwise look at the logs in {}{}",
        .limit.as_secs(), .logs.display(), last_answer(.detail)
    )]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        limit: Duration,
        /// Where the components' logs are.
        logs: PathBuf,
        /// The last answer, if there was one.
        detail: String,
    },
    /// kubectl said no.
    #[error("kubectl {command} failed: {detail}")]
    Kubectl {
        /// The arguments.
        command: String,
        /// What it said.
        detail: String,
    },
    /// A process would not end.
    #[error(
        "the processes {pids:?} of the cluster `{name}` do not end; end them by hand and try again"
    )]
    Immortal {
        /// Which cluster.
        name: String,
        /// Their ids.
        pids: Vec<u32>,
    },
    /// The notes about a cluster cannot be read.
    #[error("{} is not what this version writes ({detail}): take the cluster down", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A file or folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A binary is missing.
    #[error(transparent)]
    Assets(#[from] AssetsError),
}

fn others(names: &[String]) -> String {
    if names.is_empty() {
        "bring it up first; there are no others".to_owned()
    } else {
        format!("there is {}", names.join(", "))
    }
}

fn last_answer(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("; the last answer was:\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_is_answered_with_those_that_are() {
        let error = Error::NotFound { name: "x".into(), known: vec!["dev".into(), "test".into()] };
        assert_eq!(error.to_string(), "there is no cluster `x`; there is dev, test");
    }

    #[test]
    fn a_component_that_died_is_shown_with_the_end_of_its_log() {
        let error = Error::Died {
            component: Component::Etcd,
            log: PathBuf::from("/logs/etcd.log"),
            detail: "bind: address already in use".into(),
        };
        let text = error.to_string();
        assert!(text.contains("etcd does not stay up; its log is /logs/etcd.log"), "{text}");
        assert!(text.ends_with("bind: address already in use"), "{text}");
    }
}
