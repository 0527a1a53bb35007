//! The second operator, as small as a newcomer's: a `Website` gets a ConfigMap with its text and a
//! Service. It has no probes and no status fields of its own, so that it measures the framework.

use std::path::Path;

use k8s_openapi::api::core::v1::{ConfigMap, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{CustomResource, KubeSchema};
use kubewright::{Children, Invalid, Observed, Operator, Registry, Sample, View, labels};
use serde::{Deserialize, Serialize};

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
    status = "WebsiteStatus"
)]
pub(crate) struct WebsiteSpec {
    /// The text of the page.
    pub(crate) text: String,
}

/// What the framework reports.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebsiteStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

struct WebsiteOperator;

impl Operator for WebsiteOperator {
    const NAME: &'static str = "website";
    type Resource = Website;
    type Owns = (ConfigMap, Service);
    type Reads = ();

    fn build(&self, site: &Website, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        let name = site.metadata.name.clone().unwrap_or_default();
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let page = ConfigMap {
            metadata: metadata.clone(),
            data: Some([("index.html".to_owned(), site.spec.text.clone())].into()),
            ..ConfigMap::default()
        };
        let port = ServicePort { port: 80, ..ServicePort::default() };
        let service = Service {
            metadata,
            spec: Some(ServiceSpec {
                selector: Some(labels::selector(Self::NAME, &name)),
                ports: Some(vec![port]),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        };
        Ok(Children::new().with(page).with(service))
    }

    fn status(&self, _: &Website, _: &Observed<'_, Self::Owns>) -> WebsiteStatus {
        WebsiteStatus::default()
    }

    fn samples() -> Vec<Sample<Website>> {
        Vec::new()
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
