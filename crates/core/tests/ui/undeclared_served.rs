use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubewright_core::{Declaration, Served, View, of};

struct Websites;
impl Declaration for Websites {
    type Owns = ();
    type Reads = (ConfigMap, Served<ConfigMap>);
    type Facts = ();
}

fn build(view: &View<'_, Websites>) {
    let _ = view.serves(of::<Secret>());
}

fn main() {}
