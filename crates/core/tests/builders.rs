//! What the builders save: the same objects, written with the builders and as plain structs of
//! k8s-openapi.
#![allow(clippy::unwrap_used)]

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction, PodSpec,
    PodTemplateSpec, Probe, Service, ServicePort, ServiceSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright_core::builders::{
    ContainerExt as _, DeploymentExt as _, config_map, container, deployment, service,
};
use kubewright_core::labels::{CONTENT_HASH, selector};

const IMAGE: &str = "nginxinc/nginx-unprivileged:1.29";
const FOLDER: &str = "/usr/share/nginx/html";

fn with_builders(name: &str, text: &str) -> (ConfigMap, Deployment, Service) {
    let page = config_map(name, [("index.html", text)]);
    let nginx = container("nginx", IMAGE).with_port("http", 8080).with_http_probe("http", "/");
    let web = deployment(name, selector("website", name), 2, nginx).with_config_map(&page, FOLDER);
    let service = service(name, &web);
    (page, web, service)
}

fn with_structs(name: &str, text: &str) -> (ConfigMap, Deployment, Service) {
    let metadata = || ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let page = ConfigMap {
        metadata: metadata(),
        data: Some([("index.html".to_owned(), text.to_owned())].into()),
        ..ConfigMap::default()
    };
    let probe = Some(Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/".to_owned()),
            port: IntOrString::String("http".to_owned()),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    });
    let nginx = Container {
        name: "nginx".to_owned(),
        image: Some(IMAGE.to_owned()),
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: 8080,
            ..ContainerPort::default()
        }]),
        readiness_probe: probe.clone(),
        liveness_probe: probe,
        volume_mounts: Some(vec![VolumeMount {
            name: format!("config-{name}"),
            mount_path: FOLDER.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    };
    let labels = selector("website", name);
    let web = Deployment {
        metadata: metadata(),
        spec: Some(DeploymentSpec {
            replicas: Some(2),
            selector: LabelSelector { match_labels: Some(labels.clone()), match_expressions: None },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels.clone()),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    containers: vec![nginx],
                    volumes: Some(vec![Volume {
                        name: format!("config-{name}"),
                        config_map: Some(ConfigMapVolumeSource {
                            name: name.to_owned(),
                            ..ConfigMapVolumeSource::default()
                        }),
                        ..Volume::default()
                    }]),
                    ..PodSpec::default()
                }),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    };
    let service = Service {
        metadata: metadata(),
        spec: Some(ServiceSpec {
            selector: Some(labels),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: 8080,
                target_port: Some(IntOrString::String("http".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    (page, web, service)
}

#[test]
fn the_objects_are_the_same_but_for_the_hash_of_the_content() {
    let (page, mut web, service) = with_builders("web", "hello");
    let metadata = &mut web.spec.as_mut().unwrap().template.metadata;
    let annotations = metadata.as_mut().unwrap().annotations.take().unwrap();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), [CONTENT_HASH]);
    assert_eq!((page, web, service), with_structs("web", "hello"));
}

#[test]
fn builders_take_at_most_half_the_lines() {
    let text = include_str!("builders.rs");
    let lines = |name: &str| {
        let (_, body) = text.split_once(&format!("\nfn {name}(")).unwrap();
        body.split_once("\n}\n").unwrap().0.lines().count()
    };
    let (builders, structs) = (lines("with_builders"), lines("with_structs"));
    assert!(builders * 2 <= structs, "{builders} lines with builders, {structs} without");
}
