//! Example resources.

use kubewright_core::Registry;
use kubewright_core::registry::Controller;
use serde_json::Value;

use crate::artifact::{Artifact, Error, Options, distinct, without_nulls, written};

/// `samples/<kind>-<group>-<sample>.yaml` for each sample of each operator.
///
/// # Errors
/// The first [`Error`].
pub fn samples(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let files = registry.controllers().iter().flat_map(|controller| of(&**controller, options));
    distinct(files.collect::<Result<_, _>>()?)
}

fn of(controller: &dyn Controller, options: &Options) -> Vec<Result<Artifact, Error>> {
    let info = controller.resource();
    let stem = format!("{}-{}", info.kind.to_lowercase(), info.group.replace('.', "-"));
    let file = |sample: kubewright_core::registry::AnySample| {
        let path = format!("samples/{stem}-{}.yaml", sample.name);
        let mut body = sample.body;
        if let Value::Object(map) = &mut body {
            without_nulls(map);
        }
        Ok(options.file(path.clone(), sample.about, &[written(&path, &body)?]))
    };
    controller.samples().into_iter().map(file).collect()
}
