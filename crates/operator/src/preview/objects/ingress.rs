//! The route of a preview as an Ingress of Kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use kubewright::names;
use operator_api::preview::RouteTls;

use super::blueprint::Blueprint;
use super::service;
use crate::workload;

/// The annotation that asks cert-manager for a certificate of an Issuer.
const ISSUER: &str = "cert-manager.io/issuer";
/// The annotation that asks cert-manager for a certificate of a `ClusterIssuer`.
const CLUSTER_ISSUER: &str = "cert-manager.io/cluster-issuer";

/// The Ingress. Its class is always stated if there is one: the API server fills in the class only
/// at creation, and a later apply without it would remove it.
pub(crate) fn ingress(blueprint: &Blueprint<'_>, class: Option<&str>) -> Ingress {
    let mut metadata = workload::named(&blueprint.name);
    metadata.annotations = blueprint.tls().and_then(issuer);
    let path = HTTPIngressPath {
        path: Some(blueprint.path().to_owned()),
        path_type: "Prefix".into(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: blueprint.name.clone(),
                port: Some(ServiceBackendPort { number: Some(service::PORT), name: None }),
            }),
            resource: None,
        },
    };
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: class.map(str::to_owned),
            rules: Some(vec![IngressRule {
                host: Some(blueprint.host().to_owned()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: blueprint.tls().map(|tls| vec![certificate(blueprint, tls)]),
            ..IngressSpec::default()
        }),
        status: None,
    }
}

fn issuer(tls: &RouteTls) -> Option<BTreeMap<String, String>> {
    let issuer = tls.issuer.iter().map(|name| (ISSUER.to_owned(), name.clone()));
    let cluster_issuer =
        tls.cluster_issuer.iter().map(|name| (CLUSTER_ISSUER.to_owned(), name.clone()));
    let annotations: BTreeMap<String, String> = issuer.chain(cluster_issuer).collect();
    (!annotations.is_empty()).then_some(annotations)
}

/// cert-manager overwrites the Secret that it is given. So the Secret of an issuer never has a name
/// of the spec, which may be the name of another Secret.
fn certificate(blueprint: &Blueprint<'_>, tls: &RouteTls) -> IngressTLS {
    let is_issued = tls.issuer.is_some() || tls.cluster_issuer.is_some();
    let issued = is_issued.then(|| names::child_name(&[blueprint.resource, "preview-tls"]));
    IngressTLS {
        hosts: Some(vec![blueprint.host().to_owned()]),
        secret_name: issued.or_else(|| tls.secret_name.clone()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::Route;

    use super::*;
    use crate::testing::preview;

    fn ingress_of(route: Route, class: Option<&str>) -> Ingress {
        let mut preview = preview("web");
        preview.spec.route = Some(route);
        ingress(&Blueprint::new(&preview), class)
    }

    fn with_tls(tls: RouteTls) -> Ingress {
        ingress_of(Route { tls: Some(tls), ..Route::default() }, None)
    }

    #[test]
    fn every_path_of_the_host_leads_to_the_service_and_only_fields_of_the_spec_are_set() {
        let ingress = ingress_of(Route::default(), None);
        assert_eq!(
            (ingress.metadata.name.as_deref(), ingress.metadata.annotations),
            (Some("web"), None)
        );
        let mut spec = ingress.spec.unwrap();
        assert_eq!((&spec.ingress_class_name, &spec.tls), (&None, &None));
        let rule = spec.rules.as_mut().unwrap().remove(0);
        assert_eq!(rule.host.as_deref(), Some("web.example.com"));
        let path = rule.http.unwrap().paths.remove(0);
        assert_eq!((path.path.as_deref(), path.path_type.as_str()), (Some("/"), "Prefix"));
        let service = path.backend.service.unwrap();
        assert_eq!((service.name.as_str(), service.port.unwrap().number), ("web", Some(80)));
    }

    #[test]
    fn class_and_path_are_set() {
        let route = Route { path: Some("/app".into()), ..Route::default() };
        let spec = ingress_of(route, Some("nginx")).spec.unwrap();
        assert_eq!(spec.ingress_class_name.as_deref(), Some("nginx"));
        assert_eq!(
            spec.rules.unwrap()[0].http.as_ref().unwrap().paths[0].path.as_deref(),
            Some("/app")
        );
    }

    #[test]
    fn a_certificate_is_the_default_of_the_controller_or_a_secret_or_issued() {
        let text = |name: &str| Some(name.to_owned());
        let parts = |ingress: Ingress| {
            let certificate = ingress.spec.unwrap().tls.unwrap().remove(0);
            assert_eq!(certificate.hosts, Some(vec!["web.example.com".to_owned()]));
            let annotations: Vec<_> = ingress.metadata.annotations.into_iter().flatten().collect();
            (certificate.secret_name, annotations)
        };
        assert_eq!(parts(with_tls(RouteTls::default())), (None, vec![]));
        let secret = RouteTls { secret_name: text("wildcard"), ..RouteTls::default() };
        assert_eq!(parts(with_tls(secret)), (text("wildcard"), vec![]));
        let annotation = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        let cluster = RouteTls { cluster_issuer: text("letsencrypt"), ..RouteTls::default() };
        assert_eq!(
            parts(with_tls(cluster)),
            (text("web-preview-tls"), annotation("cert-manager.io/cluster-issuer", "letsencrypt"))
        );
        let both = RouteTls {
            issuer: text("staging"),
            secret_name: text("theirs"),
            ..RouteTls::default()
        };
        let issued = (text("web-preview-tls"), annotation("cert-manager.io/issuer", "staging"));
        assert_eq!(
            parts(with_tls(both)),
            issued,
            "even if a schema accepts both, the Secret of the spec is not overwritten"
        );
    }
}
