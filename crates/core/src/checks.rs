//! Checks of a [`Registry`](crate::Registry) that the types cannot make.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::controller::Controller;
use crate::kind::OwnedKind;

/// A registry that cannot work.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Two operators have one name.
    #[error("two operators have the name {0:?}; give each `const NAME` a value of its own")]
    SameName(&'static str),
    /// Two operators reconcile one kind, or two definitions exist for it.
    #[error("{0} is registered twice; register each resource once, with one operator")]
    SameResource(String),
    /// A name that Kubernetes would reject.
    #[error(
        "the name {0:?} is no DNS label; use a-z, 0-9 and -, at most 63 characters, as it becomes \
         part of names and labels"
    )]
    Name(&'static str),
    /// A status whose schema does not have the standard fields.
    #[error(
        "the schema of the status of {resource} has no `{field}`, usually because the status \
         struct has no `#[serde(rename_all = \"camelCase\")]`; add this attribute"
    )]
    Status {
        /// The resource.
        resource: String,
        /// The missing field.
        field: &'static str,
    },
    /// A declaration contains one kind twice: each entry would delete the objects of the other.
    #[error("{controller} has {resource} twice in `type Owns`; keep one entry and one version")]
    OwnedTwice {
        /// The operator.
        controller: &'static str,
        /// The kind.
        resource: String,
    },
    /// An optional kind that is built into Kubernetes: it has no definition that could appear.
    #[error(
        "{controller} declares {resource} as Optional, but every cluster has it; declare the kind \
         without Optional"
    )]
    BuiltIn {
        /// The operator.
        controller: &'static str,
        /// The kind.
        resource: String,
    },
    /// `Served` of a kind that the operator does not own as `Optional`.
    #[error(
        "{controller} has Served<{kind}> in `type Reads`, but not Optional<{kind}> in `type Owns`; \
         add it there, as only the watch of owned objects shows whether {resource} is served"
    )]
    ServedUnowned {
        /// The operator.
        controller: &'static str,
        /// The kind.
        kind: String,
        /// The name of its definition.
        resource: String,
    },
    /// A cluster-scoped resource that owns objects, in a program that is limited to namespaces: the
    /// operator would have no rights and no watches for objects in the other namespaces.
    #[error(
        "{controller} reconciles {resource}, which is cluster-scoped, so it cannot be limited to \
         namespaces; leave out --namespace, or select other controllers with --controllers"
    )]
    ClusterScoped {
        /// The operator.
        controller: &'static str,
        /// The resource.
        resource: String,
    },
    /// A definition that no operator uses.
    #[error(
        "no operator reads or reconciles {0}; add it to `type Reads` of the operator that needs \
         it, or do not register it"
    )]
    Unread(String),
    /// An unknown controller.
    #[error("there is no controller {asked:?}; the controllers are: {known}")]
    Unknown {
        /// The requested name.
        asked: String,
        /// The names of all controllers.
        known: String,
    },
}

pub(crate) fn check_name(name: &'static str) -> Result<(), RegistryError> {
    if crate::names::child_name(&[name]) != name || name.is_empty() {
        return Err(RegistryError::Name(name));
    }
    Ok(())
}

/// One kind in two versions may be owned by two controllers: each deletes only what its own
/// resources control.
pub(crate) fn check_kinds(controller: &dyn Controller) -> Result<(), RegistryError> {
    let (owns, name) = (controller.owns(), controller.name());
    for (index, OwnedKind { info, .. }) in owns.iter().enumerate() {
        if owns[..index].iter().any(|other| other.info.resource() == info.resource()) {
            return Err(RegistryError::OwnedTwice { controller: name, resource: info.resource() });
        }
    }
    let optional = owns.iter().filter(|owned| owned.optional).map(|owned| &owned.info);
    let served = controller.serves();
    if let Some(info) = served.into_iter().find(|kind| !optional.clone().any(|o| o == kind)) {
        let resource = info.resource();
        let kind = info.kind.into_owned();
        return Err(RegistryError::ServedUnowned { controller: name, kind, resource });
    }
    let reads = controller.reads();
    let optional = optional.chain(reads.iter().filter(|r| r.optional).map(|read| &read.info));
    match optional.into_iter().find(|kind| kind.is_built_in()) {
        Some(info) => Err(RegistryError::BuiltIn { controller: name, resource: info.resource() }),
        None => Ok(()),
    }
}

/// The types require the fields in Rust; this checks their names in the schema.
pub(crate) fn check_status(
    resource: &str,
    crd: &CustomResourceDefinition,
) -> Result<(), RegistryError> {
    let versions = crd.spec.versions.iter();
    for schema in versions.filter_map(|v| v.schema.as_ref()?.open_api_v3_schema.as_ref()) {
        let status = schema.properties.as_ref().and_then(|p| p.get("status"));
        let fields = status.and_then(|status| status.properties.as_ref());
        for field in ["observedGeneration", "conditions"] {
            if !fields.is_some_and(|fields| fields.contains_key(field)) {
                return Err(RegistryError::Status { resource: resource.to_owned(), field });
            }
        }
    }
    Ok(())
}
