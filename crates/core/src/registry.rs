//! [`Registry`]: all operators of a program. Watches, RBAC, CRDs, samples and the command line are
//! derived from it.

use std::sync::Arc;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;

use crate::checks::{RegistryError, check_kinds, check_name, check_status};
use crate::controller::{AnySample, Controller, controller};
use crate::kind::{KindInfo, Object};
use crate::operator::{Operator, Sample};

/// All operators of a program, and the program's name.
#[derive(Clone, Debug)]
pub struct Registry {
    name: &'static str,
    controllers: Vec<Arc<dyn Controller>>,
    /// Kinds that the program defines and no operator reconciles.
    others: Vec<Definition>,
}

/// A kind that the program defines.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its names.
    pub kind: KindInfo,
    /// Its `CustomResourceDefinition`.
    pub crd: CustomResourceDefinition,
    /// Examples.
    pub samples: Vec<AnySample>,
}

impl Registry {
    /// A registry without operators. `name` is a DNS label and names the program: its Deployment,
    /// its field manager, and `app.kubernetes.io/managed-by`. Never change it after a release.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, controllers: Vec::new(), others: Vec::new() }
    }

    /// Adds an operator.
    #[must_use]
    pub fn with<O: Operator>(mut self, operator: O) -> Self {
        self.controllers.push(controller(operator));
        self
    }

    /// Adds a kind that the program defines and operators only read, such as settings in the
    /// cluster. Its definition, samples and reference are generated; rights follow from the
    /// operators that read it.
    #[must_use]
    pub fn with_definition<K: Object + CustomResourceExt>(mut self, samples: &[Sample<K>]) -> Self {
        let samples = samples.iter().map(AnySample::of).collect();
        self.others.push(Definition { kind: KindInfo::of::<K>(), crd: K::crd(), samples });
        self
    }

    /// All kinds that the program defines: first those of its operators, then the others.
    #[must_use]
    pub fn definitions(&self) -> Vec<Definition> {
        let definition = |controller: &Arc<dyn Controller>| Definition {
            kind: controller.resource(),
            crd: controller.crd(),
            samples: controller.samples(),
        };
        self.controllers.iter().map(definition).chain(self.others.iter().cloned()).collect()
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The operators as trait objects, in the order of addition.
    #[must_use]
    pub fn controllers(&self) -> &[Arc<dyn Controller>] {
        &self.controllers
    }

    /// A registry with only the operators of these names.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`].
    pub fn only(&self, names: &[String]) -> Result<Self, RegistryError> {
        let mut controllers = Vec::new();
        for asked in names {
            let found = self.controllers.iter().find(|c| c.name() == asked);
            controllers.push(Arc::clone(found.ok_or_else(|| RegistryError::Unknown {
                asked: asked.clone(),
                known: self.controllers.iter().map(|c| c.name()).collect::<Vec<_>>().join(", "),
            })?));
        }
        let others = self.others.iter().filter(|other| is_read(other, &controllers));
        let others = others.cloned().collect();
        Ok(Self { name: self.name, controllers, others })
    }

    /// Checks that the operators can be limited to these namespaces; none stands for all.
    ///
    /// # Errors
    /// [`RegistryError::ClusterScoped`].
    pub fn check_namespaces(&self, namespaces: &[String]) -> Result<(), RegistryError> {
        let is_cluster_scoped = |controller: &&Arc<dyn Controller>| {
            !namespaces.is_empty()
                && !controller.resource().namespaced
                && !controller.owns().is_empty()
        };
        match self.controllers.iter().find(is_cluster_scoped) {
            Some(controller) => Err(RegistryError::ClusterScoped {
                controller: controller.name(),
                resource: controller.resource().resource(),
            }),
            None => Ok(()),
        }
    }

    /// The controller of a kind.
    #[must_use]
    pub fn controller_of(&self, api_version: &str, kind: &str) -> Option<&Arc<dyn Controller>> {
        let is_it =
            |resource: KindInfo| resource.kind == kind && resource.api_version() == api_version;
        self.controllers.iter().find(|c| is_it(c.resource()))
    }

    /// Checks what the types cannot: valid names, one operator per kind, each owned kind once, no
    /// optional kind that is built into Kubernetes, [`Served`](crate::Served) only of owned
    /// optional kinds, an operator that reads each added definition, and the standard fields in the
    /// schema of every status.
    ///
    /// # Errors
    /// The first [`RegistryError`].
    pub fn check(&self) -> Result<(), RegistryError> {
        check_name(self.name)?;
        for (index, controller) in self.controllers.iter().enumerate() {
            check_name(controller.name())?;
            let earlier = &self.controllers[..index];
            if earlier.iter().any(|c| c.name() == controller.name()) {
                return Err(RegistryError::SameName(controller.name()));
            }
            check_status(&controller.resource().resource(), &controller.crd())?;
            check_kinds(&**controller)?;
        }
        let mut seen = Vec::new();
        for definition in self.definitions() {
            let resource = definition.kind.resource();
            if seen.contains(&resource) {
                return Err(RegistryError::SameResource(resource));
            }
            seen.push(resource);
        }
        match self.others.iter().find(|other| !is_read(other, &self.controllers)) {
            Some(unread) => Err(RegistryError::Unread(unread.kind.resource())),
            None => Ok(()),
        }
    }
}

fn is_read(definition: &Definition, by: &[Arc<dyn Controller>]) -> bool {
    let reads = |controller: &Arc<dyn Controller>| {
        controller.reads().iter().any(|read| read.info == definition.kind)
    };
    by.iter().any(reads)
}
