//! [`Controller`]: an [`Operator`] without its type parameters, as a trait object. So the engine
//! and the generators can hold operators of different types in one list.

use std::any::Any;
use std::fmt;
use std::hash::Hasher as _;
use std::sync::Arc;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::object::HasStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::children::Content;
use crate::condition::ConditionType;
use crate::exclusive;
use crate::expiry::Expired;
use crate::internals::child::ChildError;
use crate::internals::complete::{ChildMetadata, owner_of};
use crate::internals::desired::Desired;
use crate::internals::hash;
use crate::invalid::Invalid;
use crate::kind::{self, AnyObject, KindInfo, Kinds, Object, OwnedKind, ReadKind, ReadKinds};
use crate::labels::ADOPT;
use crate::observed::{ChildState, Observed};
use crate::operator::{CustomResource, Operator, Sample};
use crate::readiness::Readiness;
use crate::report::Report;
use crate::time::AskedTimes;
use crate::view::{Lookup, Query, Source, View};
use crate::withdraw::Withdraw;

pub use crate::labels::ManagedBy;

/// A [`Sample`] without its type.
#[derive(Clone, Debug)]
pub struct AnySample {
    /// `minimal`, `full`.
    pub name: &'static str,
    /// One sentence about what the sample shows.
    pub about: &'static str,
    /// The resource as JSON, without a status.
    pub body: Value,
}

impl AnySample {
    pub(crate) fn of<R: Object>(sample: &Sample<R>) -> Self {
        let mut body = serde_json::to_value(&sample.resource).unwrap_or(Value::Null);
        if let Some(object) = body.as_object_mut() {
            object.remove("status");
        }
        Self { name: sample.name, about: sample.about, body }
    }
}

/// The [`Facts`](crate::Facts) of an operator without their type, from `build` to `report`.
pub struct AnyFacts {
    facts: Box<dyn Any + Send + Sync>,
    hash: u64,
}

impl AnyFacts {
    fn new<F: crate::declaration::Facts>(facts: F) -> Self {
        let mut hasher = hash::hasher();
        facts.hash(&mut hasher);
        Self { facts: Box::new(facts), hash: hasher.finish() }
    }

    /// The hash of the facts: equal hashes lead to equal reports.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Debug for AnyFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyFacts").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// The result of one `build`.
#[derive(Debug)]
pub struct Built {
    /// The objects with all that the engine adds, or why the resource is invalid.
    pub children: Result<Vec<Desired>, Invalid>,
    /// Whether an invalid resource is [withdrawn](crate::withdraw).
    pub withdraw: Withdraw,
    /// The look-ups, also of an invalid resource. If a child has an optional kind, they include
    /// whether the kind is served.
    pub lookups: Vec<Lookup>,
    /// The times that `build` asked about, also for an invalid resource.
    pub asked_times: AskedTimes,
    /// The facts for the report.
    pub facts: AnyFacts,
    /// Why the resource expired.
    pub expired: Option<Expired>,
    /// The values of [`labels::ALLOW_ROLLOUT`](crate::labels::ALLOW_ROLLOUT) on the looked up
    /// objects. Objects of the resource's own kind do not count: they may belong to somebody else.
    pub allowances: Vec<String>,
}

/// What a report is made from, after a run. A typed operator gets it as an [`Observed`].
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The states of the children.
    pub children: &'a [ChildState<'a>],
    /// The facts of `build`.
    pub facts: &'a AnyFacts,
    /// The readiness that follows from the children and from failed requests.
    pub readiness: &'a Readiness,
}

/// An [`Operator`] as a trait object.
///
/// # Assumptions
/// Each object given to a controller came from its own [`decode`](Controller::decode).
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
    /// The kinds for which it calls [`View::serves`].
    fn serves(&self) -> Vec<KindInfo>;
    /// Whether its resources expire.
    fn expires(&self) -> bool;
    /// Its example resources.
    fn samples(&self) -> Vec<AnySample>;
    /// Its own conditions and reasons.
    fn conditions(&self) -> &'static [ConditionType];
    /// A resource from JSON.
    ///
    /// # Errors
    /// If the JSON does not have the form of the resource.
    fn decode(&self, json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error>;
    /// The objects that should exist, with all that the engine adds: namespace, owner reference,
    /// labels and annotation.
    ///
    /// # Errors
    /// [`ChildError`] for a defect of the operator. An invalid resource is no error: its
    /// [`Invalid`] is in [`Built::children`].
    fn build(
        &self,
        managed_by: ManagedBy<'_>,
        resource: &dyn AnyObject,
        source: &dyn Source,
    ) -> Result<Built, ChildError>;
    /// The report for an observation. The status has no conditions and no `observedGeneration`.
    ///
    /// # Errors
    /// If the status cannot be written as JSON.
    fn report(
        &self,
        resource: &dyn AnyObject,
        observation: Observation<'_>,
    ) -> Result<Report<Value>, serde_json::Error>;
    /// Advice for the administrator of the cluster.
    fn advice(&self, source: &dyn Source) -> Vec<String>;
    /// The status that the resource carries, as JSON; null if there is none.
    ///
    /// # Errors
    /// If the status cannot be written as JSON.
    fn status(&self, resource: &dyn AnyObject) -> Result<Value, serde_json::Error>;
    /// The resource with another status.
    ///
    /// # Errors
    /// If the JSON does not have the form of the status.
    fn with_status(
        &self,
        resource: &dyn AnyObject,
        status: &Value,
    ) -> Result<Arc<dyn AnyObject>, serde_json::Error>;
}

/// The controller of an operator.
#[must_use]
pub fn controller<O: Operator>(operator: O) -> Arc<dyn Controller> {
    Arc::new(Typed { operator })
}

/// A controller with the type of its operator.
struct Typed<O> {
    operator: O,
}

impl<O: Operator> fmt::Debug for Typed<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Controller").field(&O::NAME).finish()
    }
}

/// An object of another type than the controller's is a defect of the engine.
fn typed<R: CustomResource>(resource: &dyn AnyObject) -> Result<&R, serde_json::Error> {
    let any: &dyn Any = resource;
    any.downcast_ref().ok_or_else(|| {
        let expected = KindInfo::of::<R>().resource();
        serde::de::Error::custom(format!("the controller of {expected} got another object"))
    })
}

/// A look-up of each optional kind that the children, or their exclusive groups, need. An optional
/// kind can disappear without any event of a child.
fn served_lookups(children: &[Desired], owns: &[OwnedKind], known: &[Lookup]) -> Vec<Lookup> {
    let needs =
        |child: &Desired, kind: &KindInfo| child.kind == *kind || child.exclusive().contains(kind);
    let is_needed = |owned: &&OwnedKind| {
        owned.optional && children.iter().any(|child| needs(child, &owned.info))
    };
    let lookup = |OwnedKind { info, type_id, .. }: &OwnedKind| Lookup {
        type_id: *type_id,
        kind: info.clone(),
        query: Query::Served,
    };
    let lookups = owns.iter().filter(is_needed).map(lookup);
    lookups.filter(|lookup| !known.contains(lookup)).collect()
}

impl<O: Operator> Controller for Typed<O> {
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

    fn expires(&self) -> bool {
        O::Owns::expire()
    }

    fn conditions(&self) -> &'static [ConditionType] {
        O::CONDITIONS
    }

    fn samples(&self) -> Vec<AnySample> {
        O::samples().iter().map(AnySample::of).collect()
    }

    fn decode(&self, json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
        kind::decode::<O::Resource>(json)
    }

    fn build(
        &self,
        managed_by: ManagedBy<'_>,
        resource: &dyn AnyObject,
        source: &dyn Source,
    ) -> Result<Built, ChildError> {
        let kind = self.resource();
        let not_json = |source| ChildError::NotJson((*kind.kind).into(), source);
        let resource: &O::Resource = typed(resource).map_err(not_json)?;
        let view = View::<O>::new(source, AnyObject::meta(resource));
        let built = self.operator.build(resource, &view);
        let asked_times = view.asked_times();
        let allowances = view.take_allowances().into_iter();
        let allowances = allowances.filter(|a| a.kind != kind).map(|a| a.value).collect();
        let mut lookups = view.into_lookups();
        let content = match built {
            Ok(children) => children.into_content()?,
            Err(invalid) => {
                let facts = AnyFacts::new(O::Facts::default());
                let (children, withdraw, expired) = (Err(invalid), Withdraw::Never, None);
                return Ok(Built {
                    children,
                    withdraw,
                    lookups,
                    asked_times,
                    facts,
                    expired,
                    allowances,
                });
            }
        };
        let Content { children, withdraw, facts, expired } = content;
        let facts = AnyFacts::new(facts);
        let children = match children {
            Ok(children) => {
                let ManagedBy { manager, sharded } = managed_by;
                let annotations = AnyObject::meta(resource).annotations.as_ref();
                let adopts =
                    annotations.and_then(|all| all.get(ADOPT)).is_some_and(|v| v == "true");
                let metadata = ChildMetadata { controller: O::NAME, manager, sharded, adopts };
                let children = metadata.complete(&owner_of(kind, resource), children)?;
                let owns = self.owns();
                exclusive::check(&children, &owns)?;
                lookups.extend(served_lookups(&children, &owns, &lookups));
                Ok(children)
            }
            Err(invalid) => Err(invalid),
        };
        Ok(Built { children, withdraw, lookups, asked_times, facts, expired, allowances })
    }

    fn report(
        &self,
        resource: &dyn AnyObject,
        observation: Observation<'_>,
    ) -> Result<Report<Value>, serde_json::Error> {
        let Observation { children, facts, readiness } = observation;
        let facts = facts.facts.downcast_ref::<O::Facts>().ok_or_else(|| {
            serde::de::Error::custom(format!("the controller {} got other facts", O::NAME))
        })?;
        let observed = Observed::<O>::new(children, readiness);
        let report = self.operator.report(typed(resource)?, &observed, facts);
        let mut status = serde_json::to_value(report.status)?;
        match status.as_object_mut() {
            // The engine writes both.
            Some(fields) => {
                fields.remove("observedGeneration");
                fields.remove("conditions");
            }
            None => status = json!({}),
        }
        Ok(Report { status, conditions: report.conditions, readiness: report.readiness })
    }

    fn advice(&self, source: &dyn Source) -> Vec<String> {
        self.operator.advice(&View::new(source, &ObjectMeta::default()))
    }

    fn status(&self, resource: &dyn AnyObject) -> Result<Value, serde_json::Error> {
        let resource: &O::Resource = typed(resource)?;
        serde_json::to_value(resource.status())
    }

    fn with_status(
        &self,
        resource: &dyn AnyObject,
        status: &Value,
    ) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
        let mut resource: O::Resource = typed::<O::Resource>(resource)?.clone();
        *resource.status_mut() = Some(Deserialize::deserialize(status)?);
        Ok(Arc::new(resource))
    }
}
