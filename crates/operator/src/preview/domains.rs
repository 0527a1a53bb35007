//! Which hosts the previews of a namespace may have: what its annotation [`ALLOWED_DOMAINS`] says,
//! what each `PreviewPolicy` says that selects it, and what the administrator of the operator says
//! for all. Each of them that says anything has to allow a host.

use k8s_openapi::api::core::v1::Namespace;
use kubewright::Metadata;

use super::policy::Rules;

/// The annotation of a Namespace that says which hosts its previews may have, separated by commas:
/// `preview.example.com` is that host, `*.dev.example.com` every host below `dev.example.com`, `*`
/// every host. Without the annotation, the namespace allows every host.
pub const ALLOWED_DOMAINS: &str = "platform9.com/allowed-domains";

/// Whether `domain`, as an administrator writes it, allows `host`.
fn allows(domain: &str, host: &str) -> bool {
    let domain = domain.trim().trim_end_matches('.').to_ascii_lowercase();
    match domain.strip_prefix('*') {
        Some("") => true,
        Some(below) => below.starts_with('.') && host.len() > below.len() && host.ends_with(below),
        None => domain == host,
    }
}

/// Who does not allow `host`, and what it allows instead, in words; `None` where it is allowed.
pub(super) fn refused_by(
    host: &str,
    namespace: Option<&Metadata<Namespace>>,
    everywhere: &[String],
    rules: &Rules,
) -> Option<String> {
    let refused = |domains: &[String]| {
        !domains.is_empty() && !domains.iter().any(|domain| allows(domain, host))
    };
    if refused(everywhere) {
        return Some(format!(
            "the administrator of the operator allows {}",
            list(everywhere.iter().map(String::as_str))
        ));
    }
    if let Some((policy, domains)) = rules.domains().find(|(_, domains)| refused(domains)) {
        return Some(format!(
            "PreviewPolicy {policy} allows {}",
            list(domains.iter().map(String::as_str))
        ));
    }
    let namespace = namespace?;
    let domains = namespace.metadata.annotations.as_ref()?.get(ALLOWED_DOMAINS)?;
    let domains: Vec<&str> =
        domains.split(',').map(str::trim).filter(|domain| !domain.is_empty()).collect();
    let refused = !domains.iter().any(|domain| allows(domain, host));
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    refused.then(|| {
        format!("the annotation {ALLOWED_DOMAINS} of Namespace {name} allows {}", list(domains))
    })
}

fn list<'a>(domains: impl IntoIterator<Item = &'a str>) -> String {
    let domains: Vec<&str> = domains.into_iter().collect();
    if domains.is_empty() { "no host".to_owned() } else { domains.join(", ") }
}

#[cfg(test)]
mod tests {
    use kubewright::View;
    use kubewright::core::view::Fixed;

    use super::*;
    use crate::preview::policy::tests::policy;
    use crate::testing::namespace;

    fn annotated(domains: &str) -> Metadata<Namespace> {
        let mut namespace = namespace("shop", &[]);
        namespace.metadata.annotations =
            Some([(ALLOWED_DOMAINS.to_owned(), domains.to_owned())].into());
        namespace
    }

    #[test]
    fn a_domain_is_one_host_or_with_a_star_all_below_it() {
        for (domain, host) in [
            ("pr.example.com", "pr.example.com"),
            (" PR.Example.com. ", "pr.example.com"),
            ("*.example.com", "pr.example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*", "pr.example.com"),
        ] {
            assert!(allows(domain, host), "{domain} {host}");
        }
        for (domain, host) in [
            ("example.com", "pr.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "prexample.com"),
            ("*.example.com", ".example.com"),
            ("*example.com", "prexample.com"),
            ("", "example.com"),
        ] {
            assert!(!allows(domain, host), "{domain} {host}");
        }
    }

    #[test]
    fn where_nobody_says_anything_every_host_is_allowed() {
        assert_eq!(refused_by("a.b", Some(&namespace("shop", &[])), &[], &Rules::default()), None);
        assert_eq!(refused_by("a.b", None, &[], &Rules::default()), None);
    }

    #[test]
    fn a_namespace_allows_what_its_annotation_says_and_nothing_when_that_is_empty() {
        let refused =
            |domains, host| refused_by(host, Some(&annotated(domains)), &[], &Rules::default());
        assert_eq!(refused("one.example.com, *.dev.example.com", "pr.dev.example.com"), None);
        assert_eq!(
            refused("one.example.com,*.dev.example.com,", "two.example.com").as_deref(),
            Some(
                "the annotation platform9.com/allowed-domains of Namespace shop allows one.example.com, *.dev.example.com"
            )
        );
        assert!(
            refused("", "two.example.com")
                .is_some_and(|who| who.ends_with("of Namespace shop allows no host"))
        );
    }

    #[test]
    fn all_who_say_anything_have_to_allow_a_host() {
        let everywhere = ["*.example.com".to_owned(), "*.org".to_owned()];
        let narrow = policy("narrow", serde_json::json!({ "domains": ["*.example.com"] }));
        let world = Fixed::empty().with(narrow);
        let rules = Rules::of("shop", &View::new(&world));
        let refused = |host| {
            refused_by(host, Some(&annotated("*.dev.example.com,*.org")), &everywhere, &rules)
        };
        assert_eq!(refused("pr.dev.example.com"), None);
        assert!(
            refused("pr.org").is_some_and(|who| who == "PreviewPolicy narrow allows *.example.com")
        );
        assert!(refused("pr.net").is_some_and(
            |who| who == "the administrator of the operator allows *.example.com, *.org"
        ));
        assert!(refused("pr.example.com").is_some_and(|who| who.contains("annotation")));
    }
}
