//! The route of a preview as an `HTTPRoute` of the Gateway API: from its host name to its Service,
//! through one or more Gateways.

use kubewright::Observed;
use kubewright::core::observed::ChildState;
use operator_api::gateway::{
    HTTPBackendRef, HTTPPathMatch, HTTPRoute, HTTPRouteMatch, HTTPRouteRule, HTTPRouteSpec,
    HTTPRouteStatus, ParentReference, RouteParentStatus,
};
use operator_api::preview::{DEFAULT_PATH, GatewayRef, NOT_ACCEPTED};

use super::verdict::{Verdict, leads_to};
use crate::preview::blueprint::Blueprint;
use crate::preview::kinds::Owns;
use crate::preview::service;

/// What the controller of a Gateway says about each route, and what it is about.
const CONDITIONS: [&str; 2] = ["Accepted", "ResolvedRefs"];
/// What a reference without a kind means.
const GATEWAY: &str = "Gateway";

/// The `HTTPRoute`.
pub(super) fn http_route(of: &Blueprint<'_>) -> HTTPRoute {
    let matches = match of.path() {
        // What the Gateway API takes by default.
        DEFAULT_PATH => Vec::new(),
        path => vec![HTTPRouteMatch {
            path: Some(HTTPPathMatch { type_: "PathPrefix".into(), value: path.to_owned() }),
        }],
    };
    let backend = HTTPBackendRef { name: of.name.clone(), port: service::PORT };
    HTTPRoute::new(
        &of.name,
        HTTPRouteSpec {
            parent_refs: of.gateways().iter().map(parent).collect(),
            hostnames: vec![of.host().to_owned()],
            rules: vec![HTTPRouteRule { matches, backend_refs: vec![backend] }],
        },
    )
}

fn parent(gateway: &GatewayRef) -> ParentReference {
    ParentReference {
        name: gateway.name.clone(),
        namespace: gateway.namespace.clone(),
        section_name: gateway.section_name.clone(),
        ..ParentReference::default()
    }
}

/// The `HTTPRoute` as it was observed.
pub(super) fn child<'a>(
    of: &Blueprint<'_>,
    observed: &Observed<'a, Owns>,
) -> Option<&'a ChildState<'a>> {
    observed.child::<HTTPRoute, _>(&of.name)
}

/// What is known of one Gateway: the worst of all counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    /// It does not take the route, for this reason.
    No(String),
    /// Its controller has not said anything about the route as it is now.
    Nothing(String),
    /// It takes the route.
    Yes,
}

/// What the controllers of all Gateways say.
pub(super) fn verdict(of: &Blueprint<'_>, child: &ChildState<'_>) -> Verdict {
    let status = child.status::<HTTPRouteStatus>().unwrap_or_default();
    let generation = child.observed.and_then(|route| route.generation);
    let worst = of.gateways().iter().map(|gateway| about(of, gateway, &status, generation)).min();
    match worst {
        Some(Says::No(why)) => Verdict::refused(NOT_ACCEPTED, why),
        Some(Says::Nothing(what)) => Verdict::waiting(what),
        Some(Says::Yes) | None => Verdict::accepted(leads_to(of)),
    }
}

fn about(
    of: &Blueprint<'_>,
    gateway: &GatewayRef,
    status: &HTTPRouteStatus,
    generation: Option<i64>,
) -> Says {
    let name = named(of, gateway);
    let about_it = status.parents.iter().filter(|parent| is_about(of, gateway, &parent.parent_ref));
    let worst = about_it.map(|parent| says(&name, parent, generation)).min();
    worst.unwrap_or_else(|| {
        Says::Nothing(format!(
            "no controller has said anything about HTTPRoute {} at {name} yet: is there such a Gateway, and a controller for its class?",
            of.name
        ))
    })
}

fn says(gateway: &str, parent: &RouteParentStatus, generation: Option<i64>) -> Says {
    let each = CONDITIONS.map(|type_| {
        let said = parent.conditions.iter().find(|condition| condition.type_ == type_);
        // What was said about an older spec is no news about this one.
        let said = said.filter(|condition| {
            condition
                .observed_generation
                .is_none_or(|seen| generation.is_none_or(|now| seen >= now))
        });
        match said {
            Some(condition) if condition.status == "True" => Says::Yes,
            Some(condition) if condition.status == "False" => Says::No(format!(
                "{gateway}: {type_} is False, {}: {}",
                condition.reason, condition.message
            )),
            _ => Says::Nothing(format!(
                "{gateway}: {} has not said {type_} about this spec yet",
                parent.controller_name
            )),
        }
    });
    each.into_iter().min().unwrap_or(Says::Yes)
}

/// Whether the controller means the Gateway by it that we mean.
fn is_about(of: &Blueprint<'_>, gateway: &GatewayRef, parent: &ParentReference) -> bool {
    fn namespace<'a>(of: &Blueprint<'a>, name: Option<&'a String>) -> &'a str {
        name.map_or(of.namespace, String::as_str)
    }
    parent.kind.as_deref().unwrap_or(GATEWAY) == GATEWAY
        && parent.name == gateway.name
        && parent.section_name == gateway.section_name
        && namespace(of, parent.namespace.as_ref()) == namespace(of, gateway.namespace.as_ref())
}

fn named(of: &Blueprint<'_>, gateway: &GatewayRef) -> String {
    let namespace = gateway.namespace.as_deref().unwrap_or(of.namespace);
    let listener =
        gateway.section_name.as_ref().map(|name| format!(", listener {name}")).unwrap_or_default();
    format!("Gateway {namespace}/{}{listener}", gateway.name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{PreviewEnvironment, Route, RouteType};

    use super::*;
    use crate::preview::PreviewOperator;
    use crate::testing::{blueprint_of, names_of, preview, told};

    fn gateway(name: &str, namespace: Option<&str>, section_name: Option<&str>) -> GatewayRef {
        let text = |text: Option<&str>| text.map(str::to_owned);
        GatewayRef {
            name: name.to_owned(),
            namespace: text(namespace),
            section_name: text(section_name),
        }
    }

    fn through(gateways: Vec<GatewayRef>) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.route = Some(Route {
            type_: Some(RouteType::HttpRoute),
            parent_refs: gateways,
            ..Route::default()
        });
        preview
    }

    fn public() -> PreviewEnvironment {
        through(vec![gateway("public", Some("gateways"), None)])
    }

    /// A parent's status: its reference, and `Accepted` and `ResolvedRefs`, each as
    /// `STATUS/GENERATION`.
    fn parent(reference: &str, accepted: &str, resolved: &str) -> String {
        let condition = |type_: &str, said: &str| {
            let (status, generation) = said.split_once('/').unwrap();
            format!(
                r#"{{"type":"{type_}","status":"{status}","observedGeneration":{generation},"reason":"Why{type_}","message":"because",
                    "lastTransitionTime":"2030-01-01T00:00:00Z"}}"#
            )
        };
        let conditions =
            [condition("Accepted", accepted), condition("ResolvedRefs", resolved)].join(",");
        format!(
            r#"{{"parentRef":{{{reference}}},"controllerName":"example.com/gateway","conditions":[{conditions}]}}"#
        )
    }

    const PUBLIC: &str = r#""group":"gateway.networking.k8s.io","kind":"Gateway","namespace":"gateways","name":"public""#;

    fn judged(
        preview: &PreviewEnvironment,
        parents: &[String],
    ) -> (Option<bool>, &'static str, String) {
        told(preview, &[("HTTPRoute", &format!(r#"{{"parents":[{}]}}"#, parents.join(",")))])
    }

    #[test]
    fn every_path_of_the_host_leads_to_the_service_through_the_gateways() {
        let preview = through(vec![
            gateway("public", Some("gateways"), None),
            gateway("own", None, Some("https")),
        ]);
        let route = http_route(&blueprint_of(&preview));
        assert_eq!(route.metadata.name.as_deref(), Some("web"));
        assert_eq!(
            serde_json::to_value(&route.spec).unwrap(),
            serde_json::json!({
                "parentRefs": [{ "name": "public", "namespace": "gateways" }, { "name": "own", "sectionName": "https" }],
                "hostnames": ["web.example.com"],
                "rules": [{ "backendRefs": [{ "name": "web", "port": 80 }] }],
            })
        );
    }

    #[test]
    fn a_path_is_the_beginning_of_those_that_lead_there() {
        let mut preview = public();
        preview.spec.route.as_mut().unwrap().path = Some("/app".into());
        let matches = &http_route(&blueprint_of(&preview)).spec.rules[0].matches;
        let path = matches[0].path.clone().unwrap();
        assert_eq!(
            (matches.len(), path.type_.as_str(), path.value.as_str()),
            (1, "PathPrefix", "/app")
        );
    }

    #[test]
    fn a_route_through_no_gateway_is_not_made_and_the_pods_are() {
        let preview = through(Vec::new());
        assert_eq!(
            names_of(&PreviewOperator::default(), &preview),
            ["Deployment web", "Service web"]
        );
        let (accepted, reason, message) = told(&preview, &[]);
        assert_eq!((accepted, reason), (Some(false), "GatewayMissing"));
        assert!(message.contains("write spec.route.parentRefs"), "{message}");
    }

    #[test]
    fn a_route_is_accepted_when_its_gateway_takes_it_and_finds_the_service() {
        let (accepted, reason, message) = judged(&public(), &[parent(PUBLIC, "True/1", "True/1")]);
        assert_eq!((accepted, reason), (Some(true), "Accepted"));
        assert_eq!(message, "web.example.com leads to Service web.shop:80");
    }

    #[test]
    fn whatever_a_gateway_does_not_take_is_told_in_its_own_words() {
        for (accepted, resolved, type_) in
            [("False/1", "True/1", "Accepted"), ("True/1", "False/1", "ResolvedRefs")]
        {
            let (status, reason, message) =
                judged(&public(), &[parent(PUBLIC, accepted, resolved)]);
            assert_eq!((status, reason), (Some(false), "NotAccepted"));
            assert_eq!(
                message,
                format!("Gateway gateways/public: {type_} is False, Why{type_}: because")
            );
        }
    }

    #[test]
    fn until_the_controller_has_spoken_about_this_spec_nobody_knows() {
        for parents in [
            vec![],
            vec![parent(PUBLIC, "True/0", "True/1")],
            vec![parent(PUBLIC, "True/1", "False/0")],
            vec![parent(PUBLIC, "Unknown/1", "True/1")],
            vec![parent(r#""namespace":"gateways","name":"other""#, "True/1", "True/1")],
            vec![parent(r#""name":"public""#, "True/1", "True/1")],
            vec![parent(
                r#""namespace":"gateways","name":"public","sectionName":"https""#,
                "True/1",
                "True/1",
            )],
            vec![parent(
                r#""kind":"Service","namespace":"gateways","name":"public""#,
                "True/1",
                "True/1",
            )],
        ] {
            let (accepted, reason, message) = judged(&public(), &parents);
            assert_eq!((accepted, reason), (None, "WaitingForController"), "{parents:?}");
            assert!(message.contains("Gateway gateways/public"), "{message}");
        }
    }

    #[test]
    fn a_gateway_of_the_previews_own_namespace_may_be_named_with_it_or_without() {
        let preview = through(vec![gateway("own", None, None)]);
        for reference in [r#""name":"own""#, r#""name":"own","namespace":"shop""#] {
            assert_eq!(
                judged(&preview, &[parent(reference, "True/1", "True/1")]).0,
                Some(true),
                "{reference}"
            );
        }
    }

    #[test]
    fn all_gateways_have_to_take_it_and_the_worst_answer_is_told() {
        let both =
            through(vec![gateway("public", Some("gateways"), None), gateway("own", None, None)]);
        let own = |accepted: &str| parent(r#""name":"own""#, accepted, "True/1");
        let good = parent(PUBLIC, "True/1", "True/1");
        assert_eq!(judged(&both, &[good.clone(), own("True/1")]).0, Some(true));
        assert_eq!(judged(&both, std::slice::from_ref(&good)).1, "WaitingForController");
        assert_eq!(judged(&both, &[good.clone(), own("False/1")]).1, "NotAccepted");
        assert_eq!(
            judged(&both, &[own("False/1")]).1,
            "NotAccepted",
            "which is worse than saying nothing"
        );
    }
}
