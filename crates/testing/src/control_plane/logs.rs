//! The paths of a cluster's logs.

use std::fs;
use std::path::{Path, PathBuf};

use super::component::Component;
use crate::excerpt::excerpt;
use crate::home::Home;

/// The log of a component.
pub(super) fn component_log(home: &Home, name: &str, component: Component) -> PathBuf {
    folder(home, name).join(format!("{component}.log"))
}

/// The folder of the components' logs.
pub(super) fn folder(home: &Home, name: &str) -> PathBuf {
    home.kwok_cluster(name).join("logs")
}

/// The log of kwokctl.
pub(super) fn kwokctl_log(home: &Home, name: &str) -> PathBuf {
    home.cluster(name).join("kwokctl.log")
}

/// The errors at the end of a log.
pub(super) fn errors(log: &Path) -> String {
    excerpt(&fs::read_to_string(log).unwrap_or_default())
}
