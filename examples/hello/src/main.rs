//! The smallest complete operator: a `Website` is a text that web servers show.

use std::process::ExitCode;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kubewright::prelude::*;
use kubewright::{Status, labels};
use schemars::JsonSchema;
use serde_json::{Error, from_value, json};

/// The text of a website, and how many servers show it.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "example.com", version = "v1", kind = "Website", namespaced, status = "Status")]
struct WebsiteSpec {
    /// The text of the page. Example: Hello
    text: String,

    /// How many servers run: 0 to 10, by default 1. Example: 3
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 10))]
    replicas: i32,
}

fn one() -> i32 {
    1
}

struct WebsiteOperator;

impl Operator for WebsiteOperator {
    const NAME: &'static str = "website";
    type Resource = Website;
    type Owns = (ConfigMap, Deployment, Service);
    type Reads = ();
    type Facts = ();

    fn build(&self, site: &Website, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new().with(page(site)?).with(servers(site)?).with(service(site)?))
    }
}

fn page(site: &Website) -> Result<ConfigMap, Error> {
    from_value(json!({
        "metadata": { "name": site.name_any() },
        "data": { "index.html": site.spec.text },
    }))
}

fn servers(site: &Website) -> Result<Deployment, Error> {
    let pods = labels::selector(WebsiteOperator::NAME, &site.name_any());
    // A new text starts new pods.
    let annotations = json!({ "example.com/text": site.spec.text });
    let container = json!({
        "name": "server",
        "image": "nginx:1.29",
        "volumeMounts": [{ "name": "page", "mountPath": "/usr/share/nginx/html" }],
    });
    from_value(json!({
        "metadata": { "name": site.name_any() },
        "spec": {
            "replicas": site.spec.replicas,
            "selector": { "matchLabels": pods },
            "template": {
                "metadata": { "labels": pods, "annotations": annotations },
                "spec": {
                    "containers": [container],
                    "volumes": [{ "name": "page", "configMap": { "name": site.name_any() } }],
                },
            },
        },
    }))
}

fn service(site: &Website) -> Result<Service, Error> {
    from_value(json!({
        "metadata": { "name": site.name_any() },
        "spec": {
            "selector": labels::selector(WebsiteOperator::NAME, &site.name_any()),
            "ports": [{ "port": 80 }],
        },
    }))
}

fn main() -> ExitCode {
    kubewright::cli::main(Registry::new("hello").with(WebsiteOperator))
}
