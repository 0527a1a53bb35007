//! The Deployment of a preview: its image, of which nothing is known but that it listens on [`PORT`].

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Probe, TCPSocketAction};

use super::operator::Blueprint;
use crate::security::{self, ImageFiles, User};
use crate::workload;

/// The name of the one container.
const CONTAINER: &str = "app";
/// Where the image has to listen: a port that needs no privilege, and the usual one of images that are made for clusters.
const PORT: i32 = 8080;
/// A preview is looked at by a few people; it does not have to survive the loss of a node.
pub(super) const REPLICAS: i32 = 1;

/// The Deployment.
pub(super) fn deployment(of: &Blueprint<'_>, user: User) -> Deployment {
    workload::deployment(&of.name, &of.labels, REPLICAS, user, container(of))
}

fn container(of: &Blueprint<'_>) -> Container {
    Container {
        name: CONTAINER.into(),
        image: Some(of.image.to_owned()),
        // Images of previews are often loaded straight onto the nodes, where a pull (the default for `:latest`) would
        // fail. Each build has a tag of its own where it matters that nothing older is shown.
        image_pull_policy: Some("IfNotPresent".into()),
        ports: Some(vec![workload::container_port(PORT)]),
        // That something listens is all that can be asked of an unknown image: which path it answers, and with what, is its
        // own business. It is worth asking: a URL that is shown too early is an error page. There is no liveness probe,
        // because an image that takes long to start would never get there.
        readiness_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction { port: workload::port(), host: None }),
            ..Probe::default()
        }),
        security_context: Some(security::of_container(ImageFiles::Writable)),
        ..Container::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::preview;

    #[test]
    fn the_image_of_the_spec_runs_and_has_to_listen_before_it_counts() {
        let preview = preview("web");
        let spec = deployment(&Blueprint::of(&preview), User::OfImage).spec.unwrap();
        assert_eq!(spec.replicas, Some(1));
        let container = &spec.template.spec.unwrap().containers[0];
        assert_eq!(container.image.as_deref(), Some("example.com/app:pr-1"));
        assert_eq!(container.ports.as_ref().unwrap()[0].container_port, 8080);
        let probe = container.readiness_probe.as_ref().unwrap().tcp_socket.as_ref().unwrap();
        assert_eq!(probe.port, workload::port());
        assert_eq!(container.liveness_probe, None);
    }

    #[test]
    fn an_unknown_image_may_write_to_its_own_files() {
        let preview = preview("web");
        let container = container(&Blueprint::of(&preview));
        assert_eq!(container.security_context.unwrap().read_only_root_filesystem, None);
    }
}
