//! The route of a preview, for Ambassador (Emissary-ingress): from its host name to its Service.

use kubewright::Observed;
use kubewright::core::observed::ChildState;
use operator_api::ambassador::{Mapping, MappingSpec, MappingStatus};
use operator_api::preview::{DEFAULT_PATH, NOT_ACCEPTED};

use super::verdict::{Verdict, leads_to};
use crate::preview::blueprint::Blueprint;
use crate::preview::kinds::Owns;
use crate::preview::service;

/// What Ambassador's status says of a Mapping that it does not heed.
const INACTIVE: &str = "Inactive";
/// The same of one that it does.
const RUNNING: &str = "Running";

/// The Mapping.
pub(super) fn mapping(of: &Blueprint<'_>) -> Mapping {
    let path = of.path();
    Mapping::new(
        &of.name,
        MappingSpec {
            hostname: Some(of.host().to_owned()),
            prefix: path.to_owned(),
            service: service::address(of),
            // Ambassador would cut the path off, and no other kind of route does.
            rewrite: (path != DEFAULT_PATH).then(String::new),
            ..MappingSpec::default()
        },
    )
}

/// The Mapping as it was observed.
pub(super) fn child<'a>(
    of: &Blueprint<'_>,
    observed: &Observed<'a, Owns>,
) -> Option<&'a ChildState<'a>> {
    observed.child::<Mapping, _>(&of.name)
}

/// What Ambassador says, which by default is nothing: what it says nothing about is taken to work.
pub(super) fn verdict(of: &Blueprint<'_>, child: &ChildState<'_>) -> Verdict {
    let says = child.status::<MappingStatus>().unwrap_or_default();
    match says.state.as_deref() {
        Some(INACTIVE) => {
            let why = says.reason.unwrap_or_default();
            Verdict::refused(
                NOT_ACCEPTED,
                format!("Ambassador does not heed Mapping {}: {why}", of.name),
            )
        }
        Some(RUNNING) => Verdict::accepted(leads_to(of)),
        _ => Verdict {
            accepted: None,
            reason: "NotReported",
            message: format!(
                "{}, as far as is known: Ambassador reports nothing about Mapping {}",
                leads_to(of),
                of.name
            ),
            leads: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use operator_api::preview::Route;

    use super::*;
    use crate::testing::{blueprint_of, preview, told};

    #[test]
    fn every_path_of_the_host_leads_to_the_service_of_the_preview() {
        let preview = preview("web");
        let mapping = mapping(&blueprint_of(&preview));
        assert_eq!(mapping.metadata.name.as_deref(), Some("web"));
        assert_eq!(mapping.spec.hostname.as_deref(), Some("web.example.com"));
        assert_eq!(
            (mapping.spec.prefix.as_str(), mapping.spec.service.as_str()),
            ("/", "web.shop:80")
        );
        assert_eq!(mapping.spec.rewrite, None);
    }

    #[test]
    fn a_path_arrives_at_the_program_as_it_was() {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { path: Some("/app".into()), ..Route::default() });
        let mapping = mapping(&blueprint_of(&preview));
        assert_eq!(
            (mapping.spec.prefix.as_str(), mapping.spec.rewrite.as_deref()),
            ("/app", Some(""))
        );
    }

    #[test]
    fn the_condition_says_what_ambassador_does_and_nothing_where_that_says_nothing() {
        let (status, reason, message) = told(&preview("web"), &[("Mapping", "{}")]);
        assert_eq!((status, reason), (None, "NotReported"));
        assert!(message.starts_with("web.example.com leads to Service web.shop:80"), "{message}");
        let (status, reason, _) = told(&preview("web"), &[("Mapping", r#"{"state":"Running"}"#)]);
        assert_eq!((status, reason), (Some(true), "Accepted"));
        let (status, reason, message) =
            told(&preview("web"), &[("Mapping", r#"{"state":"Inactive","reason":"no Host"}"#)]);
        assert_eq!((status, reason), (Some(false), "NotAccepted"));
        assert!(message.ends_with("no Host"), "{message}");
    }
}
