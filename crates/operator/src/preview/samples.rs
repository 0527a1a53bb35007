//! Examples of a `PreviewEnvironment` and of a `PreviewPolicy`: the smallest that is useful, and
//! one with most fields. The previews run as they are; each policy selects the namespaces of one
//! team, so that it does not limit others.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kubewright::Sample;
use operator_api::preview::{
    GatewayRef, LabelOperator, LabelRequirement, NamespaceSelector, PodSecurity, PolicyNetwork,
    PolicyRoutes, PreviewEnvironment, PreviewEnvironmentSpec, PreviewLimits, PreviewPolicy,
    PreviewPolicySpec, Probe, Probes, PullPolicy, RouteType, Source, StoredPolicy,
};

/// An image that answers every request with the request.
const IMAGE: &str = "inanimate/echo-server:latest";

/// Examples of a `PreviewEnvironment`.
pub(super) fn preview_samples() -> Vec<Sample<PreviewEnvironment>> {
    let minimal = PreviewEnvironmentSpec {
        image: IMAGE.to_owned(),
        fqdn: "preview-1.fqdn.com".to_owned(),
        ..PreviewEnvironmentSpec::default()
    };
    vec![
        Sample {
            name: "minimal",
            about: "An image under its own host name; the image listens on port 8080.",
            resource: PreviewEnvironment::new("test-preview-environment", minimal),
        },
        Sample {
            name: "full",
            about: "Most fields, for the preview of a pull request.",
            resource: PreviewEnvironment::new("full-preview-environment", full_preview()),
        },
    ]
}

fn full_preview() -> PreviewEnvironmentSpec {
    PreviewEnvironmentSpec {
        image: IMAGE.to_owned(),
        fqdn: "pr-17.previews.example.com".to_owned(),
        port: Some(3000),
        replicas: Some(2),
        env: vec![text("PORT", "3000"), field("POD_NAME", "metadata.name")],
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "50m"), ("memory", "64Mi")])),
            limits: Some(quantities(&[("memory", "256Mi")])),
            claims: None,
        }),
        pull_policy: Some(PullPolicy::IfNotPresent),
        revision: Some("3f2a9c1".to_owned()),
        probes: Some(Probes {
            readiness: Some(Probe {
                path: Some("/health".to_owned()),
                period_seconds: Some(5),
                ..Probe::default()
            }),
            liveness: None,
            startup: Some(Probe { failure_threshold: Some(60), ..Probe::default() }),
        }),
        pod_security: Some(PodSecurity {
            run_as_user: Some(1000),
            run_as_non_root: Some(true),
            read_only_root_filesystem: Some(true),
            ..PodSecurity::default()
        }),
        source: Some(Source {
            provider: Some("github".to_owned()),
            repository: Some("team/app".to_owned()),
            pull_request: Some(17),
            branch: Some("feature/login".to_owned()),
            commit: Some("3f2a9c1".to_owned()),
            url: Some("https://github.com/team/app/pull/17".to_owned()),
            author: Some("octocat".to_owned()),
        }),
        ttl: Some("72h".to_owned()),
        ..PreviewEnvironmentSpec::default()
    }
}

fn text(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

fn field(name: &str, path: &str) -> EnvVar {
    let field = ObjectFieldSelector { field_path: path.to_owned(), api_version: None };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

fn quantities(amounts: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    amounts
        .iter()
        .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
        .collect()
}

/// Examples of a `PreviewPolicy`.
pub(crate) fn policy_samples() -> Vec<Sample<StoredPolicy>> {
    let minimal = PreviewPolicySpec {
        namespace_selector: Some(of_team("shop")),
        limits: Some(PreviewLimits { previews: Some(10), ..PreviewLimits::default() }),
        ..PreviewPolicySpec::default()
    };
    vec![
        Sample {
            name: "minimal",
            about: "At most ten previews in each namespace of a team.",
            resource: PreviewPolicy::new("team-shop", minimal).into(),
        },
        Sample {
            name: "strict",
            about: "A start for a cluster of several teams, for the namespaces with one label. \
                    Write your own domains, registries and namespaces. Without namespaceSelector, \
                    the policy is for all namespaces.",
            resource: PreviewPolicy::new("strict", strict_policy()).into(),
        },
        Sample {
            name: "full",
            about: "Every field.",
            resource: PreviewPolicy::new("team-search", full_policy()).into(),
        },
    ]
}

fn of_team(team: &str) -> NamespaceSelector {
    let match_labels = BTreeMap::from([("team".to_owned(), team.to_owned())]);
    NamespaceSelector { match_labels, match_expressions: Vec::new() }
}

/// Few previews, few pods, a short life, and nothing that a team does not need.
fn strict_policy() -> PreviewPolicySpec {
    let label = ("previews.example.com/limits".to_owned(), "strict".to_owned());
    PreviewPolicySpec {
        namespace_selector: Some(NamespaceSelector {
            match_labels: BTreeMap::from([label]),
            match_expressions: Vec::new(),
        }),
        limits: Some(PreviewLimits {
            previews: Some(10),
            replicas: Some(2),
            max_ttl: Some("168h".to_owned()),
            default_ttl: Some("72h".to_owned()),
        }),
        domains: vec!["*.previews.example.com".to_owned()],
        image_prefixes: vec!["registry.example.com/".to_owned()],
        network_policy: Some(PolicyNetwork { from_namespaces: vec!["gateways".to_owned()] }),
        ..PreviewPolicySpec::default()
    }
}

fn full_policy() -> PreviewPolicySpec {
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
        grace_period: Some("24h".to_owned()),
    }
}
