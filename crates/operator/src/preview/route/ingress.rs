//! The route of a preview as an Ingress of Kubernetes: from its host name to its Service.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressStatus, IngressTLS, ServiceBackendPort,
};
use kubewright::Observed;
use kubewright::core::observed::ChildState;
use operator_api::preview::RouteTls;

use super::verdict::{Verdict, leads_to};
use crate::naming;
use crate::preview::blueprint::Blueprint;
use crate::preview::kinds::Owns;
use crate::preview::service;
use crate::workload;

/// By which cert-manager knows that it is to make a certificate, and with what.
const ISSUER: &str = "cert-manager.io/issuer";
/// The same for an issuer of the whole cluster.
const CLUSTER_ISSUER: &str = "cert-manager.io/cluster-issuer";

/// The Ingress.
pub(super) fn ingress(of: &Blueprint<'_>) -> Ingress {
    let mut metadata = workload::named(&of.name);
    metadata.annotations = of.tls().and_then(issuer);
    let path = HTTPIngressPath {
        path: Some(of.path().to_owned()),
        path_type: "Prefix".into(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: of.name.clone(),
                port: Some(ServiceBackendPort { number: Some(service::PORT), name: None }),
            }),
            resource: None,
        },
    };
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: class(of).cloned(),
            rules: Some(vec![IngressRule {
                host: Some(of.host().to_owned()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: of.tls().map(|tls| vec![certificate(of, tls)]),
            ..IngressSpec::default()
        }),
        status: None,
    }
}

/// The class that the spec names, or what was found out. It is named always: were it left out, the
/// API server would choose only where the Ingress is made, and who names none later takes it away.
fn class<'a>(of: &'a Blueprint<'_>) -> Option<&'a String> {
    let spoken = of.route().and_then(|route| route.ingress_class_name.as_ref());
    spoken.or(of.findings.ingress_class.as_ref())
}

fn issuer(tls: &RouteTls) -> Option<BTreeMap<String, String>> {
    let of_namespace = tls.issuer.iter().map(|name| (ISSUER.to_owned(), name.clone()));
    let of_cluster =
        tls.cluster_issuer.iter().map(|name| (CLUSTER_ISSUER.to_owned(), name.clone()));
    let annotations: BTreeMap<String, String> = of_namespace.chain(of_cluster).collect();
    (!annotations.is_empty()).then_some(annotations)
}

fn certificate(of: &Blueprint<'_>, tls: &RouteTls) -> IngressTLS {
    // cert-manager has to be told where to put what it makes, and overwrites whatever is there: so
    // nobody chooses that name, and it is none that a person would give to something else.
    let is_made = tls.issuer.is_some() || tls.cluster_issuer.is_some();
    let made = is_made.then(|| naming::shared_name(&[of.resource, "preview-tls"]));
    IngressTLS {
        hosts: Some(vec![of.host().to_owned()]),
        secret_name: made.or_else(|| tls.secret_name.clone()),
    }
}

/// The Ingress as it was observed.
pub(super) fn child<'a>(
    of: &Blueprint<'_>,
    observed: &Observed<'a, Owns>,
) -> Option<&'a ChildState<'a>> {
    observed.child::<Ingress, _>(&of.name)
}

/// What its controller says: all that it ever says is at which address the host is served.
pub(super) fn verdict(of: &Blueprint<'_>, child: &ChildState<'_>) -> Verdict {
    let status = child.status::<IngressStatus>().unwrap_or_default();
    let addresses = status.load_balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    match addresses.into_iter().find_map(|address| address.ip.or(address.hostname)) {
        Some(address) => Verdict::accepted(format!("{}, by {address}", leads_to(of))),
        None => Verdict::waiting(format!(
            "Ingress {} has no address yet: an ingress controller that heeds {} gives it one",
            of.name,
            match class(of) {
                Some(class) => format!("the class {class}"),
                None =>
                    "an Ingress without a class (this cluster has no IngressClass, and spec.route.ingressClassName names none)"
                        .to_owned(),
            }
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{PreviewEnvironment, Route, RouteType};

    use super::*;
    use crate::preview::PreviewOperator;
    use crate::testing::{blueprint_of, conditions_of, preview, told};

    fn routed(route: Route) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { type_: Some(RouteType::Ingress), ..route });
        preview
    }

    fn with_tls(tls: RouteTls) -> Ingress {
        ingress(&blueprint_of(&routed(Route { tls: Some(tls), ..Route::default() })))
    }

    #[test]
    fn every_path_of_the_host_leads_to_the_service_and_nothing_more_is_said_than_was_asked_for() {
        let ingress = ingress(&blueprint_of(&routed(Route::default())));
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
    fn class_and_path_are_those_of_the_spec() {
        let route = Route {
            ingress_class_name: Some("nginx".into()),
            path: Some("/app".into()),
            ..Route::default()
        };
        let spec = ingress(&blueprint_of(&routed(route))).spec.unwrap();
        assert_eq!(spec.ingress_class_name.as_deref(), Some("nginx"));
        assert_eq!(
            spec.rules.unwrap()[0].http.as_ref().unwrap().paths[0].path.as_deref(),
            Some("/app")
        );
    }

    #[test]
    fn a_certificate_is_the_controllers_own_or_a_secret_or_made_by_an_issuer() {
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
            "whatever the schema lets pass, theirs is not overwritten"
        );
    }

    #[test]
    fn an_address_means_that_a_controller_serves_the_host() {
        let preview = routed(Route::default());
        for address in [r#"{"ip":"192.0.2.1"}"#, r#"{"hostname":"192.0.2.1"}"#] {
            let status = format!(r#"{{"loadBalancer":{{"ingress":[{address}]}}}}"#);
            let (accepted, reason, message) = told(&preview, &[("Ingress", &status)]);
            assert_eq!((accepted, reason), (Some(true), "Accepted"));
            assert_eq!(message, "web.example.com leads to Service web.shop:80, by 192.0.2.1");
        }
    }

    #[test]
    fn without_an_address_nobody_knows_and_the_condition_says_who_should() {
        let with_class =
            routed(Route { ingress_class_name: Some("nginx".into()), ..Route::default() });
        for nothing in ["{}", r#"{"loadBalancer":{}}"#, r#"{"loadBalancer":{"ingress":[{}]}}"#] {
            let (accepted, reason, message) = told(&with_class, &[("Ingress", nothing)]);
            assert_eq!((accepted, reason), (None, "WaitingForController"), "{nothing}");
            assert!(
                message.ends_with("an ingress controller that heeds the class nginx gives it one"),
                "{message}"
            );
        }
        let without = told(&routed(Route::default()), &[("Ingress", "{}")]).2;
        assert!(without.contains("no IngressClass"), "{without}");
        let operator = PreviewOperator {
            default_ingress_class: Some("internal".into()),
            ..PreviewOperator::default()
        };
        let chosen = conditions_of(&operator, &routed(Route::default()), &[("Ingress", "{}")])
            .remove(0)
            .message;
        assert!(chosen.ends_with("heeds the class internal gives it one"), "{chosen}");
    }
}
