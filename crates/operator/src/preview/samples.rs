//! Examples of a `PreviewEnvironment`: the smallest one that works, and one with all fields that
//! need nothing else in the cluster. Both run as they are.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kubewright::Sample;
use operator_api::preview::{
    PodSecurity, PreviewEnvironment, PreviewEnvironmentSpec, Probe, Probes, PullPolicy, Source,
};

/// An image that answers every request with the request.
const IMAGE: &str = "inanimate/echo-server:latest";

pub(super) fn samples() -> Vec<Sample<PreviewEnvironment>> {
    let minimal = PreviewEnvironmentSpec {
        image: IMAGE.to_owned(),
        fqdn: "preview-1.fqdn.com".to_owned(),
        ..PreviewEnvironmentSpec::default()
    };
    vec![
        Sample {
            name: "minimal",
            about: "An image under a host name of its own; the image listens on port 8080.",
            resource: PreviewEnvironment::new("test-preview-environment", minimal),
        },
        Sample {
            name: "full",
            about: "Most fields; named after the pull request that it shows.",
            resource: PreviewEnvironment::new("full-preview-environment", full()),
        },
    ]
}

fn full() -> PreviewEnvironmentSpec {
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

fn quantities(amounts: &[(&str, &str)]) -> std::collections::BTreeMap<String, Quantity> {
    amounts
        .iter()
        .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
        .collect()
}
