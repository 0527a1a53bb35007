//! A cluster that exists: its properties and the operations on it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::Error;
use super::kubectl::Kubectl;
use super::ports::Ports;
use super::spec::{self, Spec};
use super::state::{self, State};
use super::status::{self, Status};
use super::{kubeconfig, processes, remove};
use crate::assets::{Assets, Binary};
use crate::home::{Home, HomeError};

/// A cluster that exists. It outlives this value.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    pub(super) home: Home,
    pub(super) state: State,
    pub(super) kubectl: PathBuf,
    pub(super) kubeconfig: PathBuf,
    pub(super) server_url: String,
}

impl ControlPlane {
    /// The cluster with this name, running or stopped.
    ///
    /// # Errors
    /// [`Error::NotFound`] lists the existing clusters.
    pub fn attach(home: &Home, name: &str) -> Result<Self, Error> {
        spec::validate_name(name)?;
        match State::load(home, name)? {
            Some(state) => Self::new(home, state),
            None => Err(Error::NotFound { name: name.to_owned(), known: Self::list(home) }),
        }
    }

    /// The names of all clusters, running or stopped.
    pub fn list(home: &Home) -> Vec<String> {
        state::names(home)
    }

    /// Removes a cluster, also a damaged one. A missing cluster is no error.
    ///
    /// # Errors
    /// [`Error`] when a process does not end or a file cannot be removed.
    pub fn remove(home: &Home, name: &str) -> Result<(), Error> {
        spec::validate_name(name)?;
        let lock = home.lock_cluster(name, || ())?;
        remove::kubeconfig_entries(home, name);
        remove::files(home, name)?;
        lock.remove();
        Ok(())
    }

    pub(super) fn new(home: &Home, state: State) -> Result<Self, Error> {
        let binary = Binary::Kubectl;
        let kubectl = state.assets.path(binary).ok_or(Error::NoBinary { binary })?.to_owned();
        let kubeconfig = home.kubeconfig(&state.spec.name);
        let server_url = format!("https://127.0.0.1:{}", state.ports.kube_apiserver);
        Ok(Self { home: home.clone(), state, kubectl, kubeconfig, server_url })
    }

    /// The name of the cluster.
    pub fn name(&self) -> &str {
        &self.state.spec.name
    }

    /// The spec of the cluster.
    pub fn spec(&self) -> &Spec {
        &self.state.spec
    }

    /// A self-contained kubeconfig with mode 0600.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The name of the context in the kubeconfig: `kubewright-NAME`.
    pub fn context(&self) -> String {
        kubeconfig::context(self.name())
    }

    /// The URL of the API server.
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The ports of the components.
    pub fn ports(&self) -> &Ports {
        &self.state.ports
    }

    /// The binaries of the cluster.
    pub fn assets(&self) -> &Assets {
        &self.state.assets
    }

    /// A kubectl command for this cluster. It ignores all settings of the user.
    pub fn kubectl(&self) -> Command {
        self.own_kubectl().command()
    }

    /// The current status.
    pub fn status(&self) -> Status {
        status::read(&self.home, &self.state, &self.own_kubectl(), &self.server_url)
    }

    /// Ends all processes and keeps the data. [`up`](Self::up) starts the cluster again.
    ///
    /// # Errors
    /// [`Error::StillRunning`] when a process does not end.
    pub fn stop(&self) -> Result<(), Error> {
        let _lock = self.home.lock_cluster(self.name(), || ())?;
        processes::terminate(&self.home, self.name())
    }

    /// Removes the cluster: its processes, its files, and its entries in exported kubeconfigs.
    ///
    /// # Errors
    /// [`Error`] when a process does not end or a file cannot be removed.
    pub fn down(self) -> Result<(), Error> {
        Self::remove(&self.home, self.name())
    }

    /// Adds the cluster to a kubeconfig of the user, as its current context. Other entries stay.
    /// [`down`](Self::down) removes the entry.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be changed.
    pub fn export_kubeconfig(&mut self, target: &Path) -> Result<(), Error> {
        let _lock = self.home.lock_cluster(self.name(), || ())?;
        let target = std::path::absolute(target).map_err(HomeError::at(target))?;
        // The state comes first: an entry that is recorded and missing does no harm, an entry that
        // is not recorded would stay for ever.
        self.state.exported.insert(target.clone());
        self.state.save(&self.home)?;
        kubeconfig::export(
            &self.kubectl,
            &target,
            self.name(),
            &self.server_url,
            &self.home.pki(self.name()),
        )?;
        kubeconfig::make_current(&self.kubectl, &target, self.name())
    }

    /// A value that removes this cluster on drop.
    pub fn disposable(self) -> Disposable {
        Disposable(self)
    }

    pub(super) fn own_kubectl(&self) -> Kubectl {
        Kubectl::new(&self.kubectl, &self.kubeconfig, &self.kubectl_cache())
    }

    /// kwokctl writes its own kubeconfig before this crate writes one.
    pub(super) fn starting_kubectl(&self) -> Kubectl {
        let kubeconfig = self.home.kwok_cluster(self.name()).join("kubeconfig.yaml");
        Kubectl::new(&self.kubectl, &kubeconfig, &self.kubectl_cache())
    }

    fn kubectl_cache(&self) -> PathBuf {
        self.home.cluster(self.name()).join("kubectl-cache")
    }
}

/// A cluster that is removed on drop, for tests.
#[derive(Debug)]
pub struct Disposable(ControlPlane);

impl Deref for Disposable {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        &self.0
    }
}

impl Drop for Disposable {
    fn drop(&mut self) {
        if let Err(error) = ControlPlane::remove(&self.0.home, self.0.name()) {
            tracing::warn!(%error, cluster = self.0.name(), "cannot remove a test cluster");
        }
    }
}
