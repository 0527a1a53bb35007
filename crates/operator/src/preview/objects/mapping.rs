//! The route of a preview as a Mapping of Ambassador (Emissary-ingress).

use operator_api::ambassador::{Mapping, MappingSpec};
use operator_api::preview::DEFAULT_PATH;

use super::blueprint::Blueprint;
use super::service;

pub(crate) fn mapping(blueprint: &Blueprint<'_>) -> Mapping {
    let path = blueprint.path();
    Mapping::new(
        &blueprint.name,
        MappingSpec {
            hostname: Some(blueprint.host().to_owned()),
            prefix: path.to_owned(),
            service: service::address(blueprint),
            // By default Ambassador removes the prefix, which no other kind of route does.
            rewrite: (path != DEFAULT_PATH).then(String::new),
            ..MappingSpec::default()
        },
    )
}

#[cfg(test)]
mod tests {
    use operator_api::preview::Route;

    use super::*;
    use crate::testing::preview;

    #[test]
    fn every_path_of_the_host_leads_to_the_service_of_the_preview() {
        let preview = preview("web");
        let mapping = mapping(&Blueprint::new(&preview));
        assert_eq!(mapping.metadata.name.as_deref(), Some("web"));
        assert_eq!(mapping.spec.hostname.as_deref(), Some("web.example.com"));
        assert_eq!(
            (mapping.spec.prefix.as_str(), mapping.spec.service.as_str()),
            ("/", "web.shop:80")
        );
        assert_eq!(mapping.spec.rewrite, None);
    }

    #[test]
    fn the_program_receives_the_whole_path() {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { path: Some("/app".into()), ..Route::default() });
        let mapping = mapping(&Blueprint::new(&preview));
        assert_eq!(
            (mapping.spec.prefix.as_str(), mapping.spec.rewrite.as_deref()),
            ("/app", Some(""))
        );
    }
}
