//! Example resources.

use kubewright_core::Registry;
use kubewright_core::registry::{AnySample, Controller};
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
    let file = |sample: AnySample| {
        let path = path_of(&info.kind, &info.group, &sample);
        Ok(options.file(path.clone(), sample.about, &[written(&path, &body(&sample))?]))
    };
    controller.samples().into_iter().map(file).collect()
}

/// Where the file of a sample is.
pub(crate) fn path_of(kind: &str, group: &str, sample: &AnySample) -> String {
    format!("samples/{}-{}-{}.yaml", kind.to_lowercase(), group.replace('.', "-"), sample.name)
}

/// A sample as it is shown: without what says nothing.
pub(crate) fn body(sample: &AnySample) -> Value {
    let mut body = sample.body.clone();
    if let Value::Object(map) = &mut body {
        without_nulls(map);
    }
    body
}
