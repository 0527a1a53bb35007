//! All operators of a program. Everything is derived from it: watches, RBAC, CRDs, samples, the
//! command line.
//!
//! [`Controller`] is an [`Operator`] whose types were forgotten, so that engine and generators
//! handle all of them alike.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use kube_core::object::HasStatus;
use serde_json::{Value, json};

use crate::children::{ChildError, Owner, Parts, Retire, Stamp};
use crate::condition::{Condition, Verdict};
use crate::desired::Desired;
use crate::facts::Facts;
use crate::kind::{
    self, AnyObject, KindInfo, Kinds, Object, ObjectKey, OwnedKind, ReadKind, ReadKinds,
};
use crate::observed::{ChildState, Observed};
use crate::operator::{CustomResource, Invalid, Operator, Sample};
use crate::reason::Explained;
use crate::time::Moments;
use crate::view::{Lookup, Query, Source, View};

/// All operators of a program, and the program's name.
#[derive(Clone, Debug)]
pub struct Registry {
    name: &'static str,
    controllers: Vec<Arc<dyn Controller>>,
    /// Kinds that no operator reconciles.
    settings: Vec<Definition>,
}

/// A registry that cannot work.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Two operators have one name.
    #[error("two operators are named {0:?}; give each `const NAME` a value of its own")]
    SameName(&'static str),
    /// Two operators reconcile one kind, or it is defined twice.
    #[error(
        "{0} is there twice; a resource has one operator, or several undo each other's status, and one definition"
    )]
    SameResource(String),
    /// A name that Kubernetes would refuse.
    #[error(
        "{0:?} is not a DNS label (a-z, 0-9 and -, at most 63 characters); it becomes part of names and labels"
    )]
    Name(&'static str),
    /// A status without the standard fields.
    #[error(
        "the status of {resource} has no `{field}`; add it to the status struct, the engine fills it in"
    )]
    Status {
        /// Which resource.
        resource: String,
        /// Which field.
        field: &'static str,
    },
    /// One kind is in one declaration twice: each entry would take the other's objects for what is
    /// no longer wanted.
    #[error(
        "{controller} has {resource} twice in `type Owns`; keep one of them, and one version: the API server converts"
    )]
    OwnedTwice {
        /// Which operator.
        controller: &'static str,
        /// Which kind.
        resource: String,
    },
    /// An optional kind that is built into Kubernetes: its definition, which tells whether it is
    /// there, never comes.
    #[error(
        "{controller} declares {resource} as Optional, but it is built into Kubernetes and has no CustomResourceDefinition that \
         could appear; write the kind without Optional"
    )]
    BuiltIn {
        /// Which operator.
        controller: &'static str,
        /// Which kind.
        resource: String,
    },
    /// It is asked whether a kind is served of which nobody hears.
    #[error(
        "{controller} has Served<{kind}> in `type Reads`, but not Optional<{kind}> in `type Owns`: only the watch of what is owned \
         tells whether {resource} is served; add it there"
    )]
    ServedUnowned {
        /// Which operator.
        controller: &'static str,
        /// Which kind.
        kind: String,
        /// The same, as its definition is named.
        resource: String,
    },
    /// A kind is defined, and nobody does anything with it.
    #[error(
        "{0} is defined, and no operator reads or reconciles it; add it to `type Reads` of the operator that heeds it"
    )]
    Unread(String),
    /// A controller that does not exist was asked for.
    #[error("there is no controller {asked:?}; there are: {known}")]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The names of all.
        known: String,
    },
}

impl Registry {
    /// No operators yet. `name` names the program: its Deployment, its field manager,
    /// `app.kubernetes.io/managed-by`. A DNS label; never change it once released.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, controllers: Vec::new(), settings: Vec::new() }
    }

    /// Adds an operator.
    #[must_use]
    pub fn with<O: Operator>(mut self, operator: O) -> Self {
        self.controllers.push(Arc::new(Erased { operator }));
        self
    }

    /// Adds a kind that the program defines and no operator reconciles: one that operators read,
    /// such as settings in the cluster. Its definition, samples and reference are generated as
    /// those of the others are; rights follow from who reads it.
    #[must_use]
    pub fn with_definition<K: Object + CustomResourceExt>(mut self, samples: &[Sample<K>]) -> Self {
        let samples = samples.iter().map(AnySample::of).collect();
        self.settings.push(Definition { kind: KindInfo::of::<K>(), crd: K::crd(), samples });
        self
    }

    /// All kinds that the program defines: those of its operators, and then the others.
    #[must_use]
    pub fn definitions(&self) -> Vec<Definition> {
        let own = |controller: &Arc<dyn Controller>| Definition {
            kind: controller.resource(),
            crd: controller.crd(),
            samples: controller.samples(),
        };
        self.controllers.iter().map(own).chain(self.settings.iter().cloned()).collect()
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The operators, in the order in which they were added.
    #[must_use]
    pub fn controllers(&self) -> &[Arc<dyn Controller>] {
        &self.controllers
    }

    /// Only the operators with these names.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`].
    pub fn only(&self, names: &[String]) -> Result<Self, RegistryError> {
        let mut controllers = Vec::new();
        for asked in names {
            let known = || self.controllers.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
            let found = self.controllers.iter().find(|c| c.name() == asked);
            let found = found
                .ok_or_else(|| RegistryError::Unknown { asked: asked.clone(), known: known() })?;
            controllers.push(Arc::clone(found));
        }
        let settings = self
            .settings
            .iter()
            .filter(|definition| is_read(definition, &controllers))
            .cloned()
            .collect();
        Ok(Self { name: self.name, controllers, settings })
    }

    /// The controller of a kind.
    #[must_use]
    pub fn controller_of(&self, api_version: &str, kind: &str) -> Option<&Arc<dyn Controller>> {
        self.controllers
            .iter()
            .find(|c| c.resource().kind == kind && c.resource().api_version() == api_version)
    }

    /// Checks what the types cannot: names, one operator per kind, each owned kind once, optional
    /// kinds that can appear, the standard fields of every status.
    ///
    /// # Errors
    /// The first [`RegistryError`].
    pub fn check(&self) -> Result<(), RegistryError> {
        for name in std::iter::once(self.name).chain(self.controllers.iter().map(|c| c.name())) {
            if crate::names::child_name(&[name]) != name || name.is_empty() {
                return Err(RegistryError::Name(name));
            }
        }
        for (index, controller) in self.controllers.iter().enumerate() {
            let earlier = &self.controllers[..index];
            if earlier.iter().any(|c| c.name() == controller.name()) {
                return Err(RegistryError::SameName(controller.name()));
            }
            let resource = controller.resource().resource();
            if earlier.iter().any(|c| c.resource().resource() == resource) {
                return Err(RegistryError::SameResource(resource));
            }
            check_status(&resource, &controller.crd())?;
            check_kinds(&**controller)?;
        }
        let resources: Vec<String> =
            self.definitions().iter().map(|definition| definition.kind.resource()).collect();
        for (definition, earlier) in self.settings.iter().zip(self.controllers.len()..) {
            let resource = definition.kind.resource();
            if resources[..earlier].contains(&resource) {
                return Err(RegistryError::SameResource(resource));
            }
            if !is_read(definition, &self.controllers) {
                return Err(RegistryError::Unread(resource));
            }
        }
        Ok(())
    }
}

fn is_read(definition: &Definition, by: &[Arc<dyn Controller>]) -> bool {
    by.iter().any(|controller| controller.reads().iter().any(|read| read.info == definition.kind))
}

/// One kind in two versions may be owned by two controllers: each prunes what its own resources
/// have.
fn check_kinds(controller: &dyn Controller) -> Result<(), RegistryError> {
    let (owns, name) = (controller.owns(), controller.name());
    for (index, OwnedKind { info, .. }) in owns.iter().enumerate() {
        if owns[..index].iter().any(|other| other.info.resource() == info.resource()) {
            return Err(RegistryError::OwnedTwice { controller: name, resource: info.resource() });
        }
    }
    let optional = owns.iter().filter(|owned| owned.optional).map(|owned| &owned.info);
    let unowned = controller
        .serves()
        .into_iter()
        .find(|served| !optional.clone().any(|owned| owned == served));
    if let Some(info) = unowned {
        let resource = info.resource();
        return Err(RegistryError::ServedUnowned {
            controller: name,
            kind: info.kind.into_owned(),
            resource,
        });
    }
    let reads = controller.reads();
    let optional = optional.chain(reads.iter().filter(|read| read.optional).map(|read| &read.info));
    match optional.into_iter().find(|kind| kind.is_built_in()) {
        Some(info) => Err(RegistryError::BuiltIn { controller: name, resource: info.resource() }),
        None => Ok(()),
    }
}

fn check_status(resource: &str, crd: &CustomResourceDefinition) -> Result<(), RegistryError> {
    let schemas =
        crd.spec.versions.iter().filter_map(|v| v.schema.as_ref()?.open_api_v3_schema.as_ref());
    for schema in schemas {
        let status = schema
            .properties
            .as_ref()
            .and_then(|p| p.get("status"))
            .and_then(|s| s.properties.as_ref());
        for field in ["observedGeneration", "conditions"] {
            if !status.is_some_and(|s| s.contains_key(field)) {
                return Err(RegistryError::Status { resource: resource.to_owned(), field });
            }
        }
    }
    Ok(())
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

/// A sample whose type was forgotten.
#[derive(Clone, Debug)]
pub struct AnySample {
    /// `minimal`, `full`.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// The resource as JSON, without a status.
    pub body: Value,
}

impl AnySample {
    fn of<R: Object>(sample: &Sample<R>) -> Self {
        let mut body = serde_json::to_value(&sample.resource).unwrap_or(Value::Null);
        if let Some(object) = body.as_object_mut() {
            object.remove("status");
        }
        Self { name: sample.name, about: sample.about, body }
    }
}

/// What is the same for all children of a program.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The registry's name.
    pub manager: &'a str,
    /// Whether it runs in shards; see [`labels::SHARD`](crate::labels::SHARD).
    pub sharded: bool,
}

/// What one `build` gave.
#[derive(Debug)]
pub struct Built {
    /// The complete objects, or why there can be none.
    pub children: Result<Vec<Desired>, Invalid>,
    /// What was looked up; to be watched in either case. Of an optional kind of which there is a
    /// child, whether it is served.
    pub lookups: Vec<Lookup>,
    /// What it asked about time; its moments are to be waited for in either case.
    pub moments: Moments,
    /// What it told, for the report.
    pub facts: Facts,
    /// Whether the resource itself is to go.
    pub retire: Option<Retire>,
}

/// What a resource's status is made from, after a run.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The states of its children.
    pub children: &'a [ChildState<'a>],
    /// What `build` told.
    pub facts: &'a Facts,
}

/// A status before it has times.
#[derive(Clone, Debug)]
pub struct Report {
    /// The status as JSON, without conditions and observedGeneration.
    pub status: Value,
    /// The operator's own conditions.
    pub conditions: Vec<Condition>,
}

/// An operator whose types were forgotten.
///
/// # Assumptions
/// Objects given to a controller were made by its own [`decode`](Controller::decode).
pub trait Controller: Send + Sync + fmt::Debug {
    /// The operator's name.
    fn name(&self) -> &'static str;
    /// The kind that it reconciles.
    fn resource(&self) -> KindInfo;
    /// The definition of that kind.
    fn crd(&self) -> CustomResourceDefinition;
    /// The kinds that it owns.
    fn owns(&self) -> Vec<OwnedKind>;
    /// The kinds that it reads.
    fn reads(&self) -> Vec<ReadKind>;
    /// The kinds of which it asks whether they are served.
    fn serves(&self) -> Vec<KindInfo>;
    /// Whether it may delete its resources.
    fn retires(&self) -> bool;
    /// Its example resources.
    fn samples(&self) -> Vec<AnySample>;
    /// The reasons that it gives itself.
    fn reasons(&self) -> Vec<Explained>;
    /// A resource from JSON.
    ///
    /// # Errors
    /// Where the JSON does not have the resource's form.
    fn decode(&self, json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error>;
    /// The objects that should exist, complete.
    ///
    /// # Errors
    /// [`ChildError`] for a defect of the operator. A resource that cannot work is in
    /// [`Built::children`].
    fn build(
        &self,
        manager: &str,
        resource: &dyn AnyObject,
        source: &dyn Source,
    ) -> Result<Built, ChildError> {
        self.build_for(Program { manager, sharded: false }, resource, source)
    }
    /// The same for a program that may run in shards.
    ///
    /// # Errors
    /// As [`build`](Controller::build).
    fn build_for(
        &self,
        program: Program<'_>,
        resource: &dyn AnyObject,
        source: &dyn Source,
    ) -> Result<Built, ChildError>;
    /// The status for what was observed.
    ///
    /// # Errors
    /// Where the status cannot be written as JSON.
    fn report(
        &self,
        resource: &dyn AnyObject,
        observation: Observation<'_>,
    ) -> Result<Report, serde_json::Error>;
    /// The verdict in the operator's words, from the one that was derived from the children.
    ///
    /// # Errors
    /// Where `resource` is none of this controller's.
    fn verdict(
        &self,
        resource: &dyn AnyObject,
        observation: Observation<'_>,
        verdict: Verdict,
    ) -> Result<Verdict, serde_json::Error>;
    /// The status that the resource carries, as JSON; null where there is none.
    ///
    /// # Errors
    /// Where the status cannot be written as JSON.
    fn status(&self, resource: &dyn AnyObject) -> Result<Value, serde_json::Error>;
}

struct Erased<O> {
    operator: O,
}

impl<O: Operator> fmt::Debug for Erased<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Controller").field(&O::NAME).finish()
    }
}

/// An object of another type than its controller's: a defect of the engine, reported as one.
fn typed<R: CustomResource>(resource: &dyn AnyObject) -> Result<&R, serde_json::Error> {
    let any: &dyn Any = resource;
    any.downcast_ref().ok_or_else(|| {
        let wanted = KindInfo::of::<R>();
        serde::de::Error::custom(format!(
            "an object of another type was given to the controller of {}",
            wanted.resource()
        ))
    })
}

/// The owner that a resource is for its children.
#[must_use]
pub fn owner_of(kind: KindInfo, resource: &dyn AnyObject) -> Owner {
    let meta = resource.meta();
    Owner { kind, key: ObjectKey::of(meta), uid: meta.uid.clone().unwrap_or_default() }
}

/// The optional kinds that the children are of, or that one of them must not have another object of
/// beside it: whether they can be made depends on whether these are served. With its API, an object
/// that is waited for is gone, and no event of its own tells.
fn needed(children: &[Desired], owns: &[OwnedKind], asked: &[Lookup]) -> Vec<Lookup> {
    let needs = |child: &Desired, kind: &KindInfo| {
        child.kind == *kind || child.is_alone_among().contains(kind)
    };
    let is_wanted = |owned: &&OwnedKind| {
        owned.optional && children.iter().any(|child| needs(child, &owned.info))
    };
    let lookup = |OwnedKind { info, type_id, .. }: &OwnedKind| Lookup {
        type_id: *type_id,
        kind: info.clone(),
        query: Query::Served,
    };
    owns.iter().filter(is_wanted).map(lookup).filter(|lookup| !asked.contains(lookup)).collect()
}

/// Whoever waits until an object is gone has to hear of that; and those who wait for each other are
/// all of the group.
fn check_groups(children: &[Desired], owns: &[OwnedKind]) -> Result<(), ChildError> {
    for child in children.iter().filter(|child| !child.is_alone_among().is_empty()) {
        if !child.is_alone_among().contains(&child.kind) {
            return Err(ChildError::NotOfItsGroup(format!("{} {}", child.kind, child.key).into()));
        }
        if let Some(kind) = child
            .is_alone_among()
            .iter()
            .find(|kind| !owns.iter().any(|owned| owned.info == **kind))
        {
            return Err(ChildError::AloneAmong(
                format!("{} {}", child.kind, child.key).into(),
                kind.resource(),
            ));
        }
    }
    Ok(())
}

impl<O: Operator> Controller for Erased<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn resource(&self) -> KindInfo {
        KindInfo::of::<O::Resource>()
    }

    fn crd(&self) -> CustomResourceDefinition {
        O::Resource::definition()
    }

    fn owns(&self) -> Vec<OwnedKind> {
        O::Owns::owned()
    }

    fn reads(&self) -> Vec<ReadKind> {
        O::Reads::read()
    }

    fn serves(&self) -> Vec<KindInfo> {
        O::Reads::served()
    }

    fn retires(&self) -> bool {
        O::RETIRES
    }

    fn reasons(&self) -> Vec<Explained> {
        O::reasons()
    }

    fn samples(&self) -> Vec<AnySample> {
        O::samples().iter().map(AnySample::of).collect()
    }

    fn decode(&self, json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
        kind::decode::<O::Resource>(json)
    }

    fn build_for(
        &self,
        program: Program<'_>,
        resource: &dyn AnyObject,
        source: &dyn Source,
    ) -> Result<Built, ChildError> {
        let kind = self.resource();
        let not_json = |source| ChildError::NotJson((*kind.kind).into(), source);
        let resource: &O::Resource = typed(resource).map_err(not_json)?;
        let view = View::<O::Reads>::of(source, AnyObject::meta(resource));
        let built = self.operator.build(resource, &view);
        let (moments, mut lookups) = (view.moments(), view.into_lookups());
        let owner = owner_of(kind, resource);
        let stamp =
            Stamp { controller: O::NAME, manager: program.manager, sharded: program.sharded };
        let built = match built {
            Ok(children) => Ok(children.into_parts()?),
            Err(invalid) => Err(invalid),
        };
        let (children, Parts { facts, retire, .. }) = match built {
            Ok(mut parts) => (Ok(stamp.all(&owner, std::mem::take(&mut parts.children))?), parts),
            Err(mut invalid) => {
                let (retire, facts) = (invalid.retire.take(), std::mem::take(&mut invalid.facts));
                (Err(invalid), Parts { facts, retire, ..Parts::default() })
            }
        };
        if retire.is_some() && !O::RETIRES {
            return Err(ChildError::Retires);
        }
        check_groups(children.as_deref().unwrap_or_default(), &self.owns())?;
        lookups.extend(needed(children.as_deref().unwrap_or_default(), &self.owns(), &lookups));
        Ok(Built { children, lookups, moments, facts, retire })
    }

    fn report(
        &self,
        resource: &dyn AnyObject,
        of: Observation<'_>,
    ) -> Result<Report, serde_json::Error> {
        let resource: &O::Resource = typed(resource)?;
        let observed = Observed::<O::Owns>::with(of.children, of.facts);
        let mut status = serde_json::to_value(self.operator.status(resource, &observed))?;
        if !status.is_object() {
            status = json!({});
        }
        Ok(Report { status, conditions: self.operator.conditions(resource, &observed) })
    }

    fn verdict(
        &self,
        resource: &dyn AnyObject,
        of: Observation<'_>,
        verdict: Verdict,
    ) -> Result<Verdict, serde_json::Error> {
        Ok(self.operator.verdict(typed(resource)?, &Observed::with(of.children, of.facts), verdict))
    }

    fn status(&self, resource: &dyn AnyObject) -> Result<Value, serde_json::Error> {
        let resource: &O::Resource = typed(resource)?;
        serde_json::to_value(resource.status())
    }
}
