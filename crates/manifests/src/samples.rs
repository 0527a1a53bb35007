//! Sample resources.

use kubewright_core::controller::AnySample;
use kubewright_core::registry::Definition;
use kubewright_core::{KindInfo, Registry};
use serde_json::Value;

use crate::artifact::{Artifact, Error, Options, remove_nulls, to_yaml, with_unique_paths};

/// All samples: [`resource_samples`], and `samples/settings/*.yaml` for kinds without an operator.
///
/// `samples/settings` is a separate folder because these kinds never report readiness: a script
/// can apply the files of `samples` and wait until all of them are ready.
///
/// # Errors
/// The first [`Error`].
pub fn samples(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    generate(registry, options, |_| true)
}

/// `samples/<kind>-<group>-<sample>.yaml` for each sample of each operator.
///
/// # Errors
/// The first [`Error`].
pub fn resource_samples(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    generate(registry, options, |kind| is_reconciled(registry, kind))
}

fn generate(
    registry: &Registry,
    options: &Options,
    is_selected: impl Fn(&KindInfo) -> bool,
) -> Result<Vec<Artifact>, Error> {
    let mut files = Vec::new();
    for Definition { kind, samples, .. } in registry.definitions() {
        if !is_selected(&kind) {
            continue;
        }
        for sample in &samples {
            let path = sample_path(is_reconciled(registry, &kind), &kind.kind, &kind.group, sample);
            let text = to_yaml(&path, &body(sample))?;
            files.push(options.file(path, sample.about, &[text]));
        }
    }
    with_unique_paths(files)
}

fn is_reconciled(registry: &Registry, kind: &KindInfo) -> bool {
    registry.controller_of(&kind.api_version(), &kind.kind).is_some()
}

/// Path of the file of a sample.
pub(crate) fn sample_path(
    is_reconciled: bool,
    kind: &str,
    group: &str,
    sample: &AnySample,
) -> String {
    let folder = if is_reconciled { "samples" } else { "samples/settings" };
    format!("{folder}/{}-{}-{}.yaml", kind.to_lowercase(), group.replace('.', "-"), sample.name)
}

/// A sample as JSON without nulls.
pub(crate) fn body(sample: &AnySample) -> Value {
    let mut body = sample.body.clone();
    if let Value::Object(map) = &mut body {
        remove_nulls(map);
    }
    body
}
