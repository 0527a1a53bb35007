use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::{Children, Declaration};

struct Websites;
impl Declaration for Websites {
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();
}

fn main() {
    let _ = Children::<Websites>::new().expire("Expired", "it ended");
}
