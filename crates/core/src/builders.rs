//! Builders for the objects that most operators create.
//!
//! Each function returns the type of k8s-openapi, so every other field can still be set on the
//! result. The methods of [`ContainerExt`] and [`DeploymentExt`] set common fields.
//!
//! ```
//! use kubewright_core::builders::{
//!     ContainerExt as _, DeploymentExt as _, config_map, container, deployment, service,
//! };
//! use kubewright_core::labels;
//! let page = config_map("web", [("index.html", "hello")]);
//! let nginx = container("nginx", "nginx:1.29").with_port("http", 80).with_http_probe("http", "/");
//! let selector = labels::selector("website", "web");
//! let mut web = deployment("web", selector, 2, nginx)
//!     .with_config_map(&page, "/usr/share/nginx/html"); // new content replaces the pods
//! let service = service("web", &web);
//! web.spec.as_mut().unwrap().min_ready_seconds = Some(5);
//! # assert_eq!(service.spec.unwrap().ports.unwrap()[0].port, 80);
//! ```

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, EnvVar, HTTPGetAction, PodSpec,
    PodTemplateSpec, Probe, Secret, SecretVolumeSource, Service, ServicePort, ServiceSpec, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;

use crate::internals::hash;
use crate::labels::{CONTENT_HASH, Labels};
use crate::names;

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

/// A ConfigMap with this text data.
#[must_use]
pub fn config_map<'a>(name: &str, data: impl IntoIterator<Item = (&'a str, &'a str)>) -> ConfigMap {
    let data = data.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
    ConfigMap { metadata: named(name), data: Some(data), ..ConfigMap::default() }
}

/// A container that runs `image`.
#[must_use]
pub fn container(name: &str, image: &str) -> Container {
    Container { name: name.to_owned(), image: Some(image.to_owned()), ..Container::default() }
}

/// Common fields of a container.
pub trait ContainerExt: Sized {
    /// Adds a TCP port. Probes and Services use its name.
    #[must_use]
    fn with_port(self, name: &str, number: i32) -> Self;
    /// Sets a readiness and a liveness probe: an HTTP GET of `path` on the port with this name.
    #[must_use]
    fn with_http_probe(self, port: &str, path: &str) -> Self;
    /// Adds an environment variable.
    #[must_use]
    fn with_env(self, name: &str, value: &str) -> Self;
    /// Sets the arguments.
    #[must_use]
    fn with_args(self, args: impl IntoIterator<Item: Into<String>>) -> Self;
}

impl ContainerExt for Container {
    fn with_port(mut self, name: &str, number: i32) -> Self {
        self.ports.get_or_insert_default().push(ContainerPort {
            name: Some(name.to_owned()),
            container_port: number,
            ..ContainerPort::default()
        });
        self
    }

    fn with_http_probe(self, port: &str, path: &str) -> Self {
        let get = HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port.to_owned()),
            ..HTTPGetAction::default()
        };
        let probe = Some(Probe { http_get: Some(get), ..Probe::default() });
        Self { readiness_probe: probe.clone(), liveness_probe: probe, ..self }
    }

    fn with_env(mut self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), Some(value.to_owned()));
        self.env.get_or_insert_default().push(EnvVar { name, value, value_from: None });
        self
    }

    fn with_args(self, args: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { args: Some(args.into_iter().map(Into::into).collect()), ..self }
    }
}

/// A Deployment of `replicas` pods with one container.
///
/// `selector` selects its pods: [`labels::selector`](crate::labels::selector) gives labels that are
/// unique for a resource and never change. A selector is immutable in Kubernetes.
#[must_use]
pub fn deployment(name: &str, selector: Labels, replicas: i32, container: Container) -> Deployment {
    let labels = Some(selector.clone());
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels, ..ObjectMeta::default() }),
        spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }),
    };
    let selector = LabelSelector { match_labels: Some(selector), match_expressions: None };
    let replicas = Some(replicas);
    let spec = DeploymentSpec { replicas, selector, template, ..DeploymentSpec::default() };
    Deployment { metadata: named(name), spec: Some(spec), status: None }
}

/// Common fields of a Deployment.
pub trait DeploymentExt: Sized {
    /// Mounts a ConfigMap at `path` in the first container. If its content changes, Kubernetes
    /// replaces the pods.
    ///
    /// The ConfigMap may be a child or an object that `build` looked up.
    #[must_use]
    fn with_config_map(self, config: &ConfigMap, path: &str) -> Self;
    /// Mounts a Secret at `path` in the first container. If its content changes, Kubernetes
    /// replaces the pods.
    #[must_use]
    fn with_secret(self, secret: &Secret, path: &str) -> Self;
}

impl DeploymentExt for Deployment {
    fn with_config_map(self, config: &ConfigMap, path: &str) -> Self {
        let name = config.metadata.name.clone().unwrap_or_default();
        let content = content_hash(&(&config.data, &config.binary_data));
        let source = ConfigMapVolumeSource { name: name.clone(), ..Default::default() };
        let volume = Volume {
            name: names::child_name(&["config", &name]),
            config_map: Some(source),
            ..Volume::default()
        };
        mount(self, volume, path, &content)
    }

    fn with_secret(self, secret: &Secret, path: &str) -> Self {
        let name = secret.metadata.name.clone().unwrap_or_default();
        let content = content_hash(&(&secret.data, &secret.string_data));
        let volume = Volume {
            name: names::child_name(&["secret", &name]),
            secret: Some(SecretVolumeSource { secret_name: Some(name), ..Default::default() }),
            ..Volume::default()
        };
        mount(self, volume, path, &content)
    }
}

/// A hash, so that the content of a Secret does not show in the pod template.
fn content_hash(content: &impl Serialize) -> String {
    // Maps of strings always serialise.
    format!("{:016x}", hash::of(&serde_json::to_vec(content).unwrap_or_default()))
}

fn mount(mut deployment: Deployment, volume: Volume, path: &str, content: &str) -> Deployment {
    let template = &mut deployment.spec.get_or_insert_default().template;
    let pod = template.spec.get_or_insert_default();
    if let Some(container) = pod.containers.first_mut() {
        container.volume_mounts.get_or_insert_default().push(VolumeMount {
            name: volume.name.clone(),
            mount_path: path.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
    // One annotation for all mounted objects: an annotation key with the object's name could be
    // too long.
    let annotations = template.metadata.get_or_insert_default().annotations.get_or_insert_default();
    let before = annotations.get(CONTENT_HASH).map_or("", String::as_str);
    let all = hash::of(format!("{before} {} {content}", volume.name).as_bytes());
    annotations.insert(CONTENT_HASH.to_owned(), format!("{all:016x}"));
    pod.volumes.get_or_insert_default().push(volume);
    deployment
}

/// A Service in front of the pods of a Deployment, with a port for each port of its containers.
#[must_use]
pub fn service(name: &str, deployment: &Deployment) -> Service {
    let spec = deployment.spec.clone().unwrap_or_default();
    let containers = spec.template.spec.map(|pod| pod.containers).unwrap_or_default();
    let port = |port: ContainerPort| ServicePort {
        port: port.container_port,
        target_port: port.name.clone().map(IntOrString::String),
        protocol: port.protocol,
        name: port.name,
        ..ServicePort::default()
    };
    let ports = containers.into_iter().flat_map(|c| c.ports.unwrap_or_default()).map(port);
    let selector: BTreeMap<_, _> = spec.selector.match_labels.unwrap_or_default();
    let spec = ServiceSpec {
        selector: Some(selector),
        ports: Some(ports.collect()),
        ..ServiceSpec::default()
    };
    Service { metadata: named(name), spec: Some(spec), status: None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::labels;

    fn web(config: &ConfigMap, secret: &Secret) -> Deployment {
        let web = container("web", "web:1").with_port("http", 8080).with_port("admin", 9090);
        let web = web.with_http_probe("http", "/healthz").with_env("A", "1").with_args(["-v"]);
        deployment("web", labels::selector("site", "web"), 2, web)
            .with_config_map(config, "/etc/web")
            .with_secret(secret, "/etc/secret")
    }

    fn secret(text: &str) -> Secret {
        let string_data = Some([("key".to_owned(), text.to_owned())].into());
        Secret { metadata: named("token"), string_data, ..Secret::default() }
    }

    fn annotation(deployment: &Deployment) -> String {
        let template = &deployment.spec.as_ref().unwrap().template;
        template.metadata.as_ref().unwrap().annotations.as_ref().unwrap()[CONTENT_HASH].clone()
    }

    #[test]
    fn a_service_reaches_the_named_ports_of_the_selected_pods() {
        let deployment = web(&config_map("page", []), &secret("s"));
        let spec = service("web", &deployment).spec.unwrap();
        let deployment = deployment.spec.unwrap();
        assert_eq!(spec.selector, deployment.selector.match_labels);
        assert_eq!(spec.selector, deployment.template.metadata.unwrap().labels);
        let ports: Vec<_> =
            spec.ports.unwrap().into_iter().map(|p| (p.port, p.target_port)).collect();
        let named = |name: &str| Some(IntOrString::String(name.to_owned()));
        assert_eq!(ports, [(8080, named("http")), (9090, named("admin"))]);
    }

    #[test]
    fn the_content_of_each_mounted_object_changes_the_pod_template() {
        let (page, other) = (config_map("page", [("a", "1")]), config_map("page", [("a", "2")]));
        let unchanged = annotation(&web(&page, &secret("s")));
        assert_eq!(unchanged, annotation(&web(&page, &secret("s"))));
        assert_ne!(unchanged, annotation(&web(&other, &secret("s"))));
        assert_ne!(unchanged, annotation(&web(&page, &secret("t"))));
    }

    #[test]
    fn every_mount_has_its_volume() {
        let pod = web(&config_map("page", []), &secret("s")).spec.unwrap().template.spec.unwrap();
        let mounts = pod.containers[0].volume_mounts.as_ref().unwrap();
        let names: Vec<&str> = mounts.iter().map(|mount| mount.name.as_str()).collect();
        assert_eq!(names, ["config-page", "secret-token"]);
        assert_eq!(names, pod.volumes.unwrap().iter().map(|v| &*v.name).collect::<Vec<_>>());
    }
}
