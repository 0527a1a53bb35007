//! Commands to try next, derived from the registry and the objects in the cluster.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use kubewright_core::KindInfo;
use kubewright_core::controller::Controller;
use kubewright_testing::assets::{Binary, KUBERNETES, Version};
use kubewright_testing::control_plane::ControlPlane;
use serde::Deserialize;

use super::error::DevError;
use super::operator::Operator;
use crate::arguments::DEFAULT_CLUSTER;
use crate::invocation::ask;
use crate::project::Project;
use crate::terminal;

/// The used part of a list of objects.
#[derive(Deserialize)]
struct Objects {
    items: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    metadata: ObjectMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectMetadata {
    name: String,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
}

#[derive(Deserialize)]
struct OwnerReference {
    kind: String,
    name: String,
}

pub(super) fn print(
    project: &Project,
    control_plane: &ControlPlane,
    operator: &Operator,
) -> Result<(), DevError> {
    for controller in project.registry.controllers() {
        let mut get = control_plane.kubectl();
        println!("\n{}", ask(get.args(["get", &controller.resource().resource()]))?.trim_end());
    }
    println!();
    terminal::heading("Try in another terminal:");
    for line in lines(project, control_plane, kubectl_on_path()) {
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
        passthrough(control_plane.name())
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
    let json = ask(control_plane.kubectl().args(["get", plural, "-o", "json"])).ok()?;
    let objects: Objects = serde_json::from_str(&json).ok()?;
    let belongs = |object: &Object| {
        object
            .metadata
            .owner_references
            .iter()
            .any(|owner| owner.kind == kind && owner.name == name)
    };
    objects.items.into_iter().find(belongs).map(|object| object.metadata.name)
}

fn passthrough(name: &str) -> String {
    if name == DEFAULT_CLUSTER {
        "cargo xtask kubectl".to_owned()
    } else {
        format!("cargo xtask kubectl --name {name}")
    }
}

/// Whether `PATH` has a kubectl that fits the version of the control plane.
fn kubectl_on_path() -> bool {
    let version = ask(Command::new("kubectl").args(["version", "--client"])).ok();
    version
        .and_then(|text| Version::find_in(&text))
        .is_some_and(|found| Binary::Kubectl.accepts(found, KUBERNETES))
}
