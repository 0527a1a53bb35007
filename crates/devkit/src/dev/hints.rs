//! Commands to try next, derived from the registry and the objects in the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use kubewright_core::KindInfo;
use kubewright_core::controller::Controller;
use kubewright_testing::assets::KUBERNETES;
use kubewright_testing::control_plane::ControlPlane;
use serde_json::Value;

use super::error::DevError;
use super::operator::Operator;
use crate::arguments::{DEFAULT_CLUSTER, named};
use crate::cluster::kubectl_on;
use crate::deploy::facts;
use crate::project::Project;
use crate::terminal;

pub(super) fn print(
    project: &Project,
    control_plane: &ControlPlane,
    operator: &Operator,
) -> Result<(), DevError> {
    for controller in project.registry.controllers() {
        let get = kubectl_on(control_plane).args(["get", &controller.resource().resource()]);
        println!("\n{}", get.capture()?.trim_end());
    }
    println!();
    terminal::heading("Try in another terminal:");
    for line in lines(project, control_plane, facts::kubectl_fits(KUBERNETES)) {
        println!("  {line}");
    }
    println!("\nKubeconfig: {}", control_plane.kubeconfig().display());
    println!("Metrics:    http://{}/metrics\n", operator.address());
    Ok(())
}

fn lines(project: &Project, control_plane: &ControlPlane, on_path: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let kubectl = if on_path {
        lines.push(format!("export KUBECONFIG={}", control_plane.kubeconfig().display()));
        "kubectl".to_owned()
    } else {
        named("cargo xtask kubectl", control_plane.name(), DEFAULT_CLUSTER)
    };
    let kinds: BTreeSet<String> =
        project.registry.controllers().iter().map(|c| c.resource().resource()).collect();
    lines.push(format!("{kubectl} get {}", kinds.into_iter().collect::<Vec<_>>().join(",")));
    if let Some(controller) = project.registry.controllers().first() {
        lines.extend(
            commands_for(controller, control_plane)
                .into_iter()
                .map(|arguments| format!("{kubectl} {arguments}")),
        );
    }
    lines
}

/// Commands for the first sample of a controller.
fn commands_for(controller: &Arc<dyn Controller>, control_plane: &ControlPlane) -> Vec<String> {
    let sample = controller.samples().into_iter().next();
    let Some(name) =
        sample.and_then(|sample| Some(sample.body.pointer("/metadata/name")?.as_str()?.to_owned()))
    else {
        return Vec::new();
    };
    let kind = controller.resource();
    let resource = kind.resource();
    let mut lines = Vec::new();
    for owned in controller.owns() {
        let plural = owned.info.resource();
        if let Some(child) = child_of(&kind.kind, &name, &plural, control_plane) {
            lines.push(format!(
                "delete {} {child}   # the operator creates it again",
                kubectl_name(&owned.info)
            ));
            break;
        }
    }
    let definition = controller.crd();
    let mut versions = definition.spec.versions.iter();
    if versions.any(|version| {
        version.subresources.as_ref().is_some_and(|subresources| subresources.scale.is_some())
    }) {
        lines.push(format!("scale {resource} {name} --replicas 3"));
    }
    lines.push(format!("delete {resource} {name}   # its objects are deleted, too"));
    lines
}

/// kubectl's name of a kind: `deployment`, `mapping.getambassador.io`.
fn kubectl_name(kind: &KindInfo) -> String {
    let name = kind.kind.to_lowercase();
    // Groups of Kubernetes' own workloads have no dot, and kubectl needs no group for their kinds.
    if kind.group.contains('.') { format!("{name}.{}", kind.group) } else { name }
}

/// The first object of a kind whose owner is the resource.
fn child_of(kind: &str, name: &str, plural: &str, control_plane: &ControlPlane) -> Option<String> {
    let json = kubectl_on(control_plane).args(["get", plural, "-o", "json"]).capture().ok()?;
    let objects: Value = serde_json::from_str(&json).ok()?;
    let belongs = |object: &&Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| {
            owners.iter().any(|owner| owner["kind"] == kind && owner["name"] == name)
        })
    };
    let child = objects["items"].as_array()?.iter().find(belongs)?;
    Some(child["metadata"]["name"].as_str()?.to_owned())
}
