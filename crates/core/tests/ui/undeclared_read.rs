use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubewright_core::{Declaration, View, of};

struct Websites;
impl Declaration for Websites {
    type Owns = ();
    type Reads = (ConfigMap,);
    type Facts = ();
}

fn build(view: &View<'_, Websites>) {
    let _ = view.get(of::<Secret>(), "name");
}

fn main() {}
