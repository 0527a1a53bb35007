use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kubewright_core::Children;

fn main() {
    let _ = Children::<(Deployment, Service)>::new().with(ConfigMap::default());
}
