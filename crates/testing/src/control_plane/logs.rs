//! Where the logs of a cluster are. What in them is worth showing is `excerpt`'s business.

use std::fs;
use std::path::{Path, PathBuf};

use super::component::Component;
use crate::excerpt::excerpt;
use crate::home::Home;

/// A component's output.
pub(super) fn of_component(home: &Home, name: &str, component: Component) -> PathBuf {
    folder(home, name).join(format!("{component}.log"))
}

/// All components' output.
pub(super) fn folder(home: &Home, name: &str) -> PathBuf {
    home.kwok_cluster(name).join("logs")
}

/// What kwokctl said while it made or started the cluster.
pub(super) fn of_kwokctl(home: &Home, name: &str) -> PathBuf {
    home.cluster(name).join("kwokctl.log")
}

/// Why the writer of `log` ended, as far as its last lines tell.
pub(super) fn reason(log: &Path) -> String {
    excerpt(&fs::read_to_string(log).unwrap_or_default())
}
