use k8s_openapi::api::core::v1::ConfigMap;
use kube::{CustomResource, KubeSchema};
use kubewright_core::{Children, Invalid, Operator, View};
use serde::{Deserialize, Serialize};

#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
#[kube(status = "WebsiteStatus")]
pub struct WebsiteSpec {
    pub text: String,
}

#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
pub struct WebsiteStatus {
    pub visitors: i32,
}

struct Websites;
impl Operator for Websites {
    const NAME: &'static str = "website";
    type Resource = Website;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, _: &Website, _: &View<Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new())
    }
}

fn main() {}
