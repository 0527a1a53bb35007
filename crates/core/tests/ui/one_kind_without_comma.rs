use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubewright_core::Declaration;

struct Websites;
impl Declaration for Websites {
    type Owns = (ConfigMap);
    type Reads = (Secret);
    type Facts = ();
}

fn main() {}
