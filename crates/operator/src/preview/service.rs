//! The Service of a preview: where its route leads to.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};

use super::blueprint::Blueprint;
use crate::workload;

/// The port of the Service.
pub(super) const PORT: i32 = 80;

/// The Service.
pub(super) fn service(of: &Blueprint<'_>) -> Service {
    Service {
        metadata: workload::named(&of.name),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            selector: Some(of.labels.clone()),
            ports: Some(vec![ServicePort {
                name: Some(workload::PORT_NAME.into()),
                port: PORT,
                target_port: Some(workload::port()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// Its name and port inside the cluster, `NAME.NAMESPACE:PORT`.
pub(super) fn address(of: &Blueprint<'_>) -> String {
    match of.namespace {
        "" => format!("{}:{PORT}", of.name),
        namespace => format!("{}.{namespace}:{PORT}", of.name),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{blueprint_of, preview};

    #[test]
    fn a_service_leads_to_the_pods_of_its_own_preview() {
        let preview = preview("web");
        let of = blueprint_of(&preview);
        let spec = service(&of).spec.unwrap();
        assert_eq!(spec.selector.as_ref(), Some(&of.labels));
        let port = &spec.ports.unwrap()[0];
        assert_eq!((port.port, port.target_port.as_ref()), (80, Some(&workload::port())));
        assert_eq!(address(&of), "web.shop:80");
    }
}
