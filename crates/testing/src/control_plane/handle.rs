//! A cluster that exists: what it is, and what can be done with it.

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

/// A cluster that exists. It goes on when this value goes.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    pub(super) home: Home,
    pub(super) state: State,
    pub(super) kubectl: PathBuf,
    pub(super) kubeconfig: PathBuf,
    pub(super) server_url: String,
}

impl ControlPlane {
    /// The cluster of that name, whether it runs or not.
    ///
    /// # Errors
    /// [`Error::NotFound`] names those that there are.
    pub fn attach(home: &Home, name: &str) -> Result<Self, Error> {
        spec::validate_name(name)?;
        match State::load(home, name)? {
            Some(state) => Self::new(home, state),
            None => Err(Error::NotFound { name: name.to_owned(), known: Self::list(home) }),
        }
    }

    /// The names of all clusters, whether they run or not.
    pub fn list(home: &Home) -> Vec<String> {
        state::names(home)
    }

    /// Takes down the cluster of that name, also one that is damaged. One that is not there is
    /// fine.
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

    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.spec.name
    }

    /// What it was made for.
    pub fn spec(&self) -> &Spec {
        &self.state.spec
    }

    /// The kubeconfig to connect with, complete in itself; mode 0600.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The name of the context in the kubeconfig: `kubewright-NAME`.
    pub fn context(&self) -> String {
        kubeconfig::context(self.name())
    }

    /// Where the API server is.
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The ports that it listens on.
    pub fn ports(&self) -> &Ports {
        &self.state.ports
    }

    /// The binaries that it runs.
    pub fn assets(&self) -> &Assets {
        &self.state.assets
    }

    /// A kubectl for this cluster, to add arguments to. It uses nothing of the user's.
    pub fn kubectl(&self) -> Command {
        self.own_kubectl().command()
    }

    /// How it is.
    pub fn status(&self) -> Status {
        status::of(&self.home, &self.state, &self.own_kubectl(), &self.server_url)
    }

    /// Ends its processes and keeps its data; [`up`](Self::up) starts it again.
    ///
    /// # Errors
    /// [`Error::Immortal`] when a process does not end.
    pub fn stop(&self) -> Result<(), Error> {
        let _lock = self.home.lock_cluster(self.name(), || ())?;
        processes::terminate(&self.home, self.name())
    }

    /// Ends its processes and removes its files, and its entries in the kubeconfigs it was exported
    /// to.
    ///
    /// # Errors
    /// [`Error`] when a process does not end or a file cannot be removed.
    pub fn down(self) -> Result<(), Error> {
        Self::remove(&self.home, self.name())
    }

    /// Adds the cluster to a kubeconfig of the user and makes it the current context there. What
    /// else is in the file stays. [`down`](Self::down) takes it out again.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be changed.
    pub fn export_kubeconfig(&mut self, target: &Path) -> Result<(), Error> {
        let _lock = self.home.lock_cluster(self.name(), || ())?;
        let target = std::path::absolute(target).map_err(HomeError::at(target))?;
        // Written down first: what is written down and not there does no harm, the other way round
        // it stays.
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

    /// This cluster, taken down when the returned value goes.
    pub fn disposable(self) -> Disposable {
        Disposable(self)
    }

    pub(super) fn own_kubectl(&self) -> Kubectl {
        Kubectl::new(&self.kubectl, &self.kubeconfig, &self.kubectl_cache())
    }

    /// kwokctl's own kubeconfig is there earlier than ours.
    pub(super) fn starting_kubectl(&self) -> Kubectl {
        let kubeconfig = self.home.kwok_cluster(self.name()).join("kubeconfig.yaml");
        Kubectl::new(&self.kubectl, &kubeconfig, &self.kubectl_cache())
    }

    fn kubectl_cache(&self) -> PathBuf {
        self.home.cluster(self.name()).join("kubectl-cache")
    }
}

/// A cluster that is taken down when this value goes, for tests.
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
            tracing::warn!(%error, cluster = self.0.name(), "a cluster for a test is left");
        }
    }
}
