//! Examples of a `PreviewPolicy`. They are for the namespaces of one team, so that whoever applies
//! them limits nobody else.

use std::collections::BTreeMap;

use kubewright::Sample;
use operator_api::preview::{
    GatewayRef, LabelOperator, LabelRequirement, NamespaceSelector, PolicyNetwork, PolicyRoutes,
    PreviewLimits, PreviewPolicy, PreviewPolicySpec, RouteType,
};

/// The smallest one that limits anything, and one with all fields.
#[must_use]
pub fn policy_samples() -> Vec<Sample<PreviewPolicy>> {
    let minimal = PreviewPolicySpec {
        namespace_selector: Some(of_team("shop")),
        limits: Some(PreviewLimits { previews: Some(10), ..PreviewLimits::default() }),
        ..PreviewPolicySpec::default()
    };
    vec![
        Sample {
            name: "minimal",
            about: "At most ten previews in each namespace of a team.",
            resource: PreviewPolicy::new("team-shop", minimal),
        },
        Sample {
            name: "full",
            about: "Every field.",
            resource: PreviewPolicy::new("team-search", full()),
        },
    ]
}

fn of_team(team: &str) -> NamespaceSelector {
    let match_labels = BTreeMap::from([("team".to_owned(), team.to_owned())]);
    NamespaceSelector { match_labels, match_expressions: Vec::new() }
}

fn full() -> PreviewPolicySpec {
    let tier = LabelRequirement {
        key: "tier".to_owned(),
        operator: LabelOperator::NotIn,
        values: vec!["production".to_owned(), "staging".to_owned()],
    };
    let gateway = GatewayRef {
        name: "public".to_owned(),
        namespace: Some("gateways".to_owned()),
        section_name: None,
    };
    PreviewPolicySpec {
        namespace_selector: Some(NamespaceSelector {
            match_expressions: vec![tier],
            ..of_team("search")
        }),
        limits: Some(PreviewLimits {
            previews: Some(20),
            replicas: Some(2),
            max_ttl: Some("168h".to_owned()),
            default_ttl: Some("72h".to_owned()),
        }),
        routes: Some(PolicyRoutes {
            types: vec![RouteType::HttpRoute, RouteType::Ingress],
            default: Some(RouteType::HttpRoute),
            ingress_class_name: Some("nginx".into()),
            parent_refs: vec![gateway],
        }),
        domains: vec!["*.search.previews.example.com".to_owned()],
        image_prefixes: vec!["registry.example.com/search/".to_owned()],
        network_policy: Some(PolicyNetwork {
            from_namespaces: vec!["gateways".to_owned(), "monitoring".to_owned()],
        }),
    }
}
