use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kubewright_core::{Children, Declaration};

struct Websites;
impl Declaration for Websites {
    type Owns = (Service,);
    type Reads = ();
    type Facts = ();
}

fn main() {
    let _ = Children::<Websites>::new().with(ConfigMap::default());
}
