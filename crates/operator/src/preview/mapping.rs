//! The route of a preview, for Ambassador (Emissary-ingress): from its host name to its Service.

use operator_api::ambassador::{Mapping, MappingSpec};

use super::blueprint::Blueprint;
use super::service;

/// The Mapping.
pub(super) fn mapping(of: &Blueprint<'_>) -> Mapping {
    Mapping::new(
        &of.name,
        MappingSpec {
            hostname: Some(of.host().to_owned()),
            prefix: "/".into(),
            service: service::address(of),
            ..MappingSpec::default()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::preview;

    #[test]
    fn every_path_of_the_host_leads_to_the_service_of_the_preview() {
        let preview = preview("web");
        let mapping = mapping(&Blueprint::of(&preview));
        assert_eq!(mapping.metadata.name.as_deref(), Some("web"));
        assert_eq!(mapping.spec.hostname.as_deref(), Some("web.example.com"));
        assert_eq!((mapping.spec.prefix.as_str(), mapping.spec.service.as_str()), ("/", "web.shop:80"));
    }
}
