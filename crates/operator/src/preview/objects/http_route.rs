//! The route of a preview as an `HTTPRoute` of the Gateway API, attached to one or more Gateways.

use operator_api::gateway::{
    HTTPBackendRef, HTTPPathMatch, HTTPRoute, HTTPRouteMatch, HTTPRouteRule, HTTPRouteSpec,
    ParentReference,
};
use operator_api::preview::{DEFAULT_PATH, GatewayRef};

use super::blueprint::Blueprint;
use super::service;

/// The `HTTPRoute`, attached to these Gateways.
pub(crate) fn http_route(blueprint: &Blueprint<'_>, gateways: &[GatewayRef]) -> HTTPRoute {
    let matches = match blueprint.path() {
        // The default of the Gateway API.
        DEFAULT_PATH => Vec::new(),
        path => vec![HTTPRouteMatch {
            path: Some(HTTPPathMatch { type_: "PathPrefix".into(), value: path.to_owned() }),
        }],
    };
    let parent = |gateway: &GatewayRef| ParentReference {
        name: gateway.name.clone(),
        namespace: gateway.namespace.clone(),
        section_name: gateway.section_name.clone(),
        ..ParentReference::default()
    };
    let backend = HTTPBackendRef { name: blueprint.name.clone(), port: service::PORT };
    HTTPRoute::new(
        &blueprint.name,
        HTTPRouteSpec {
            parent_refs: gateways.iter().map(parent).collect(),
            hostnames: vec![blueprint.host().to_owned()],
            rules: vec![HTTPRouteRule { matches, backend_refs: vec![backend] }],
        },
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::Route;

    use super::*;
    use crate::testing::{gateway, preview};

    #[test]
    fn every_path_of_the_host_leads_to_the_service_through_the_gateways() {
        let preview = preview("web");
        let gateways =
            [gateway("public", Some("gateways"), None), gateway("own", None, Some("https"))];
        let route = http_route(&Blueprint::new(&preview), &gateways);
        assert_eq!(route.metadata.name.as_deref(), Some("web"));
        assert_eq!(
            serde_json::to_value(&route.spec).unwrap(),
            serde_json::json!({
                "parentRefs": [
                    { "name": "public", "namespace": "gateways" },
                    { "name": "own", "sectionName": "https" },
                ],
                "hostnames": ["web.example.com"],
                "rules": [{ "backendRefs": [{ "name": "web", "port": 80 }] }],
            })
        );
    }

    #[test]
    fn a_path_of_the_spec_is_a_prefix_of_the_paths_that_match() {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { path: Some("/app".into()), ..Route::default() });
        let route = http_route(&Blueprint::new(&preview), &[gateway("public", None, None)]);
        let matches = &route.spec.rules[0].matches;
        let path = matches[0].path.clone().unwrap();
        assert_eq!(
            (matches.len(), path.type_.as_str(), path.value.as_str()),
            (1, "PathPrefix", "/app")
        );
    }
}
