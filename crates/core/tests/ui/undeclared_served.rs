use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubewright_core::{Served, View};

fn build(view: &View<'_, (ConfigMap, Served<ConfigMap>)>) {
    let _ = view.serves::<Secret, _>();
}

fn main() {}
