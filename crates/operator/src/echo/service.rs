//! The Service of an `Echo`: how its servers are reached.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};

use super::blueprint::Blueprint;
use crate::workload;

/// The Service.
pub(super) fn service(of: &Blueprint<'_>) -> Service {
    Service {
        metadata: workload::named(&of.name),
        spec: Some(ServiceSpec {
            type_: Some(of.service.service_type().as_str().to_owned()),
            selector: Some(of.labels.clone()),
            ports: Some(vec![ServicePort {
                name: Some(workload::PORT_NAME.into()),
                port: of.service.port(),
                target_port: Some(workload::port()),
                // Without one the cluster picks a port and keeps it; it is then not ours to state.
                node_port: of.service.node_port,
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::echo::{EchoService, ServiceType};

    use super::*;
    use crate::testing::blueprint;

    #[test]
    fn a_service_leads_to_the_pods_of_its_own_echo() {
        let of = blueprint("web");
        let spec = service(&of).spec.unwrap();
        assert_eq!(spec.selector.as_ref(), Some(&of.labels));
        let port = &spec.ports.unwrap()[0];
        assert_eq!(
            (port.port, port.target_port.as_ref(), port.node_port),
            (80, Some(&workload::port()), None)
        );
    }

    #[test]
    fn type_port_and_node_port_are_those_of_the_spec() {
        let asked = EchoService {
            type_: Some(ServiceType::NodePort),
            port: Some(8080),
            node_port: Some(30_080),
        };
        let spec = service(&Blueprint { service: asked, ..blueprint("web") }).spec.unwrap();
        let port = &spec.ports.unwrap()[0];
        assert_eq!(
            (spec.type_.as_deref(), port.port, port.node_port),
            (Some("NodePort"), 8080, Some(30_080))
        );
    }
}
