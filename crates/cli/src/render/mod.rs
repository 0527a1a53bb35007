//! `render`: prints the objects of resources, without a cluster.
//!
//! - [`input`]: reads files into objects; [`object`]: an object with its position
//! - [`served`]: optional kinds that the cluster serves
//! - [`cluster`]: the objects as a cluster stores them: validated, defaulted, with a UID
//! - [`report`]: problems and notes
//!
//! The output equals what the engine applies. Any problem suppresses the output.

mod cluster;
mod input;
mod object;
mod report;
mod served;

use kubewright_core::controller::{Built, Controller, ManagedBy};
use kubewright_core::internals::desired::Desired;
use kubewright_core::view::{Lookup, Query, Source as _};
use kubewright_core::withdraw::Withdraw;
use kubewright_core::{FakeCluster, KindInfo, Registry};
use kubewright_manifests::yaml;

use crate::args::RenderArgs;
use crate::error::Error;
use crate::help::kinds;
use crate::streams::Streams;
use cluster::{Cluster, Resource};
use report::Report;

/// Garbage collection would delete the applied output: no object has the UID of the owner.
const HEAD: &str = "Rendered without a cluster, to read and to compare.\n\
                    Do not apply this output: the UIDs of owners are placeholders.";

pub(crate) fn render(
    registry: &Registry,
    args: &RenderArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let mut report = Report::default();
    let served = served::find(&args.served, registry)?;
    let objects = input::read(&args.files, streams.input, &mut report)?;
    let cluster = Cluster::load(registry, args, served, objects, &mut report);
    let mut documents = Vec::new();
    for resource in &cluster.resources {
        for child in build(registry, &cluster.objects, resource, &mut report) {
            documents.push(document(resource, &child)?);
        }
    }
    report.print(streams)?;
    if cluster.resources.is_empty() {
        return Err(Error::NothingToRender { kinds: kinds(registry) });
    }
    streams.print(&(yaml::comment(HEAD) + &documents.join("---\n")))
}

/// The children of one resource. A failure of `build` goes into the report.
fn build(
    registry: &Registry,
    objects: &FakeCluster,
    resource: &Resource,
    report: &mut Report,
) -> Vec<Desired> {
    let (controller, object) = (&*resource.controller, &resource.object);
    let built =
        match controller.build(ManagedBy::from(registry.name()), &*resource.decoded, objects) {
            Ok(built) => built,
            Err(defect) => {
                let operator = controller.name();
                report.add_error(object, format!("defect of the operator {operator}: {defect}"));
                return Vec::new();
            }
        };
    let Built { children, withdraw, lookups, expired, .. } = built;
    for lookup in &lookups {
        if let Query::Get(key) = &lookup.query
            && objects.get(lookup.type_id, key).is_none()
        {
            let kind = &lookup.kind;
            report.add_note(object, &format!("reads {kind} {key}, which is not in the files"));
        }
    }
    let unserved = unserved(controller, objects, &lookups);
    if !unserved.is_empty() {
        let unserved = unserved.join(",");
        let note = format!(
            "rendered for a cluster that does not serve {unserved}; otherwise pass \
             --served {unserved}"
        );
        report.add_note(object, &note);
    }
    if let Some(expired) = expired {
        let note = format!("would be deleted: {} ({})", expired.message, expired.reason);
        report.add_note(object, &note);
    }
    children.unwrap_or_else(|invalid| {
        match withdraw {
            Withdraw::Never => {}
            Withdraw::AfterEdit => {
                report
                    .add_note(object, "if an edit led to this, existing children would be deleted");
            }
        }
        report.add_error(object, format!("{} ({})", invalid.message(), invalid.reason()));
        Vec::new()
    })
}

/// The optional kinds that `build` looked up, if no optional kind of the controller is served.
fn unserved(controller: &dyn Controller, objects: &FakeCluster, lookups: &[Lookup]) -> Vec<String> {
    let optional = controller.serves();
    if optional.iter().any(|kind| objects.serves(kind)) {
        return Vec::new();
    }
    let is_looked_up = |kind: &&KindInfo| {
        lookups.iter().any(|lookup| lookup.query == Query::Served && lookup.kind == **kind)
    };
    optional.iter().filter(is_looked_up).map(served::name).collect()
}

fn document(resource: &Resource, child: &Desired) -> Result<String, Error> {
    let body = yaml::to_yaml(child.body()).map_err(|source| {
        let object = format!("{} {}", child.kind, child.key);
        Error::Yaml { object, source }
    })?;
    let origin = format!("For {}, {}", resource.object.name(), resource.object.origin());
    Ok(yaml::comment(&origin) + &body)
}
