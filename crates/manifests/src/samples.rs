//! Example resources.

use kubewright_core::registry::{AnySample, Definition};
use kubewright_core::{KindInfo, Registry};
use serde_json::Value;

use crate::artifact::{Artifact, Error, Options, distinct, without_nulls, written};

/// All examples: [`of_resources`], and in `samples/settings/` those of kinds that no operator
/// reconciles. They are apart, because whoever applies all files of a folder and waits until they
/// are ready would wait for them for ever.
///
/// # Errors
/// The first [`Error`].
pub fn samples(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let all = registry.definitions();
    let files = all.iter().flat_map(|definition| of(registry, definition, options));
    distinct(files.collect::<Result<_, _>>()?)
}

/// `samples/<kind>-<group>-<sample>.yaml` for each sample of each operator.
///
/// # Errors
/// The first [`Error`].
pub fn of_resources(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let all = registry.definitions();
    let files = all
        .iter()
        .filter(|of| is_reconciled(registry, &of.kind))
        .flat_map(|of_kind| of(registry, of_kind, options));
    distinct(files.collect::<Result<_, _>>()?)
}

fn of(
    registry: &Registry,
    definition: &Definition,
    options: &Options,
) -> Vec<Result<Artifact, Error>> {
    let (kind, is_reconciled) = (&definition.kind, is_reconciled(registry, &definition.kind));
    let file = |sample: &AnySample| {
        let path = path_of(is_reconciled, &kind.kind, &kind.group, sample);
        Ok(options.file(path.clone(), sample.about, &[written(&path, &body(sample))?]))
    };
    definition.samples.iter().map(file).collect()
}

fn is_reconciled(registry: &Registry, kind: &KindInfo) -> bool {
    registry.controller_of(&kind.api_version(), &kind.kind).is_some()
}

/// Where the file of a sample is.
pub(crate) fn path_of(is_reconciled: bool, kind: &str, group: &str, sample: &AnySample) -> String {
    let folder = if is_reconciled { "samples" } else { "samples/settings" };
    format!("{folder}/{}-{}-{}.yaml", kind.to_lowercase(), group.replace('.', "-"), sample.name)
}

/// A sample as it is shown: without what says nothing.
pub(crate) fn body(sample: &AnySample) -> Value {
    let mut body = sample.body.clone();
    if let Value::Object(map) = &mut body {
        without_nulls(map);
    }
    body
}
