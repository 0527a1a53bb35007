//! The variables of the environment. A test has its own: those of a process belong to all tests.

use std::ffi::OsString;

/// Kubernetes sets this variable in each container.
pub(crate) const POD: &str = "KUBERNETES_SERVICE_HOST";

/// Looks up a variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;
