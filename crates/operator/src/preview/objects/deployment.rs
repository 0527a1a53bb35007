//! The Deployment of a preview. Nothing is known about its image but the port.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{Container, PodSecurityContext, Sysctl};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright::builders::{self, ContainerExt as _};
use kubewright::{Selected, of};
use operator_api::rollout::RolloutHealth;

use super::blueprint::Blueprint;
use super::probes::probe;
use crate::preview::kinds::{PreviewPods, PreviewView};
use crate::security::{self, User};
use crate::workload;

const CONTAINER: &str = "app";
/// The annotation of the pods with `spec.revision`: a new revision replaces the pods even if the
/// image has the same name.
const REVISION: &str = "platform9.com/revision";
/// The first port that a program without privileges can listen on.
const FIRST_UNPRIVILEGED_PORT: i32 = 1024;
/// The setting that lowers this port for one pod. Every Pod Security Standard allows it.
const UNPRIVILEGED_PORT_START: &str = "net.ipv4.ip_unprivileged_port_start";

/// How new pods replace old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Replacement {
    /// An old pod stops when its new pod is ready, so the preview always answers.
    #[default]
    Beside,
    /// An old pod stops before its new pod starts: a quota has no room for both. The preview does
    /// not answer for a moment, but without this it would keep the old pods for ever.
    InPlace,
}

impl Replacement {
    /// In place from the moment when a quota refuses a new pod, until all pods are replaced.
    pub(crate) fn find(blueprint: &Blueprint<'_>, view: &PreviewView<'_>) -> Self {
        let found = view.get(of::<Selected<RolloutHealth, PreviewPods>>(), &*blueprint.name);
        match found {
            Some(rollout) if rollout.is_refused_by_quota || rollout.is_replacing_in_place => {
                Self::InPlace
            }
            _ => Self::Beside,
        }
    }

    /// `None` for the default of Kubernetes.
    fn strategy(self) -> Option<DeploymentStrategy> {
        let in_place = RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(0)),
            max_unavailable: Some(IntOrString::Int(1)),
        };
        (self == Self::InPlace).then(|| DeploymentStrategy {
            type_: Some("RollingUpdate".into()),
            rolling_update: Some(in_place),
        })
    }
}

/// The Deployment of this many pods, whose program runs as this user.
pub(crate) fn deployment(
    blueprint: &Blueprint<'_>,
    replicas: i32,
    user: User,
    replacement: Replacement,
) -> Deployment {
    let mut deployment = workload::deployment(
        &blueprint.name,
        &blueprint.labels,
        replicas,
        pod_security(blueprint, user),
        container(blueprint),
    );
    let spec = deployment.spec.get_or_insert_default();
    spec.strategy = replacement.strategy();
    let template = &mut spec.template;
    let revision = |revision: &String| BTreeMap::from([(REVISION.to_owned(), revision.clone())]);
    template.metadata.get_or_insert_default().annotations =
        blueprint.spec.revision.as_ref().map(revision);
    template.spec.get_or_insert_default().image_pull_secrets =
        filled(&blueprint.spec.image_pull_secrets);
    deployment
}

fn pod_security(blueprint: &Blueprint<'_>, user: User) -> PodSecurityContext {
    let spec = blueprint.spec.pod_security.as_ref();
    let port = blueprint.spec.port();
    // No container has capabilities, not even as root, so only the sysctl allows such a port.
    let sysctl = || Sysctl { name: UNPRIVILEGED_PORT_START.into(), value: port.to_string() };
    PodSecurityContext {
        run_as_group: spec.and_then(|spec| spec.run_as_group),
        fs_group: spec.and_then(|spec| spec.fs_group),
        sysctls: (port < FIRST_UNPRIVILEGED_PORT).then(|| vec![sysctl()]),
        ..security::pod(user)
    }
}

fn container(blueprint: &Blueprint<'_>) -> Container {
    let spec = blueprint.spec;
    let probes = spec.probes.clone().unwrap_or_default();
    let security = spec.pod_security.as_ref();
    let read_only = security.and_then(|security| security.read_only_root_filesystem);
    Container {
        // Always stated: for `:latest` the default of Kubernetes is to pull, which fails for
        // images that were loaded onto the nodes. A revision under a tag that may move pulls, so
        // that `status.revision` is what runs.
        image_pull_policy: Some(spec.pull_policy().as_str().into()),
        command: filled(&spec.command),
        args: filled(&spec.args),
        env: filled(&spec.env),
        env_from: filled(&spec.env_from),
        // Always: without any probe, the URL would be shown before the program answers.
        readiness_probe: Some(probe(&probes.readiness.unwrap_or_default())),
        // By default none: a liveness probe would restart images that start slowly.
        liveness_probe: probes.liveness.as_ref().map(probe),
        startup_probe: probes.startup.as_ref().map(probe),
        resources: spec.resources.as_ref().and_then(workload::resources),
        security_context: Some(security::container(read_only == Some(true))),
        ..builders::container(CONTAINER, &spec.image).with_port(workload::PORT_NAME, spec.port())
    }
}

/// A list without items is left out: to own it would remove what other field managers write into
/// it.
fn filled<T: Clone>(list: &[T]) -> Option<Vec<T>> {
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
    use operator_api::preview::{
        PodSecurity, PreviewEnvironment, PreviewEnvironmentSpec, Probe, Probes, PullPolicy,
    };
    use serde_json::json;

    use super::*;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, FakeCluster, preview};

    /// The pods and the container of a preview with this change.
    fn pods(change: impl FnOnce(&mut PreviewEnvironmentSpec)) -> (PodTemplateSpec, Container) {
        let mut preview = preview("web");
        change(&mut preview.spec);
        let mut pods = template(&preview);
        let container = pods.spec.as_mut().unwrap().containers.remove(0);
        (pods, container)
    }

    fn template(preview: &PreviewEnvironment) -> PodTemplateSpec {
        let blueprint = Blueprint::new(preview);
        deployment(&blueprint, 1, User::Image, Replacement::Beside).spec.unwrap().template
    }

    fn security_context(change: impl FnOnce(&mut PreviewEnvironmentSpec)) -> PodSecurityContext {
        pods(change).0.spec.unwrap().security_context.unwrap()
    }

    #[test]
    fn the_image_of_the_spec_runs_and_is_ready_when_it_accepts_connections() {
        let (_, container) = pods(|_| ());
        assert_eq!(container.image.as_deref(), Some("example.com/app:pr-1"));
        assert_eq!(container.image_pull_policy.as_deref(), Some("IfNotPresent"));
        assert_eq!(container.ports.as_ref().unwrap()[0].container_port, 8080);
        let probe = container.readiness_probe.as_ref().unwrap().tcp_socket.as_ref().unwrap();
        assert_eq!(probe.port, workload::port());
        assert_eq!(container.liveness_probe, None);
    }

    #[test]
    fn pods_are_replaced_in_place_only_while_a_quota_has_no_room_for_a_second_one() {
        let strategy = |is_refused_by_quota, is_replacing_in_place| {
            let rollout = RolloutHealth {
                is_refused_by_quota,
                is_replacing_in_place,
                ..testing::refused_by_quota()
            };
            let cluster =
                FakeCluster::empty().with_as::<Selected<RolloutHealth, PreviewPods>>(rollout);
            let objects =
                testing::objects_in(&PreviewOperator::default(), &preview("web"), &cluster);
            objects[0]["spec"]["strategy"].clone()
        };
        let in_place = json!({
            "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 },
        });
        assert_eq!(strategy(false, false), json!(null));
        assert_eq!(strategy(true, false), in_place);
        assert_eq!(strategy(false, true), in_place, "until all pods are replaced");
    }

    #[test]
    fn each_probe_is_that_of_the_spec() {
        let probe = |path: &str| Some(Probe { path: Some(path.into()), ..Probe::default() });
        let probes = Probes {
            readiness: probe("/ready"),
            liveness: probe("/live"),
            startup: probe("/started"),
        };
        let (_, container) = pods(|spec| spec.probes = Some(probes));
        let probes = [container.readiness_probe, container.liveness_probe, container.startup_probe];
        let paths = probes.map(|probe| probe.unwrap().http_get.unwrap().path.unwrap());
        assert_eq!(paths, ["/ready", "/live", "/started"]);
    }

    #[test]
    fn fields_that_the_spec_leaves_out_are_not_in_the_pods() {
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
    fn the_program_starts_with_the_settings_of_the_spec() {
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
    fn a_revision_is_an_annotation_of_the_pods_and_does_not_select_them() {
        let (template, _) = pods(|spec| spec.revision = Some("3f2a9c1".into()));
        let metadata = template.metadata.unwrap();
        assert_eq!(
            metadata.annotations,
            Some(BTreeMap::from([("platform9.com/revision".to_owned(), "3f2a9c1".to_owned())]))
        );
        assert_eq!(metadata.labels, pods(|_| ()).0.metadata.unwrap().labels);
    }

    #[test]
    fn a_revision_of_a_tag_that_may_move_is_pulled_unless_the_spec_says_otherwise() {
        let policy = |image: &str, revision: Option<&str>, policy| {
            let (_, container) = pods(|spec| {
                spec.image = image.into();
                spec.revision = revision.map(str::to_owned);
                spec.pull_policy = policy;
            });
            container.image_pull_policy.unwrap()
        };
        let hash = Some("3f2a9c1");
        assert_eq!(policy("app:pr-17", hash, None), "Always");
        assert_eq!(policy("app", hash, None), "Always");
        assert_eq!(policy("app:3f2a9c1", hash, None), "IfNotPresent");
        assert_eq!(policy("app:pr-17", None, None), "IfNotPresent");
        assert_eq!(policy("app:pr-17", hash, Some(PullPolicy::IfNotPresent)), "IfNotPresent");
        assert_eq!(policy("app:pr-17", hash, Some(PullPolicy::Never)), "Never");
    }

    #[test]
    fn a_program_can_write_to_the_files_of_its_image_unless_the_spec_forbids_it() {
        for (read_only, expected) in [(None, None), (Some(false), None), (Some(true), Some(true))] {
            let security =
                PodSecurity { read_only_root_filesystem: read_only, ..PodSecurity::default() };
            let (_, container) = pods(|spec| spec.pod_security = Some(security));
            assert_eq!(container.security_context.unwrap().read_only_root_filesystem, expected);
        }
        assert_eq!(pods(|_| ()).1.security_context.unwrap().read_only_root_filesystem, None);
    }

    #[test]
    fn groups_are_those_of_the_spec() {
        let groups = PodSecurity {
            run_as_group: Some(1001),
            fs_group: Some(1002),
            ..PodSecurity::default()
        };
        let context = security_context(|spec| spec.pod_security = Some(groups));
        assert_eq!((context.run_as_group, context.fs_group), (Some(1001), Some(1002)));
    }

    #[test]
    fn a_program_can_listen_on_a_low_port_without_privileges() {
        let sysctls = |port| security_context(|spec| spec.port = port).sysctls;
        let sysctl =
            Sysctl { name: "net.ipv4.ip_unprivileged_port_start".into(), value: "80".into() };
        assert_eq!(sysctls(Some(80)), Some(vec![sysctl]));
        assert_eq!((sysctls(Some(1024)), sysctls(None)), (None, None));
    }
}
