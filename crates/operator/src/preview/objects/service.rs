//! The Service of a preview, which the route leads to.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;

use super::blueprint::Blueprint;
use crate::workload;

/// The port of the Service.
pub(crate) const PORT: i32 = 80;

/// The Service of the pods of this Deployment.
pub(crate) fn service(blueprint: &Blueprint<'_>, deployment: &Deployment) -> Service {
    workload::service(&blueprint.name, deployment, "ClusterIP", PORT, None)
}

/// The address of the Service inside the cluster: `NAME.NAMESPACE:PORT`.
pub(crate) fn address(blueprint: &Blueprint<'_>) -> String {
    match blueprint.namespace {
        "" => format!("{}:{PORT}", blueprint.name),
        namespace => format!("{}.{namespace}:{PORT}", blueprint.name),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::preview::objects::deployment::{self, Replacement};
    use crate::security::User;
    use crate::testing::preview;

    #[test]
    fn a_service_leads_to_the_pods_of_its_own_preview() {
        let preview = preview("web");
        let blueprint = Blueprint::new(&preview);
        let deployment = deployment::deployment(&blueprint, 1, User::Image, Replacement::Beside);
        let spec = service(&blueprint, &deployment).spec.unwrap();
        assert_eq!(spec.selector.as_ref(), Some(&blueprint.labels));
        let port = &spec.ports.unwrap()[0];
        assert_eq!((port.port, port.target_port.as_ref()), (80, Some(&workload::port())));
        assert_eq!(address(&blueprint), "web.shop:80");
    }
}
