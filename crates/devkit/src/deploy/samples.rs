//! The images of the samples' pods, from the objects that the operators build.

use std::collections::BTreeSet;

use kubewright_core::controller::{AnySample, Controller, ManagedBy};
use kubewright_core::{FakeCluster, Registry};
use serde_json::Value;

use super::error::DeployError;

/// The namespace of the samples.
pub(super) const NAMESPACE: &str = "default";

/// The images of the samples of all operators.
pub(super) fn images(registry: &Registry) -> Result<BTreeSet<String>, DeployError> {
    let mut images = BTreeSet::new();
    for controller in registry.controllers() {
        for sample in controller.samples() {
            images_of_sample(registry.name(), &**controller, &sample, &mut images)?;
        }
    }
    Ok(images)
}

fn images_of_sample(
    manager: &str,
    controller: &dyn Controller,
    sample: &AnySample,
    images: &mut BTreeSet<String>,
) -> Result<(), DeployError> {
    let defect = |detail: String| DeployError::Sample {
        sample: sample.name,
        controller: controller.name(),
        detail,
    };
    let mut body = sample.body.clone();
    // Fields that the API server sets.
    body["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
    body["metadata"]["namespace"] = NAMESPACE.into();
    let resource = controller
        .decode(body.to_string().as_bytes())
        .map_err(|error| defect(error.to_string()))?;
    // The cluster contains only the sample.
    let built = controller
        .build(ManagedBy::from(manager), &*resource, &FakeCluster::empty())
        .map_err(|error| defect(error.to_string()))?;
    // A sample may be invalid on purpose; then it has no pods.
    for child in built.children.unwrap_or_default() {
        collect(child.body(), images);
    }
    Ok(())
}

/// Collects the `image` of each container in `value`.
fn collect(value: &Value, images: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Array(containers) if key == "containers" || key == "initContainers" => {
                        let image =
                            |container: &Value| Some(container.get("image")?.as_str()?.to_owned());
                        images.extend(containers.iter().filter_map(image));
                    }
                    other => collect(other, images),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, images)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_images_of_containers_are_collected() {
        let deployment = json!({
            "metadata": { "annotations": { "image": "no" } },
            "spec": { "template": { "spec": {
                "initContainers": [{ "name": "a", "image": "one:1" }],
                "containers": [{ "name": "b", "image": "two:2" }, { "name": "c" }],
            } } },
        });
        let mut images = BTreeSet::new();
        collect(&deployment, &mut images);
        assert_eq!(images.into_iter().collect::<Vec<_>>(), ["one:1", "two:2"]);
    }
}
