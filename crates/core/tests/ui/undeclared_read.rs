use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubewright_core::{ObjectKey, View};

fn build(view: &View<'_, (ConfigMap,)>) {
    let _ = view.get::<Secret, _>(&ObjectKey::new("ns", "name"));
}

fn main() {}
