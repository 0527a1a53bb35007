//! Which hosts the previews of a namespace may use. The operator's settings, each `PreviewPolicy`
//! and the annotation [`ALLOWED_DOMAINS`] of the namespace must all allow a host.

use k8s_openapi::api::core::v1::Namespace;
use kubewright::Metadata;

use super::policy::Policies;
use super::rules::allows;

/// The annotation of a Namespace with the hosts that its previews may use, separated by commas:
/// `preview.example.com` is one host, `*.dev.example.com` every host below `dev.example.com`, `*`
/// every host. Without the annotation, the namespace allows every host.
pub(super) const ALLOWED_DOMAINS: &str = "platform9.com/allowed-domains";

/// What does not allow `host`, and which hosts it allows; `None` if the host is allowed.
pub(super) fn rejection(
    host: &str,
    namespace: Option<&Metadata<Namespace>>,
    settings: &[String],
    policies: &Policies,
) -> Option<String> {
    let is_rejected = |domains: &[String]| !domains.iter().any(|domain| allows(domain, host));
    if !settings.is_empty() && is_rejected(settings) {
        return Some(describe("--preview-domain of the operator", settings));
    }
    if let Some(limit) = policies.rejects_host(host) {
        return Some(describe(&format!("PreviewPolicy {}", limit.policy), limit.value));
    }
    let namespace = namespace?;
    let domains = namespace.metadata.annotations.as_ref()?.get(ALLOWED_DOMAINS)?;
    let domains = domains.split(',').map(|domain| domain.trim().to_owned());
    let domains: Vec<String> = domains.filter(|domain| !domain.is_empty()).collect();
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    is_rejected(&domains).then(|| {
        describe(&format!("the annotation {ALLOWED_DOMAINS} of Namespace {name}"), &domains)
    })
}

fn describe(source: &str, domains: &[String]) -> String {
    match domains {
        [] => format!("{source} allows no host"),
        domains => format!("{source} allows only {}", domains.join(", ")),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::testing::{FakeCluster, namespace, view_of};

    fn annotated(domains: &str) -> Metadata<Namespace> {
        let mut namespace = namespace("shop", &[]);
        namespace.metadata.annotations =
            Some([(ALLOWED_DOMAINS.to_owned(), domains.to_owned())].into());
        namespace
    }

    #[test]
    fn without_any_restriction_every_host_is_allowed() {
        assert_eq!(
            rejection("a.b", Some(&namespace("shop", &[])), &[], &Policies::default()),
            None
        );
        assert_eq!(rejection("a.b", None, &[], &Policies::default()), None);
    }

    #[test]
    fn a_namespace_allows_the_hosts_of_its_annotation_and_none_if_it_is_empty() {
        let rejected =
            |domains, host| rejection(host, Some(&annotated(domains)), &[], &Policies::default());
        assert_eq!(rejected("one.example.com, *.dev.example.com", "pr.dev.example.com"), None);
        assert_eq!(
            rejected("one.example.com,*.dev.example.com,", "two.example.com").as_deref(),
            Some(
                "the annotation platform9.com/allowed-domains of Namespace shop allows only \
                 one.example.com, *.dev.example.com"
            )
        );
        assert!(
            rejected("", "two.example.com")
                .is_some_and(|who| who.ends_with("of Namespace shop allows no host"))
        );
    }

    #[test]
    fn settings_policies_and_annotation_must_all_allow_a_host() {
        let settings = ["*.example.com".to_owned(), "*.org".to_owned()];
        let narrow = policy("narrow", serde_json::json!({ "domains": ["*.example.com"] }));
        let world = FakeCluster::empty().with(narrow);
        let policies = Policies::selecting("shop", None, &view_of(&world));
        let rejected = |host| {
            rejection(host, Some(&annotated("*.dev.example.com,*.org")), &settings, &policies)
        };
        assert_eq!(rejected("pr.dev.example.com"), None);
        assert!(
            rejected("pr.org")
                .is_some_and(|who| who == "PreviewPolicy narrow allows only *.example.com")
        );
        assert!(rejected("pr.net").is_some_and(
            |who| who == "--preview-domain of the operator allows only *.example.com, *.org"
        ));
        assert!(rejected("pr.example.com").is_some_and(|who| who.contains("annotation")));
    }
}
