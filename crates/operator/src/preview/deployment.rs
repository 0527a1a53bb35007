//! The Deployment of a preview: its image, of which nothing is known but the port that it listens
//! at.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, PodSecurityContext};

use super::blueprint::Blueprint;
use super::{confinement, probes};
use crate::security;
use crate::workload::{self, Pods};

/// The name of the one container.
const CONTAINER: &str = "app";
/// The annotation of the pods with the spec's revision: pods of another revision are other pods,
/// whatever their image is named.
pub(super) const REVISION: &str = "platform9.com/revision";

/// The Deployment.
pub(super) fn deployment(of: &Blueprint<'_>, security: PodSecurityContext) -> Deployment {
    let revision = |revision: &String| BTreeMap::from([(REVISION.to_owned(), revision.clone())]);
    workload::deployment(
        &of.name,
        &of.labels,
        Pods {
            replicas: of.replicas(),
            security,
            annotations: of.spec.revision.as_ref().map(revision),
            image_pull_secrets: stated(&of.spec.image_pull_secrets),
            container: container(of),
        },
    )
}

fn container(of: &Blueprint<'_>) -> Container {
    let spec = of.spec;
    Container {
        name: CONTAINER.into(),
        image: Some(spec.image.clone()),
        // By default, because images of previews are often loaded straight onto the nodes, where a
        // pull (the default of Kubernetes for `:latest`) would fail. Each build has a tag
        // of its own where it matters that nothing older is shown.
        image_pull_policy: Some(spec.pull_policy().as_str().into()),
        command: stated(&spec.command),
        args: stated(&spec.args),
        env: stated(&spec.env),
        env_from: stated(&spec.env_from),
        ports: Some(vec![workload::container_port(spec.port())]),
        readiness_probe: Some(probes::readiness(spec.probes.as_ref())),
        liveness_probe: probes::liveness(spec.probes.as_ref()),
        startup_probe: probes::startup(spec.probes.as_ref()),
        resources: spec.resources.as_ref().and_then(workload::stated_resources),
        security_context: Some(security::of_container(confinement::files(of))),
        ..Container::default()
    }
}

/// A list that says something. An empty one is left out: to own it would mean to take away what
/// others put there.
fn stated<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::api::core::v1::{
        ConfigMapEnvSource, EnvFromSource, EnvVar, LocalObjectReference, PodTemplateSpec,
        ResourceRequirements,
    };
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
    use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentSpec, PullPolicy};

    use super::*;
    use crate::testing::{blueprint_of, preview};

    /// The pods and the container of a preview that `change` was made to.
    fn pods(change: impl FnOnce(&mut PreviewEnvironmentSpec)) -> (PodTemplateSpec, Container) {
        let mut preview = preview("web");
        change(&mut preview.spec);
        let mut pods = deployment(&blueprint_of(&preview), PodSecurityContext::default())
            .spec
            .unwrap()
            .template;
        let container = pods.spec.as_mut().unwrap().containers.remove(0);
        (pods, container)
    }

    #[test]
    fn the_image_of_the_spec_runs_and_has_to_listen_before_it_counts() {
        let preview = preview("web");
        assert_eq!(
            deployment(&blueprint_of(&preview), PodSecurityContext::default())
                .spec
                .unwrap()
                .replicas,
            Some(1)
        );
        let (_, container) = pods(|_| ());
        assert_eq!(container.image.as_deref(), Some("example.com/app:pr-1"));
        assert_eq!(container.image_pull_policy.as_deref(), Some("IfNotPresent"));
        assert_eq!(container.ports.as_ref().unwrap()[0].container_port, 8080);
        let probe = container.readiness_probe.as_ref().unwrap().tcp_socket.as_ref().unwrap();
        assert_eq!(probe.port, workload::port());
        assert_eq!(container.liveness_probe, None);
    }

    #[test]
    fn what_the_spec_leaves_out_is_nowhere_in_the_pods() {
        let (template, container) =
            pods(|spec| spec.resources = Some(ResourceRequirements::default()));
        assert_eq!(template.metadata.unwrap().annotations, None);
        assert_eq!(template.spec.unwrap().image_pull_secrets, None);
        assert_eq!(
            (container.command, container.args, container.env, container.env_from),
            (None, None, None, None)
        );
        assert_eq!((container.startup_probe, container.resources), (None, None));
    }

    #[test]
    fn the_program_is_started_as_the_spec_says() {
        let variable = EnvVar { name: "A".into(), value: Some("b".into()), value_from: None };
        let source = EnvFromSource {
            config_map_ref: Some(ConfigMapEnvSource { name: "settings".into(), optional: None }),
            ..EnvFromSource::default()
        };
        let limits = BTreeMap::from([("memory".to_owned(), Quantity("64Mi".to_owned()))]);
        let (template, container) = pods(|spec| {
            spec.command = vec!["node".into()];
            spec.args = vec!["server.js".into()];
            spec.env = vec![variable.clone()];
            spec.env_from = vec![source.clone()];
            spec.port = Some(3000);
            spec.pull_policy = Some(PullPolicy::Always);
            spec.image_pull_secrets = vec![LocalObjectReference { name: "registry".into() }];
            spec.resources = Some(ResourceRequirements {
                limits: Some(limits.clone()),
                ..ResourceRequirements::default()
            });
        });
        assert_eq!(
            (container.command, container.args),
            (Some(vec!["node".into()]), Some(vec!["server.js".into()]))
        );
        assert_eq!((container.env, container.env_from), (Some(vec![variable]), Some(vec![source])));
        assert_eq!(container.ports.unwrap()[0].container_port, 3000);
        assert_eq!(container.image_pull_policy.as_deref(), Some("Always"));
        assert_eq!(container.resources.unwrap().limits, Some(limits));
        assert_eq!(template.spec.unwrap().image_pull_secrets.unwrap()[0].name, "registry");
    }

    #[test]
    fn a_preview_that_sleeps_has_no_pods_however_many_are_asked_for() {
        let mut preview = preview("web");
        preview.spec.replicas = Some(3);
        preview.spec.suspend = Some(true);
        let replicas = |preview: &PreviewEnvironment| {
            deployment(&blueprint_of(preview), PodSecurityContext::default()).spec.unwrap().replicas
        };
        assert_eq!(replicas(&preview), Some(0));
        preview.spec.suspend = Some(false);
        assert_eq!(replicas(&preview), Some(3));
    }

    #[test]
    fn a_revision_is_a_part_of_the_pods_and_of_nothing_that_selects_them() {
        let (template, _) = pods(|spec| spec.revision = Some("3f2a9c1".into()));
        let metadata = template.metadata.unwrap();
        assert_eq!(
            metadata.annotations,
            Some(BTreeMap::from([("platform9.com/revision".to_owned(), "3f2a9c1".to_owned())]))
        );
        assert_eq!(metadata.labels, pods(|_| ()).0.metadata.unwrap().labels);
    }

    #[test]
    fn an_unknown_image_may_write_to_its_own_files() {
        assert_eq!(pods(|_| ()).1.security_context.unwrap().read_only_root_filesystem, None);
    }
}
