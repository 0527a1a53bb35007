//! Which kubeconfig files are read, and how several are merged.

use std::io::ErrorKind;
use std::path::PathBuf;

use kube::config::{Kubeconfig, KubeconfigError};

use crate::environment::Environment;
use crate::error::{ConnectError, Files, Origin, with_causes};

/// The file of the flag, the files of `$KUBECONFIG`, or `~/.kube/config`.
pub(crate) fn choose(flag: Option<PathBuf>, environment: Environment<'_>) -> Files {
    if let Some(path) = flag {
        return Files { paths: vec![path], origin: Origin::Flag };
    }
    let named = environment("KUBECONFIG").unwrap_or_default();
    let named: Vec<PathBuf> =
        std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
    if !named.is_empty() {
        return Files { paths: named, origin: Origin::Variable };
    }
    let home = environment("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let paths = home.map(|home| home.join(".kube").join("config")).into_iter().collect();
    Files { paths, origin: Origin::Default }
}

/// Merges the files that exist: the first file that has a value wins. `None` if no file exists.
pub(crate) fn read(files: &Files) -> Result<Option<Kubeconfig>, ConnectError> {
    let unusable = |paths: &[PathBuf], error: &KubeconfigError| ConnectError::Unusable {
        files: Files { paths: paths.to_vec(), origin: files.origin },
        problem: with_causes(error),
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in &files.paths {
        let mut file = match Kubeconfig::read_from(path) {
            Ok(file) => file,
            Err(KubeconfigError::ReadConfig(cause, _)) if cause.kind() == ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(unusable(std::slice::from_ref(path), &error)),
        };
        // An empty text is no value.
        file.current_context = file.current_context.filter(|context| !context.is_empty());
        merged = Some(match merged {
            None => file,
            Some(first) => first.merge(file).map_err(|error| unusable(&files.paths, &error))?,
        });
    }
    Ok(merged)
}

pub(crate) fn is_empty(kubeconfig: &Kubeconfig) -> bool {
    let Kubeconfig { clusters, auth_infos, contexts, current_context, .. } = kubeconfig;
    clusters.is_empty() && auth_infos.is_empty() && contexts.is_empty() && current_context.is_none()
}
