//! `render`: what resources would become, without a cluster.
//!
//! - [`input`]: files to documents to objects, each with the place where it is written
//! - [`served`]: which optional kinds the cluster would serve
//! - [`world`]: the objects as a cluster would have them: validated, defaulted, in a namespace,
//!   with a UID
//! - [`report`]: problems and notes, as people read them
//!
//! What is printed is what the engine would apply. Nothing is printed while there is any problem.

mod input;
mod report;
mod served;
mod world;

use kubewright_core::children::Retire;
use kubewright_core::desired::Desired;
use kubewright_core::registry::{Built, Controller};
use kubewright_core::view::{Lookup, Query, Source as _};
use kubewright_core::{KindInfo, Registry};
use kubewright_manifests::path::FieldPath;
use kubewright_manifests::validate::Problem;
use kubewright_manifests::yaml;

use crate::args::RenderArgs;
use crate::error::Error;
use crate::help::kinds;
use crate::streams::Streams;
use report::Report;
use world::{Resource, World};

/// Whoever applied what is printed would see garbage collection delete it: nothing has the owner's
/// UID.
const HEAD: &str = "Rendered without a cluster: to look at and to compare. Apply the resources, not this: the UIDs of owners are made up.";

pub(crate) fn render(
    registry: &Registry,
    args: &RenderArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let mut report = Report::default();
    let served = served::named(&args.served, registry)?;
    let objects = input::read(&args.files, streams.input, &mut report)?;
    let world = World::new(registry, args, served, objects, &mut report);
    let mut documents = Vec::new();
    for resource in &world.resources {
        for child in build(registry, &world, resource, &mut report) {
            documents.push(document(resource, &child)?);
        }
    }
    report.tell(streams)?;
    if world.resources.is_empty() {
        return Err(Error::NothingToRender { kinds: kinds(registry) });
    }
    streams.print(&(yaml::comment(HEAD) + &documents.join("---\n")))
}

/// The children of one resource; what keeps them from being built goes into the report.
fn build(
    registry: &Registry,
    world: &World,
    resource: &Resource,
    report: &mut Report,
) -> Vec<Desired> {
    let place = &resource.object;
    match resource.controller.build(registry.name(), &*resource.decoded, world) {
        Ok(Built { children, lookups, retire, .. }) => {
            for lookup in &lookups {
                if let Query::Get(key) = &lookup.query
                    && !world.has(lookup.type_id, key)
                {
                    report.note(
                        place,
                        format!("it looks up the {} {key}, which is not in the files", lookup.kind),
                    );
                }
            }
            let unserved = unserved(&*resource.controller, world, &lookups);
            if !unserved.is_empty() {
                let served = unserved.join(",");
                report.note(place, format!("it asks what the cluster serves, and is told nothing of this: --served {served}"));
            }
            if let Some(Retire { reason, message }) = retire {
                report.note(place, format!("it would be deleted: {message} ({reason})"));
            }
            children.unwrap_or_else(|invalid| {
                if invalid.withdraw {
                    report.note(place, "what was made for it before would be deleted");
                }
                report.problem(
                    place,
                    &Problem::error(
                        &FieldPath::root(),
                        format!("{} ({})", invalid.message, invalid.reason),
                    ),
                );
                Vec::new()
            })
        }
        Err(defect) => {
            let message =
                format!("a defect of the operator {}: {defect}", resource.controller.name());
            report.problem(place, &Problem::error(&FieldPath::root(), message));
            Vec::new()
        }
    }
}

/// What it asked for and is not served, as long as nobody said what is.
fn unserved(controller: &dyn Controller, world: &World, lookups: &[Lookup]) -> Vec<String> {
    let asks = controller.serves();
    if asks.iter().any(|kind| world.serves(kind)) {
        return Vec::new();
    }
    let asked = |kind: &&KindInfo| {
        lookups.iter().any(|lookup| lookup.query == Query::Served && lookup.kind == **kind)
    };
    asks.iter().filter(asked).map(served::name).collect()
}

fn document(resource: &Resource, child: &Desired) -> Result<String, Error> {
    let what = || format!("{} {}", child.kind, child.key);
    let body =
        yaml::to_yaml(child.body()).map_err(|source| Error::Yaml { what: what(), source })?;
    Ok(yaml::comment(&format!("For {}, {}", resource.object.name(), resource.object.origin()))
        + &body)
}
