//! The second operator, as small as a newcomer's: a `Website` gets a ConfigMap with its text and a
//! Service. It has no probes and no status fields of its own, so that it measures the framework.

use std::path::Path;

use kubewright::builders::config_map;
use kubewright::k8s_openapi::api::core::v1::{ConfigMap, Service, ServicePort, ServiceSpec};
use kubewright::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright::prelude::*;
use kubewright::{Status, labels};

/// The name of the program. The bench starts its own program under this name.
pub(crate) const PROGRAM: &str = "website-operator";

/// Whether this process was started to run the operator.
pub(crate) fn is_program_name() -> bool {
    std::env::args_os()
        .next()
        .is_some_and(|program| Path::new(&program).file_name().is_some_and(|name| name == PROGRAM))
}

/// The operator, alone.
pub(crate) fn registry() -> Registry {
    Registry::new(PROGRAM).with(WebsiteOperator)
}

/// A text that a web server shows.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "bench.kubewright.dev",
    version = "v1",
    kind = "Website",
    namespaced,
    status = "Status"
)]
pub(crate) struct WebsiteSpec {
    /// The text of the page.
    pub(crate) text: String,
}

struct WebsiteOperator;

impl Operator for WebsiteOperator {
    const NAME: &'static str = "website";
    type Resource = Website;
    type Owns = (ConfigMap, Service);
    type Reads = ();
    type Facts = ();

    fn build(&self, site: &Website, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let name = site.name_any();
        let port = ServicePort { port: 80, ..ServicePort::default() };
        let service = Service {
            metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
            spec: Some(ServiceSpec {
                selector: Some(labels::selector(Self::NAME, &name)),
                ports: Some(vec![port]),
                ..ServiceSpec::default()
            }),
            status: None,
        };
        Ok(Children::new()
            .with(config_map(&name, [("index.html", &*site.spec.text)]))
            .with(service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_passes_its_own_checks() {
        assert_eq!(registry().check(), Ok(()));
    }
}
