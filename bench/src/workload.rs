//! What is written for one resource: an Echo of `example.com/v1` with its Deployment and its
//! Service.
//!
//! [`Writes`] are the requests that the operator sends for it, made before the clock starts by the
//! operator's own functions: `build` for the children, the framework's verdict and the operator's
//! `status` for the status. Only the UID is unknown then; another one of the same length stands for
//! it. That both leave the same objects behind is checked by `cells::throughput`.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::jiff::Timestamp;
use kubewright::core::KindInfo;
use kubewright::core::condition::{merge, verdict};
use kubewright::core::observed::{ChildState, Outcome, decode};
use kubewright::core::registry::{Controller, Observation};
use kubewright::core::view::Fixed;
use operator_api::echo::{Echo, EchoSpec};
use serde_json::{Value, json};

use crate::error::Error;

/// Children of each resource.
pub(crate) const CHILDREN: u32 = 2;
/// Where resources are made.
pub(crate) const NAMESPACE: &str = "bench";
/// Stands for a UID that is not known yet.
pub(crate) const UID: &str = "00000000-0000-4000-8000-000000000000";

/// The kinds of one resource: itself, then its children.
pub(crate) fn kinds() -> [KindInfo; 3] {
    [KindInfo::of::<Echo>(), KindInfo::of::<Deployment>(), KindInfo::of::<Service>()]
}

/// The name of the resource with this number, and of its children.
pub(crate) fn name(number: usize) -> String {
    format!("echo-{number:05}")
}

/// Where an object of this kind is.
pub(crate) fn path(kind: &KindInfo, name: &str) -> String {
    format!("{}/{name}", kind.path(Some(NAMESPACE)))
}

/// What its creator writes.
pub(crate) fn echo(name: &str) -> Echo {
    let mut echo = Echo::new(
        name,
        EchoSpec { replicas: Some(2), text: Some("hello".into()), ..EchoSpec::default() },
    );
    echo.metadata.namespace = Some(NAMESPACE.into());
    echo
}

/// All requests for one resource, in the form in which the operator sends them.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    /// The body of its creation.
    pub(crate) echo: String,
    /// Paths and bodies of the children.
    pub(crate) children: Vec<(String, String)>,
    /// Path and body of the status.
    pub(crate) status: (String, String),
}

/// Makes [`Writes`].
pub(crate) struct Scribe(Arc<dyn Controller>);

impl Scribe {
    /// With the operator of Echo.
    pub(crate) fn new() -> Result<Self, Error> {
        let kind = KindInfo::of::<Echo>();
        let controller =
            operator::registry().controller_of(&kind.api_version(), &kind.kind).cloned();
        controller
            .map(Self)
            .ok_or_else(|| Error::Workload(format!("no operator for {}", kind.resource())))
    }

    /// The requests for the resource of this name.
    pub(crate) fn writes(&self, name: &str) -> Result<Writes, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Workload(error.to_string());
        let created = echo(name);
        let text = serde_json::to_string(&created).map_err(|e| failed(&e))?;
        let mut stored = created;
        stored.metadata.uid = Some(UID.into());
        stored.metadata.generation = Some(1);
        let stored = self
            .0
            .decode(&serde_json::to_vec(&stored).map_err(|e| failed(&e))?)
            .map_err(|e| failed(&e))?;
        let built =
            self.0.build(operator::NAME, &*stored, &Fixed::empty()).map_err(|e| failed(&e))?;
        let desired = built.children.map_err(|invalid| failed(&invalid.message))?;
        // As the answer to a create tells of it: there, and without a status yet.
        let answer = json!({ "metadata": { "name": name, "namespace": NAMESPACE, "uid": UID, "resourceVersion": "1", "generation": 1 } });
        let observed =
            decode(answer.to_string().as_bytes(), operator::NAME).map_err(|e| failed(&e))?;
        let outcome = Outcome::InSync;
        let states: Vec<ChildState<'_>> = desired
            .iter()
            .map(|desired| ChildState { desired, observed: Some(&observed), outcome: &outcome })
            .collect();
        let observation = Observation { children: &states, facts: &built.facts };
        let report = self.0.report(&*stored, observation).map_err(|e| failed(&e))?;
        let kind = self.0.resource();
        let conditions: Vec<_> =
            verdict(&kind, &states).conditions().into_iter().chain(report.conditions).collect();
        let mut told = report.status;
        let now = Timestamp::from_second(Timestamp::now().as_second()).map_err(|e| failed(&e))?;
        told["conditions"] =
            serde_json::to_value(merge(&[], &conditions, Some(1), now)).map_err(|e| failed(&e))?;
        told["observedGeneration"] = 1.into();
        let body = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind,
            "metadata": { "name": name, "namespace": NAMESPACE, "uid": UID },
            "status": told,
        });
        let children = desired
            .iter()
            .map(|want| (path(&want.kind, name), must_be_absent(want.body())))
            .collect();
        Ok(Writes {
            echo: text,
            children,
            status: (format!("{}/status", path(&kind, name)), body.to_string()),
        })
    }
}

/// With the precondition that nothing of that name is there.
fn must_be_absent(body: &Value) -> String {
    let mut body = body.clone();
    body["metadata"]["resourceVersion"] = "1".into();
    body.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_writes_of_a_resource_are_its_children_and_its_status() {
        let writes = Scribe::new().unwrap().writes("echo-00001").unwrap();
        assert_eq!(writes.children.len(), usize::try_from(CHILDREN).unwrap());
        assert_eq!(writes.children[0].0, "/apis/apps/v1/namespaces/bench/deployments/echo-00001");
        let child: Value = serde_json::from_str(&writes.children[1].1).unwrap();
        assert_eq!(
            (&child["kind"], &child["metadata"]["resourceVersion"]),
            (&json!("Service"), &json!("1"))
        );
        assert_eq!(child["metadata"]["ownerReferences"][0]["uid"], UID);
        let status: Value = serde_json::from_str(&writes.status.1).unwrap();
        assert_eq!(status["status"]["ready"], "0/2");
        assert_eq!(status["status"]["conditions"].as_array().unwrap().len(), 3);
        assert_eq!(status["metadata"]["uid"], UID);
    }
}
