//! A first operator: a `Website` becomes a ConfigMap with its text, a Deployment that serves the
//! text, and a Service.

use std::process::ExitCode;

use kubewright::builders::{
    ContainerExt, DeploymentExt, config_map, container, deployment, service,
};
use kubewright::k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap, core::v1::Service};
use kubewright::prelude::*;

kubewright::custom_resource! {
    /// A website with one page.
    #[kube(group = "hello.example.com", version = "v1", kind = "Website", namespaced)]
    // `Status` is a type of the prelude, with `observedGeneration` and `conditions`.
    #[kube(status = "Status")]
    pub struct WebsiteSpec {
        /// The text of the page.
        pub text: String,
        /// The number of pods.
        #[serde(default = "one")]
        pub replicas: i32,
    }
}

fn one() -> i32 {
    1
}

struct WebsiteOperator;

impl Operator for WebsiteOperator {
    const NAME: &'static str = "website"; // the name of the controller
    type Resource = Website;
    type Owns = (ConfigMap, Deployment, Service); // a child of another kind does not compile
    type Reads = (); // `build` looks up no other objects
    type Facts = (); // `build` passes no value to `report`, which writes the status

    fn build(&self, site: &Website, _: &View<Self>) -> Result<Children<Self>, Invalid> {
        let name = names::child_name(&[&site.name_any()]); // a DNS label, even if it is `a.b`
        if site.spec.text.is_empty() {
            return Err(Invalid::new("NoText", "spec.text is empty; write the text of the page"));
        }
        let page = config_map(&name, [("index.html", site.spec.text.as_str())]);
        let nginx = container("nginx", "nginxinc/nginx-unprivileged:1.29").with_port("http", 8080);
        let pod_labels = labels::selector(Self::NAME, &name);
        let web = deployment(&name, pod_labels, site.spec.replicas, nginx)
            .with_config_map(&page, "/usr/share/nginx/html");
        Ok(Children::new().with(service(&name, &web)).with(page).with(web))
    }
}

fn main() -> ExitCode {
    // `hello-operator` is the name of the program, and of the field manager of its writes.
    Program::new(Registry::new("hello-operator").with(WebsiteOperator)).main()
}
